package apiserver

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestConsole: what is below /console/ reaches the console as it came, without a signature, by a clean path.
func TestConsole(t *testing.T) {
	t.Parallel()
	o := options(&fake{}, io.Discard)
	o.Console = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery+" "+string(body))
	})
	s := start(t, o, defaultLimits)
	cases := []struct{ name, request, want string }{
		{"get", "GET /console/ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /console/? "},
		{"query", "GET /console/listener?load_balancer=a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n", "GET /console/listener?load_balancer=a%2Fb "},
		{"post", "POST /console/login HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na=bc", "POST /console/login? a=bc"},
		{"unclean", "GET /console//x/../ HTTP/1.1\r\nHost: x\r\n\r\n", "GET /console/? "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if resp, body := dial(t, s).write("%s", c.request).answer("GET"); resp.StatusCode != 200 || body != c.want {
				t.Errorf("got %d %q, want %q", resp.StatusCode, body, c.want)
			}
		})
	}
	if resp, _ := dial(t, s).write("GET /console HTTP/1.1\r\nHost: x\r\n\r\n").answer("GET"); resp.StatusCode != 303 || resp.Header.Get("Location") != "/console/" {
		t.Errorf("without the slash: got %d %v", resp.StatusCode, resp.Header)
	}
}

// TestConsoleLongAnswer: an answer may take longer than the server gives, as long as it asks for time, and not a moment longer.
func TestConsoleLongAnswer(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	o := options(&fake{}, io.Discard)
	o.Console = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.SetReadDeadline(time.Time{}); err != nil {
			t.Error(err)
		}
		tick := time.NewTicker(hasty.write / 4)
		defer tick.Stop()
		for range 8 {
			<-tick.C
			_ = rc.SetWriteDeadline(time.Now().Add(hasty.write))
			_, _ = io.WriteString(w, "x")
			if err := rc.Flush(); err != nil {
				ended <- err
				return
			}
		}
		ended <- r.Context().Err()
	})
	s := start(t, o, hasty)
	resp, body := dial(t, s).write("GET /console/live HTTP/1.1\r\nHost: x\r\n\r\n").answer("GET")
	if err := <-ended; err != nil || resp.StatusCode != 200 || strings.Count(body, "x") != 8 {
		t.Errorf("got %v, %d %q", err, resp.StatusCode, body)
	}
}

// TestConsoleQuestion: what the console calls a question is logged as one, although it is a POST; any other POST is a change.
func TestConsoleQuestion(t *testing.T) {
	t.Parallel()
	var log journal
	o := options(&fake{}, &log)
	o.Console = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/console/preview" {
			w.(interface{ Question() }).Question()
		}
		w.WriteHeader(http.StatusNoContent)
	})
	s := start(t, o, hasty)
	for path, level := range map[string]string{"preview": "DEBUG", "save": "INFO"} {
		dial(t, s).write("POST /console/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", path).answer("POST")
		log.line(t, "level="+level, "/console/"+path)
	}
}
