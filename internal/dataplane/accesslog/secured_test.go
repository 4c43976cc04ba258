package accesslog

import (
	"crypto/tls"
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// securedClose is a connection with TLS on both sides: every field of it set.
func securedClose() record.Close {
	c := idleClose()
	c.Ends.Protocol, c.Ends.Listener = "ssl", "pgs"
	c.TLS = record.Secured{
		Front: record.TLS{Version: tls.VersionTLS13, Suite: tls.TLS_AES_128_GCM_SHA256, ServerName: "db.example.com",
			Subject: "CN=alice,O=Acme Inc", Resumed: true, Took: 2100 * time.Microsecond},
		Back: record.TLS{Version: tls.VersionTLS12, Suite: tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ServerName: "db1.internal",
			Subject: "CN=db1", Resumed: true, Took: 3 * time.Millisecond},
		Fault: "handshake failure",
	}
	return c
}

// unsecuredClose is a connection whose handshake came to nothing.
func unsecuredClose(protocol string, why reason.Reason, fault string) record.Close {
	c := refusedClose()
	c.Ends.Protocol, c.Ends.Tried, c.Reason, c.Side, c.ConnectTries = protocol, "", why, reason.FrontEnd, 0
	c.TLS.Fault = fault
	return c
}

// oldExchange went over TLS 1.2 to a backend with TLS.
func oldExchange() record.Exchange {
	x := doneExchange()
	x.Ends.Protocol, x.Scheme = "https", "https"
	x.Ends.Local = netip.MustParseAddrPort("192.0.2.10:8443")
	x.TLS = securedClose().TLS
	x.TLS.Front.Version, x.TLS.Front.Suite, x.TLS.Front.Resumed = tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, false
	x.TLS.Back, x.TLS.Fault = securedClose().TLS.Front, ""
	x.TLS.Back.Subject, x.TLS.Back.ServerName = "", "app1.internal"
	return x
}

// untrustedExchange is one whose backend showed a certificate that was not accepted.
func untrustedExchange() record.Exchange {
	x := oldExchange()
	x.Reason, x.Side, x.Status, x.BackendStatus, x.BytesDown = reason.BackendUntrusted, reason.BackEnd, 502, 0, 0
	x.SentAfter, x.AnswerTook, x.FirstAfter, x.QuietDown, x.Reused = -1, -1, -1, -1, false
	x.TLS.Front.Subject, x.TLS.Front.ServerName, x.TLS.Back = "", "", record.TLS{}
	x.TLS.Fault = `certificate is valid for "app", not app1.internal`
	return x
}

// hostile is what a stranger might put into a name, and longer than any name should be.
//
//nolint:gochecknoglobals // a constant in all but syntax
var hostile = "CN=\"x\" tls_fault=\"y\"\n2026 \r\t\\\x00\x1b[31m\x7f\x80é\u2028\u009b31m\xff'" + strings.Repeat("\xff", 100<<10)

// hostileClose has it wherever a stranger's text may stand.
func hostileClose() record.Close {
	c := securedClose()
	c.TLS.Front.ServerName, c.TLS.Front.Subject, c.TLS.Back.ServerName, c.TLS.Back.Subject, c.TLS.Fault = hostile, hostile, hostile, hostile, hostile
	return c
}

// TestSecuredConnections has connections with TLS in every format (TO-07 with the handshake's part).
func TestSecuredConnections(t *testing.T) {
	t.Parallel()
	answered := unsecuredClose("https", reason.PlainHTTP, "")
	answered.Exchanges = 1
	pooled := pooledClose()
	pooled.Ends.Protocol, pooled.TLS.Back = "https", securedClose().TLS.Back
	for _, tt := range []formatCase{
		{
			name: "both-sides", close: securedClose(),
			text: `2026-03-01T10:01:00.135Z 12 198.51.100.7:41234 -> web/pgs -> db1:5432 60.012s up=82 down=305 tunnel-idle by=lull timer=idle:60s late=0.000412s quiet_up=60.001s quiet_down=60s connect=0.000028s tls=TLSv1.3 handshake=0.0021s resumed=yes backend_tls=TLSv1.2:ECDHE-RSA-AES128-GCM-SHA256 backend_handshake=0.003s server_name=db.example.com subject="CN=alice,O=Acme Inc" tls_fault="handshake failure"`,
			json: `{"time":"2026-03-01T10:01:00.135456Z","id":12,"kind":"connection","protocol":"ssl","load_balancer":"web","listener":"pgs","client":"198.51.100.7:41234","peer":"198.51.100.7:41234","local":"127.0.0.10:5432","backend_set":"app","backend":"db1:5432","backend_address":"10.0.0.1:5432","tls_version":"TLSv1.3","tls_cipher":"TLS_AES_128_GCM_SHA256","tls_resumed":true,"tls_handshake_s":0.0021,"tls_server_name":"db.example.com","tls_client_subject":"CN=alice,O=Acme Inc","backend_tls_version":"TLSv1.2","backend_tls_cipher":"ECDHE-RSA-AES128-GCM-SHA256","backend_tls_server_name":"db1.internal","backend_tls_subject":"CN=db1","backend_tls_resumed":true,"backend_tls_handshake_s":0.003,"tls_fault":"handshake failure","reason":"tunnel-idle","side":"lull","error":false,"opened":"2026-03-01T10:00:00.123456Z","age_s":60.012,"bytes_up":82,"bytes_down":305,"quiet_up_s":60.001,"quiet_down_s":60,"first_up_s":0.001069,"first_down_s":0.002,"connect_tries":1,"connect_s":0.000028,"connected_at_s":0.000041,"exchanges":0,"unsent_up_bytes":0,"unsent_down_bytes":0,"timer":"idle","setting_s":60,"armed_at_s":0.012,"late_s":0.000412}`,
			aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:5432 0.001069 0.000028 0 - - 82 305 "- - - " "-" TLS_AES_128_GCM_SHA256 TLSv1.3`,
		},
		{
			name: "no-common-version", close: unsecuredClose("ssl", reason.HandshakeFailed, "client offered only unsupported versions: [301]"),
			text: `2026-03-01T10:00:00.124Z 12 198.51.100.7:41234 -> web/pg -> - 0.002s up=0 down=0 handshake-failed by=front-end tls_fault="client offered only unsupported versions: [301]"`,
			json: `{"time":"2026-03-01T10:00:00.124956Z","id":12,"kind":"connection","protocol":"ssl","load_balancer":"web","listener":"pg","client":"198.51.100.7:41234","peer":"198.51.100.7:41234","local":"127.0.0.10:5432","backend_set":"app","tls_fault":"client offered only unsupported versions: [301]","reason":"handshake-failed","side":"front-end","error":true,"opened":"2026-03-01T10:00:00.123456Z","age_s":0.002,"bytes_up":0,"bytes_down":0,"connect_tries":0,"exchanges":0,"unsent_up_bytes":0,"unsent_down_bytes":0}`,
			aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 - - 0 0 "- - - " "-" - -`,
		},
		{
			name: "https-no-handshake", close: unsecuredClose("https", reason.HandshakeTimeout, ""),
			text: `2026-03-01T10:00:00.124Z 12 198.51.100.7:41234 -> web/pg -> - 0.002s up=0 down=0 exchanges=0 handshake-timeout by=front-end`,
			aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 - - 0 0 "- - - " "-" - -`,
		},
		{name: "https-answered-by-an-exchange", close: answered, none: true},
		{name: "https-client-left", close: unsecuredClose("https", reason.ClientClosed, ""), none: true},
		{name: "http-no-header", close: unsecuredClose("http", reason.HandshakeTimeout, ""), none: true},
		{
			name: "pooled", close: pooled, none: true,
			text: `2026-03-01T10:01:00.135Z 12 pooled -> web/front -> app1:8080 60.012s up=8200 down=1048576 exchanges=9 backend-closed-idle by=back-end unused=5.001s connect=0.000028s pool=idle:60s backend_tls=TLSv1.2:ECDHE-RSA-AES128-GCM-SHA256 backend_handshake=0.003s`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantFormats(t, &tt)
		})
	}
}

func TestSecuredExchanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []exchangeCase{
		{
			name: "both-sides", exchange: oldExchange(),
			text: `2026-03-01T10:00:00.175Z 1234/3 198.51.100.7:41234 -> web/front -> app1:8080 "GET www.example.com/a?b=c HTTP/1.1" 200 0.052s up=0 down=5120 completed by=lull answer=0.051048s tls=TLSv1.2:ECDHE-ECDSA-AES256-GCM-SHA384 backend_tls=TLSv1.3 subject="CN=alice,O=Acme Inc"`,
			aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:8080 0.000073 0.051048 0.000057 200 200 0 5120 "GET https://www.example.com:443/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" ECDHE-ECDSA-AES256-GCM-SHA384 TLSv1.2`,
		},
		{
			name: "backend-untrusted", exchange: untrustedExchange(),
			text: `2026-03-01T10:00:00.175Z 1234/3 198.51.100.7:41234 -> web/front -> app1:8080 "GET www.example.com/a?b=c HTTP/1.1" 502 0.052s up=0 down=0 backend-untrusted by=back-end backend_status=- quiet_up=0.052s unused=1.2s tls=TLSv1.2:ECDHE-ECDSA-AES256-GCM-SHA384 tls_fault="certificate is valid for \x22app\x22, not app1.internal"`,
			json: `{"time":"2026-03-01T10:00:00.175456Z","id":1234,"kind":"exchange","number":3,"protocol":"https","load_balancer":"web","listener":"front","client":"198.51.100.7:41234","peer":"198.51.100.7:41234","local":"192.0.2.10:8443","backend_set":"app","backend":"app1:8080","backend_address":"10.0.0.1:8080","tls_version":"TLSv1.2","tls_cipher":"ECDHE-ECDSA-AES256-GCM-SHA384","tls_handshake_s":0.0021,"tls_fault":"certificate is valid for \"app\", not app1.internal","reason":"backend-untrusted","side":"back-end","error":true,"started":"2026-03-01T10:00:00.123456Z","took_s":0.052,"method":"GET","scheme":"https","host":"www.example.com","target":"/a?b=c","version":"1.1","user_agent":"curl/8.5.0 (x86_64; test)","forwarded_for":"198.51.100.7","status":502,"bytes_up":0,"bytes_down":0,"quiet_up_s":0.052,"head_s":0.000015,"tries":1,"pool_unused_s":1.2,"pool_timer":"idle","pool_setting_s":60}`,
			aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 502 0 0 0 "GET https://www.example.com:443/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" ECDHE-ECDSA-AES256-GCM-SHA384 TLSv1.2`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantExchangeFormats(t, &tt)
		})
	}
}

// strictSecured is what a reader takes a text line with TLS apart with; quotes cannot be in a quoted field.
//
//nolint:gochecknoglobals // compiled once
var (
	strictSecured = regexp.MustCompile(`^\S+Z 12 198\.51\.100\.7:41234 -> web/pgs -> db1:5432 60\.012s up=82 down=305 tunnel-idle by=lull ` +
		`timer=idle:60s late=0\.000412s quiet_up=60\.001s quiet_down=60s connect=0\.000028s tls=TLSv1\.3 handshake=0\.0021s resumed=yes ` +
		`backend_tls=TLSv1\.2:ECDHE-RSA-AES128-GCM-SHA256 backend_handshake=0\.003s( server_name=\S+)?( subject="[^"]+")?( tls_fault="[^"]+")?\n$`)
	strictSecuredAWS = regexp.MustCompile(`^\S+Z web 198\.51\.100\.7:41234 10\.0\.0\.1:5432 0\.001069 0\.000028 0 - - 82 305 "- - - " "-" TLS_AES_128_GCM_SHA256 TLSv1\.3\n$`)
)

// wantUnbroken fails unless every line of a connection has its fields where they belong, whatever strangers say.
func wantUnbroken(t *testing.T, c *record.Close) {
	t.Helper()
	e := record.Entry{Close: c}
	text, object, aws := string(Text.Append(nil, e)), string(JSON.Append(nil, e)), string(AWS.Append(nil, e))
	wantOneLine(t, text)
	wantOneLine(t, object)
	wantOneLine(t, aws)
	if !strictSecured.MatchString(text) {
		t.Errorf("text: a field has left its place: %.1000s", text)
	}
	if !strictSecuredAWS.MatchString(aws) {
		t.Errorf("aws: a field has left its place: %.1000s", aws)
	}
	var got struct {
		ServerName  string `json:"tls_server_name"`
		Subject     string `json:"tls_client_subject"`
		BackendName string `json:"backend_tls_server_name"`
		Fault       string `json:"tls_fault"`
		Version     string `json:"tls_version"`
	}
	if err := json.Unmarshal([]byte(object), &got); err != nil {
		t.Fatalf("%v: %.1000s", err, object)
	}
	want := got
	want.ServerName, want.Subject = sent(cutName(c.TLS.Front.ServerName)), sent(c.TLS.Front.Subject)
	want.BackendName, want.Fault, want.Version = sent(cutName(c.TLS.Back.ServerName)), sent(c.TLS.Fault), "TLSv1.3"
	if got != want {
		t.Errorf("got  %.1000q\nwant %.1000q", got, want)
	}
}

// TestHostileNames: names and faults of any length and content stay in their fields, and lines stay bounded.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	c := hostileClose()
	wantUnbroken(t, &c)
	x := oldExchange()
	x.TLS = c.TLS
	for f := range Format(len(formats)) {
		for _, e := range []record.Entry{{Close: &c}, {Exchange: &x}} {
			line := string(f.Append(nil, e))
			wantLines(t, f, line)
			if most := 3*6*record.TextMax + 2*6*record.NameMax + 4096; len(line) > most {
				t.Errorf("%s: a line of %d bytes, want at most %d", f, len(line), most)
			}
		}
	}
	if got, want := string(AppendPrintable(nil, "a \"b\"\n\x1b\u009b")), `a \x22b\x22\x0a\x1b\xc2\x9b`; got != want {
		t.Errorf("AppendPrintable: %q, want %q", got, want)
	}
}

// TestUnknownNumbers: what has no name does not shift the fields behind it.
func TestUnknownNumbers(t *testing.T) {
	t.Parallel()
	c := securedClose()
	c.TLS.Front.Version, c.TLS.Front.Suite = 0x7777, 0x7777
	for f := range Format(len(formats)) {
		wantLines(t, f, string(f.Append(nil, record.Entry{Close: &c})))
	}
	if aws := string(AWS.Append(nil, record.Entry{Close: &c})); len(strings.Fields(aws)) != len(strings.Fields(`t e c b 1 2 3 - - 8 9 "- - - " "-" c v`)) {
		t.Errorf("aws: %s", aws)
	}
}

// FuzzSecured gives a connection whatever strangers may send in names and certificates.
func FuzzSecured(f *testing.F) {
	f.Add("db.example.com", "CN=alice,O=Acme Inc", "db1.internal", "handshake failure")
	f.Add("", "", "", "")
	f.Add("a b", "\" subject=\"", "\\", "x\" tls=\"y")
	f.Add("\xc2\x9b31m", "\x1b]0;x\x07", "\xed\xa0\x80", "\xf0\x9f\x92\xa9\n2026")
	f.Fuzz(func(t *testing.T, name, subject, backend, fault string) {
		c := securedClose()
		c.TLS.Front.ServerName, c.TLS.Front.Subject, c.TLS.Back.ServerName, c.TLS.Fault = name, subject, backend, fault
		wantUnbroken(t, &c)
	})
}
