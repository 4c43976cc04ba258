package console

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"lull/internal/lulltest"
)

// finding is something that axe-core holds against a page.
type finding struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// TestAccessible: axe-core finds nothing serious on any page, light and dark, on a telephone and at a desk, and nothing is wider than
// the screen.
func TestAccessible(t *testing.T) {
	t.Parallel()
	file := os.Getenv("AXE")
	if file == "" {
		t.Skip("AXE does not name axe-core")
	}
	axe, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	port := echo(t)
	b := browse(serve(t))
	b.login()
	b.withBalancer(port)
	b.dial()
	const of = "?load_balancer=web"
	pages := map[string]string{
		"overview": "", "description": "load-balancer" + of, "instances": "load-balancer" + of + "&tab=instances", "health-check": "load-balancer" + of + "&tab=health-check",
		"listeners": "load-balancer" + of + "&tab=listeners", "monitoring": "load-balancer" + of + "&tab=monitoring", "tags": "load-balancer" + of + "&tab=tags",
		"idle-timeout": "aws-idle-timeout" + of, "create": "aws-create", "delete": "aws-delete" + of, "policies": "aws-listener-policies" + of + "&port=8080",
		"add-listener": "aws-listener-create" + of, "health": "aws-health-check" + of, "connections": "connections", "requests": "requests", "reasons": "reasons", "keepalive": "keepalive", "none": "none",
	}
	for name, from := range map[string]string{"listener": "load-balancer" + of + "&tab=monitoring", "backend": "load-balancer" + of + "&tab=monitoring", "connection": "connections"} {
		pages[name] = b.linkedFrom(from, name)
	}
	b.ends(b.dialAndStop())
	pages["ended-connection"] = b.linkedFrom("connections?state=ended", "connection")
	b.speaksHTTP("8081", port)
	if got := b.get("8081"); got != http.StatusBadGateway { // an echo is no response
		t.Fatalf("got %d", got)
	}
	pages["request"] = b.linkedFrom("requests", "connection")
	for _, colours := range []string{"light", "dark"} {
		for _, width := range []int64{narrow, wide} {
			b.look(width, colours)
			for name, page := range pages {
				at := fmt.Sprintf("%s, %s, %d px", name, colours, width)
				b.open(page)
				b.accessible(at, string(axe))
				if shown := fmt.Sprintf("%s-%s-%d", name, colours, width); slices.Contains(pictures, shown) {
					b.keep(shown)
				}
			}
		}
	}
	b.open("aws-create")
	ask[string](b, `document.querySelector("main").innerHTML = '<input name="nameless"><img src="/console/none">'`)
	if found := b.serious(string(axe)); len(found) != 2 {
		t.Errorf("of a page that is not accessible: got %q, want 2 findings", found)
	}
}

// linkedFrom returns the first page of a name that another one leads to.
func (b *browser) linkedFrom(from, name string) string {
	b.t.Helper()
	b.open(from)
	link := `main a[href^="/console/` + name + `?"]`
	lulltest.Within(b.t, patience, func() string {
		if !ask[bool](b, `document.querySelector('`+link+`') !== null`) {
			return from + " leads to no " + name
		}
		return ""
	})
	return ask[string](b, `document.querySelector('`+link+`').getAttribute("href").slice("/console/".length)`)
}

// dialAndStop opens a connection, and says over it that nothing more comes.
func (b *browser) dialAndStop() net.Conn {
	b.t.Helper()
	conn := b.dial()
	if half, ok := conn.(*net.TCPConn); !ok || half.CloseWrite() != nil {
		b.t.Fatal("the connection cannot be half-closed")
	}
	return conn
}

// pictures are those that are kept.
//
//nolint:gochecknoglobals // a constant in all but type
var pictures = []string{"overview-light-1600", "overview-dark-360", "description-dark-360", "listeners-light-360", "create-dark-1600", "monitoring-dark-1600"}

// accessible holds the page against axe-core, and its width against the screen's.
func (b *browser) accessible(at, axe string) {
	b.t.Helper()
	for _, text := range b.serious(axe) {
		b.t.Errorf("%s: %s", at, text)
	}
	over := ask[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`)
	if over > 0 {
		b.t.Errorf("%s: %d px wider than the screen", at, over)
	}
}

// serious returns what axe-core finds on the page that keeps people from using it.
func (b *browser) serious(axe string) (texts []string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](axe + "\n;0"))
	found := ask[[]finding](b, `axe.run().then(r => r.violations.map(v => ({ID: v.id, Impact: v.impact, Help: v.help,
		Nodes: v.nodes.map(n => ({HTML: n.html, FailureSummary: n.failureSummary}))})))`)
	for _, f := range found {
		text := fmt.Sprintf("%s (%s): %s", f.ID, f.Impact, f.Help)
		for _, n := range f.Nodes {
			text += "\n  " + n.HTML + "\n  " + strings.ReplaceAll(n.FailureSummary, "\n", " ")
		}
		if f.Impact == "serious" || f.Impact == "critical" {
			texts = append(texts, text)
		} else {
			b.t.Log(text)
		}
	}
	return texts
}
