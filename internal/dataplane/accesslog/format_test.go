package accesslog

import (
	"encoding/json"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// opened is when every connection of these tests was accepted.
//
//nolint:gochecknoglobals // a constant in all but name
var opened = time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC)

// idleClose is a connection that was used and then forgotten: every field set.
func idleClose() record.Close {
	return record.Close{
		ID: 12,
		Ends: record.Ends{
			LoadBalancer: "web", Listener: "pg", BackendSet: "app", Backend: "db1:5432", Protocol: "tcp",
			Client:      netip.MustParseAddrPort("198.51.100.7:41234"),
			Peer:        netip.MustParseAddrPort("198.51.100.7:41234"),
			Local:       netip.MustParseAddrPort("127.0.0.10:5432"),
			BackendAddr: netip.MustParseAddrPort("10.0.0.1:5432"),
		},
		Reason: reason.TunnelIdle, Side: reason.Inside,
		Opened: opened, Closed: opened.Add(60012 * time.Millisecond), Age: 60012 * time.Millisecond,
		Traffic: record.Traffic{
			BytesUp: 82, BytesDown: 305, QuietUp: 60001 * time.Millisecond, QuietDown: 60 * time.Second,
			FirstUp: 1069 * time.Microsecond, FirstDown: 2 * time.Millisecond, ConnectTook: 28 * time.Microsecond,
			ConnectTries: 1, ConnectedAt: 41 * time.Microsecond,
		},
		Timer: "idle", Setting: time.Minute, ArmedAt: 12 * time.Millisecond, Late: 412 * time.Microsecond,
	}
}

// refusedClose is a connection that never reached a backend.
func refusedClose() record.Close {
	c := idleClose()
	c.Reason, c.Side, c.Timer = reason.ConnectRefused, reason.BackEnd, ""
	c.Ends.Backend, c.Ends.BackendAddr, c.Ends.Tried = "", netip.AddrPort{}, "db1:5432, db2:5432"
	c.Closed, c.Age = opened.Add(1500*time.Microsecond), 1500*time.Microsecond
	c.Traffic = record.Traffic{QuietUp: -1, QuietDown: -1, FirstUp: -1, FirstDown: -1, ConnectTook: -1, ConnectedAt: -1, ConnectTries: 3}
	return c
}

// stuckClose is a connection whose client sent a PROXY header, half-closed, and stopped reading.
func stuckClose() record.Close {
	c := idleClose()
	c.Ends.Client = netip.MustParseAddrPort("[2001:db8::7]:999")
	c.Ends.Peer = netip.MustParseAddrPort("[2001:db8::1]:555")
	c.PendingUp, c.PendingDown, c.HalfClosed, c.ConnectTries = 7, 4096, "client", 2
	c.BytesDown = 1 << 20
	return c
}

// silentClose is a connection on which the client sent bytes and the backend none.
func silentClose(why reason.Reason) record.Close {
	c := idleClose()
	c.Reason, c.Side = why, why.Info().Side
	c.FirstDown, c.QuietDown, c.BytesDown = -1, -1, 0
	if !why.Info().Timer {
		c.Timer = ""
	}
	return c
}

// mutedClose is a connection that opened and never carried a byte until the client left.
func mutedClose() record.Close {
	c := silentClose(reason.ClientClosed)
	c.FirstUp, c.QuietUp, c.BytesUp = -1, -1, 0
	return c
}

// httpClose is a connection that carried exchanges and then waited for the next.
func httpClose() record.Close {
	c := idleClose()
	c.Ends.Protocol, c.Ends.Listener, c.Ends.Backend = "http", "front", "app1:8080"
	c.Reason, c.Side, c.Exchanges = reason.ClientIdle, reason.FrontEnd, 3
	return c
}

// websocketClose is one that became a tunnel, whose backend then said nothing.
func websocketClose() record.Close {
	c := httpClose()
	c.Reason, c.Side, c.Exchanges, c.Upgraded = reason.TunnelIdle, reason.Inside, 1, true
	c.TimerFlow, c.QuietUp = "down", time.Second
	return c
}

// pooledClose is a back-end connection that its backend closed while nothing used it.
func pooledClose() record.Close {
	c := httpClose()
	c.Pooled, c.Exchanges, c.Ends.Client, c.Ends.Peer = true, 9, netip.AddrPort{}, netip.AddrPort{}
	c.Reason, c.Side, c.Timer = reason.BackendClosedIdle, reason.BackEnd, ""
	c.PoolTimer, c.PoolSetting = "idle", time.Minute
	c.BytesUp, c.BytesDown, c.QuietUp, c.QuietDown = 8200, 1<<20, 5020*time.Millisecond, 5001*time.Millisecond
	return c
}

// forgedClose has names that try to break out of their field.
func forgedClose() record.Close {
	c := idleClose()
	c.Ends.LoadBalancer, c.Ends.Listener, c.Ends.Backend = "a b\n", `"x"`, "dé\\b"
	c.Timer = "idle\x00"
	return c
}

type formatCase struct {
	name            string
	close           record.Close
	text, json, aws string
	none            bool // there is no aws line
}

//nolint:gochecknoglobals // a table
var cases = []formatCase{
	{
		name: "idle", close: idleClose(),
		text: `2026-03-01T10:01:00.135Z 12 198.51.100.7:41234 -> web/pg -> db1:5432 60.012s up=82 down=305 tunnel-idle by=lull timer=idle:60s late=0.000412s quiet_up=60.001s quiet_down=60s connect=0.000028s`,
		json: `{"time":"2026-03-01T10:01:00.135456Z","id":12,"kind":"connection","protocol":"tcp","load_balancer":"web","listener":"pg","client":"198.51.100.7:41234","peer":"198.51.100.7:41234","local":"127.0.0.10:5432","backend_set":"app","backend":"db1:5432","backend_address":"10.0.0.1:5432","reason":"tunnel-idle","side":"lull","error":false,"opened":"2026-03-01T10:00:00.123456Z","age_s":60.012,"bytes_up":82,"bytes_down":305,"quiet_up_s":60.001,"quiet_down_s":60,"first_up_s":0.001069,"first_down_s":0.002,"connect_tries":1,"connect_s":0.000028,"connected_at_s":0.000041,"exchanges":0,"unsent_up_bytes":0,"unsent_down_bytes":0,"timer":"idle","setting_s":60,"armed_at_s":0.012,"late_s":0.000412}`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:5432 0.001069 0.000028 0 - - 82 305 "- - - " "-" - -`,
	},
	{
		name: "refused", close: refusedClose(),
		text: `2026-03-01T10:00:00.124Z 12 198.51.100.7:41234 -> web/pg -> - 0.002s up=0 down=0 connect-refused by=back-end tries=3`,
		json: `{"time":"2026-03-01T10:00:00.124956Z","id":12,"kind":"connection","protocol":"tcp","load_balancer":"web","listener":"pg","client":"198.51.100.7:41234","peer":"198.51.100.7:41234","local":"127.0.0.10:5432","backend_set":"app","tried":"db1:5432, db2:5432","reason":"connect-refused","side":"back-end","error":true,"opened":"2026-03-01T10:00:00.123456Z","age_s":0.002,"bytes_up":0,"bytes_down":0,"connect_tries":3,"exchanges":0,"unsent_up_bytes":0,"unsent_down_bytes":0}`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 - - 0 0 "- - - " "-" - -`,
	},
	{
		name: "stuck", close: stuckClose(),
		text: `2026-03-01T10:01:00.135Z 12 [2001:db8::7]:999 -> web/pg -> db1:5432 60.012s up=82 down=1048576 tunnel-idle by=lull timer=idle:60s late=0.000412s quiet_up=60.001s quiet_down=60s connect=0.000028s tries=2 unsent_up=7 unsent_down=4096 half_closed=client peer=[2001:db8::1]:555`,
		aws:  `2026-03-01T10:00:00.123456Z web [2001:db8::7]:999 10.0.0.1:5432 0.001069 0.000028 0 - - 82 1044480 "- - - " "-" - -`,
	},
	{
		name: "backend-silent-until-idle", close: silentClose(reason.TunnelIdle),
		aws: `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 - - 82 0 "- - - " "-" - -`,
	},
	{
		name: "backend-closed-unanswered", close: silentClose(reason.BackendClosed),
		aws: `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 - -1 -1 -1 - - 82 0 "- - - " "-" - -`,
	},
	{
		name: "client-only-sent", close: silentClose(reason.ClientClosed),
		aws: `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:5432 0.001069 0.000028 -1 - - 82 0 "- - - " "-" - -`,
	},
	{
		name: "client-never-sent", close: mutedClose(),
		text: `2026-03-01T10:01:00.135Z 12 198.51.100.7:41234 -> web/pg -> db1:5432 60.012s up=0 down=0 client-closed by=front-end connect=0.000028s`,
		aws:  `2026-03-01T10:00:00.123456Z web 198.51.100.7:41234 10.0.0.1:5432 -1 0.000028 -1 - - 0 0 "- - - " "-" - -`,
	},
	{
		name: "forged", close: forgedClose(),
		text: `2026-03-01T10:01:00.135Z 12 198.51.100.7:41234 -> a\x20b\x0a/\x22x\x22 -> d\xc3\xa9\x5cb 60.012s up=82 down=305 tunnel-idle by=lull timer=idle\x00:60s late=0.000412s quiet_up=60.001s quiet_down=60s connect=0.000028s`,
		aws:  `2026-03-01T10:00:00.123456Z a\x20b\x0a 198.51.100.7:41234 10.0.0.1:5432 0.001069 0.000028 0 - - 82 305 "- - - " "-" - -`,
	},
	{
		name: "http", close: httpClose(),
		text: `2026-03-01T10:01:00.135Z 12 198.51.100.7:41234 -> web/front -> app1:8080 60.012s up=82 down=305 exchanges=3 client-idle by=front-end timer=idle:60s late=0.000412s quiet_up=60.001s quiet_down=60s connect=0.000028s`,
		json: `{"time":"2026-03-01T10:01:00.135456Z","id":12,"kind":"connection","protocol":"http","load_balancer":"web","listener":"front","client":"198.51.100.7:41234","peer":"198.51.100.7:41234","local":"127.0.0.10:5432","backend_set":"app","backend":"app1:8080","backend_address":"10.0.0.1:5432","reason":"client-idle","side":"front-end","error":false,"opened":"2026-03-01T10:00:00.123456Z","age_s":60.012,"bytes_up":82,"bytes_down":305,"quiet_up_s":60.001,"quiet_down_s":60,"first_up_s":0.001069,"first_down_s":0.002,"connect_tries":1,"connect_s":0.000028,"connected_at_s":0.000041,"exchanges":3,"unsent_up_bytes":0,"unsent_down_bytes":0,"timer":"idle","setting_s":60,"armed_at_s":0.012,"late_s":0.000412}`,
		none: true,
	},
	{
		name: "websocket", close: websocketClose(),
		text: `2026-03-01T10:01:00.135Z 12 198.51.100.7:41234 -> web/front -> app1:8080 60.012s up=82 down=305 exchanges=1 tunnel-idle by=lull timer=idle:60s flow=down late=0.000412s quiet_up=1s quiet_down=60s connect=0.000028s upgraded=yes`,
		none: true,
	},
	{
		name: "pooled", close: pooledClose(),
		text: `2026-03-01T10:01:00.135Z 12 pooled -> web/front -> app1:8080 60.012s up=8200 down=1048576 exchanges=9 backend-closed-idle by=back-end unused=5.001s connect=0.000028s pool=idle:60s`,
		json: `{"time":"2026-03-01T10:01:00.135456Z","id":12,"kind":"pooled","protocol":"http","load_balancer":"web","listener":"front","local":"127.0.0.10:5432","backend_set":"app","backend":"app1:8080","backend_address":"10.0.0.1:5432","reason":"backend-closed-idle","side":"back-end","error":false,"opened":"2026-03-01T10:00:00.123456Z","age_s":60.012,"bytes_up":8200,"bytes_down":1048576,"quiet_up_s":5.02,"quiet_down_s":5.001,"first_up_s":0.001069,"first_down_s":0.002,"connect_tries":1,"connect_s":0.000028,"connected_at_s":0.000041,"exchanges":9,"unsent_up_bytes":0,"unsent_down_bytes":0,"pool_unused_s":5.001,"pool_timer":"idle","pool_setting_s":60}`,
		none: true,
	},
	{
		name: "empty", close: record.Close{},
		text: `0001-01-01T00:00:00.000Z 0 - -> -/- -> - 0s up=0 down=0 none by=lull quiet_up=0s quiet_down=0s connect=0s`,
		aws:  `0001-01-01T00:00:00.000000Z - -:0 - 0 0 0 - - 0 0 "- - - " "-" - -`,
	},
}

// awsLine is the check of the Classic Load Balancer reference for one line of an access log, but for the underscore in the
// names of ciphers: those of TLS 1.3 have it, which that load balancer does not speak.
//
//nolint:gochecknoglobals // compiled once
var awsLine = regexp.MustCompile(`^(\S+) (\S+) (\S+):(\d+) (?:-|(\S+):(\d+)) (-1|[\d.]+) (-1|[\d.]+) (-1|[\d.]+) (-|\d{3}) (-|\d{1,3}) (\d+) (\d+) "(.*)" "(.*)" ([A-Z0-9_-]+) (\S+)$`)

// TestFormats is the access log's part of TO-07: reason, side, timer, setting, quiet times, bytes and age are in the line.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantFormats(t, &tt)
		})
	}
}

func wantFormats(t *testing.T, tt *formatCase) {
	t.Helper()
	text := string(appendText(nil, &tt.close))
	if tt.text != "" && text != tt.text+"\n" {
		t.Errorf("text\n got %s\nwant %s", text, tt.text)
	}
	object := appendJSON(nil, &tt.close)
	if tt.json != "" && string(object) != tt.json+"\n" {
		t.Errorf("json\n got %s\nwant %s", object, tt.json)
	}
	aws := string(appendAWS(nil, &tt.close))
	if tt.aws != "" && aws != tt.aws+"\n" {
		t.Errorf("aws\n got %s\nwant %s", aws, tt.aws)
	}
	wantOneLine(t, text)
	wantOneLine(t, string(object))
	if !json.Valid(object) {
		t.Errorf("not JSON: %s", object)
	}
	if tt.none {
		if aws != "" {
			t.Errorf("aws\n got %swant no line", aws)
		}
		return
	}
	wantOneLine(t, aws)
	if m := awsLine.FindStringSubmatch(strings.TrimSuffix(aws, "\n")); m == nil {
		t.Errorf("aws line does not fit the reference: %s", aws)
	} else if m[14] != "- - - " {
		t.Errorf("request field %q, want %q", m[14], "- - - ")
	}
}

// wantOneLine fails unless that is one whole line of printable ASCII.
func wantOneLine(t *testing.T, line string) {
	t.Helper()
	rest, ended := strings.CutSuffix(line, "\n")
	odd := strings.IndexFunc(rest, func(r rune) bool { return r < ' ' || r > '~' })
	if !ended || rest == "" || odd >= 0 {
		t.Errorf("%q is not one line of printable ASCII", line)
	}
}

// samples are records that between them have every field set.
func samples() []record.Entry {
	stuck, web, pooled, slow, retried, refused := stuckClose(), websocketClose(), pooledClose(), slowExchange(), retriedExchange(), refusedExchange()
	secured, old := securedClose(), oldExchange()
	return []record.Entry{
		{Close: &stuck}, {Close: &web}, {Close: &pooled}, {Exchange: &slow}, {Exchange: &retried}, {Exchange: &refused},
		{Close: &secured}, {Exchange: &old},
	}
}

// TestSeconds: no more decimals than the unit has, and no trailing zero, also where floating point would have some.
func TestSeconds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		d, unit time.Duration
		want    string
	}{
		{0, time.Microsecond, "0"},
		{20 * time.Microsecond, time.Microsecond, "0.00002"},
		{153340 * time.Microsecond, time.Microsecond, "0.15334"},
		{1003969 * time.Microsecond, time.Microsecond, "1.003969"},
		{1005467499 * time.Nanosecond, time.Microsecond, "1.005467"},
		{999999500 * time.Nanosecond, time.Microsecond, "1"},
		{60 * time.Second, time.Microsecond, "60"},
		{4000*time.Second + 100*time.Millisecond, time.Microsecond, "4000.1"},
		{1499 * time.Microsecond, time.Millisecond, "0.001"},
		{-1500 * time.Millisecond, time.Millisecond, "-1.5"},
	} {
		if got := string(appendSeconds(nil, tt.d, tt.unit)); got != tt.want {
			t.Errorf("%s to %s: %q, want %q", tt.d, tt.unit, got, tt.want)
		}
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	for f := range Format(len(formats)) {
		for i, e := range samples() {
			got := string(f.Append([]byte("before\n"), e))
			if got != "before\n"+string(f.Append(nil, e)) {
				t.Errorf("%s: sample %d: %q does not continue what was there", f, i, got)
			}
		}
	}
}

func TestJSONEscapes(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", "a b", "tab\t", "quote\"back\\slash", "null\x00", "é", "\u2028", "<&>", "del\x7f"} {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil || got != s {
			t.Errorf("%q came back as %q, %v", s, got, err)
		}
	}
	var got string
	if err := json.Unmarshal(appendString(nil, "bad\xff"), &got); err != nil || got != "bad\ufffd" {
		t.Errorf("invalid UTF-8 came back as %q, %v, want a replacement character", got, err)
	}
}

func TestLostLines(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"text": "2026-03-01T10:00:00.123Z lost 7 records: they were written more slowly than they came\n",
		"json": `{"time":"2026-03-01T10:00:00.123456Z","lost":7}` + "\n",
		"aws":  "# 2026-03-01T10:00:00.123Z lost 7 records: they were written more slowly than they came\n",
	} {
		f, ok := ParseFormat(name)
		if !ok || f.String() != name {
			t.Errorf("ParseFormat(%q) = %s, %t", name, f, ok)
		}
		if got := string(formats[f].missing(nil, opened, 7)); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if f, ok := ParseFormat("xml"); ok {
		t.Errorf("ParseFormat(xml) = %s, want none", f)
	}
}

// TestReferenceNamesEveryKey holds docs/reference/access-log.md against what the formatters write.
func TestReferenceNamesEveryKey(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/reference/access-log.md")
	if err != nil {
		t.Fatal(err)
	}
	word := regexp.MustCompile(` ([a-z_]+)=`)
	for _, e := range samples() {
		var keys map[string]any
		if err := json.Unmarshal(JSON.Append(nil, e), &keys); err != nil {
			t.Fatal(err)
		}
		for key := range keys {
			if !strings.Contains(string(page), "| `"+key+"` |") {
				t.Errorf("docs/reference/access-log.md has no row for the JSON key %s", key)
			}
		}
		for _, m := range word.FindAllStringSubmatch(string(Text.Append(nil, e)), -1) {
			if !strings.Contains(string(page), "| `"+m[1]+"=` |") {
				t.Errorf("docs/reference/access-log.md has no row for the text key %s=", m[1])
			}
		}
	}
}

// TestEveryFieldIsLogged makes sure that a field added to a record is thought of here.
func TestEveryFieldIsLogged(t *testing.T) {
	t.Parallel()
	for typ, want := range map[reflect.Type]int{
		reflect.TypeFor[record.Close](): 17, reflect.TypeFor[record.Ends](): 10, reflect.TypeFor[record.Traffic](): 14,
		reflect.TypeFor[record.Exchange](): 42, reflect.TypeFor[record.Secured](): 3, reflect.TypeFor[record.TLS](): 6,
	} {
		if got := typ.NumField(); got != want {
			t.Errorf("%s has %d fields, the formatters know %d: log the new one, document it, and count it here", typ, got, want)
		}
	}
}

func TestFormattersDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 64<<10)
	forged, hostile := forgedExchange(), hostileClose()
	for _, e := range append(samples(), record.Entry{Exchange: &forged}, record.Entry{Close: &hostile}) {
		for f := range Format(len(formats)) {
			if n := testing.AllocsPerRun(100, func() { buf = f.Append(buf[:0], e) }); n != 0 {
				t.Errorf("%s: %v allocations for %.300s", f, n, Text.Append(nil, e))
			}
		}
	}
}

func BenchmarkFormats(b *testing.B) {
	conn, done, slow := idleClose(), doneExchange(), slowExchange()
	buf := make([]byte, 0, 4096)
	for name, e := range map[string]record.Entry{"connection": {Close: &conn}, "completed": {Exchange: &done}, "timed-out": {Exchange: &slow}} {
		for f := range Format(len(formats)) {
			b.Run(name+"/"+f.String(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					buf = f.Append(buf[:0], e)
				}
			})
		}
	}
}
