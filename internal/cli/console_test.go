package cli

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"lull/internal/control/file"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// consoled is a running instance with an API and a TCP listener.
type consoled struct {
	*instance
	t    *testing.T
	dir  string
	addr string // of the listener
}

// startConsoled starts one; api is what lull.yaml has for it besides the data directory.
func startConsoled(t *testing.T, dir, api string) *consoled {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // free once it is closed, and nobody else takes one at this address
	if err != nil {
		t.Fatal(err)
	}
	s := &consoled{t: t, dir: dir, addr: l.Addr().String()}
	_ = l.Close()
	_, port, _ := net.SplitHostPort(s.addr)
	host, bPort, _ := net.SplitHostPort(lulltest.Echo(t).Addr.String())
	path := filepath.Join(dir, "lull.yaml")
	text := fmt.Sprintf(`admin: {socket: %[1]s/s}
api: {address: "127.0.0.1:8440", data: %[1]s/data%[2]s}
load_balancers:
  - {name: web, address: 127.0.0.1, timeouts: {idle: 60s}, listeners: [{name: tcp, protocol: tcp, port: %[3]s, backend_set: app}], backend_sets: [{name: app, backends: [{address: %[4]s, port: %[5]s}]}]}
`, dir, api, port, host, bPort)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := file.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	c.API.Address = "127.0.0.1:0" // which the file may not say, as clients would not find it
	if s.instance, err = startInstance(c, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return s
}

// announced returns what is told of the console.
func (s *consoled) announced() string {
	var out bytes.Buffer
	s.announceConsole(&out)
	return out.String()
}

// TestConsole: the first start tells a link that opens the console, where a connection is seen live from its beginning to its story; the
// next start tells none.
func TestConsole(t *testing.T) {
	t.Parallel()
	ca := testca.NewFor(t)
	pair := ca.IssueFor(t, testca.Request{Names: []string{"localhost"}})
	dirs := map[string]string{"plain": t.TempDir(), "tls": t.TempDir()}
	writeFiles(t, dirs["tls"], map[string][]byte{"cert.pem": pair.Chain, "key.pem": pair.Key})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.PEM())
	for name, api := range map[string]string{"plain": "", "tls": ", tls: {certificate: cert.pem, key: key.pem}"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startConsoled(t, dirs[name], api)
			link := regexp.MustCompile(`https?://\S+token=\S+`).FindString(s.announced())
			if link == "" {
				t.Fatalf("got %q", s.announced())
			}
			link = strings.Replace(link, "127.0.0.1", "localhost", 1)
			jar, _ := cookiejar.New(nil)
			browser := &http.Client{Jar: jar, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
			defer browser.CloseIdleConnections()
			get := func(path string) string {
				t.Helper()
				u, _ := url.Parse(link)
				resp, err := browser.Get(u.Scheme + "://" + u.Host + path)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				body, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatalf("%s: got %d, %v", path, resp.StatusCode, err)
				}
				return string(body)
			}
			u, _ := url.Parse(link)
			get(u.RequestURI())
			if page := get("/console/"); !strings.Contains(page, ">web</a>") {
				t.Errorf("got\n%s", page)
			}
			s.watch(browser, u, get)
			s.close()
			again := startConsoled(t, dirs[name], api)
			defer again.close()
			if got := again.announced(); strings.Contains(got, "token") || !strings.HasSuffix(got, "/console/\n") {
				t.Errorf("the second start: got %q", got)
			}
		})
	}
}

// watch opens a connection through the listener and follows it in a stream; it ends with the instance's end.
func (s *consoled) watch(browser *http.Client, at *url.URL, get func(string) string) {
	s.t.Helper()
	conn := lulltest.Dial(s.t, netip.MustParseAddrPort(s.addr))
	conn.Ask("hello") // so that it is there
	resp, err := browser.Get(at.Scheme + "://" + at.Host + "/console/live?page=connections")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	stream := bufio.NewScanner(resp.Body)
	stream.Buffer(nil, 1<<20)
	page := ""
	for page == "" && stream.Scan() {
		if strings.HasPrefix(stream.Text(), "data: ") && strings.Contains(stream.Text(), conn.LocalAddr().String()) {
			page = regexp.MustCompile(`/console/connection\?id=\d+`).FindString(stream.Text())
		}
	}
	if page == "" {
		s.t.Fatal("the stream does not show the connection")
	}
	if story := get(page); !strings.Contains(story, "It is open, and has been for") {
		s.t.Errorf("got\n%s", story)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(io.Discard, resp.Body)
	}()
	s.cloud.stop() // which is not held up by somebody who looks on
	<-done
}
