package console

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// withOCI makes the OCI load balancer web before a backend on this machine, on the pages.
func (b *browser) withOCI(port string) {
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
	b.fill("Protocol", "TCP")
	b.fill("Port", "8080")
	b.fill("Backend set", "app")
	b.fill("Idle timeout in seconds", "60")
	b.click("Create listener")
	b.says(".flash", "has been created")
	b.node = strings.TrimSuffix(b.node, "16") + "250" // this API takes addresses from the end
}

// TestOCIIdleTimeout goes the way that the OCI documentation describes (book O8): Load balancers, one of them, Listeners, Edit, Idle timeout
// in seconds, save. What the page says that it closes is what closes, and the rest closes at the new time.
func TestOCIIdleTimeout(t *testing.T) {
	t.Parallel()
	b := browse(serve(t))
	b.login()
	b.withOCI(echo(t))
	const idle = 3 * time.Second
	var quiet []net.Conn
	for range 3 {
		quiet = append(quiet, b.dial())
	}
	since := time.Now()
	busy := b.dial()
	b.open("")
	b.click("web")
	b.click("Listeners")
	b.says("main", "60 seconds")
	b.click("Edit")
	b.says("h1", "Edit listener")
	within(b.t, patience, func() string {
		if time.Since(since) < idle {
			return "time does not pass"
		}
		return ""
	})
	b.ping(busy)
	b.fill("Idle timeout in seconds", "3")
	const told = "It closes 3 of 4 open connections now."
	b.says("#impact", told)
	b.says("#commands", "--connection-configuration-idle-timeout 3")
	b.keep("oci-idle-timeout")
	b.ping(busy)
	last := time.Now()
	b.click("Save changes")
	b.says(".flash", told)
	b.says("main", "3 seconds")
	b.keep("oci-listeners")
	for _, conn := range quiet {
		b.ends(conn)
	}
	b.ends(busy)
	if took := time.Since(last); took < idle || took > idle+late {
		t.Errorf("the one that was not idle ended after %v, want %v", took, idle)
	}
	b.click("Work requests")
	b.says("main", "UpdateListener")
	b.accessibleOCI()
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
