package accesslog

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// doneExchange is an ordinary request with an ordinary answer.
func doneExchange() record.Exchange {
	took := 52 * time.Millisecond
	return record.Exchange{
		Conn: 1234, Number: 3,
		Ends: record.Ends{
			LoadBalancer: "web", Listener: "front", BackendSet: "app", Backend: "app1:8080", Protocol: "http",
			Client:      netip.MustParseAddrPort("198.51.100.7:41234"),
			Peer:        netip.MustParseAddrPort("198.51.100.7:41234"),
			Local:       netip.MustParseAddrPort("192.0.2.10:8000"),
			BackendAddr: netip.MustParseAddrPort("10.0.0.1:8080"),
		},
		Reason: reason.Completed, Side: reason.Inside,
		Started: opened, Ended: opened.Add(took), Took: took,
		Method: "GET", Scheme: "http", Host: "www.example.com", Target: "/a?b=c", Minor: 1,
		UserAgent: "curl/8.5.0 (x86_64; test)", Forwarded: "198.51.100.7",
		Status: 200, BackendStatus: 200, BytesDown: 5120,
		QuietUp: 52 * time.Millisecond, QuietDown: 20 * time.Microsecond,
		HeadTook: 15 * time.Microsecond, SentAfter: 73 * time.Microsecond, AnswerTook: 51048 * time.Microsecond,
		FirstAfter: 57 * time.Microsecond, ConnectTook: -1, Tries: 1, Reused: true,
		PoolUnused: 1200 * time.Millisecond, PoolTimer: "idle", PoolSetting: time.Minute,
	}
}

// slowExchange is one whose backend did not answer within the idle timeout (SH-04), behind a PROXY header.
func slowExchange() record.Exchange {
	x := doneExchange()
	x.Ends.Peer = netip.MustParseAddrPort("10.9.9.9:555")
	x.Reason, x.Side, x.Status, x.BackendStatus = reason.ResponseIdle, reason.BackEnd, 504, 0
	x.Took = time.Minute + 487*time.Microsecond
	x.Ended = x.Started.Add(x.Took)
	x.BytesUp, x.BytesDown, x.AnswerTook, x.FirstAfter = 8200, 0, -1, -1
	x.QuietUp, x.QuietDown = time.Minute+412*time.Microsecond, -1
	x.HeadTook = 20 * time.Millisecond
	x.Timer, x.TimerFlow, x.Setting, x.ArmedAt, x.Late = "idle", "down", time.Minute, 75*time.Microsecond, 412*time.Microsecond
	return x
}

// retriedExchange met a stale connection first (SH-09) and had waited in the queue before.
func retriedExchange() record.Exchange {
	x := doneExchange()
	x.Reused, x.Retried, x.Tries, x.ConnectTook, x.QueueTook = false, true, 2, 310*time.Microsecond, 1500*time.Millisecond
	x.FirstAfter, x.Upgraded, x.Status, x.BackendStatus = 12*time.Millisecond, true, 101, 101
	return x
}

// refusedExchange is a request that lull did not understand.
func refusedExchange() record.Exchange {
	x := doneExchange()
	x.Ends.Backend, x.Ends.BackendAddr = "", netip.AddrPort{}
	x.Reason, x.Side, x.Status, x.BackendStatus, x.BytesDown = reason.BadRequest, reason.FrontEnd, 400, 0, 0
	x.Fault, x.Desync = http1.LengthBad, http1.WhyBadContentLength
	x.SentAfter, x.AnswerTook, x.FirstAfter, x.QuietDown, x.Tries, x.Reused = -1, -1, -1, -1, 0, false
	x.PoolTimer, x.PoolSetting, x.PoolUnused = "", 0, 0
	return x
}

// headlessExchange is a request whose head never came whole (PR-01).
func headlessExchange() record.Exchange {
	x := refusedExchange()
	x.Fault, x.Desync = http1.NoFault, http1.WhyNone
	x.Method, x.Scheme, x.Host, x.Target, x.Minor, x.UserAgent, x.Forwarded = "", "http", "", "", 0, "", ""
	x.Reason, x.Status, x.HeadTook = reason.HeadTooSlow, 408, -1
	x.Timer, x.Setting, x.Late = "request_head", 60*time.Second, 0
	return x
}

// leftExchange is one whose client went away before the response.
func leftExchange() record.Exchange {
	x := slowExchange()
	x.Ends.Peer = x.Ends.Client
	x.Reason, x.Side, x.Status, x.Timer, x.HeadTook = reason.ClientClosed, reason.FrontEnd, 0, "", 0
	return x
}

// forgedExchange tries to break out of its line in every text that a client makes up.
func forgedExchange() record.Exchange {
	x := doneExchange()
	const escape = "\" 200\n2026 \r\t\\\x00\x1b[31m\x7f\x80é\u2028\xff'"
	x.Method, x.Host, x.Target = "GET"+escape, "h"+escape, "/"+escape
	x.UserAgent, x.Forwarded, x.Scheme = "ua"+escape, "f"+escape, "s"+escape
	return x
}

// halfAnsweredExchange is one whose backend began its response's head and then said no more.
func halfAnsweredExchange() record.Exchange {
	x := slowExchange()
	x.AnswerTook, x.FirstAfter = 12*time.Millisecond, time.Minute
	return x
}

// garbledExchange is one whose backend answered with something that is no HTTP.
func garbledExchange() record.Exchange {
	x := doneExchange()
	x.Reason, x.Side, x.Status, x.BackendStatus, x.BytesDown = reason.BadResponse, reason.BackEnd, 502, 0, 0
	return x
}

// stoppedExchange is one that lull cut without a response because it had to stop.
func stoppedExchange() record.Exchange {
	x := leftExchange()
	x.Reason, x.Side = reason.Shutdown, reason.Inside
	return x
}

type exchangeCase struct {
	name            string
	exchange        record.Exchange
	text, json, aws string
}

//nolint:gochecknoglobals // a table
var exchangeCases = []exchangeCase{
	{
		name: "done", exchange: doneExchange(),
		text: `2026-03-01T10:00:00.175Z 1234/3 198.51.100.7:41234 -> web/front -> app1:8080 "GET www.example.com/a?b=c HTTP/1.1" 200 0.052s up=0 down=5120 completed by=lull answer=0.051048s`,
		json: `{"time":"2026-03-01T10:00:00.175456Z","id":1234,"kind":"exchange","number":3,"protocol":"http","load_balancer":"web","listener":"front","client":"198.51.100.7:41234","peer":"198.51.100.7:41234","local":"192.0.2.10:8000","backend_set":"app","backend":"app1:8080","backend_address":"10.0.0.1:8080","reason":"completed","side":"lull","error":false,"started":"2026-03-01T10:00:00.123456Z","took_s":0.052,"method":"GET","scheme":"http","host":"www.example.com","target":"/a?b=c","version":"1.1","user_agent":"curl/8.5.0 (x86_64; test)","forwarded_for":"198.51.100.7","status":200,"backend_status":200,"bytes_up":0,"bytes_down":5120,"quiet_up_s":0.052,"quiet_down_s":0,"head_s":0.000015,"tries":1,"reused":true,"sent_after_s":0.000073,"answer_s":0.051048,"first_after_s":0.000057,"pool_unused_s":1.2,"pool_timer":"idle","pool_setting_s":60}`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:8080 0.000073 0.051048 0.000057 200 200 0 5120 "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" - -`,
	},
	{
		name: "slow", exchange: slowExchange(),
		text: `2026-03-01T10:01:00.123Z 1234/3 198.51.100.7:41234 -> web/front -> app1:8080 "GET www.example.com/a?b=c HTTP/1.1" 504 60.000487s up=8200 down=0 response-idle by=back-end timer=idle:60s flow=down late=0.000412s backend_status=- quiet_up=60s reused=yes head=0.02s unused=1.2s peer=10.9.9.9:555`,
		json: `{"time":"2026-03-01T10:01:00.123943Z","id":1234,"kind":"exchange","number":3,"protocol":"http","load_balancer":"web","listener":"front","client":"198.51.100.7:41234","peer":"10.9.9.9:555","local":"192.0.2.10:8000","backend_set":"app","backend":"app1:8080","backend_address":"10.0.0.1:8080","reason":"response-idle","side":"back-end","error":true,"started":"2026-03-01T10:00:00.123456Z","took_s":60.000487,"method":"GET","scheme":"http","host":"www.example.com","target":"/a?b=c","version":"1.1","user_agent":"curl/8.5.0 (x86_64; test)","forwarded_for":"198.51.100.7","status":504,"bytes_up":8200,"bytes_down":0,"quiet_up_s":60,"head_s":0.02,"tries":1,"reused":true,"sent_after_s":0.000073,"timer":"idle","setting_s":60,"flow":"down","armed_at_s":0,"late_s":0.000412,"pool_unused_s":1.2,"pool_timer":"idle","pool_setting_s":60}`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 504 0 8200 0 "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" - -`,
	},
	{
		name: "retried", exchange: retriedExchange(),
		text: `2026-03-01T10:00:00.175Z 1234/3 198.51.100.7:41234 -> web/front -> app1:8080 "GET www.example.com/a?b=c HTTP/1.1" 101 0.052s up=0 down=5120 completed by=lull queue=1.5s connect=0.00031s tries=2 retried=yes unused=1.2s answer=0.051048s first=0.012s upgraded=yes`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:8080 0.000073 0.051048 0.012 101 101 0 5120 "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" - -`,
	},
	{
		name: "refused", exchange: refusedExchange(),
		text: `2026-03-01T10:00:00.175Z 1234/3 198.51.100.7:41234 -> web/front -> - "GET www.example.com/a?b=c HTTP/1.1" 400 0.052s up=0 down=0 bad-request by=front-end backend_status=- fault=length-bad desync=Severe:BadContentLength quiet_up=0.052s`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 400 0 0 0 "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" - -`,
	},
	{
		name: "headless", exchange: headlessExchange(),
		text: `2026-03-01T10:00:00.175Z 1234/3 198.51.100.7:41234 -> web/front -> - "- - -" 408 0.052s up=0 down=0 head-too-slow by=front-end timer=request_head:60s late=0s backend_status=- quiet_up=0.052s`,
		json: `{"time":"2026-03-01T10:00:00.175456Z","id":1234,"kind":"exchange","number":3,"protocol":"http","load_balancer":"web","listener":"front","client":"198.51.100.7:41234","peer":"198.51.100.7:41234","local":"192.0.2.10:8000","backend_set":"app","reason":"head-too-slow","side":"front-end","error":true,"started":"2026-03-01T10:00:00.123456Z","took_s":0.052,"status":408,"bytes_up":0,"bytes_down":0,"quiet_up_s":0.052,"tries":0,"timer":"request_head","setting_s":60,"armed_at_s":0,"late_s":0}`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 408 0 0 0 "- - - " "-" - -`,
	},
	{
		name: "client-left", exchange: leftExchange(),
		text: `2026-03-01T10:01:00.123Z 1234/3 198.51.100.7:41234 -> web/front -> app1:8080 "GET www.example.com/a?b=c HTTP/1.1" - 60.000487s up=8200 down=0 client-closed by=front-end`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 408 0 8200 0 "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" - -`,
	},
	{
		name: "half-answered", exchange: halfAnsweredExchange(),
		aws: `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 504 0 8200 0 "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" - -`,
	},
	{
		name: "garbled", exchange: garbledExchange(),
		aws: `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:8080 0.000073 0.051048 0.000057 502 0 0 0 "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" - -`,
	},
	{
		name: "stopped", exchange: stoppedExchange(),
		aws: `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 - 0 8200 0 "GET http://www.example.com:80/a?b=c HTTP/1.1" "curl/8.5.0 (x86_64; test)" - -`,
	},
	{
		name: "forged", exchange: forgedExchange(),
		text: `2026-03-01T10:00:00.175Z 1234/3 198.51.100.7:41234 -> web/front -> app1:8080 "GET\x22\x20200\x0a2026\x20\x0d\x09\x5c\x00\x1b[31m\x7f\x80\xc3\xa9\xe2\x80\xa8\xff' h\x22\x20200\x0a2026\x20\x0d\x09\x5c\x00\x1b[31m\x7f\x80\xc3\xa9\xe2\x80\xa8\xff'/\x22\x20200\x0a2026\x20\x0d\x09\x5c\x00\x1b[31m\x7f\x80\xc3\xa9\xe2\x80\xa8\xff' HTTP/1.1" 200 0.052s up=0 down=5120 completed by=lull answer=0.051048s`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:8080 0.000073 0.051048 0.000057 200 200 0 5120 "GET\x22\x20200\x0a2026\x20\x0d\x09\x5c\x00\x1b[31m\x7f\x80\xc3\xa9\xe2\x80\xa8\xff' s\x22\x20200\x0a2026\x20\x0d\x09\x5c\x00\x1b[31m\x7f\x80\xc3\xa9\xe2\x80\xa8\xff'://h\x22\x20200\x0a2026\x20\x0d\x09\x5c\x00\x1b[31m\x7f\x80\xc3\xa9\xe2\x80\xa8\xff':80/\x22\x20200\x0a2026\x20\x0d\x09\x5c\x00\x1b[31m\x7f\x80\xc3\xa9\xe2\x80\xa8\xff' HTTP/1.1" "ua\x22 200\x0a2026 \x0d\x09\x5c\x00\x1b[31m\x7f\x80\xc3\xa9\xe2\x80\xa8\xff'" - -`,
	},
	{
		name: "empty", exchange: record.Exchange{},
		text: `0001-01-01T00:00:00.000Z 0/0 - -> -/- -> - "- - -" - 0s up=0 down=0 none by=lull connect=0s answer=0s`,
		aws:  `0001-01-01T00:00:00.000000Z - -:0 - -1 -1 -1 - 0 0 0 "- - - " "-" - -`,
	},
}

// TestExchangeFormats is the access log's part of TO-07 for exchanges.
func TestExchangeFormats(t *testing.T) {
	t.Parallel()
	for _, tt := range exchangeCases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantExchangeFormats(t, &tt)
		})
	}
}

func wantExchangeFormats(t *testing.T, tt *exchangeCase) {
	t.Helper()
	for f, want := range map[Format]string{Text: tt.text, JSON: tt.json, AWS: tt.aws} {
		got := string(f.Append(nil, record.Entry{Exchange: &tt.exchange}))
		if want != "" && got != want+"\n" {
			t.Errorf("%s\n got %s\nwant %s", f, got, want)
		}
		wantOneLine(t, got)
		switch {
		case f == JSON && !json.Valid([]byte(got)):
			t.Errorf("not JSON: %s", got)
		case f == AWS && !awsLine.MatchString(strings.TrimSuffix(got, "\n")):
			t.Errorf("aws line does not fit the reference: %s", got)
		}
	}
}

// TestRequests has the forms of a request's target and of its host.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, host, target, text, aws string }{
		{"port", "www.example.com:8000", "/", "www.example.com:8000/", "http://www.example.com:8000/"},
		{"empty-port", "www.example.com:", "/", "www.example.com:/", "http://www.example.com:80/"},
		{"ipv6", "[2001:db8::1]", "/", "[2001:db8::1]/", "http://[2001:db8::1]:80/"},
		{"ipv6-port", "[2001:db8::1]:8000", "/", "[2001:db8::1]:8000/", "http://[2001:db8::1]:8000/"},
		{"no-host", "", "/a", "/a", "http://192.0.2.10:8000/a"},
		{"asterisk", "h", "*", "h*", "http://h:80*"},
		{"absolute", "h:81", "http://h:81/a?b", "http://h:81/a?b", "http://h:81/a?b"},
		{"absolute-no-path", "h", "http://h", "http://h", "http://h:80/"},
		{"absolute-query", "h", "HTTP://h?q", "HTTP://h?q", "http://h:80?q"},
		{"connect", "h:443", "h:443", "h:443", "http://h:443"},
		{"query", "h", "?q", "?q", "http://h:80"},
		{"quote", "h", `/"a"\`, `h/\x22a\x22\x5c`, `http://h:80/\x22a\x22\x5c`},
		{"percent", "h", "/%22%0a", "h/%22%0a", "http://h:80/%22%0a"},
	} {
		x := doneExchange()
		x.Host, x.Target = tt.host, tt.target
		if got, want := string(AppendRequest(nil, &x)), "GET "+tt.text+" HTTP/1.1"; got != want {
			t.Errorf("%s: text %q, want %q", tt.name, got, want)
		}
		if got, want := string(appendAWSRequest(nil, &x)), "GET "+tt.aws+" HTTP/1.1"; got != want {
			t.Errorf("%s: aws %q, want %q", tt.name, got, want)
		}
	}
	x := doneExchange()
	x.Scheme, x.Minor = "https", 0
	if got, want := string(appendAWSRequest(nil, &x)), "GET https://www.example.com:443/a?b=c HTTP/1.0"; got != want {
		t.Errorf("https: %q, want %q", got, want)
	}
}

// TestLongTextsAreCut holds the bound of a line.
func TestLongTextsAreCut(t *testing.T) {
	t.Parallel()
	x := doneExchange()
	long := strings.Repeat("\xff", 3*record.TextMax)
	x.Method, x.Host, x.Target, x.UserAgent, x.Forwarded = long, long, "/"+long, strings.Repeat("u", 3*record.TextMax), long
	for f := range Format(len(formats)) {
		got := string(f.Append(nil, record.Entry{Exchange: &x}))
		if most := 5*6*record.TextMax + 4096; len(got) > most {
			t.Errorf("%s: a line of %d bytes, want at most %d", f, len(got), most)
		}
		if agent := strings.Repeat("u", record.TextMax); f != Text && !strings.Contains(got, `"`+agent+`"`) {
			t.Errorf("%s: the user agent is not there up to 8 KB", f)
		}
	}
}
