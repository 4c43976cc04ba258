package console

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestLogin: a wrong password is refused, the right one opens the page that was asked for, and the printed link opens the console once.
func TestLogin(t *testing.T) {
	t.Parallel()
	l := serve(t)
	b := browse(l)
	id, secret := l.key()
	b.open("reasons")
	b.says("h1", "lull")
	b.keep("login")
	b.fill("Access key ID", id)
	b.fill("Secret", "wrong")
	b.click("Log in")
	b.says(".error", "secret")
	b.fill("Secret", secret)
	b.click("Log in")
	b.says("h1", "Why they end")
	b.click("Log out")
	b.says("h1", "lull")
	b.do(chromedp.Navigate(l.link()))
	b.says("h1", "Load Balancers")
	b.click("Log out")
	b.says("h1", "lull")
	b.do(chromedp.Navigate(l.link()))
	b.says(".error", "has been used")
}

// TestForgery: what another page sends with the session's own cookie is refused, and so is a form with another token.
func TestForgery(t *testing.T) {
	t.Parallel()
	b := browsing(t)
	at, err := net.Listen("tcp", b.Address+":0") // of the same site as the console, so that Chromium sends the cookie along
	if err != nil {
		t.Fatal(err)
	}
	evil := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `<!doctype html><title>evil</title><form method="post" action="%s"><input name="load_balancer" value="web"><button>Go</button></form>`, b.url("aws-delete"))
	}))
	evil.Listener.Close()
	evil.Listener = at
	evil.Start()
	t.Cleanup(evil.Close)
	b.do(chromedp.Navigate(evil.URL))
	b.click("Go")
	b.says("h1", "Forbidden")
	b.open("aws-delete?load_balancer=web")
	b.says("h1", "Delete web")
	b.set(`form.edit [name="csrf"]`, "forged")
	b.click("Delete")
	b.says(".error", "not one of this session")
	b.open("")
	b.says("main", "web")
}
