package file

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// s3Secret is in the credentials file of the tests, and may be nowhere else.
const s3Secret = "not/a+real=secret"

// parsed compiles a file that must be sound.
func parsed(t *testing.T, text string) *Config {
	t.Helper()
	return parseTLS(t, tlsDir(t), text)
}

// TestDefault is what runs without a file.
func TestDefault(t *testing.T) {
	t.Parallel()
	c := Default()
	want := &API{
		Address: "127.0.0.1:8440", Data: "./lull-data", Region: "us-east-1", Account: "000000000000",
		Zones:      []string{"us-east-1a", "us-east-1b", "us-east-1c"},
		Addresses:  []AddressRange{{netip.MustParseAddr("127.0.0.16"), netip.MustParseAddr("127.255.255.254")}},
		AccessLogs: AccessLogs{Directory: "lull-data/access-logs"},
	}
	compare(t, "api", *c.API, *want)
	if len(c.Plan.LoadBalancers) != 0 || c.AdminSocket != "./lull.sock" || c.Path != "" || len(c.Warnings()) != 0 {
		t.Errorf("got %+v with warnings %q, want nothing else but the usual control socket", c, c.Warnings())
	}
	if one := Default(); one == c || one.API == c.API {
		t.Error("two callers share one configuration")
	}
}

// TestAPIAbsent: a file that does not speak of the APIs does not get them.
func TestAPIAbsent(t *testing.T) {
	t.Parallel()
	if c := parsed(t, "load_balancers: [{name: a}]"); c.API != nil || c.Instances != nil {
		t.Errorf("got %+v and %v, want neither", c.API, c.Instances)
	}
	for _, text := range []string{"api: {}", "api: {}\nload_balancers: []", "api: {data: /var/lib/lull}"} {
		if c := parsed(t, text); c.API == nil || c.API.Address != "127.0.0.1:8440" {
			t.Errorf("%s: got %+v, want the APIs at their usual address", text, c.API)
		}
	}
}

// TestAPIDerived: what follows from another setting where it is not given.
func TestAPIDerived(t *testing.T) {
	t.Parallel()
	c := parsed(t, `
api:
  data: /var/lib/lull
  region: eu-central-1
  access_logs: {s3: {endpoint: "https://s3.example.com", credentials: s3.credentials}}
instances:
  - {id: i-1, host: app1.internal, zone: eu-central-1c}
  - {id: i-0123456789abcdef0, host: "2001:DB8::1"}
`)
	if want := []string{"eu-central-1a", "eu-central-1b", "eu-central-1c"}; !slices.Equal(c.API.Zones, want) {
		t.Errorf("zones: got %q, want %q", c.API.Zones, want)
	}
	if got := c.API.AccessLogs; got.Directory != "/var/lib/lull/access-logs" || got.S3.Region != "eu-central-1" || got.S3.SecretKey != s3Secret {
		t.Errorf("access logs: got %+v to %+v", got, got.S3)
	}
	if want := []Instance{{"i-1", "app1.internal", "eu-central-1c"}, {"i-0123456789abcdef0", "2001:db8::1", ""}}; !slices.Equal(c.Instances, want) {
		t.Errorf("instances: got %v, want %v", c.Instances, want)
	}
}

func TestAPIAddresses(t *testing.T) {
	t.Parallel()
	c := parsed(t, `api: {addresses: [10.0.0.5, 10.0.1.0/24, 10.0.2.1-10.0.2.9, "2001:db8::/120", "2001:db8::1:1-2001:db8::1:2", 10.0.3.0/31, 10.0.4.0/32]}`)
	want := []string{"10.0.0.5", "10.0.1.0-10.0.1.255", "10.0.2.1-10.0.2.9", "2001:db8::-2001:db8::ff", "2001:db8::1:1-2001:db8::1:2", "10.0.3.0-10.0.3.1", "10.0.4.0"}
	for i, r := range c.API.Addresses {
		if r.String() != want[i] {
			t.Errorf("got %s, want %s", r, want[i])
		}
	}
}

// TestAPIExposed: where plain HTTP is served, and what has to be said for it.
func TestAPIExposed(t *testing.T) {
	t.Parallel()
	const tls, insecure = ", tls: {certificate: cert.pem, key: key.pem}", ", insecure: true"
	cases := []struct {
		name, address, more string
		refused             bool
		warning             string
	}{
		{"loopback", "127.0.0.1:1", "", false, ""},
		{"all-of-127", "127.9.9.9:1", "", false, ""},
		{"ipv6", "[::1]:1", "", false, ""},
		{"mapped", "[::ffff:127.0.0.1]:1", "", false, ""},
		{"localhost", "LocalHost:1", "", false, ""},
		{"localhost-dot", "localhost.:1", "", true, ""},
		{"wildcard", "0.0.0.0:1", "", true, ""},
		{"wildcard-ipv6", "[::]:1", "", true, ""},
		{"private", "10.0.0.1:1", "", true, ""},
		{"name", "lull.internal:1", "", true, ""},
		{"tls", "0.0.0.0:1", tls, false, ""},
		{"insecure", "0.0.0.0:1", insecure, false, "api.address 0.0.0.0:1: other machines can reach it, and without TLS they can read along"},
		{"insecure-loopback", "127.0.0.1:1", insecure, false, "api.insecure: not needed, as only this machine can reach 127.0.0.1:1"},
		{"both", "0.0.0.0:1", tls + insecure, false, "api.insecure: not used, as api.tls is given"},
		{"secure", "0.0.0.0:1", ", insecure: false", true, ""},
	}
	dir := tlsDir(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, faults := parseIn(dir, []byte(`api: {address: "`+c.address+`"`+c.more+"}"))
			if c.refused != strings.Contains(faults, "would let other machines in, and without TLS") {
				t.Fatalf("got faults %q, want refused: %v", faults, c.refused)
			}
			if c.refused {
				return
			}
			if warnings := strings.Join(got.Warnings(), "\n"); warnings != c.warning {
				t.Errorf("got warnings %q, want %q", warnings, c.warning)
			}
			if (got.API.Certificate != nil) != strings.Contains(c.more, "tls") || len(got.Certificates) != strings.Count(c.more, "tls") {
				t.Errorf("got certificate %v of %d sources", got.API.Certificate, len(got.Certificates))
			}
		})
	}
}

func TestInstancesUnused(t *testing.T) {
	t.Parallel()
	c := parsed(t, "instances: [{id: i-1, host: a, zone: anywhere}]\nload_balancers: [{name: a, listeners: [{name: l, protocol: tcp, port: 1, backend_set: s}], backend_sets: [{name: s, backends: [{address: a, port: 1}]}]}]")
	if got := c.Warnings(); len(got) != 1 || got[0] != "instances: not used, as there is no api" {
		t.Errorf("got warnings %q, want that they are not used", got)
	}
}

func TestDNSDefault(t *testing.T) {
	t.Parallel()
	if d := parsed(t, `api: {dns: {address: "127.0.0.1:53"}}`).API.DNS; *d != (DNS{"127.0.0.1:53", time.Minute}) {
		t.Errorf("got %+v, want a TTL of a minute", d)
	}
}

// FuzzParseRange: whatever is taken is a range that its own text gives again.
func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"10.0.0.1", "10.0.0.0/24", "10.0.0.1-10.0.0.9", "::/0", "2001:db8::/127", "::1-::2", "1.2.3.4-", "-", "0.0.0.0-1.1.1.1", "1.1.1.1-0.0.0.9", "fe80::1%a-fe80::2%a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, problem := parseRange(text)
		if problem != "" {
			return
		}
		again, problem := parseRange(r.String())
		if problem != "" || again != r || r.Last.Less(r.First) || !r.overlaps(r) || r.First.IsUnspecified() {
			t.Errorf("%q: got %s, which reads as %s, %q", text, r, again, problem)
		}
	})
}

// TestCredentials reads files with access keys. What is wrong with one is said without repeating anything of it.
func TestCredentials(t *testing.T) {
	t.Parallel()
	const id, secret = "aws_access_key_id = AKIDEXAMPLE\n", "aws_secret_access_key = " + s3Secret + "\n"
	cases := []struct{ name, text, problem string }{
		{"plain", "[default]\n" + id + secret, ""},
		{"tight", "[default]\r\naws_access_key_id=AKIDEXAMPLE\r\naws_secret_access_key=" + s3Secret, ""},
		{"others", "# mine\n[work]\naws_access_key_id = OTHER\n\n[default]\nregion = x\n" + id + secret + "[profile more]\n" + secret, ""},
		{"empty", "", "it has no section [default]"},
		{"no-section", id + secret, "it has no section [default]"},
		{"other-section", "[work]\n" + id + secret, "it has no section [default]"},
		{"no-id", "[default]\n" + secret, "section [default] has no aws_access_key_id, or one that is none"},
		{"odd-id", "[default]\naws_access_key_id = a/b\n" + secret, "section [default] has no aws_access_key_id, or one that is none"},
		{"no-secret", "[default]\n" + id + "aws_secret_access_key =\n", "section [default] has no aws_secret_access_key"},
		{"binary", "[default]\n" + id + secret + "\xff", "it is not text"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k, problem := parseCredentials(c.text)
			if problem != c.problem {
				t.Errorf("got problem %q, want %q", problem, c.problem)
			}
			if want := (accessKey{"AKIDEXAMPLE", s3Secret}); problem == "" && k != want || problem != "" && k != (accessKey{}) {
				t.Errorf("got key %q, which is not the file's", k.id)
			}
		})
	}
}

// TestSecretsStayInside: however a configuration is printed, the secret of its access key is not to be seen.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	s3 := parsed(t, `api: {access_logs: {s3: {endpoint: "http://127.0.0.1:9000", credentials: s3.credentials}}}`).API.AccessLogs.S3
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{s3, *s3, AccessLogs{S3: s3}} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, s3Secret) {
				t.Errorf("%s of %T shows the secret", verb, value)
			}
		}
	}
}

// FuzzParseCredentials: whatever is in a file, there is a key or a problem that repeats nothing of it.
func FuzzParseCredentials(f *testing.F) {
	for _, seed := range []string{"[default]\naws_access_key_id = a\naws_secret_access_key = b\n", "[default]", "[", "=\n[default]\n=", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, problem := parseCredentials(text)
		if (problem == "") != (k.id != "" && k.secret != "") {
			t.Errorf("%q: got %q, %q and the problem %q", text, k.id, k.secret, problem)
		}
		if problem != "" && !strings.HasPrefix(problem, "it ") && !strings.HasPrefix(problem, "section [default] ") {
			t.Errorf("%q: got the problem %q", text, problem)
		}
	})
}
