package cli

import (
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// sampleTLS is a data plane whose connections speak TLS, open ones and such as have ended.
func sampleTLS() *admintest.Engine {
	secured := admintest.Secured()
	secured.Fault = ""
	relaying, waiting, shaking, pooled := admintest.Live(1), admintest.HTTPLive(2, 3), admintest.HTTPLive(3, 0), admintest.PooledLive(4)
	relaying.Ends.Protocol, relaying.Ends.Listener, relaying.TLS = "ssl", "pgs", secured
	waiting.Ends.Protocol, waiting.TLS.Front = "https", secured.Front
	shaking.Ends.Protocol, shaking.State, shaking.Age, shaking.Ends.Backend = "https", "handshake", 2*time.Second, ""
	shaking.Timer, shaking.Setting, shaking.Why, shaking.FiresIn = "handshake", 10*time.Second, reason.HandshakeTimeout, 8*time.Second
	pooled.Ends.Protocol, pooled.TLS.Back = "https", secured.Back
	engine := &admintest.Engine{Open: []record.Live{relaying, waiting, shaking, pooled}}

	idle, failed, last := admintest.Close(12), admintest.Close(13), admintest.HTTPClose(14, 1)
	idle.Ends.Protocol, idle.Ends.Listener, idle.TLS = "ssl", "pgs", secured
	failed.Ends, failed.Traffic = idle.Ends, admintest.Never(0)
	failed.Ends.Backend = ""
	failed.Reason, failed.Side, failed.Timer = reason.HandshakeFailed, reason.FrontEnd, ""
	failed.TLS.Fault = "client offered only unsupported versions: [302 301]"
	last.Ends.Protocol, last.TLS.Front = "https", secured.Front
	engine.Ended.Append([]record.Close{idle, failed, last})
	untrusted := admintest.Exchange(14, 1)
	untrusted.Ends.Protocol, untrusted.Scheme = "https", "https"
	untrusted.Reason, untrusted.Side, untrusted.Status, untrusted.BackendStatus = reason.BackendUntrusted, reason.BackEnd, 502, 0
	untrusted.SentAfter, untrusted.AnswerTook, untrusted.FirstAfter, untrusted.QuietDown, untrusted.BytesDown = -1, -1, -1, -1, 0
	untrusted.Reused, untrusted.PoolUnused = false, 0
	untrusted.TLS.Front = secured.Front
	untrusted.TLS.Fault = "failed to verify certificate: x509: certificate is valid for app.example.com, not app1.internal"
	engine.Requests.Append([]record.Exchange{untrusted})
	return engine
}

func TestConnsOverTLS(t *testing.T) {
	t.Parallel()
	socket := answering(t, sampleTLS())
	for name, args := range map[string]string{
		"conns-tls": "conns", "conns-tls-json": "conns --json", "explain-tls": "explain 13", "explain-tls-json": "explain 12 --json",
		"explain-tls-exchange": "explain 14", "explain-tls-handshake": "explain 3",
	} {
		code, stdout, stderr := run(append(strings.Fields(args), "--socket", socket)...)
		if code != exitFine || stderr != "" {
			t.Errorf("%s: got %d, %q, want 0 and nothing on standard error", name, code, stderr)
		}
		if strings.HasPrefix(args, "explain 3") { // when it opened is as old as this test
			_, stdout, _ = strings.Cut(stdout, "UTC.\n")
		}
		golden(t, name, stdout)
	}
}

// TestNamesSayNothingToTheTerminal: what strangers put into names and certificates, and beyond ASCII there are characters that
// terminals obey, reaches a terminal in printable ASCII only.
func TestNamesSayNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	const hostile = "a\"\r\n\x1b[2J\u009b31m\u202e\x7f\xff\U0001f4a9"
	engine := sampleTLS()
	l, c := &engine.Open[0], admintest.Close(15)
	l.TLS.Front.ServerName, l.TLS.Front.Subject, l.TLS.Fault = hostile, hostile, hostile
	c.TLS = l.TLS
	engine.Ended.Append([]record.Close{c})
	socket := answering(t, engine)
	for _, args := range []string{"conns", "conns --json", "explain 1", "explain 1 --json", "explain 15", "explain 15 --json"} {
		code, stdout, stderr := run(append(strings.Fields(args), "--socket", socket)...)
		odd := strings.IndexFunc(stdout, func(r rune) bool { return (r < ' ' || r > '~') && r != '\n' })
		if code != exitFine || odd >= 0 {
			t.Errorf("%s: got %d, %q, %q, want 0 and printable ASCII", args, code, stdout, stderr)
		}
		if strings.Contains(args, "--json") && !strings.Contains(stdout, `"tls_server_name":"a\"\r\n\u001b[2J\u009b31m\u202e\u007f\ufffd\ud83d\udca9"`) &&
			!strings.Contains(stdout, `"tls_server_name": "a\"\r\n\u001b[2J\u009b31m\u202e\u007f\ufffd\ud83d\udca9"`) {
			t.Errorf("%s: %s does not have the name, escaped", args, stdout)
		}
	}
}
