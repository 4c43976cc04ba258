package console

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"lull/internal/lulltest"
)

const (
	browserMax = 2 * time.Minute
	// widths are those of a telephone and of a desk.
	narrow, wide = 360, 1600
)

// browser is Chromium with one page open.
type browser struct {
	*lull
	ctx context.Context
}

// browse starts Chromium with an empty profile.
func browse(l *lull) *browser {
	l.t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.WindowSize(wide, 1000))
	ctx, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endBrowser := chromedp.NewContext(ctx)
	l.t.Cleanup(func() { endBrowser(); endAllocator() })
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // the browser lives as long as this context
		l.t.Fatal(err)
	}
	ctx, endTime := context.WithTimeout(ctx, browserMax)
	l.t.Cleanup(endTime)
	return &browser{l, ctx}
}

// replaced is what Chromium says of an element that was found and has made room for a new one before anything was done to it, as live
// parts of a page do.
const replaced = "Could not find node with given id"

// do does something to the page.
func (b *browser) do(step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, end := context.WithTimeout(b.ctx, patience)
	defer end()
	for {
		err := chromedp.Do(ctx, step)
		switch {
		case err == nil:
			return
		case !strings.Contains(err.Error(), replaced):
			b.t.Fatalf("%v; the page says:\n%s", err, b.tryText("body"))
		}
	}
}

// ask has the page evaluate a script.
func ask[Result any](b *browser, script string) Result {
	b.t.Helper()
	ctx, end := context.WithTimeout(b.ctx, patience)
	defer end()
	result, err := chromedp.Run(ctx, chromedp.Evaluate[Result](script, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v; the page says:\n%s", err, b.tryText("body"))
	}
	return result
}

// open goes to a page of the console.
func (b *browser) open(page string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url(page)))
}

// tryText returns what an element says; nothing if there is none.
func (b *browser) tryText(selector string) (text string) {
	text, _ = chromedp.Run(b.ctx, chromedp.Evaluate[string](`(document.querySelector(`+quote(selector)+`) || {innerText: ""}).innerText`)) // between two pages there is none
	return strings.Join(strings.Fields(text), " ")
}

// says waits until an element says something.
func (b *browser) says(selector, want string) {
	b.t.Helper()
	lulltest.Within(b.t, patience, func() string {
		if got := b.tryText(selector); !strings.Contains(got, want) {
			return fmt.Sprintf("%s says %q, want %q; the page says: %s", selector, got, want, b.tryText("body"))
		}
		return ""
	})
}

// click clicks the link or button that says something.
func (b *browser) click(label string) {
	b.t.Helper()
	b.do(chromedp.Click(fmt.Sprintf(`//a[normalize-space()=%[1]q] | //button[normalize-space()=%[1]q]`, label), chromedp.NodeVisible))
}

// fill types into the field with a label, in place of what is in it. It waits for the page that has one.
func (b *browser) fill(label, text string) {
	b.t.Helper()
	var found struct{ ID, Kind string }
	lulltest.Within(b.t, patience, func() string {
		found, _ = chromedp.Run(b.ctx, chromedp.Evaluate[struct{ ID, Kind string }](`(() => {
			const label = [...document.querySelectorAll("label")].find(one => one.innerText.trim() === `+quote(label)+`);
			const field = label && document.getElementById(label.htmlFor);
			if (field && field.select) { field.focus(); field.select(); }
			return {ID: field ? field.id : "", Kind: field ? field.nodeName : ""}; })()`))
		if found.ID == "" {
			return fmt.Sprintf("no field %q on the page: %s", label, b.tryText("body"))
		}
		return ""
	})
	at := `[id="` + found.ID + `"]` // ids may have dots
	if found.Kind == "SELECT" {
		b.set(at, text)
		return
	}
	b.do(chromedp.SendKeys(at, text)) // in place of what is selected
	if got := ask[string](b, `document.querySelector(`+quote(at)+`).value`); got != text {
		b.t.Fatalf("field %q has %q, want %q", label, got, text)
	}
}

// set gives an element another value, as a script does.
func (b *browser) set(selector, value string) {
	b.t.Helper()
	script := `(() => { const e = document.querySelector(` + quote(selector) + `); e.value = ` + quote(value) + `; e.dispatchEvent(new Event("input", {bubbles: true})); return e.value })()`
	if got := ask[string](b, script); got != value {
		b.t.Fatalf("%s has %q, want %q", selector, got, value)
	}
}

// quote writes a string for a script.
func quote(s string) string {
	text, _ := json.Marshal(s) // a string always can be
	return string(text)
}

// login logs in with the first access key.
func (b *browser) login() {
	b.t.Helper()
	id, secret := b.key()
	b.open("")
	b.says("h1", "lull")
	b.fill("Access key ID", id)
	b.fill("Secret", secret)
	b.click("Log in")
	b.says("h1", "Load Balancers")
}

// look sets width and colours, at once.
func (b *browser) look(width int64, colours string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, 1000))
	media := []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: colours},
		{Name: "prefers-reduced-motion", Value: "reduce"}, // buttons fade from one colour to the other, and what measures contrast would meet them on the way
	}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: media}); err != nil {
		b.t.Fatal(err)
	}
}

// keep writes a picture of the page to the directory that SCREENSHOTS names, if it does.
func (b *browser) keep(name string) {
	b.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// withBalancer makes the load balancer web before a backend on this machine, on the pages, and waits until it takes connections.
func (b *browser) withBalancer(port string) {
	b.t.Helper()
	b.open("")
	b.click("Create Load Balancer")
	b.fill("Name", "web")
	b.fill("Load balancer protocol", "TCP")
	b.fill("Load balancer port", "8080")
	b.fill("Instance protocol", "TCP")
	b.fill("Instance port", port)
	b.says("#commands", "--load-balancer-name web")
	b.click("Create")
	b.says(".flash", "has been created")
	b.click("Health check")
	b.click("Edit Health Check")
	b.fill("Ping target", "TCP:"+port)
	b.fill("Interval", "5")
	b.fill("Response timeout", "2")
	b.fill("Healthy threshold", "2")
	b.click("Save")
	b.says(".flash", "has been saved")
	b.click("Instances")
	b.click("Register instances")
	b.fill("Instances", "127.0.0.1")
	b.click("Register")
	b.says(".flash", "have been registered")
	lulltest.Within(b.t, patience, func() string {
		b.open("load-balancer?load_balancer=web&tab=instances")
		if got := b.tryText("main"); !strings.Contains(got, "InService") {
			return "the instance is not in service: " + got
		}
		return ""
	})
}

// browsing returns a browser that is logged in, with the load balancer web before a backend that echoes.
func browsing(t *testing.T) *browser {
	t.Helper()
	b := browse(serve(t))
	b.login()
	b.withBalancer(echo(t))
	return b
}
