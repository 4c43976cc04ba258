package accesslog

import (
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// wantLines fails unless the text is one line, or of OCI one or two that are objects whose data hold texts only.
func wantLines(t *testing.T, f Format, text string) {
	t.Helper()
	if f != OCI {
		wantOneLine(t, text)
		return
	}
	for line := range strings.Lines(text) {
		wantOneLine(t, line)
		decodeOCI(t, line)
	}
	if n := strings.Count(text, "\n"); n < 1 || n > 2 {
		t.Errorf("%d lines, want one or two: %.1000s", n, text)
	}
}

// ociEntry is an entry as its readers see it.
type ociEntry struct {
	Datetime   int64
	LogContent struct {
		Data   map[string]any
		ID     string
		Oracle struct {
			CompartmentID, IngestedTime, LogGroupID, LogID, ResourceID, TenantID string
		}
		Source, SpecVersion, Subject, Time, Type string
	}
	RegionID string
}

func decodeOCI(t *testing.T, line string) (e ociEntry) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&e); err != nil {
		t.Fatalf("%v: %.1000s", err, line)
	}
	for name, v := range e.LogContent.Data {
		if name == "errorLog" {
			continue
		}
		if _, text := v.(string); !text {
			t.Errorf("%s is %T, want a text", name, v)
		}
	}
	if !ociID.MatchString(e.LogContent.ID) {
		t.Errorf("id %q", e.LogContent.ID)
	}
	return e
}

//nolint:gochecknoglobals // compiled once
var ociID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}-(access|error)-0$`)

// ociOf returns the entries of a record.
func ociOf(t *testing.T, e record.Entry) (entries []ociEntry) {
	t.Helper()
	for line := range strings.Lines(string(OCI.Append(nil, e))) {
		entries = append(entries, decodeOCI(t, line))
	}
	return entries
}

// TestOCIAccess_LOG_01: entries have Oracle's fields, all of them texts, in Oracle's envelope; those of TCP only some of them.
func TestOCIAccess_LOG_01(t *testing.T) {
	t.Parallel()
	tcp, refused, done, slow, unread := mutedClose(), refusedClose(), doneExchange(), slowExchange(), refusedExchange()
	secured := securedClose()
	secured.Reason = reason.ClientClosed
	fresh := doneExchange()
	fresh.Reused, fresh.ConnectTook, fresh.Ends.Tried, fresh.Upgraded = false, 1499*time.Microsecond, "10.0.0.8:80, 10.0.0.9:80", true
	fresh.TLS.Front = secured.TLS.Front
	refused.Ends.Backend = "db3:5432"
	refused.Ends.Listener = "pg@2001:db8::1"
	for _, tt := range []struct {
		name string
		e    record.Entry
		want map[string]string // "" as a value: it is there and empty
		len  int               // members of data
	}{
		{"tcp", record.Entry{Close: &tcp}, map[string]string{
			"backendAddr": "10.0.0.1:5432", "backendConnectTime": "0.000", "clientAddr": "198.51.100.7:41234", "lbStatusCode": "200",
			"listenerName": "pg", "sslCipher": "", "sslProtocol": "", "timestamp": "2026-03-01T10:01:00.135Z",
		}, 8},
		{"tcp-tls", record.Entry{Close: &secured}, map[string]string{"sslCipher": "TLS_AES_128_GCM_SHA256", "sslProtocol": "TLSv1.3"}, 8},
		{"tcp-refused", record.Entry{Close: &refused}, map[string]string{
			"backendAddr": "db1:5432, db2:5432, db3:5432", "backendConnectTime": "-, -, -", "lbStatusCode": "502", "listenerName": "pg",
		}, 8},
		{"http", record.Entry{Exchange: &done}, map[string]string{
			"backendAddr": "10.0.0.1:8080", "backendConnectTime": "0.000", "backendProcessingTime": "0.052", "backendStatusCode": "200",
			"clientAddr": "198.51.100.7:41234", "forwardedForAddr": "198.51.100.7", "host": "www.example.com", "lbStatusCode": "200",
			"listenerName": "front", "receivedBytes": "0", "request": "GET /a?b=c HTTP/1.1", "requestProcessingTime": "0.052",
			"sentBytes": "5120", "sslCipher": "", "sslProtocol": "", "timestamp": "2026-03-01T10:00:00.175Z", "userAgent": "curl/8.5.0 (x86_64; test)",
		}, 17},
		{"http-tried", record.Entry{Exchange: &fresh}, map[string]string{
			"backendAddr": "10.0.0.8:80, 10.0.0.9:80, 10.0.0.1:8080", "backendConnectTime": "-, -, 0.001", "sslProtocol": "TLSv1.3",
		}, 17},
		{"http-timeout-TMO-24", record.Entry{Exchange: &slow}, map[string]string{"lbStatusCode": "504", "backendStatusCode": "", "requestProcessingTime": "60.000"}, 17},
		{"http-refused", record.Entry{Exchange: &unread}, map[string]string{"lbStatusCode": "400", "backendStatusCode": "", "backendAddr": "", "backendConnectTime": "-"}, 17},
	} {
		e := ociOf(t, tt.e)[0]
		for name, want := range tt.want {
			if got, there := e.LogContent.Data[name]; !there || got != want {
				t.Errorf("%s: %s is %v, %t, want %q", tt.name, name, got, there, want)
			}
		}
		if got := len(e.LogContent.Data); got != tt.len {
			t.Errorf("%s: %d members, %v, want %d", tt.name, got, slices.Sorted(maps.Keys(e.LogContent.Data)), tt.len)
		}
		if e.LogContent.Type != "com.oraclecloud.loadbalancer.access" || !strings.HasSuffix(e.LogContent.ID, "-access-0") || e.LogContent.SpecVersion != "1.0" {
			t.Errorf("%s: type %q, id %q, specversion %q", tt.name, e.LogContent.Type, e.LogContent.ID, e.LogContent.SpecVersion)
		}
		if e.Datetime != endOf(tt.e).UnixMilli() {
			t.Errorf("%s: datetime %d", tt.name, e.Datetime)
		}
	}
}

// TestOCIErrors_LOG_02: what went wrong has an entry in the error log, in Oracle's words where they are known.
func TestOCIErrors_LOG_02(t *testing.T) {
	t.Parallel()
	exchange := func(why reason.Reason) record.Entry {
		x := doneExchange()
		x.Reason = why
		return record.Entry{Exchange: &x}
	}
	closed := func(why reason.Reason, protocol, fault string) record.Entry {
		c := idleClose()
		c.Reason, c.Ends.Protocol, c.TLS.Fault = why, protocol, fault
		return record.Entry{Close: &c}
	}
	web := httpClose()
	web.Reason = reason.ResponseIdle
	pooled := pooledClose()
	for _, tt := range []struct {
		name string
		e    record.Entry
		want string // "": no entry
	}{
		{"no-backend", exchange(reason.NoBackend), "No healthy backends available in associated backendSet"},
		{"acl", exchange(reason.AccessDenied), "Access for 198.51.100.7 denied by HTTP ACL rule"},
		{"no-certificate", exchange(reason.NoClientCert), "Client 198.51.100.7 sent no required SSL certificate"},
		{"idle", exchange(reason.ResponseIdle), "Backend server 10.0.0.1 timed out"},
		{"client-idle", exchange(reason.RequestIdle), "Client 198.51.100.7:41234 timed out"},
		{"abrupt", exchange(reason.BackendClosed), "Backend server 10.0.0.1 abruptly closes connection"},
		{"reset", exchange(reason.BackendReset), "Backend server 10.0.0.1 abruptly closes connection"},
		{"connect", exchange(reason.ConnectTimeout), "connect timed out"},
		{"unreachable", exchange(reason.ConnectUnreachable), "errno:EHOSTUNREACH, syscall:connect"},
		{"handshake", exchange(reason.BackendHandshakeFailed), "EPROTO"},
		{"untrusted", exchange(reason.BackendUntrusted), "SSL host name verification failed"},
		{"too-large", exchange(reason.TooLarge), "bad request header or cookie too large"},
		{"bad", exchange(reason.BadRequest), "Closed because the request could not be understood"},
		{"completed", exchange(reason.Completed), ""},
		{"redirected", exchange(reason.Redirected), ""},
		{"tcp-idle", closed(reason.TunnelIdle, "tcp", ""), "Client 198.51.100.7:41234 timed out"},
		{"tcp-closed", closed(reason.BackendClosed, "tcp", ""), ""},
		{"crowd", closed(reason.AddressLimit, "http", ""), "Connection to 127.0.0.10:5432 was abruptly closed by the limit on connections of its client's address"},
		{"verify", closed(reason.HandshakeFailed, "https", "the client's certificate has expired"), "Client 198.51.100.7 has SSL certificate verify error"},
		{"shake", closed(reason.HandshakeFailed, "https", "no cipher in common"), "Closed because the TLS handshake with the client failed"},
		{"told-by-its-exchange", record.Entry{Close: &web}, ""},
		{"pooled", record.Entry{Close: &pooled}, ""},
	} {
		var got []string
		for _, e := range ociOf(t, tt.e) {
			if e.LogContent.Type != "com.oraclecloud.loadbalancer.error" {
				continue
			}
			fault := e.LogContent.Data["errorLog"].(map[string]any)
			got = append(got, fault["errorDetails"].(string))
			if fault["type"] != "General" || !strings.HasSuffix(e.LogContent.ID, "-error-0") {
				t.Errorf("%s: type %v, id %s", tt.name, fault["type"], e.LogContent.ID)
			}
		}
		if want := tt.want; want == "" && len(got) != 0 || want != "" && !slices.Equal(got, []string{want}) {
			t.Errorf("%s: errors %q, want %q", tt.name, got, want)
		}
	}
}

// TestOCILost_LOG_02: what was dropped is said in the error log.
func TestOCILost_LOG_02(t *testing.T) {
	t.Parallel()
	e := decodeOCI(t, string(OCI.AppendLost(nil, opened, 7)))
	if got := e.LogContent.Data["errorLog"].(map[string]any)["errorDetails"]; got != "Missed 7 access logs" {
		t.Errorf("got %q", got)
	}
	if e.LogContent.Type != "com.oraclecloud.loadbalancer.error" {
		t.Errorf("type %s", e.LogContent.Type)
	}
}

// TestOCIOwner_LOG_01: the envelope names whom the load balancer belongs to, as far as that is known.
func TestOCIOwner_LOG_01(t *testing.T) {
	t.Parallel()
	var conns record.Log
	var exchanges record.Exchanges
	path := filepath.Join(t.TempDir(), "log")
	w, err := Open(&conns, &exchanges, nil, path, OCI, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	w.SetOwners(func(name string) Owner {
		if name != "web" {
			return Owner{}
		}
		return Owner{Name: "shop", ID: "ocid1.loadbalancer", Compartment: "c", Tenancy: "t", Region: "r"}
	})
	x, other := doneExchange(), doneExchange()
	other.Ends.LoadBalancer = "file"
	exchanges.Append([]record.Exchange{x, other})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(strings.Lines(string(text)))
	if len(lines) != 2 {
		t.Fatalf("got %q, want two lines", lines)
	}
	first, second := decodeOCI(t, lines[0]), decodeOCI(t, lines[1])
	if o := first.LogContent.Oracle; o.ResourceID != "ocid1.loadbalancer" || o.CompartmentID != "c" || o.TenantID != "t" || first.RegionID != "r" || first.LogContent.Source != "shop" {
		t.Errorf("got %s", lines[0])
	}
	if o := second.LogContent.Oracle; o.ResourceID != "file" || second.LogContent.Source != "file" {
		t.Errorf("got %s", lines[1])
	}
}

// TestHealthChanges_LOG_02: what health checks find is in Oracle's error log, under the name of the load balancer's owner, and in no other format.
func TestHealthChanges_LOG_02(t *testing.T) {
	t.Parallel()
	for f := range Format(len(formats)) {
		var health record.Ring[record.HealthChange]
		path := filepath.Join(t.TempDir(), "log")
		w, err := Open(new(record.Log), new(record.Exchanges), &health, path, f, quiet())
		if err != nil {
			t.Fatal(err)
		}
		w.SetOwners(func(name string) Owner { return Owner{Name: "shop", ID: "ocid1." + name} })
		change := record.HealthChange{LoadBalancer: "web", Set: "app", Backend: "10.0.0.1:80", Detail: "answered \"302\"\n", At: time.Unix(1772359200, 0)}
		back := change
		back.Up, back.Detail = true, "answered 200"
		health.Append([]record.HealthChange{change, back})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if f != OCI {
			if len(text) > 0 {
				t.Errorf("%s: got %q, want nothing", f, text)
			}
			continue
		}
		var got []string
		for line := range strings.Lines(string(text)) {
			e := decodeOCI(t, line)
			if e.LogContent.Type != "com.oraclecloud.loadbalancer.error" || e.LogContent.Oracle.ResourceID != "ocid1.web" || e.LogContent.Source != "shop" {
				t.Errorf("got %s", line)
			}
			var data struct{ ErrorLog struct{ ErrorDetails string } }
			_, rest, _ := strings.Cut(line, `"data":`)
			if err := json.NewDecoder(strings.NewReader(rest)).Decode(&data); err != nil {
				t.Fatal(err)
			}
			got = append(got, data.ErrorLog.ErrorDetails)
		}
		want := []string{"Backend server 10.0.0.1:80 of backendSet app: Healthy to Unhealthy, answered \"302\"\n", "Backend server 10.0.0.1:80 of backendSet app: Unhealthy to Healthy"}
		if !slices.Equal(got, want) || w.Counters().Written != 2 {
			t.Errorf("got %q, %+v, want %q", got, w.Counters(), want)
		}
	}
}

// TestOCIZones: no name of an interface gets into a text.
func TestOCIZones(t *testing.T) {
	t.Parallel()
	c := idleClose()
	c.Ends.BackendAddr = netip.MustParseAddrPort(`[fe80::1%a"b]:80`)
	c.Ends.Client = c.Ends.BackendAddr
	c.Ends.Local = c.Ends.BackendAddr
	for _, why := range []reason.Reason{reason.TunnelIdle, reason.AddressLimit, reason.BackendReset} {
		c.Reason = why
		wantLines(t, OCI, string(OCI.Append(nil, record.Entry{Close: &c})))
	}
}

func endOf(e record.Entry) time.Time {
	if e.Exchange != nil {
		return e.Exchange.Ended
	}
	return e.Close.Closed
}
