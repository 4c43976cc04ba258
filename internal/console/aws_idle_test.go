package console

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// idleNow returns the idle timeout in force, as the API tells it.
func (r *awsRig) idleNow() int32 {
	r.t.Helper()
	found, ok := r.call("DescribeLoadBalancerAttributes", "LoadBalancerName=web").(query.DescribeLoadBalancerAttributesResult)
	if !ok {
		r.t.Fatal("got another result")
	}
	return found.LoadBalancerAttributes.ConnectionSettings.IdleTimeout
}

// others returns open connections of web, of which one has been quiet for a second longer than the next.
func others(n int) []record.Live {
	list := make([]record.Live, n)
	for i := range list {
		list[i] = live(uint64(i+1), 60*time.Second, time.Duration(n-i)*time.Second/20)
	}
	return list
}

// TestAWSIdleTimeout is the way that the AWS documentation describes (book A9): Load Balancers, one of them, Description, Edit idle timeout,
// Configure Connection Settings, Save. Before it is saved the page says what it closes, and how the aws command does the same.
func TestAWSIdleTimeout(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	elsewhere := live(9999, 60*time.Second, 59*time.Second)
	elsewhere.Ends.LoadBalancer = "other"
	r.engine.set(func() { r.engine.conns = append(others(1180), elsewhere) })
	b := r.loggedIn(adminID)
	list := b.get("/console/").want(http.StatusOK)
	one := b.get(list.linkTo("web")).want(http.StatusOK)
	if got := text(one.one("a[aria-current=page]")); !slices.Contains(one.links(), "Monitoring") || got == "" {
		t.Errorf("got tabs %v", one.links())
	}
	form := b.get(one.linkTo("Edit idle timeout")).want(http.StatusOK)
	if got := text(form.one("h1")); got != "Configure Connection Settings" {
		t.Errorf("got heading %q", got)
	}
	inline(t, "idle timeout", form.tree())
	typed := sent(form, map[string]string{idleParam: "30"})
	asked := b.do(http.MethodPost, "/console/aws-idle-timeout-preview", typed, func(q *http.Request) { q.Header.Set("Hx-Request", "true") }).want(http.StatusOK)
	const want = "It closes 581 of 1,180 open connections now."
	const command = `aws elb modify-load-balancer-attributes --load-balancer-name web --load-balancer-attributes "{\"ConnectionSettings\":{\"IdleTimeout\":30}}" --endpoint-url http://127.0.0.1:8440`
	if got := text(asked.all("p")[0]); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := text(asked.one("pre")); got != command {
		t.Errorf("got  %s\nwant %s", got, command)
	}
	whole := b.do(http.MethodPost, "/console/aws-idle-timeout-preview", typed).want(http.StatusOK)
	if got := text(whole.one("div#impact")); got != want || text(whole.one("pre")) != command || attr(whole.fieldOf(idleParam), "value") != "30" {
		t.Errorf("without scripts: got %q", got)
	}
	if r.idleNow() != 60 {
		t.Fatal("a look ahead has changed something")
	}
	saved := b.do(http.MethodPost, "/console/aws-idle-timeout", sent(whole, nil)).want(http.StatusSeeOther)
	if r.idleNow() != 30 {
		t.Errorf("saved: got %d", r.idleNow())
	}
	after := b.get(saved.Header().Get("Location")).want(http.StatusOK)
	if got := text(after.one("p.flash")); got != "The idle timeout of web has been saved. "+want {
		t.Errorf("got %q", got)
	}
	if got := text(after.one("main")); !strings.Contains(got, "Idle timeout 30 seconds") {
		t.Errorf("got %q", got)
	}
}

// TestAWSAdvice: the story of a connection that the idle timeout has ended leads to where that is changed here, and has no command that would
// change what is at AWS.
func TestAWSAdvice(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	r.engine.origin = plan.OriginELB
	r.engine.log.Append([]record.Close{ended(1000, reason.TunnelIdle, r.clock())})
	a := r.loggedIn(readerID).get("/console/connection?id=1000").want(http.StatusOK)
	advice := a.one("section.advice")
	if got := text(advice); !strings.Contains(got, "Raise the idle timeout of load balancer web above 60s") || strings.Contains(a.Body.String(), "aws elb") {
		t.Errorf("got %q", got)
	}
	if got := attr(within(advice, "a")[0], "href"); got != "/console/aws-idle-timeout?load_balancer=web" {
		t.Errorf("it leads to %q", got)
	}
}

// TestAWSIdleTimeoutFaults: what the API does not take is refused at the field in its words, and nothing is changed.
func TestAWSIdleTimeoutFaults(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	b := r.loggedIn(adminID)
	form := b.get("/console/aws-idle-timeout?load_balancer=web").want(http.StatusOK)
	for typed, want := range map[string]string{
		"0": "1 to 4000", "4001": "1 to 4000", "-1": "1 to 4000", "": "", "1e3": "'1e3'", "99999999999999999999": "99999999999999999999", `"><img>`: `'"><img>'`, "30.5": "30.5",
	} {
		values := sent(form, map[string]string{idleParam: typed})
		a := b.do(http.MethodPost, "/console/aws-idle-timeout", values).want(http.StatusUnprocessableEntity)
		if got := text(a.one("[id=e-" + idleParam + "]")); !strings.HasPrefix(got, "Idle timeout ") || !strings.Contains(got, want) || attr(a.fieldOf(idleParam), "value") != typed || len(a.all("img")) != 0 {
			t.Errorf("%q: got %q", typed, got)
		}
		quiet := b.do(http.MethodPost, "/console/aws-idle-timeout-preview", values, func(q *http.Request) { q.Header.Set("Hx-Request", "true") }).want(http.StatusOK)
		if got := text(quiet.one("body")); got != "Idle timeout: 1 to 4,000 seconds." { // said while it is typed
			t.Errorf("%q: ahead: got %q", typed, got)
		}
	}
	if r.idleNow() != 60 {
		t.Errorf("got %d", r.idleNow())
	}
	for _, path := range []string{"aws-idle-timeout?load_balancer=none", "aws-idle-timeout", "load-balancer?load_balancer=web&tab=none"} {
		b.get("/console/" + path).want(http.StatusNotFound)
	}
}

// TestAWSIdleTimeoutStale: somebody else's change is shown with one's own, and not overwritten unseen.
func TestAWSIdleTimeoutStale(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	b := r.loggedIn(adminID)
	old := b.get("/console/aws-idle-timeout?load_balancer=web")
	r.call("ModifyLoadBalancerAttributes", "LoadBalancerName=web&"+idleParam+"=120")
	a := b.do(http.MethodPost, "/console/aws-idle-timeout", sent(old, map[string]string{idleParam: "30"})).want(http.StatusConflict)
	if got := text(a.one("[id=e-" + idleParam + "]")); r.idleNow() != 120 || got != "Somebody else has set it to 120 ; yours is 30 ." {
		t.Errorf("got %d and %q", r.idleNow(), got)
	}
	b.do(http.MethodPost, "/console/aws-idle-timeout", sent(a, nil)).want(http.StatusSeeOther)
	if r.idleNow() != 30 {
		t.Errorf("saved again: got %d", r.idleNow())
	}
	gone := b.get("/console/aws-idle-timeout?load_balancer=web")
	r.call("DeleteLoadBalancer", "LoadBalancerName=web")
	b.do(http.MethodPost, "/console/aws-idle-timeout", sent(gone, map[string]string{idleParam: "90"})).want(http.StatusNotFound)
}

// TestAWSReader: who may only read sees values without buttons, and is refused when sending a form all the same.
func TestAWSReader(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	b := r.loggedIn(readerID)
	page := b.get("/console/load-balancer?load_balancer=web").want(http.StatusOK)
	if len(page.all("a.button")) != 0 {
		t.Errorf("a reader sees\n%s", page.Body)
	}
	form := b.get("/console/aws-idle-timeout?load_balancer=web").want(http.StatusOK)
	if len(form.all("form.edit")) != 0 || len(form.all("pre")) != 0 || !strings.Contains(text(form.one("dl")), "60 seconds") {
		t.Errorf("a reader sees\n%s", form.Body)
	}
	values := map[string][]string{"csrf": {b.csrf()}, "load_balancer": {"web"}, idleParam: {"30"}, "was." + idleParam: {"60"}}
	b.do(http.MethodPost, "/console/aws-idle-timeout", values).want(http.StatusForbidden)
	if r.idleNow() != 60 {
		t.Errorf("got %d", r.idleNow())
	}
}

// TestAWSNone: without that API there is nothing to change.
func TestAWSNone(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	b := r.loggedIn(adminID)
	r.console.o.ELB = nil
	b.get("/console/aws-idle-timeout?load_balancer=web").want(http.StatusNotFound)
	if a := b.get("/console/load-balancer?load_balancer=web").want(http.StatusOK); len(a.all("nav.tabs")) != 0 {
		t.Error("there are tabs")
	}
	r.console.o.ELB = func(context.Context, any) (any, error) { return nil, context.DeadlineExceeded }
	b.get("/console/aws-idle-timeout?load_balancer=web").want(http.StatusInternalServerError)
}
