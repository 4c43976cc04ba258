package console

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"lull/internal/lulltest"
)

// speaksHTTP gives the load balancer web an HTTP listener before a port of its instance, on the pages.
func (b *browser) speaksHTTP(port, instancePort string) {
	b.t.Helper()
	b.open("load-balancer?load_balancer=web")
	b.click("Listeners")
	b.click("Add listener")
	b.fill("Load balancer protocol", "HTTP")
	b.fill("Load balancer port", port)
	b.fill("Instance protocol", "HTTP")
	b.fill("Instance port", instancePort)
	b.click("Add")
	b.says(".flash", "has been added")
}

// get sends a request to a listener and returns the status that comes.
func (b *browser) get(port string) int {
	b.t.Helper()
	ctx, end := context.WithTimeout(context.Background(), patience)
	defer end()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.node+":"+port+`/basket?item=7&note=<b>`, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	q.Close = true
	answer, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // it may be cut short
	return answer.StatusCode
}

// silent is a backend that takes what it gets and never answers.
func silent(t testing.TB) string {
	t.Helper()
	return serving(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }) // until lull closes it
}

// TestWhy504: somebody who is told that a user got a 504 finds the request by that, why it got one, and the setting that made it, by
// clicking what is to be seen.
func TestWhy504(t *testing.T) {
	t.Parallel()
	b := browse(serve(t))
	b.login()
	port := silent(t)
	b.withBalancer(port)
	b.speaksHTTP("8081", port)
	b.open("aws-idle-timeout?load_balancer=web")
	b.fill("Idle timeout", "1")
	b.click("Save")
	b.says(".flash", "has been saved")
	if got := b.get("8081"); got != http.StatusGatewayTimeout {
		t.Fatalf("got %d of a silent backend", got)
	}
	b.click("Failed requests")
	b.says("h1", "Failed requests")
	b.fill("Status", "504")
	b.click("Show")
	lulltest.Within(t, patience, func() string { // the page before says the same: it has this one request in it, too
		at, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`location.search`))
		if !strings.Contains(at, "status=504") {
			return "the filter is not in the address: " + at
		}
		return ""
	})
	b.says("#live", "1 to 1 of 1")
	b.says("#live td.asked", "/basket?item=7&note=<b>")
	b.click(ask[string](b, `document.querySelector("#live tbody a").innerText`))
	b.says("h1", "Request")
	b.says("#live", "the backend was silent for the idle time (response-idle)")
	b.says("#live", "The client got 504, made by lull.")
	b.keep("request-504")
	b.click("Idle timeout of web")
	b.says("h1", "Configure Connection Settings")
}
