package admin

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// What crypto/tls says, without its prefix, and what tlsio says itself.
const (
	versionsFault = "client offered only unsupported versions: [302 301 7a7a]"
	ciphersFault  = "no cipher suite supported by both client and server; client offered: [c014 9c 35 ff]"
	curvesFault   = "no key exchanges supported by both client and server"
	alpnFault     = `client requested unsupported application protocols (["h2"])`
	distrustFault = "remote error: tls: unknown certificate authority"
	oldFault      = "remote error: tls: protocol version not supported"
	alertFault    = "remote error: tls: handshake failure"
	nameFault     = "remote error: tls: unrecognized name"
	wantedFault   = "remote error: tls: certificate required"
	plainFault    = "first record does not look like a TLS handshake"
	missingFault  = "client didn't provide a certificate"
	misspokeFault = "the first bytes are not those of a TLS handshake"
	leftFault     = "the peer ended the connection in the middle of the handshake"
	issuerFault   = "failed to verify certificate: x509: certificate signed by unknown authority"
	expiredFault  = "failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2026-03-01T10:00:00Z is after 2026-02-01T00:00:00Z"
	otherFault    = "failed to verify certificate: x509: certificate is valid for app.example.com, *.example.org, not app1.internal"
	manyFault     = "failed to verify certificate: x509: certificate is valid for 120 names, but none matched app1.internal"
	namelessFault = "failed to verify certificate: x509: certificate is not valid for any names, but wanted to match app1.internal"
	addressFault  = "failed to verify certificate: x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs"
	keyFault      = "the backend's public key is none of those configured"
	usageFault    = "failed to verify certificate: x509: certificate specifies an incompatible key usage"
)

// shookHands returns the story of a connection of an SSL listener after change.
func shookHands(policy *tlspolicy.Policy, change func(*record.Close)) []string {
	c := admintest.Close(12)
	c.Ends.Protocol = "ssl"
	change(&c)
	return storyOfClose(&c, nil, policy)
}

// refused returns the story of a connection whose handshake failed.
func refused(why reason.Reason, fault string, policy *tlspolicy.Policy) []string {
	return shookHands(policy, func(c *record.Close) {
		unreached(c, 0)
		endedBy(c, why)
		c.Age = 2 * time.Millisecond
		c.Closed = c.Opened.Add(c.Age)
		c.TLS.Fault = fault
	})
}

// refusedBehind returns the story of an exchange whose backends were not to be had over TLS.
func refusedBehind(why reason.Reason, fault string) []string {
	return exchanged(func(x *record.Exchange) {
		cutBy(x, why, 502)
		x.Ends.Protocol, x.Scheme = "https", "https"
		x.SentAfter, x.AnswerTook, x.QuietDown, x.BytesDown, x.Reused, x.PoolUnused, x.Tries = -1, -1, -1, 0, false, 0, 2
		x.TLS.Front, x.TLS.Fault = admintest.Secured().Front, fault
		x.TLS.Front.Subject, x.TLS.Front.Resumed = "", false
	})
}

func tlsStories() []told {
	stories := append(frontStories(), backStories()...)
	return append(stories, securedStories()...)
}

func frontStories() []told {
	only13 := &tlspolicy.Policy{Min: tls.VersionTLS13, Max: tls.VersionTLS13}
	failed := func(name, fault string, policy *tlspolicy.Policy) told {
		return told{"handshake-failed, " + name, refused(reason.HandshakeFailed, fault, policy)}
	}
	return []told{
		failed("versions", versionsFault, tlspolicy.Default),
		failed("versions, one allowed", versionsFault, only13),
		failed("versions, listener gone", versionsFault, nil),
		failed("versions, unknown ones", "client offered only unsupported versions: [300]", tlspolicy.Default),
		failed("ciphers", ciphersFault, tlspolicy.Default),
		failed("ciphers, listener gone", ciphersFault, nil),
		failed("curves", curvesFault, tlspolicy.Default),
		failed("ALPN", alpnFault, tlspolicy.Default),
		failed("distrusted", distrustFault, tlspolicy.Default),
		failed("too new for the client", oldFault, tlspolicy.Default),
		failed("another alert", alertFault, tlspolicy.Default),
		failed("certificate of the client", expiredFault, tlspolicy.Default),
		failed("client gone", leftFault, tlspolicy.Default),
		failed("no TLS", misspokeFault, tlspolicy.Default),
		failed("no TLS, found by crypto/tls", plainFault, tlspolicy.Default),
		failed("nothing known", "", tlspolicy.Default),
		{"no-client-certificate", refused(reason.NoClientCert, missingFault, nil)},
		failed("no certificate of the client", missingFault, tlspolicy.Default),
		{"client-reset in the handshake", refused(reason.ClientReset, "", tlspolicy.Default)},
		{"client-closed in the handshake of an https listener", httpClosed(0, func(c *record.Close) {
			endedBy(c, reason.ClientClosed)
			c.Ends.Protocol = "https"
		})},
		{"tls-violation", shookHands(nil, func(c *record.Close) {
			endedBy(c, reason.TLSViolation)
			c.TLS.Front, c.TLS.Fault = admintest.Secured().Front, "local error: tls: bad record MAC"
		})},
		{"plain-http", httpClosed(0, func(c *record.Close) {
			endedBy(c, reason.PlainHTTP)
			c.Ends.Protocol = "https"
		})},
		{"plain-http, the exchange", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.PlainHTTP, 400)
			unsent(x)
			x.Ends.Protocol, x.Method, x.Host, x.Target = "https", "", "", ""
		})},
		{"handshake-timeout in TLS", shookHands(nil, func(c *record.Close) {
			unreached(c, 0)
			firedBy(c, reason.HandshakeTimeout, "handshake", 10*time.Second)
		})},
	}
}

func backStories() []told {
	failed := func(name string, why reason.Reason, fault string) told {
		return told{why.String() + ", " + name, refusedBehind(why, fault)}
	}
	return []told{
		failed("no TLS", reason.BackendHandshakeFailed, plainFault),
		{"backend-handshake-failed, no TLS, on a TCP listener", closed(func(c *record.Close) {
			unreached(c, 2)
			endedBy(c, reason.BackendHandshakeFailed)
			c.TLS.Fault = plainFault
		})},
		failed("versions", reason.BackendHandshakeFailed, oldFault),
		failed("name", reason.BackendHandshakeFailed, nameFault),
		failed("wants a certificate", reason.BackendHandshakeFailed, wantedFault),
		failed("nothing in common", reason.BackendHandshakeFailed, alertFault),
		failed("backend gone", reason.BackendHandshakeFailed, leftFault),
		failed("nothing known", reason.BackendHandshakeFailed, ""),
		failed("authority", reason.BackendUntrusted, issuerFault),
		failed("expired", reason.BackendUntrusted, expiredFault),
		failed("name", reason.BackendUntrusted, otherFault),
		failed("many names", reason.BackendUntrusted, manyFault),
		failed("no names", reason.BackendUntrusted, namelessFault),
		failed("address", reason.BackendUntrusted, addressFault),
		failed("key", reason.BackendUntrusted, keyFault),
		failed("something else", reason.BackendUntrusted, usageFault),
		{"backend-tls-violation in the middle of the answer", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BackendTLSViolation, 200)
			x.BackendStatus, x.TLS.Back, x.TLS.Fault = 200, admintest.Secured().Back, "local error: tls: bad record MAC"
		})},
		{"backend-truncated", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BackendTruncated, 200)
			x.BackendStatus, x.TLS.Back = 200, admintest.Secured().Back
		})},
	}
}

func securedStories() []told {
	secured := admintest.Secured()
	secured.Fault = ""
	shaking := admintest.HTTPLive(12, 0)
	shaking.Ends.Protocol, shaking.State, shaking.Age = "https", "handshake", 2*time.Second
	shaking.Timer, shaking.Setting, shaking.Why, shaking.FiresIn = "handshake", 10*time.Second, reason.HandshakeTimeout, 8*time.Second
	waiting := admintest.HTTPLive(12, 3)
	waiting.Ends.Protocol, waiting.TLS.Front = "https", secured.Front
	pooled := admintest.PooledClose(77)
	pooled.TLS.Back = secured.Back
	first := admintest.Exchange(12, 1)
	first.TLS, first.Ends.Protocol, first.Scheme = secured, "https", "https"
	return []told{
		{"client-closed, TLS on both sides", shookHands(nil, func(c *record.Close) {
			endedBy(c, reason.ClientClosed)
			c.TLS, c.QuietUp, c.QuietDown = secured, time.Millisecond, time.Millisecond
		})},
		{"https connection, client-idle", httpClosed(1, func(c *record.Close) {
			c.Ends.Protocol, c.TLS.Front = "https", secured.Front
			c.TLS.Front.Resumed, c.TLS.Front.Subject = false, ""
		}, first)},
		{"https exchange", storyOfExchange(&first)},
		{"websocket over TLS", httpClosed(1, func(c *record.Close) {
			tunnelled(c, "down")
			c.Ends.Protocol, c.TLS = "https", secured
		})},
		{"pooled, over TLS", storyOfClose(&pooled, nil, nil)},
		{"live, in the handshake", storyOfLive(&shaking, nil, admintest.Opened.Add(shaking.Age))},
		{"live, waiting, over TLS", storyOfLive(&waiting, nil, admintest.Opened.Add(waiting.Age))},
		{"live, relaying, over TLS", live(func(l *record.Live) { l.Ends.Protocol, l.TLS = "ssl", secured })},
		{"live, connecting, over TLS", live(func(l *record.Live) {
			l.State, l.Age, l.Traffic = "connecting", 2*time.Second, admintest.Never(1)
			l.Ends.Protocol, l.TLS.Front = "ssl", secured.Front
			l.Timer, l.Setting, l.Why, l.FiresIn = "connect", 10*time.Second, reason.ConnectTimeout, 8*time.Second
		})},
	}
}

// TestRemediesAreWhole: no advice keeps a placeholder, whatever is known, and each is for a reason of TLS.
func TestRemediesAreWhole(t *testing.T) {
	t.Parallel()
	ends := admintest.Exchange(1, 1).Ends
	for _, m := range remedies {
		for _, policy := range []*tlspolicy.Policy{nil, tlspolicy.Default, {}} {
			fault := strings.Join(m.fault, " ") + ": [303 c02f"
			text := adviceOfTLS(m.why, &ends, fault, policy)
			if text == "" || strings.ContainsAny(text, "{}") || !strings.HasSuffix(text, ".") {
				t.Errorf("%s, %q: advice %q, want a sentence without placeholders", m.why, fault, text)
			}
		}
	}
}

// TestOfferedIsBounded: a client may offer as many numbers as fit its hello.
func TestOfferedIsBounded(t *testing.T) {
	t.Parallel()
	for fault, want := range map[string]string{
		"":                      "nothing that lull knows",
		"x":                     "nothing that lull knows",
		"x: [":                  "nothing that lull knows",
		"x: [304":               "only TLSv1.3",
		"x: [304 303] [302]":    "only TLSv1.3 and TLSv1.2",
		"x: [fffff -1 zz 1a1a]": "nothing that lull knows",
		"x: [" + strings.Repeat("304 ", 9000) + "]": "only TLSv1.3, TLSv1.3, TLSv1.3, TLSv1.3, TLSv1.3, TLSv1.3 and 8994 more",
	} {
		if got := offered(fault); got != want {
			t.Errorf("offered(%.40q) = %q, want %q", fault, got, want)
		}
	}
}

// TestHostileNamesSayNothingToTheTerminal: what strangers put into names, certificates and alerts is shown in printable ASCII,
// and not at any length.
func TestHostileNamesSayNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	hostile := "CN=\"x\"\r\n\x1b[2J\u009b31m\x07\xff" + strings.Repeat("\n", 100<<10)
	secured := admintest.Secured()
	secured.Front.ServerName, secured.Front.Subject, secured.Back.ServerName, secured.Back.Subject, secured.Fault = hostile, hostile, hostile, hostile, hostile
	c, pooled, x, l := admintest.Close(12), admintest.PooledClose(13), admintest.TimedOut(12, 1), admintest.Live(12)
	c.TLS, pooled.TLS, x.TLS, l.TLS = secured, secured, secured, secured
	var sentences []string
	for r := reason.None + 1; int(r) < reason.Count; r++ {
		c.Reason, x.Reason = r, r
		sentences = append(sentences, storyOfClose(&c, nil, tlspolicy.Default)...)
		sentences = append(sentences, storyOfExchange(&x)...)
	}
	sentences = append(append(sentences, storyOfClose(&pooled, nil, nil)...), storyOfLive(&l, nil, admintest.Opened)...)
	for _, sentence := range sentences {
		if odd := strings.IndexFunc(sentence, func(r rune) bool { return (r < ' ' || r > '~') && r != '…' }); odd >= 0 {
			t.Errorf("%.200q has something unprintable at %d", sentence, odd)
		}
		if len(sentence) > 1000 {
			t.Errorf("a sentence of %d bytes, want at most 1000: %.200q", len(sentence), sentence)
		}
	}
}

// TestExplainNamesThePolicy: the versions that the listener allows are asked for when the story is told.
func TestExplainNamesThePolicy(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{Counters: sampleStats()}
	c := admintest.Close(12)
	unreached(&c, 0)
	endedBy(&c, reason.HandshakeFailed)
	c.Ends.Protocol, c.TLS.Fault = "ssl", versionsFault
	engine.Ended.Append([]record.Close{c})
	for _, tt := range []struct {
		name   string
		policy *tlspolicy.Policy
		want   string
	}{
		{"known", tlspolicy.Default, "listener web/pg allows TLSv1.2 to TLSv1.3 (policy default)"},
		{"gone", nil, "listener web/pg allows others"},
	} {
		engine.Counters.Listeners[0].Policy = tt.policy
		_, path := serve(t, engine)
		told, err := dial(t, path).Explain(t.Context(), 12, 0)
		if err != nil || !strings.Contains(strings.Join(told.Story, "\n"), tt.want) {
			t.Errorf("%s: %v, %v, want %q in it", tt.name, told, err, tt.want)
		}
	}
}
