package logdelivery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

// world is a Delivery and all around it, in a bubble whose clock stands at midnight when the test begins.
type world struct {
	t         *testing.T
	log       record.Log
	exchanges record.Exchanges
	options   Options
	spool     string
	words     words
	*Delivery
}

// inBubble runs a test in a bubble with a Delivery to a store.
func inBubble(t *testing.T, store Store, test func(w *world)) {
	t.Helper()
	spool := filepath.Join(t.TempDir(), "spool")
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, spool: spool}
		w.options = Options{
			Log: &w.log, Exchanges: &w.exchanges, Store: store, Account: account, Region: region, Spool: spool,
			Now: time.Now, Logger: slog.New(slog.NewTextHandler(&w.words, nil)),
		}
		w.open()
		defer func() { // also of a test that has given up
			if w.Delivery != nil {
				w.close()
			}
		}()
		test(w)
	})
}

// open starts the Delivery, as a process does.
func (w *world) open() {
	w.t.Helper()
	d, err := New(w.options)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Delivery = d
	synctest.Wait()
}

// close stops it.
func (w *world) close() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Error(err)
	}
	w.Delivery = nil
}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	time.Sleep(d) // of the bubble's clock
	synctest.Wait()
}

// end lets that many requests to a listener end, and has them followed.
func (w *world) end(lb, local string, requests int) {
	for range requests {
		w.exchanges.Append([]record.Exchange{exchange(lb, local)})
	}
	w.pass(100 * time.Millisecond)
}

// written lets lines be written to the spool.
func (w *world) written() { w.pass(flushEvery) }

func ends(lb, local, protocol string) record.Ends {
	return record.Ends{
		LoadBalancer: lb, Listener: "front", Protocol: protocol,
		Client: netip.MustParseAddrPort("198.51.100.7:41234"), Local: netip.MustParseAddrPort(local),
		BackendAddr: netip.MustParseAddrPort("10.0.0.1:80"),
	}
}

// exchange is an ordinary request that ends now.
func exchange(lb, local string) record.Exchange {
	now := time.Now()
	return record.Exchange{
		Ends: ends(lb, local, "http"), Reason: reason.Completed, Started: now.Add(-time.Millisecond), Ended: now,
		Method: "GET", Scheme: "http", Host: "www.example.com", Target: "/", Minor: 1, UserAgent: "curl/8.5.0",
		Status: 200, BackendStatus: 200, BytesDown: 29,
		SentAfter: 73 * time.Microsecond, AnswerTook: 1048 * time.Microsecond, FirstAfter: 57 * time.Microsecond,
	}
}

// connection is an ordinary TCP connection that ends now.
func connection(lb, local string) record.Close {
	now := time.Now()
	return record.Close{
		Ends: ends(lb, local, "tcp"), Reason: reason.ClientClosed, Side: reason.FrontEnd, Opened: now.Add(-time.Second), Closed: now,
		Traffic: record.Traffic{
			BytesUp: 82, BytesDown: 305, FirstUp: 1069 * time.Microsecond, FirstDown: 2 * time.Millisecond, ConnectTook: 28 * time.Microsecond,
		},
	}
}

func target(name string) Target {
	return Target{Name: name, Bucket: "logs", Prefix: "my-app", Interval: FiveMinutes}
}

// shelf is a Store in memory that can be told to fail.
type shelf struct {
	mu    sync.Mutex
	files map[string]string // by "bucket/key"
	tries []time.Time
	fail  func(ctx context.Context, bucket string) error // nil: never
}

func (s *shelf) Put(ctx context.Context, bucket, key string, body *io.SectionReader) error {
	s.mu.Lock()
	s.tries = append(s.tries, time.Now())
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		if err := fail(ctx, bucket); err != nil {
			return err
		}
	}
	text, err := io.ReadAll(body)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		s.files = map[string]string{}
	}
	s.files[bucket+"/"+key] = string(text)
	return err
}

func (s *shelf) setFail(fail func(ctx context.Context, bucket string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// list returns where files are, without their random parts, sorted, each with its number of lines.
func (s *shelf) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for name, text := range s.files {
		list = append(list, plain(name)+" "+string('0'+rune(strings.Count(text, "\n"))))
	}
	slices.Sort(list)
	return list
}

// plain replaces what is random in a name.
func plain(name string) string {
	if rest, ok := strings.CutSuffix(name, ".log"); ok && len(rest) > 8 && only(rest[len(rest)-8:], "", false) {
		return rest[:len(rest)-8] + "RANDOM"
	}
	return name
}

// words is a log that may be written and read from everywhere.
type words struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// files returns the regular files below a directory.
func files(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rest, _ := filepath.Rel(root, name)
			found = append(found, rest)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return found
}

func wantList(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// place returns where the file of an interval of 2000-01-01 is to be.
func place(bucket, prefix, name, end, node string) string {
	if prefix != "" {
		prefix += "/"
	}
	return bucket + "/" + prefix + "AWSLogs/123456789012/elasticloadbalancing/us-east-1/2000/01/01/123456789012_elasticloadbalancing_us-east-1_" +
		name + "_20000101T" + end + "Z_" + node + "_RANDOM"
}

// failing returns what has a shelf fail always.
func failing(err error) func(context.Context, string) error {
	return func(context.Context, string) error { return err }
}
