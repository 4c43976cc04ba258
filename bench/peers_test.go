package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/bench/load"
)

func TestRender(t *testing.T) {
	t.Parallel()
	s := setup{
		Threads: 2, Idle: 3 * time.Second, Dir: "/tmp/x", Certs: certsIn("/c"),
		Listen:   netip.MustParseAddrPort("127.0.2.1:1000"),
		Backends: []load.Address{netip.MustParseAddrPort("127.0.1.1:2000"), netip.MustParseAddrPort("127.0.1.2:2000")},
	}
	known := slices.Concat(kinds("lull"), goKinds("bench"))
	forwarded := []string{"X-Forwarded-Proto", "X-Forwarded-Port"}
	for name, c := range map[string]struct {
		change func(*setup)
		kind   string
		parts  []string
	}{
		"lull":    {nil, "lull", []string{"loops: 2", "address: 127.0.2.1\n", "protocol: tcp, port: 1000,", "idle: 3s", "{address: 127.0.1.2, port: 2000}"}},
		"haproxy": {nil, "haproxy", []string{"nbthread 2", "bind 127.0.2.1:1000", "timeout client 3000ms", "timeout server 3000ms", "server b1 127.0.1.2:2000"}},
		"nginx":   {nil, "nginx", []string{"worker_processes 2;", "listen 127.0.2.1:1000 reuseport;", "proxy_timeout 3000ms;", "server 127.0.1.2:2000;"}},

		"lull-http":         {asHTTP, "lull", []string{"loops: 2", "protocol: http, port: 1000,", "idle: 3s", "{address: 127.0.1.2, port: 2000}"}},
		"lull-metrics":      {asMeasured, "lull", []string{"metrics: {address: 127.0.2.1:3000}\nloops"}},
		"haproxy-http":      {asHTTP, "haproxy", append(forwarded, "mode http", "forwardfor", "nbthread 2", "timeout client 3000ms", "server b1 127.0.1.2:2000")},
		"nginx-http":        {asHTTP, "nginx", append(forwarded, "X-Forwarded-For", "worker_processes 2;", `Connection "";`, "server 127.0.1.2:2000;")},
		"nginx-upgrade":     {asUpgrade, "nginx", append(forwarded, "Upgrade $http_upgrade;", "Connection $connection_upgrade;")},
		"lull-tls":          {asTLS, "lull", []string{"protocol: https, port: 1000,", `tls: {certificate: /c/ecdsa.pem, key: /c/ecdsa.key, min_version: "1.2"}`}},
		"lull-rsa":          {asRSA, "lull", []string{"certificate: /c/rsa.pem, key: /c/rsa.key,"}},
		"lull-back":         {asBackTLS, "lull", []string{"protocol: http, port: 1000,", "        protocol: https\n        tls: {ca: /c/authority.pem, server_name: bench.example}\n"}},
		"haproxy-tls":       {asTLS, "haproxy", []string{"bind 127.0.2.1:1000 ssl crt /c/ecdsa-both.pem\n", "Proto https", "ssl-min-ver TLSv1.2", "bind-ciphersuites TLS_AES_128_GCM_SHA256"}},
		"haproxy-rsa":       {asRSA, "haproxy", []string{"ssl crt /c/rsa-both.pem\n"}},
		"haproxy-back":      {asBackTLS, "haproxy", []string{"bind 127.0.2.1:1000\n", "Proto http\n", "2000 ssl verify required ca-file /c/authority.pem sni str(bench.example)\n"}},
		"nginx-tls":         {asTLS, "nginx", []string{"listen 127.0.2.1:1000 ssl reuseport;", "ssl_certificate /c/ecdsa.pem;", "ssl_certificate_key /c/ecdsa.key;", "TLSv1.3;", "ssl_session_tickets on;", "http://app;"}},
		"nginx-rsa":         {asRSA, "nginx", []string{"ssl_certificate /c/rsa.pem;", "ssl_certificate_key /c/rsa.key;"}},
		"nginx-back":        {asBackTLS, "nginx", []string{"listen 127.0.2.1:1000 reuseport;", "https://app;", "proxy_ssl_verify on;", "proxy_ssl_name bench.example;", "/c/authority.pem;"}},
		"nginx-upload":      {asUpload, "nginx", []string{"proxy_request_buffering off;"}},
		"reverseproxy-http": {asHTTP, "reverseproxy", []string{`"listen": "127.0.2.1:1000"`, `"threads": 2`, `["127.0.1.1:2000", "127.0.1.2:2000"]`}},
		"caddy-http":        {asHTTP, "caddy", []string{"http://:1000 {", "bind 127.0.2.1", "127.0.1.1:2000 127.0.1.2:2000 {", "X-Forwarded-Port"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s
			if c.change != nil {
				c.change(&s)
			}
			k, err := named(known, c.kind)
			if err != nil {
				t.Fatal(err)
			}
			text, err := k.render(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.parts {
				if !strings.Contains(text, p) {
					t.Errorf("configuration: got no %q in\n%s", p, text)
				}
			}
		})
	}
}

func asHTTP(s *setup) { s.HTTP = true }

func asUpgrade(s *setup) { s.HTTP, s.Upgrades = true, true }

func asTLS(s *setup) { s.HTTP, s.TLS = true, tls13 }

func asRSA(s *setup) { s.HTTP, s.TLS, s.RSA = true, tls12, true }

func asBackTLS(s *setup) { s.HTTP, s.BackTLS = true, true }

func asUpload(s *setup) { s.HTTP, s.Uploads = true, true }

func asMeasured(s *setup) { s.HTTP, s.Metrics = true, netip.MustParseAddrPort("127.0.2.1:3000") }

// TestCerts has each server's files used as a server and a client would.
func TestCerts(t *testing.T) {
	t.Parallel()
	c := certsIn(t.TempDir())
	if err := c.make(); err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(c.Authority)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	for name, files := range map[string][3]string{"ecdsa": {c.ECDSA, c.ECDSAKey, c.ECDSABoth}, "rsa": {c.RSA, c.RSAKey, c.RSABoth}} {
		pair, err := tls.LoadX509KeyPair(files[0], files[1])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if both, err := tls.LoadX509KeyPair(files[2], files[2]); err != nil || len(both.Certificate) != 2 {
			t.Errorf("%s, in one file: got %d certificates, %v; want 2", name, len(both.Certificate), err)
		}
		between := x509.NewCertPool()
		for _, der := range pair.Certificate[1:] {
			cert, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			between.AddCert(cert)
		}
		for _, host := range []string{load.ServerName, backendHost(backendHosts - 1).String()} {
			if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: pool, Intermediates: between}); err != nil {
				t.Errorf("%s, for %s: %v", name, host, err)
			}
		}
		if got := pair.Leaf.PublicKeyAlgorithm.String(); !strings.EqualFold(got, name) {
			t.Errorf("%s: got a key for %s", name, got)
		}
	}
	if err := certsIn("/nonexistent").make(); err == nil {
		t.Error("no directory: got no error")
	}
}

// named returns the kind of that name, installed or not.
func named(known []kind, name string) (kind, error) {
	for _, k := range known {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("no kind %s", name)
}

func TestDivide(t *testing.T) {
	t.Parallel()
	var all unix.CPUSet
	for _, cpu := range []int{0, 2, 3, 7} {
		all.Set(cpu)
	}
	for n, want := range map[int][]int{1: {7}, 2: {3, 7}, 3: {2, 3, 7}} {
		last, others := divide(all, n)
		for _, cpu := range []int{0, 1, 2, 3, 7} {
			if in := slices.Contains(want, cpu); last.IsSet(cpu) != in || others.IsSet(cpu) != (!in && cpu != 1) {
				t.Errorf("divide by %d, processor %d: got %t and %t, want %t and the rest", n, cpu, last.IsSet(cpu), others.IsSet(cpu), in)
			}
		}
	}
}

// TestOnProcessors starts a process that prints where it may run.
func TestOnProcessors(t *testing.T) {
	t.Parallel()
	balancer, others := setup{Threads: 1, Alone: true}.processors()
	if balancer == nil {
		t.Skip("one processor")
	}
	if b, o := (setup{Threads: 1}).processors(); b != nil || o != nil {
		t.Errorf("without Alone: got %v and %v, want all for both", b, o)
	}
	if b, o := (setup{Threads: 1 << 20, Alone: true}).processors(); b != nil || o != nil {
		t.Errorf("too many threads: got %v and %v, want all for both", b, o)
	}
	for name, cpus := range map[string]*unix.CPUSet{"balancer": balancer, "others": others} {
		cmd := exec.Command("sleep", "60")
		if err := onProcessors(cpus, cmd.Start); err != nil {
			t.Fatal(err)
		}
		var got unix.CPUSet
		err := unix.SchedGetaffinity(cmd.Process.Pid, &got)
		_ = cmd.Process.Kill() // it has nothing to lose
		_ = cmd.Wait()
		if err != nil || got != *cpus {
			t.Errorf("%s: got %v, %v; want %v", name, got, err, *cpus)
		}
	}
}

func TestOnlyLull(t *testing.T) {
	t.Parallel()
	cs, _, err := pick("lull,lull", "/bin/sh") // a shell stands for lull
	if err != nil {
		t.Fatal(err)
	}
	if got := onlyLull(&bench{contenders: cs}); len(got) != 1 || got[0].name != "lull" {
		t.Errorf("lull twice: got %v, want it once", got)
	}
	if got := onlyLull(&bench{contenders: []contender{{"nginx", kind{name: "nginx"}}, cs[0]}}); len(got) != 0 {
		t.Errorf("another first: got %v, want none", got)
	}
}

func TestParseHeap(t *testing.T) {
	t.Parallel()
	const text = `# HELP go_memstats_mallocs_total Total number of heap objects allocated.
go_gc_duration_seconds{quantile="0"} 1.5e-05
go_gc_duration_seconds_count 7
go_memstats_alloc_bytes_total 1.2345678e+07
go_memstats_mallocs_total 98765
`
	want := heap{objects: 98765, bytes: 12345678, collections: 7}
	got, err := parseHeap(strings.NewReader(text))
	if err != nil || got != want {
		t.Errorf("parseHeap: got %+v, %v; want %+v", got, err, want)
	}
	if d := got.after(heap{65, 678, 2}, 10, heap{objects: 70, bytes: 500}); d != (heap{objects: 98000, bytes: 12340000}) {
		t.Errorf("after: got %+v", d)
	}
	for _, bad := range []string{"", strings.ReplaceAll(text, "98765", "x"), strings.ReplaceAll(text, "bytes_total", "bytes")} {
		if got, err := parseHeap(strings.NewReader(bad)); err == nil {
			t.Errorf("parseHeap(%q): got %+v, want an error", bad, got)
		}
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	// A shell stands for lull: only its presence counts.
	cs, _, err := pick("lull,lull", "/bin/sh")
	if err != nil || len(cs) != 2 || cs[0].name != "lull" || cs[1].name != "lull#2" {
		t.Errorf("twice the same: got %v, %v; want lull and lull#2", cs, err)
	}
	for _, names := range []string{"", "lull", "haproxy,lull"} {
		if _, _, err = pick(names, "/nonexistent/lull"); err == nil {
			t.Errorf("pick(%q) without lull: got no error", names)
		}
	}
	if _, _, err = pick("x", "/bin/sh"); err == nil || !strings.Contains(err.Error(), "allowed are lull, haproxy, nginx") {
		t.Errorf("unknown name: got %v, want the known ones named", err)
	}
	cs, absent, err := pick("", "/bin/sh")
	if err != nil || len(cs)+len(absent) != 3 || cs[0].name != "lull" {
		t.Errorf("default: got %v, %v, %v; want lull first and the peers there or excused", cs, absent, err)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	cs := []contender{{name: "a"}, {name: "b"}, {name: "c"}}
	first := map[string]int{}
	after := map[string]int{}
	for round := range 6 {
		o := order(cs, round)
		names := []string{o[0].name, o[1].name, o[2].name}
		if sorted := slices.Sorted(slices.Values(names)); !slices.Equal(sorted, []string{"a", "b", "c"}) {
			t.Fatalf("round %d: got %v, want each once", round, names)
		}
		first[names[0]]++
		after[names[0]+names[1]]++
		after[names[1]+names[2]]++
	}
	for _, c := range cs {
		if first[c.name] == 0 {
			t.Errorf("%s never comes first: %v", c.name, first)
		}
	}
	if len(after) != 6 {
		t.Errorf("successions: got %v, want each of the six", after)
	}
}

func TestParseShowFD(t *testing.T) {
	t.Parallel()
	const text = `      6 : st=0x000001(cl heopI W:sRa R:srA) ref=0 gid=1 tmask=0x3 umask=0x0 owner=0x55 iocb=0x55(sock_accept_iocb) l.st=RDY fe=bench 
     18 : st=0x000121(cl heopI W:sRa R:srA) ref=0 gid=1 tmask=0x2 umask=0x0 back=0 cflg=0x00000300 lport=20000 rport=49814 fe=bench mux=PASS
     19 : st=0x010121(cL heopI W:sRa R:srA) ref=0 gid=1 tmask=0x2 umask=0x0 back=1 cflg=0x10000300 lport=60674 rport=20001 sv=echo/b0 mux=PASS
     20 : st=0x000121(cl heopI W:sRa R:srA) ref=0 gid=1 tmask=0x1 umask=0x0 back=0 cflg=0x00000300 lport=20000 rport=49816 fe=bench mux=PASS
     21 : st=0x000121(cl heopI W:sRa R:srA) ref=0 gid=1 tmask=0x2 umask=0x0 back=0 cflg=0x00000300 lport=20000 rport=49818 fe=bench mux=PASS
`
	if got, err := parseShowFD(text); err != nil || !slices.Equal(got, []int{1, 2}) {
		t.Errorf("parseShowFD: got %v, %v; want [1 2]", got, err)
	}
	if got, err := parseShowFD(strings.ReplaceAll(text, "tmask=0x1", "tmask=0x4")); err == nil {
		t.Errorf("a third thread: got %v, want an error", got)
	}
}

func TestParseLoops(t *testing.T) {
	t.Parallel()
	const good = `{"loops":[{"loop":0,"active":30,"turns":9},{"loop":1,"active":34}],"connections":64}`
	if got, err := parseLoops([]byte(good)); err != nil || !slices.Equal(got, []int{30, 34}) {
		t.Errorf("parseLoops: got %v, %v; want [30 34]", got, err)
	}
	for _, bad := range []string{"", "[]", "{}", `{"loops":[]}`, `{"loops":[{"loop":0}]}`} {
		if got, err := parseLoops([]byte(bad)); err == nil {
			t.Errorf("parseLoops(%q): got %v, want an error", bad, got)
		}
	}
}

func TestBusierShare(t *testing.T) {
	t.Parallel()
	if got, err := busierShare([]int{10, 12}, []int{58, 92}, 64); err != nil || got != 0.625 {
		t.Errorf("busierShare: got %v, %v; want 0.625", got, err)
	}
	if _, err := busierShare([]int{0, 0}, []int{30, 33}, 64); err == nil {
		t.Error("one connection missing: got no error")
	}
	if _, err := busierShare([]int{0}, []int{32, 32}, 64); err == nil {
		t.Error("another number of threads: got no error")
	}
}

func TestParseBenchmarks(t *testing.T) {
	t.Parallel()
	const text = `goos: linux
BenchmarkArm/order=random-2   	 1000000	        83.39 ns/op	       0 B/op	       0 allocs/op
BenchmarkBurst/n=5000-2	     10	   1814979 ns/op	       363.0 ns/timer
PASS
`
	want := []measurement{
		{"Arm/order=random", "ns/op", 83.39}, {"Arm/order=random", "B/op", 0}, {"Arm/order=random", "allocs/op", 0},
		{"Burst/n=5000", "ns/op", 1814979}, {"Burst/n=5000", "ns/timer", 363},
	}
	if got := parseBenchmarks(text); !slices.Equal(got, want) {
		t.Errorf("parseBenchmarks: got %v, want %v", got, want)
	}
}

func TestCPUModel(t *testing.T) {
	t.Parallel()
	if got := cpuModel([]byte("processor\t: 0\nmodel\t\t: 2\nmodel name\t: Some CPU @ 2 GHz\n")); got != "Some CPU @ 2 GHz" {
		t.Errorf("cpuModel: got %q", got)
	}
	if got := cpuModel(nil); got == "" {
		t.Error("cpuModel of nothing: got an empty string, want the architecture")
	}
}
