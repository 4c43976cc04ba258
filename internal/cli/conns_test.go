package cli

import (
	"encoding/json"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin"
	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// answerOnce serves the engine on a control socket for the test to close. The socket's path is short: a long test name
// would not fit in it.
func answerOnce(t *testing.T, engine admin.Engine) (s *admin.Server, socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "lull")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	socket = filepath.Join(dir, "s")
	s, err = admin.Serve(socket, engine, admin.Version{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s, socket
}

// answering serves the engine on a control socket until the test ends.
func answering(t *testing.T, engine admin.Engine) (socket string) {
	t.Helper()
	s, socket := answerOnce(t, engine)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return socket
}

// sampleConns are open connections in every state, not in the order of their deadlines.
func sampleConns() []record.Live {
	quiet, ended, header, lingering, fresh := admintest.Live(1), admintest.Live(2), admintest.Live(3), admintest.Live(4), admintest.Live(5)
	ended.HalfClosed, ended.FiresIn, ended.Setting = "client", 90*time.Millisecond, 1500*time.Millisecond
	header.State, header.Traffic, header.Age = "proxy-header", admintest.Never(0), 2*time.Second
	header.Ends.Listener, header.Ends.Backend = "mail", ""
	header.Timer, header.Setting, header.Why, header.FiresIn = "handshake", 10*time.Second, reason.HandshakeTimeout, 8*time.Second
	lingering.State, lingering.Timer, lingering.Setting, lingering.Why, lingering.FiresIn = "lingering", "linger", 2*time.Second, reason.None, time.Second
	fresh.Ends.Client, fresh.Timer = netip.MustParseAddrPort("[2001:db8::7]:999"), ""
	fresh.Age, fresh.BytesUp = 50*time.Hour, 1023
	return []record.Live{quiet, ended, header, lingering, fresh}
}

// sampleHTTP are open connections of an HTTP listener in every state.
func sampleHTTP() []record.Live {
	list := []record.Live{admintest.PooledLive(20), admintest.HTTPLive(21, 3), admintest.HTTPLive(22, 0)}
	list[0].BytesUp, list[0].BytesDown = 1<<30, 1<<30 // which its clients' connections have too
	list[2].FiresIn, list[2].Ends.Backend = 59*time.Second, ""
	for i, state := range []struct {
		word string
		why  reason.Reason
	}{
		{"head", reason.HeadTooSlow}, {"queued", reason.QueueTimeout}, {"connecting", reason.ConnectTimeout}, {"request", reason.RequestIdle},
		{"answer", reason.ResponseIdle}, {"response", reason.DownloadUnasked}, {"relaying", reason.TunnelIdle},
	} {
		l := admintest.HTTPLive(uint64(30+i), i+1)
		l.State, l.Why, l.FiresIn = state.word, state.why, time.Duration(i+1)*time.Second
		l.BytesUp, l.BytesDown, l.QuietUp = 8200, 1048576, time.Minute-l.FiresIn
		list = append(list, l)
	}
	return list
}

func TestConns(t *testing.T) {
	t.Parallel()
	socket := answering(t, &admintest.Engine{Open: sampleConns()})
	for _, c := range []struct{ name, args string }{
		{"conns-all", ""}, {"conns-limit", "--limit 2"}, {"conns-filtered", "--listener web/mail"}, {"conns-none", "--client 192.0.2.1"},
		{"conns-json", "--json --limit 2"}, {"conns-json-none", "--json --backend db9"},
	} {
		code, stdout, stderr := run(append([]string{"conns", "--socket", socket}, strings.Fields(c.args)...)...)
		if code != exitFine || stderr != "" {
			t.Errorf("%s: got %d, %q, want 0 and nothing on standard error", c.name, code, stderr)
		}
		golden(t, c.name, stdout)
	}
	http := answering(t, &admintest.Engine{Open: sampleHTTP()})
	for name, args := range map[string]string{"conns-http": "", "conns-http-limit": "--limit 1", "conns-http-json": "--json --backend app1"} {
		code, stdout, stderr := run(append([]string{"conns", "--socket", http}, strings.Fields(args)...)...)
		if code != exitFine || stderr != "" {
			t.Errorf("%s: got %d, %q, want 0 and nothing on standard error", name, code, stderr)
		}
		golden(t, name, stdout)
	}
}

func TestConnsOfAFullProcess(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	for id := range uint64(9000) {
		engine.Open = append(engine.Open, admintest.Live(id))
	}
	socket := answering(t, engine)
	begin := time.Now()
	code, stdout, _ := run("conns", "--socket", socket)
	took := time.Since(begin)
	if lines := strings.Count(stdout, "\n"); code != exitFine || lines != 9003 {
		t.Errorf("got %d and %d lines, want 0 and 9003", code, lines)
	}
	if took > 30*time.Second { // the promise is a second; the race detector on a busy machine takes ten times as long
		t.Errorf("took %s", took)
	}
	t.Logf("9,000 connections listed in %s", took)
}

func TestEvents(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	refused := admintest.Close(13)
	refused.Reason, refused.Side, refused.Timer = reason.ConnectRefused, reason.BackEnd, ""
	engine.Ended.Append([]record.Close{admintest.Close(12), refused, admintest.PooledClose(77), admintest.HTTPClose(21, 60)})
	engine.Requests.Append([]record.Exchange{admintest.Exchange(21, 1), admintest.TimedOut(21, 60)})
	for _, c := range []struct {
		name, args string
		engine     *admintest.Engine
	}{
		{"events-text", "--since all", engine}, {"events-json", "--since all --json", engine},
		{"events-filtered", "--since all --reason connect-refused --reason shutdown", engine}, {"events-after", "--since 12", engine},
		{"events-exchanges", "--since all --exchanges", engine}, {"events-exchanges-json", "--since all --exchanges --json --listener front", engine},
		{"events-exchanges-filtered", "--since all --exchanges --reason completed,backend-closed-idle", engine},
		{"events-tls", "--since all --exchanges", sampleTLS()}, {"events-tls-json", "--since all --exchanges --json", sampleTLS()},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, socket := answerOnce(t, c.engine) // each case has a lull of its own, as the stream ends with it
			began := make(chan struct{})
			out := &watched{began: began}
			code := make(chan int)
			var errs strings.Builder
			go func() {
				code <- Main(append([]string{"events", "--socket", socket}, strings.Fields(c.args)...), out, &errs)
			}()
			select {
			case <-began:
			case <-time.After(10 * time.Second):
				t.Error("nothing was printed within 10 s")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if got := <-code; got != exitFine || errs.String() != "" {
				t.Errorf("got %d, %q, want 0 and nothing on standard error", got, errs.String())
			}
			golden(t, c.name, out.String())
		})
	}
}

// watched tells when the first line has been written.
type watched struct {
	strings.Builder
	began chan struct{}
	told  bool
}

func (w *watched) Write(p []byte) (int, error) {
	if !w.told {
		w.told = true
		close(w.began)
	}
	return w.Builder.Write(p)
}

func TestExplain(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{Open: []record.Live{admintest.Live(7)}}
	engine.Ended.Append([]record.Close{admintest.Close(12), admintest.HTTPClose(21, 60), admintest.PooledClose(77)})
	engine.Requests.Append([]record.Exchange{admintest.Exchange(21, 1), admintest.TimedOut(21, 59), admintest.TimedOut(22, 5)})
	socket := answering(t, engine)
	for name, args := range map[string][]string{
		"explain-ended": {"12"}, "explain-ended-json": {"--json", "12"}, "explain-http": {"21"}, "explain-pooled": {"77"},
		"explain-forgotten": {"22"}, "explain-exchange": {"21/59"}, "explain-exchange-json": {"21/59", "--json"},
	} {
		code, stdout, stderr := run(append([]string{"explain", "--socket", socket}, args...)...)
		if code != exitFine || stderr != "" {
			t.Errorf("%s: got %d, %q, want 0 and nothing on standard error", name, code, stderr)
		}
		golden(t, name, stdout)
	}
	code, stdout, _ := run("explain", "7", "--socket", socket)
	for _, want := range []string{"Connection 7 is open.\n", "It closes in 12.4 s: tunnel-idle (idle 60s), unless a byte moves before.\n"} {
		if code != exitFine || !strings.Contains(stdout, want) {
			t.Errorf("got %d, %q, want it to contain %q", code, stdout, want)
		}
	}
	code, stdout, _ = run("explain", "7", "--json", "--socket", socket)
	var told admin.Explanation
	if err := json.Unmarshal([]byte(stdout), &told); code != exitFine || err != nil || !told.Open || told.Conn.ID != 7 {
		t.Errorf("got %d, %q, %v, want connection 7", code, stdout, err)
	}
}

func TestAskingGoesWrong(t *testing.T) {
	t.Parallel()
	socket := answering(t, &admintest.Engine{})
	nowhere := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct {
		name, args, socket string
		code               int
		want               string
	}{
		{"nobody", "conns", nowhere, exitFailed, "lull conns: no lull answers on " + nowhere + ": is it running? name its socket with --socket"},
		{"nobody-events", "events", nowhere, exitFailed, "lull events: no lull answers on "},
		{"nobody-explain", "explain 1", nowhere, exitFailed, "lull explain: no lull answers on "},
		{"client", "conns --client x", socket, exitWrong, `lull conns: client "x": must be an address`},
		{"limit", "conns --limit -1", socket, exitWrong, "lull conns: --limit -1: must be 0 (all) or more; see lull conns --help"},
		{"since", "events --since x", socket, exitWrong, `lull events: since "x": must be now, all`},
		{"reason", "events --reason bored", socket, exitWrong, `lull events: reason "bored": is not one of lull's`},
		{"forgotten", "events --since 5", socket, exitFailed, "lull events: since 5: that connection is not among the last 16384"},
		{"unknown", "explain 99", socket, exitFailed, "lull explain: no connection 99 is open, and it is not among the last 16384 that ended\n"},
		{"unknown-exchange", "explain 99/1", socket, exitFailed, "lull explain: exchange 99/1 has not ended, or is not remembered: "},
		{"id", "explain x", socket, exitWrong, `lull explain: "x": must be the number of a connection`},
		{"exchange-id", "explain 12/0", socket, exitWrong, `lull explain: "12/0": must be the number of a connection, or of an exchange`},
		{"no-id", "explain", socket, exitWrong, "lull explain: the number of the connection to explain is missing"},
	} {
		code, stdout, stderr := run(append(strings.Fields(c.args), "--socket", c.socket)...)
		if code != c.code || stdout != "" || !strings.HasPrefix(stderr, c.want) {
			t.Errorf("%s: got %d, %q, %q, want %d and %q", c.name, code, stdout, stderr, c.code, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1048575: "1.0 MiB", 1 << 30: "1.0 GiB", 5 << 40: "5.0 TiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
	if got, want := size(1<<63), "8388608.0 TiB"; got != want {
		t.Errorf("size(1<<63) = %q, want %q", got, want)
	}
}
