package console

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"lull/internal/lulltest"
)

// late is how much later than its deadline a connection may be seen to end on a busy machine.
const late = 2 * time.Second

// dial opens a connection through the load balancer, over which something has gone.
func (b *browser) dial() net.Conn {
	b.t.Helper()
	conn, err := net.DialTimeout("tcp", b.node+":8080", patience)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	b.ping(conn)
	return conn
}

// ping sends a byte to the backend and back.
func (b *browser) ping(conn net.Conn) {
	b.t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		b.t.Fatal(err)
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		b.t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		b.t.Fatal(err)
	}
}

// ends waits until the other side closes.
func (b *browser) ends(conn net.Conn) {
	b.t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		b.t.Fatal(err)
	}
	n, err := conn.Read(make([]byte, 1))
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		b.t.Fatalf("got %d bytes and %v, want the end of the connection", n, err)
	}
}

// idleWay is a documented way to a load balancer's idle timeout.
type idleWay struct {
	there           func() // goes it, from the first page
	heading, label  string // of the page that it ends at, and of its field
	submit          string
	command, result string // what is shown of 3 seconds before they are saved, and afterwards
	picture         string
}

// shorten goes a way, with four connections open. What the page says that 3 seconds close is what closes, and the rest closes at the new time.
func (b *browser) shorten(way *idleWay) {
	b.t.Helper()
	const idle = 3 * time.Second
	var quiet []net.Conn
	for range 3 {
		quiet = append(quiet, b.dial())
	}
	since := time.Now()
	busy := b.dial()
	b.open("")
	way.there()
	b.says("h1", way.heading)
	lulltest.Within(b.t, patience, func() string {
		if time.Since(since) < idle {
			return "time does not pass"
		}
		return ""
	})
	b.ping(busy)
	b.fill(way.label, "3")
	const told = "It closes 3 of 4 open connections now."
	b.says("#impact", told)
	b.says("#commands", way.command)
	b.keep(way.picture)
	last := time.Now() // before the last byte, which no end may come earlier after than the timeout says
	b.ping(busy)
	b.click(way.submit)
	b.says(".flash", told)
	b.says("main", way.result)
	for _, conn := range append(quiet, busy) {
		b.ends(conn)
	}
	if took := time.Since(last); took < idle || took > idle+late {
		b.t.Errorf("the one that was not idle ended after %v, want %v", took, idle)
	}
}

// TestAWSIdleTimeout goes the way that the AWS documentation describes (book A9): Load Balancers, one of them, its tab Description, Edit idle
// timeout, Configure Connection Settings, Save.
func TestAWSIdleTimeout(t *testing.T) {
	t.Parallel()
	b := browsing(t)
	b.shorten(&idleWay{
		there: func() {
			b.click("web")
			b.says(".tabs [aria-current]", "Description")
			b.keep("aws-description")
			b.click("Edit idle timeout")
		},
		heading: "Configure Connection Settings", label: "Idle timeout", submit: "Save",
		command: `--load-balancer-attributes "{\"ConnectionSettings\":{\"IdleTimeout\":3}}"`, result: "Idle timeout 3 seconds", picture: "aws-idle-timeout",
	})
	b.open("connections?state=ended")
	b.says("main", "tunnel-idle")
}

// TestAWSRefused: what the API refuses is said at the field, and what somebody else has set is shown beside one's own.
func TestAWSRefused(t *testing.T) {
	t.Parallel()
	b := browsing(t)
	b.open("aws-idle-timeout?load_balancer=web")
	b.fill("Idle timeout", "4001")
	b.click("Save")
	b.says("p.error[id^=e-]", "1 to 4000")
	b.open("aws-idle-timeout?load_balancer=web")
	ctx, end := chromedp.NewContext(b.ctx)
	defer end()
	other := &browser{b.lull, ctx}
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil { // the page lives as long as this context
		t.Fatal(err)
	}
	other.open("aws-idle-timeout?load_balancer=web")
	other.fill("Idle timeout", "90")
	other.click("Save")
	other.says(".flash", "has been saved")
	b.fill("Idle timeout", "30")
	b.click("Save")
	b.says("p.error[id^=e-]", "Somebody else has set it to 90; yours is 30.")
	b.keep("aws-somebody-else")
	b.click("Save")
	b.says("main", fmt.Sprintf("Idle timeout %d seconds", 30))
}

// TestWithoutScripts: where no script runs, a button says beforehand what is closed, and the change is made all the same.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	b := browsing(t)
	b.dial()
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.open("aws-idle-timeout?load_balancer=web")
	b.fill("Idle timeout", "90")
	b.click("Show what it does")
	b.says("#impact", "It closes none of 1 open connection now.")
	b.says("#commands", `{\"IdleTimeout\":90}`)
	b.click("Save")
	b.says("main", "Idle timeout 90 seconds")
}
