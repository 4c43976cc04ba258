package console

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"lull/internal/lulltest"
)

// withOCI makes the OCI load balancer web before a backend on this machine, on the pages. Its listener speaks a protocol on port 8080.
func (b *browser) withOCI(protocol, port string) {
	b.t.Helper()
	b.open("")
	b.click("Create OCI load balancer")
	b.fill("Name", "web")
	b.fill("Bandwidth at least", "10")
	b.fill("Bandwidth at most", "100")
	b.says("#commands", "oci lb load-balancer create")
	b.click("Create load balancer")
	b.says(".flash", "has been created")
	b.open("load-balancer?load_balancer=web")
	b.click("Backend sets")
	b.click("Create backend set")
	b.fill("Name", "app")
	b.fill("Health check protocol", "TCP")
	b.click("Create backend set")
	b.says(".flash", "has been created")
	b.click("Add backend")
	b.fill("IP address", "127.0.0.1")
	b.fill("Port", port)
	b.click("Add backend")
	b.says(".flash", "has been added")
	b.open("load-balancer?load_balancer=web")
	b.click("Listeners")
	b.click("Create listener")
	b.fill("Name", "echo")
	b.fill("Protocol", protocol)
	b.fill("Port", "8080")
	b.fill("Backend set", "app")
	b.fill("Idle timeout in seconds", "60")
	b.click("Create listener")
	b.says(".flash", "has been created")
	b.node = strings.TrimSuffix(b.node, "16") + "250" // this API takes addresses from the end
}

// TestOCIIdleTimeout goes the way that the OCI documentation describes (book O8): Load balancers, one of them, Listeners, Edit, Idle timeout
// in seconds, save.
func TestOCIIdleTimeout(t *testing.T) {
	t.Parallel()
	b := browse(serve(t))
	b.login()
	b.withOCI("TCP", echo(t))
	b.shorten(&idleWay{
		there: func() {
			b.click("web")
			b.click("Listeners")
			b.says("main", "60 seconds")
			b.click("Edit")
		},
		heading: "Edit listener", label: "Idle timeout in seconds", submit: "Save changes",
		command: "--connection-configuration-idle-timeout 3", result: "3 seconds", picture: "oci-idle-timeout",
	})
	b.keep("oci-listeners")
	b.click("Work requests")
	b.says("main", "UpdateListener")
	b.accessibleOCI()
}

// TestOCIRequests: on an HTTP listener, the idle timeout is for requests that are being answered. Of these the page says which it ends, and
// their clients get a 504 at once; a connection that waits for its next request is not concerned.
func TestOCIRequests(t *testing.T) {
	t.Parallel()
	b := browse(serve(t))
	b.login()
	b.withOCI("HTTP", mute(t))
	var waiting []*bufio.Reader
	for i := range 4 {
		conn, err := net.DialTimeout("tcp", b.node+":8080", patience)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		path := "slow"
		if i == 3 {
			path = "quick"
		}
		if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: web\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, bufio.NewReader(conn))
	}
	if answer, err := http.ReadResponse(waiting[3], nil); err != nil || answer.StatusCode != http.StatusNoContent {
		t.Fatalf("got %v, %v", answer, err)
	}
	since := time.Now()
	b.open("oci-listener?load_balancer=web&name_of=echo")
	lulltest.Within(t, patience, func() string {
		if time.Since(since) < 2*time.Second {
			return "time does not pass"
		}
		return ""
	})
	b.fill("Idle timeout in seconds", "2")
	const told = "It closes 3 of 4 open connections now."
	b.says("#impact", told)
	b.click("Save changes")
	b.says(".flash", told)
	for i, r := range waiting[:3] {
		answer, err := http.ReadResponse(r, nil)
		if err != nil || answer.StatusCode != http.StatusGatewayTimeout {
			t.Errorf("client %d: got %v, %v, want a 504", i, answer, err)
		}
	}
	b.click("Delete")
	b.says("#impact", "It closes 1 of 1 open connection now, and 1 unused connection to a backend.")
	b.keep("oci-listener-delete")
	b.click("Delete")
	b.says(".flash", "It closes 1 of 1 open connection now")
	if n, err := waiting[3].Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the one between two requests: got %d bytes, %v", n, err)
	}
}

// mute starts a backend that answers requests for /quick only, and returns its port.
func mute(t *testing.T) string {
	t.Helper()
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quick" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		select {
		case <-done:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(done) })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// accessibleOCI holds pages of the OCI way against axe-core, where that is there.
func (b *browser) accessibleOCI() {
	b.t.Helper()
	file := os.Getenv("AXE")
	if file == "" {
		b.t.Log("AXE does not name axe-core: not held against it")
		return
	}
	axe, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	const of = "?load_balancer=web"
	for _, look := range []struct {
		width   int64
		colours string
	}{{narrow, "dark"}, {wide, "light"}} {
		b.look(look.width, look.colours)
		for _, page := range []string{"load-balancer" + of, "load-balancer" + of + "&tab=listeners", "oci-listener" + of + "&name_of=echo", "oci-load-balancer-create", "oci-backend-set" + of} {
			b.open(page)
			b.accessible(fmt.Sprintf("%s, %s, %d px", page, look.colours, look.width), string(axe))
		}
	}
}
