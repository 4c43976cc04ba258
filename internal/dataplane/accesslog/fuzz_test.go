package accesslog

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"lull/internal/dataplane/record"
)

// What a reader of the log takes a line apart with. Unlike the reference's own check, quotes cannot be in a quoted field.
//
//nolint:gochecknoglobals // compiled once
var (
	strictText = regexp.MustCompile(`^\S+Z 1234/3 198\.51\.100\.7:41234 -> web/front -> app1:8080 "(\S+ \S+ HTTP/1\.1|- - -)" 200 0\.052s up=0 down=5120 completed by=lull answer=0\.051048s\n$`)
	strictAWS  = regexp.MustCompile(`^\S+Z web 198\.51\.100\.7:41234 10\.0\.0\.1:8080 0\.000073 0\.051048 0\.000057 200 200 0 5120 "(\S+ \S+ HTTP/1\.1|- - - )" "[^"]+" - -\n$`)
)

// FuzzExchange gives an exchange whatever a client may send: its line stays one line, each field in its place.
func FuzzExchange(f *testing.F) {
	forged := forgedExchange()
	f.Add(forged.Method, forged.Host, forged.Target, forged.UserAgent, forged.Forwarded)
	f.Add("GET", "www.example.com", "/", "curl/8.5.0", "198.51.100.7")
	f.Add("", "", "", "", "")
	f.Add("OPTIONS", "]:", "*", "\xc2\x9b31m", "\xf0\x9f\x92\xa9")
	f.Add("CONNECT", "h", "h:1", " - -\n", "\xed\xa0\x80")
	f.Add("GET", "h", "http://h?\xe2\x80\xae", `\" - -`, `\\`)
	f.Fuzz(func(t *testing.T, method, host, target, agent, forwarded string) {
		x := doneExchange()
		x.Method, x.Host, x.Target, x.UserAgent, x.Forwarded = method, host, target, agent, forwarded
		e := record.Entry{Exchange: &x}
		text, object, aws := string(Text.Append(nil, e)), string(JSON.Append(nil, e)), string(AWS.Append(nil, e))
		wantOneLine(t, text)
		wantOneLine(t, object)
		wantOneLine(t, aws)
		if !strictText.MatchString(text) {
			t.Errorf("text: a field has left its place: %s", text)
		}
		if !strictAWS.MatchString(aws) || !awsLine.MatchString(strings.TrimSuffix(aws, "\n")) {
			t.Errorf("aws: a field has left its place: %s", aws)
		}
		wantSame(t, object, &x)
		wantLines(t, OCI, string(OCI.Append(nil, e)))
	})
}

// wantSame fails unless the object is valid and says what the client sent.
func wantSame(t *testing.T, object string, x *record.Exchange) {
	t.Helper()
	var got struct {
		ID        uint64
		Method    string
		Host      string
		Target    string
		UserAgent string `json:"user_agent"`
		Forwarded string `json:"forwarded_for"`
		Status    int
	}
	if err := json.Unmarshal([]byte(object), &got); err != nil {
		t.Fatalf("%v: %s", err, object)
	}
	want := got
	want.ID, want.Status = x.Conn, x.Status
	want.UserAgent, want.Forwarded = sent(x.UserAgent), sent(x.Forwarded)
	if x.Method != "" {
		want.Method, want.Host, want.Target = sent(x.Method), sent(x.Host), sent(x.Target)
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// sent returns what JSON can say of what a client sent: each byte that is no UTF-8 is a replacement character.
func sent(s string) string { return string([]rune(cut(s))) }
