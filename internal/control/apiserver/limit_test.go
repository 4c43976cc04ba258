package apiserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
	"lull/internal/lulltest/testca"
)

// hasty has little patience with everybody, and none at all shorter than a busy machine needs.
//
//nolint:gochecknoglobals // a constant in all but type
var hasty = limits{header: 300 * time.Millisecond, read: 600 * time.Millisecond, write: time.Second, idle: 300 * time.Millisecond, close: 300 * time.Millisecond}

// drip writes a text byte by byte, as slowly as it takes to never be done, until the connection ends.
func (c *raw) drip(text string) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.NewTimer(patience)
	defer end.Stop()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, c.r)
	}()
	for i := 0; ; i++ {
		select {
		case <-gone:
			return
		case <-end.C:
			c.t.Error("the connection is still there")
			return
		case <-tick.C:
			_, _ = c.Write([]byte{text[i%len(text)]})
		}
	}
}

// welcome returns a signed request, after which the connection stays.
func welcome(t *testing.T, s *Server) string {
	t.Helper()
	return headOf(signed(t, "GET", "http://"+s.Addr()+"/lull/v1/x", "lull", "AKIAREADER", ""), "/lull/v1/x")
}

// TestSlow: whoever sends a byte now and then is cut off, at each stage of a request, by the limit of that stage.
func TestSlow(t *testing.T) {
	t.Parallel()
	const short = 300 * time.Millisecond
	header, read, rest := defaultLimits, defaultLimits, defaultLimits
	header.header, read.read, rest.idle = short, short, short
	for _, l := range []*limits{&header, &read, &rest} { // the others are out of reach
		for _, limit := range []*time.Duration{&l.header, &l.read, &l.write, &l.idle} {
			if *limit != short {
				*limit = 2 * patience
			}
		}
	}
	slowHead := start(t, options(&fake{lull: echo}, io.Discard), header)
	slowBody := start(t, options(&fake{lull: echo}, io.Discard), read)
	slowNext := start(t, options(&fake{lull: echo}, io.Discard), rest)
	honest := signed(t, "PUT", "http://"+slowBody.Addr()+"/lull/v1/x", "lull", "AKIAADMIN", strings.Repeat("a", 1000))
	cases := []struct {
		name  string
		s     *Server
		begin string
		drip  bool
	}{
		{"silent", slowHead, "", false},
		{"from-the-start", slowHead, "", true},
		{"request-line", slowHead, "GET ", true},
		{"headers", slowHead, "GET / HTTP/1.1\r\nHost: x\r\n", true},
		{"unsigned-body", slowHead, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", true},
		{"second-request", slowHead, welcome(t, slowHead) + "GET /noth", true},
		{"signed-body", slowBody, headOf(honest, "/lull/v1/x"), true},
		{"signed-chunked", slowBody, strings.Replace(headOf(honest, "/lull/v1/x"), "Content-Length: 1000", "Transfer-Encoding: chunked", 1) + "3e8\r\n", true},
		{"between-requests", slowNext, welcome(t, slowNext), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, c.s).write("%s", c.begin)
			if c.drip {
				conn.drip("aaaaaaaaaaaaaaaaaa")
				return
			}
			if _, err := io.Copy(io.Discard, conn.r); err != nil && isTimeout(err) {
				t.Error("the connection is still there")
			}
		})
	}
}

// TestSlowReader: an answer that nobody takes does not keep a goroutine for ever.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	f := &fake{lull: func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		var err error
		for err == nil {
			_, err = w.Write(chunk)
		}
		ended <- err
	}}
	s := start(t, options(f, io.Discard), hasty)
	dial(t, s).write("%s", headOf(signed(t, "GET", "http://"+s.Addr()+"/lull/v1/x", "lull", "AKIAADMIN", ""), "/lull/v1/x"))
	select {
	case err := <-ended:
		if err == nil {
			t.Error("all of it was taken")
		}
	case <-time.After(patience):
		t.Error("the answer is still being written")
	}
}

// TestCrowdOfTheSlow: strangers that hold as many connections as they may do not keep others out for longer than each of them is
// given.
func TestCrowdOfTheSlow(t *testing.T) {
	t.Parallel()
	f := &fake{answer: func(context.Context, any) (any, error) { return &query.DescribeAccountLimitsResult{}, nil }}
	s := start(t, options(f, io.Discard), hasty)
	for range connectionsMax + 20 {
		dial(t, s).write("GET / HTTP/1.1\r\nHo")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := sdk(s, "AKIAREADER", testKeys["AKIAREADER"].Secret).DescribeAccountLimits(ctx, &elb.DescribeAccountLimitsInput{}); err != nil {
		t.Errorf("an honest client behind a crowd: %v", err)
	}
}

// TestConnectionsMax: one connection more than there may be waits until another ends.
func TestConnectionsMax(t *testing.T) {
	t.Parallel()
	s, _ := running(t, &fake{lull: echo})
	request := welcome(t, s)
	var held []*raw
	for range connectionsMax {
		held = append(held, dial(t, s))
	}
	for _, c := range held { // all of them are in
		if resp, _ := c.write("%s", request).answer("GET"); resp.StatusCode != 200 {
			t.Fatalf("got %d", resp.StatusCode)
		}
	}
	late := dial(t, s).write("%s", request)
	if err := late.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := late.r.Peek(1); err == nil || !isTimeout(err) {
		t.Errorf("beyond the limit: got %v, want to be kept waiting", err)
	}
	if err := late.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_ = held[0].Close()
	if resp, _ := late.answer("GET"); resp.StatusCode != 200 {
		t.Errorf("after another one ended: got %d, want 200", resp.StatusCode)
	}
}

// TestBusy: verified requests beyond those that are being carried out are told to come again, which SDKs do, and then get in.
func TestBusy(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	begun := make(chan struct{}, requestsMax+1)
	f := &fake{answer: func(ctx context.Context, _ any) (any, error) {
		begun <- struct{}{}
		select {
		case <-release:
			return &query.DescribeAccountLimitsResult{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
	s, log := running(t, f)
	ask := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := sdk(s, "AKIAREADER", testKeys["AKIAREADER"].Secret).DescribeAccountLimits(ctx, &elb.DescribeAccountLimitsInput{})
		return err
	}
	var waiting sync.WaitGroup
	for range requestsMax {
		waiting.Go(func() {
			if err := ask(); err != nil {
				t.Error(err)
			}
		})
	}
	for range requestsMax {
		<-begun
	}
	message := wantCode(t, ask(), "ServiceUnavailable")
	if message != "64 requests are being carried out, no more are taken: try again" {
		t.Errorf("got message %q", message)
	}
	if resp, body := exchange(t, signed(t, "GET", "http://"+s.Addr()+"/lull/v1/x", "lull", "AKIAADMIN", "")); resp.StatusCode != 503 || !strings.Contains(body, "ServiceUnavailable") {
		t.Errorf("lull's own API: got %d %s, want 503", resp.StatusCode, body)
	}
	log.line(t, "level=WARN", "code=ServiceUnavailable", "key=AKIAREADER", "action=DescribeAccountLimits")
	close(release)
	waiting.Wait()
	if err := ask(); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestClientLeaves: what nobody waits for any more is told so, and is no fault of lull's in the log.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{})
	f := &fake{answer: func(ctx context.Context, _ any) (any, error) {
		close(begun)
		<-ctx.Done()
		return nil, fmt.Errorf("wait for the store: %w", ctx.Err())
	}}
	s, log := running(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	if _, err := sdk(s, "AKIAADMIN", testKeys["AKIAADMIN"].Secret).ModifyLoadBalancerAttributes(ctx, idle("a", 30)); err == nil {
		t.Error("got an answer, want none")
	}
	log.line(t, "level=WARN", "load_balancer=a", "code=ServiceUnavailable")
}

// TestClose: requests under way may finish, but those that take too long do not hold up the end.
func TestClose(t *testing.T) {
	t.Parallel()
	for name, patient := range map[string]bool{"finishes": true, "hangs": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun, release := make(chan struct{}), make(chan struct{})
			f := &fake{answer: func(ctx context.Context, _ any) (any, error) {
				close(begun)
				if patient {
					<-release
					return &query.DescribeAccountLimitsResult{}, nil
				}
				<-ctx.Done()
				return nil, ctx.Err()
			}}
			l := hasty
			if patient {
				l = defaultLimits
			}
			s, err := serve(options(f, io.Discard), l)
			if err != nil {
				t.Fatal(err)
			}
			asked := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			go func() {
				_, err := sdk(s, "AKIAREADER", testKeys["AKIAREADER"].Secret).DescribeAccountLimits(ctx, &elb.DescribeAccountLimitsInput{})
				asked <- err
			}()
			<-begun
			closed := make(chan error, 1)
			go func() { closed <- s.Close() }()
			if patient {
				eventually(t, "it still accepts", func() bool {
					conn, err := net.Dial("tcp", s.Addr())
					if err == nil {
						_ = conn.Close()
					}
					return err != nil
				})
				close(release)
			}
			select {
			case err := <-closed:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(patience):
				t.Fatal("Close does not return")
			}
			if err := <-asked; (err == nil) != patient {
				t.Errorf("the request under way: got %v, want an answer: %v", err, patient)
			}
		})
	}
}

// TestExposure: where plain HTTP is served, and what the refusal of the rest says.
func TestExposure(t *testing.T) {
	t.Parallel()
	const ways = "other machines can reach it, and without TLS they can read along: give api.tls a certificate, or use a loopback address such as " +
		"127.0.0.1:8440, or set api.insecure to true where something else keeps it private"
	cases := []struct {
		name, address string
		insecure, tls bool
		want          string // of the error; "" if there is none
	}{
		{"loopback", "127.0.0.1:0", false, false, ""},
		{"far-loopback", "127.9.8.7:0", false, false, ""},
		{"localhost", "localhost:0", false, false, ""},
		{"mapped", "[::ffff:127.0.0.1]:0", false, false, ""},
		{"wildcard", "0.0.0.0:0", false, false, "api.address 0.0.0.0:0: " + ways},
		{"wildcard-ipv6", "[::]:0", false, false, "api.address [::]:0: " + ways},
		{"no-host", ":0", false, false, "api.address :0: " + ways},
		{"private", "10.1.2.3:0", false, false, "api.address 10.1.2.3:0: " + ways},
		{"name", "lull.example.com:0", false, false, "api.address lull.example.com:0: " + ways},
		{"near-localhost", "localhost.example.com:0", false, false, "api.address localhost.example.com:0: " + ways},
		{"wildcard-insecure", "0.0.0.0:0", true, false, ""},
		{"wildcard-tls", "0.0.0.0:0", false, true, ""},
		{"no-port", "127.0.0.1", false, false, "api.address 127.0.0.1: must be an address and port such as 127.0.0.1:8440"},
		{"not-ours", "192.0.2.1:0", true, false, "serve the APIs: listen tcp 192.0.2.1:0: bind: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options(&fake{}, io.Discard)
			o.Address, o.Insecure = c.address, c.insecure
			if c.tls {
				o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errors.New("none") }}
			}
			s, err := Serve(o)
			if err == nil {
				defer func() {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}()
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestTLS: with a certificate the SDK gets through, by HTTP/1.1, and plain HTTP does not.
func TestTLS(t *testing.T) {
	t.Parallel()
	ca := testca.NewFor(t)
	own := ca.IssueFor(t, testca.Request{Names: []string{"localhost"}})
	f := &fake{answer: func(context.Context, any) (any, error) { return &query.DescribeAccountLimitsResult{}, nil }}
	o := options(f, io.Discard)
	o.TLS = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &own.TLS, nil },
	}
	s := start(t, o, defaultLimits)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM())
	client := elb.New(elb.Options{
		Region: region, BaseEndpoint: aws.String("https://" + s.Addr()), Retryer: aws.NopRetryer{},
		Credentials: credentials("AKIAREADER", testKeys["AKIAREADER"].Secret),
		HTTPClient: &http.Client{Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true,
		}},
	})
	if _, err := client.DescribeAccountLimits(t.Context(), &elb.DescribeAccountLimitsInput{}); err != nil {
		t.Error(err)
	}
	conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		t.Errorf("got protocol %q, want http/1.1", got)
	}
	resp, body := dial(t, s).write("GET / HTTP/1.1\r\nHost: x\r\n\r\n").answer("GET")
	if resp.StatusCode != 400 || !strings.Contains(body, "HTTPS") {
		t.Errorf("plain HTTP: got %d %s", resp.StatusCode, body)
	}
	if asked := f.asked(); len(asked) != 1 {
		t.Errorf("got %d requests through, want the SDK's", len(asked))
	}
}

// TestRation: a burst passes, then one each second, and what did not is counted.
func TestRation(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	r := newRation(now)
	take := func() string {
		unsaid, ok := r.take(now)
		return fmt.Sprint(ok, unsaid)
	}
	for i := range warningsBurst {
		if got := take(); got != "true 0" {
			t.Fatalf("%d: got %s", i, got)
		}
	}
	for range 3 {
		if got := take(); got != "false 0" {
			t.Errorf("beyond the burst: got %s", got)
		}
	}
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{999 * time.Millisecond, "false 0"}, {time.Millisecond, "true 4"}, {0, "false 0"}, {-time.Hour, "false 0"}, {time.Second, "true 2"}, {time.Hour, "true 0"},
	} {
		now = now.Add(step.after)
		if got := take(); got != step.want {
			t.Errorf("%s later: got %s, want %s", step.after, got, step.want)
		}
	}
	for range warningsBurst - 1 {
		if got := take(); got != "true 0" {
			t.Errorf("after an hour: got %s, want another burst", got)
		}
	}
	if got := take(); got != "false 0" {
		t.Errorf("after an hour and a burst: got %s, want no more", got)
	}
}

// TestLogOfStrangers: strangers cannot fill the log, and cannot write into it.
func TestLogOfStrangers(t *testing.T) {
	t.Parallel()
	log := &journal{}
	f := &fake{}
	o := options(f, log)
	fixed := time.Now()
	o.Now = func() time.Time { return fixed }
	s := start(t, o, defaultLimits)
	for range warningsBurst * 2 {
		resp, err := http.Get("http://" + s.Addr() + "/%0Alevel=INFO%20msg=api%1b[31m" + strings.Repeat("x", 500) + "?Authorization=secret")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	lines := strings.Count(log.String(), "\n")
	if text := log.String(); lines != warningsBurst || strings.Contains(text, "secret") || strings.Contains(text, "\x1b") || strings.Contains(text, strings.Repeat("x", 200)) {
		t.Errorf("got %d lines:\n%s\nwant %d, short and clean", lines, text, warningsBurst)
	}
}

// TestLogHasNoSecrets: neither a secret nor a signature is in the log, whatever is done with them.
func TestLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	s, log := running(t, &fake{lull: echo})
	var hidden []string
	for _, key := range []string{"AKIAADMIN", "AKIAREADER", "AKIANOBODY", "AKIAREVOKED"} {
		for _, r := range []*http.Request{
			signed(t, "POST", "http://"+s.Addr()+"/", sigv4.DefaultService, key, "Action=CreateLoadBalancer&Version=2012-06-01&LoadBalancerName=private+key"),
			signed(t, "PUT", "http://"+s.Addr()+"/lull/v1/certificates/a", "lull", key, "private key"),
			presigned(t, "GET", "http://"+s.Addr()+"/lull/v1/keys", "lull", key, ""),
		} {
			_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			hidden = append(hidden, testKeys[key].Secret)
			if signature == "" {
				signature = r.URL.Query().Get("X-Amz-Signature")
			}
			hidden = append(hidden, signature)
			exchange(t, r)
		}
	}
	log.line(t, "key=AKIAADMIN")
	for _, text := range hidden {
		if text == "" || strings.Contains(log.String(), text) {
			t.Errorf("the log has %q", text)
		}
	}
}

// TestCloseTells: a server that has stopped accepting says so when it is closed.
func TestCloseTells(t *testing.T) {
	t.Parallel()
	s, err := Serve(options(&fake{}, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	_ = s.listener.Close()
	s.done <- <-s.done // wait until it has noticed
	if err := s.Close(); err == nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want that the socket was gone", err)
	}
}
