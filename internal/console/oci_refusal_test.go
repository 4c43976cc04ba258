package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/record"
)

// TestOCIFaults: what the API does not take is refused at the field in its words, and nothing is changed.
func TestOCIFaults(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	for _, c := range []struct{ name, page, field, typed, want string }{
		{"zero", "oci-listener?name_of=http", ociIdle, "0", "1 to 7200"},
		{"long", "oci-listener?name_of=http", ociIdle, "7201", "1 to 7200"},
		{"no-number", "oci-listener?name_of=http", ociIdle, "1e3", "Idle timeout in seconds must be a whole number"},
		{"absurd", "oci-listener?name_of=http", ociIdle, "99999999999999999999", "Idle timeout in seconds must be"},
		{"markup", "oci-listener?name_of=http", ociIdle, `"><img>`, "Idle timeout in seconds must be"},
		{"taken-port", "oci-listener?name_of=http", ociPort, "90", "port 90 is not allowed"},
		{"no-hostname", "oci-listener?name_of=http", "hostnameNames", "none", "has no hostname named 'none'"},
		{"address", "oci-backend?backend_set=app", "ipAddress", "::1", "IPv4"},
		{"weight", "oci-backend?backend_set=app&name_of=10.0.0.3:8080", "weight", "101", "1 to 100"},
		{"interval", "oci-backend-set?name_of=app", "healthChecker.intervalInMillis", "5", "1000"},
		{"hostname", "oci-hostname?name_of=www", "hostname", "a b", "host name"},
		{"tag", "oci-load-balancer?", definedTags, "Finance.CostCenter", "definedTags.Finance.CostCenter size must be between 1 and 255"},
		{"tag-key", "oci-load-balancer?", definedTags, "Finance 1", "a name in definedTags.Finance size must be between 1 and 255"},
		{"routes", "oci-path-route-set?", "pathRoutes", "EXACT /a app", "EXACT"},
	} {
		form := b.get("/console/" + c.page + "&load_balancer=web").want(http.StatusOK)
		typed := map[string]string{c.field: c.typed}
		if len(form.all("input[name=name]")) > 0 {
			typed["name"] = "new"
		}
		if c.name == "address" {
			typed["port"] = "80"
		}
		path, _, _ := strings.Cut(c.page, "?")
		a := b.do(http.MethodPost, "/console/"+path, typedInto(form, typed)).want(http.StatusUnprocessableEntity)
		if got := text(a.one("[id=e-" + c.field + "]")); !strings.Contains(got, c.want) || len(a.all("img")) != 0 {
			t.Errorf("%s: got %q, want %q in it", c.name, got, c.want)
		}
		if !has(a.fieldOf(c.field), "autofocus", "") {
			t.Errorf("%s: the field is not focused", c.name)
		}
	}
	if r.idleNow("http") != 60 || r.listener("http").Port != 80 {
		t.Errorf("something was changed: %+v", r.listener("http"))
	}
	for _, path := range []string{
		"oci-listener?load_balancer=none", "oci-listener", "oci-listener?load_balancer=web&name_of=none", "oci-backend?load_balancer=web&backend_set=none",
		"oci-backend?load_balancer=web&backend_set=app&name_of=none", "oci-delete?load_balancer=web&what=none", "oci-delete?load_balancer=web&what=listener&name_of=none",
		"oci-delete?load_balancer=web&what=backend&backend_set=app&name_of=none", "oci-work-request?id=none", "load-balancer?load_balancer=web&tab=none",
	} {
		b.get("/console/" + path).want(http.StatusNotFound)
	}
}

// TestOCIStale: somebody else's change is shown with one's own, and not overwritten unseen; what nobody typed over is kept.
func TestOCIStale(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	at := "/loadBalancers/" + r.id + "/listeners/http"
	old := b.get("/console/oci-listener?load_balancer=web&name_of=http")
	r.change(http.MethodPut, at, `{"defaultBackendSetName":"app","port":81,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":120}}`)
	a := b.do(http.MethodPost, "/console/oci-listener", sent(old, map[string]string{ociIdle: "30"})).want(http.StatusConflict)
	if got := text(a.one("[id=e-" + ociIdle + "]")); r.idleNow("http") != 120 || got != "Somebody else has set it to 120 ; yours is 30 ." {
		t.Errorf("got %d and %q", r.idleNow("http"), got)
	}
	b.do(http.MethodPost, "/console/oci-listener", sent(a, nil)).want(http.StatusSeeOther)
	if l := r.listener("http"); r.idleNow("http") != 30 || l.Port != 81 {
		t.Errorf("saved again: got %+v", l)
	}
	gone := b.get("/console/oci-delete?load_balancer=web&what=listener&name_of=http").want(http.StatusOK)
	r.change(http.MethodPut, at, `{"defaultBackendSetName":"app","port":82,"protocol":"HTTP"}`)
	again := b.do(http.MethodPost, "/console/oci-delete", sent(gone, nil)).want(http.StatusConflict)
	if r.listener("http").Port != 82 || !strings.Contains(text(again.one("main")), `"port":82`) {
		t.Errorf("got %s", text(again.one("main")))
	}
	b.do(http.MethodPost, "/console/oci-delete", sent(again, nil)).want(http.StatusSeeOther)
	b.do(http.MethodPost, "/console/oci-listener", sent(old, map[string]string{ociIdle: "90"})).want(http.StatusNotFound)
}

// TestOCIFails: a change that is accepted and fails is told above the form, with what was typed.
func TestOCIFails(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	form := b.get("/console/oci-listener?load_balancer=web&name_of=http")
	r.mu.Lock()
	r.broken = errors.New("no room")
	r.mu.Unlock()
	a := b.do(http.MethodPost, "/console/oci-listener", sent(form, map[string]string{ociIdle: "30"})).want(http.StatusUnprocessableEntity)
	if got := text(a.one("#form-error")); !strings.HasPrefix(got, "The change was accepted, and has failed: ") || attr(a.fieldOf(ociIdle), "value") != "30" {
		t.Errorf("got %q", got)
	}
	if page := b.get("/console/load-balancer?load_balancer=web&tab=work-requests").want(http.StatusOK); !strings.Contains(text(page.one("table")), "FAILED") {
		t.Errorf("got %s", text(page.one("table")))
	}
}

// TestOCIWait: a work request that takes long has a page that loads itself again until it is done.
func TestOCIWait(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	form := b.get("/console/oci-listener?load_balancer=web&name_of=http")
	hold := make(chan struct{})
	r.mu.Lock()
	r.hold = hold
	r.mu.Unlock()
	saved := b.do(http.MethodPost, "/console/oci-listener", sent(form, map[string]string{ociIdle: "30"})).want(http.StatusSeeOther)
	to := saved.Header().Get("Location")
	page := b.get(to).want(http.StatusOK)
	if page.Header().Get("Refresh") != ociRefresh || page.linkTo("load it now") == "" {
		t.Errorf("got %q and %s", page.Header().Get("Refresh"), text(page.one("main")))
	}
	inline(t, "work request", page.tree())
	close(hold)
	for end := time.Now().Add(patience); page.Header().Get("Refresh") != "" && time.Now().Before(end); {
		page = b.get(to).want(http.StatusOK)
	}
	if got := text(page.one("dl")); !strings.Contains(got, string(wire.WorkSucceeded)) || r.idleNow("http") != 30 {
		t.Errorf("got %q", got)
	}
}

// TestOCISharedPort: where listeners share a port, connections are counted that have a request for the listener on its way, and the page
// says so.
func TestOCISharedPort(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/listeners", `{"name":"www","defaultBackendSetName":"app","port":80,"protocol":"HTTP","hostnameNames":["www"],"connectionConfiguration":{"idleTimeout":90}}`)
	list := ofListener("http", 40) // quiet for 50 milliseconds to 2 seconds
	for i := range list {
		if i%2 == 0 {
			list[i].Ends.Listener = "www"
		}
	}
	list[1].Ends.Listener = "http:80"
	elsewhere := ofListener("http@127.0.0.99", 40)
	r.engine.set(func() { r.engine.conns = append(list, elsewhere[1]) })
	b := r.loggedIn(adminID)
	form := b.get("/console/oci-listener?load_balancer=web&name_of=http").want(http.StatusOK)
	if got := text(form.one("main")); !strings.Contains(got, "It shares port 80 with www.") {
		t.Errorf("got %q", got)
	}
	a := b.do(http.MethodPost, "/console/oci-listener-preview", sent(form, map[string]string{ociIdle: "1"})).want(http.StatusOK)
	if got := text(a.one("div#impact")); got != "It closes 10 of 20 open connections now." {
		t.Errorf("got %q", got)
	}
	other := b.do(http.MethodPost, "/console/oci-listener-preview", sent(form, map[string]string{ociPort: "81", ociIdle: "1"})).want(http.StatusOK)
	if got := text(other.one("div#impact")); got != "No connection is open that it concerns." {
		t.Errorf("on another port: got %q", got)
	}
	port := b.get(to("listener", "load_balancer", "web", "listener", "http:80")).want(http.StatusOK)
	if got := port.linkTo("Edit idle timeout"); got != "/console/load-balancer?load_balancer=web&tab=listeners" {
		t.Errorf("the page of a port that several share leads to %q", got)
	}
}

// TestOCIReader: who may only read sees values without buttons, and is refused when sending a form all the same.
func TestOCIReader(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(readerID)
	for _, one := range ociTabs("web", "") {
		if page := b.get(one.Link).want(http.StatusOK); len(page.all("a.button")) != 0 || len(page.all("form.edit")) != 0 {
			t.Errorf("%s: a reader sees\n%s", one.Label, page.Body)
		}
	}
	form := b.get("/console/oci-listener?load_balancer=web&name_of=http").want(http.StatusOK)
	if len(form.all("form.edit")) != 0 || len(form.all("pre")) != 0 || !strings.Contains(text(form.one("dl")), "Idle timeout in seconds 60") {
		t.Errorf("a reader sees\n%s", form.Body)
	}
	for page := range ociEdits() {
		b.do(http.MethodPost, "/console/"+page, url.Values{"csrf": {b.csrf()}, "load_balancer": {"web"}, nameKept: {"http"}, "what": {"listener"}}).want(http.StatusForbidden)
	}
	if _, found := r.oci.IDOf("web"); !found || r.listener("http").Port != 80 {
		t.Error("something was changed")
	}
}

// TestOCIMarkup: names that clients may give are text on every tab, and tabs show what there is.
func TestOCIMarkup(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	const name = `"><img src=x onerror=alert(1)>`
	r.change(http.MethodPut, "/loadBalancers/"+r.id, `{"displayName":"\"><img src=x onerror=alert(1)>"}`)
	r.change(http.MethodPost, "/loadBalancers/"+r.id+"/ruleSets", `{"name":"s","items":[{"action":"ADD_HTTP_RESPONSE_HEADER","header":"a","value":"</textarea><img src=x>"}]}`)
	b := r.loggedIn(adminID)
	var paths []string
	for _, one := range ociTabs("web", "") {
		paths = append(paths, one.Link)
	}
	for page := range ociEdits() {
		paths = append(paths, "/console/"+page+"?load_balancer=web", "/console/"+page+"?load_balancer=web&what=listener&name_of="+url.QueryEscape(name))
	}
	for _, path := range append(paths, "/console/oci-rule-set?load_balancer=web&name_of=s", "/console/oci-delete?load_balancer=web&what=rule-set&name_of=s") {
		a := b.get(path)
		if a.Code >= 500 || len(a.all("img")) != 0 {
			t.Errorf("%s: got %d\n%s", path, a.Code, a.Body)
		}
		inline(t, path, a.tree())
	}
	if got := text(b.get(paths[0]).one("h1")); got != name {
		t.Errorf("got %q", got)
	}
	if page := b.get("/console/load-balancer?load_balancer=web&tab=backend-sets"); !strings.Contains(text(page.one("main")), "10.0.0.3:8080 ") || !slices.Contains(page.links(), "Add backend") {
		t.Errorf("got %s", text(page.one("main")))
	}
}

// TestOCISecrets: what is typed as a private key is in no answer.
func TestOCISecrets(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	form := b.get("/console/oci-certificate?load_balancer=web").want(http.StatusOK)
	const typed = "what nobody may see"
	a := b.do(http.MethodPost, "/console/oci-certificate", typedInto(form, map[string]string{"certificateName": "c", "privateKey": typed, "passphrase": typed, "publicCertificate": "no PEM"})).want(http.StatusUnprocessableEntity)
	if strings.Contains(a.Body.String(), typed) || len(a.all("div#impact")) != 0 {
		t.Errorf("got %s", a.Body)
	}
	if got := text(a.one("pre")); !strings.HasPrefix(got, "oci lb certificate create --load-balancer-id "+r.id+" --certificate-name c --public-certificate-file certificate.pem --private-key-file key.pem") {
		t.Errorf("got %q", got)
	}
}

// TestOCIWhole: a load balancer is made and deleted.
func TestOCIWhole(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	r.console.o.Tenancy = func() string { return "ocid1.tenancy.oc1..aaaatenancy" }
	b := r.loggedIn(adminID)
	form := b.get(b.get("/console/").linkTo("Create OCI load balancer")).want(http.StatusOK)
	made := b.do(http.MethodPost, "/console/oci-load-balancer-create", typedInto(form, map[string]string{"displayName": "shop"})).want(http.StatusSeeOther)
	empty := b.get(made.Header().Get("Location")).want(http.StatusOK)
	if got := text(empty.one("p.flash")); got != "The load balancer has been created. Create a backend set next, and then a listener." || empty.linkTo("Create backend set") == "" {
		t.Errorf("got %q", got)
	}
	listeners := b.get(empty.linkTo("Listeners")).want(http.StatusOK)
	if got := text(listeners.one("div.sections")); !strings.Contains(got, "A listener needs a backend set") || listeners.linkTo("Create backend set") == "" {
		t.Errorf("without a backend set: got %q", got)
	}
	list := b.get("/console/").want(http.StatusOK)
	details := b.get(list.linkTo("shop")).want(http.StatusOK)
	b.do(http.MethodPost, "/console/oci-delete", sent(b.get(details.linkTo("Delete")), nil)).want(http.StatusSeeOther)
	if _, found := r.oci.IDOf("shop"); found {
		t.Error("it is still there")
	}
}

// TestOCINone: without that API there is nothing to change.
func TestOCINone(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	r.console.o.OCI = nil
	r.engine.set(func() { r.engine.conns = []record.Live{} })
	for page := range ociEdits() {
		b.get("/console/" + page + "?load_balancer=web").want(http.StatusNotFound)
	}
	b.get("/console/oci-work-request?id=x").want(http.StatusNotFound)
	if a := b.get("/console/load-balancer?load_balancer=web").want(http.StatusOK); len(a.all("nav.tabs")) != 0 {
		t.Error("there are tabs")
	}
}

// overtaken is an API on which somebody else is quicker, once.
type overtaken struct {
	OCI
	first func()
}

func (o *overtaken) Ask(ctx context.Context, q *ociapi.Question) (ociapi.Answer, error) {
	if first := o.first; first != nil && q.Method != http.MethodGet {
		o.first = nil
		first()
	}
	return o.OCI.Ask(ctx, q)
}

// TestOCIOvertaken: a change between the look at what is there and the request is not overwritten: what it changed besides is kept, and
// the same field shows both.
func TestOCIOvertaken(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]int{ociIdle: http.StatusConflict, ociPort: http.StatusSeeOther} {
		r := newOCIRig(t)
		b := r.loggedIn(adminID)
		form := b.get("/console/oci-listener?load_balancer=web&name_of=http")
		r.console.o.OCI = &overtaken{r.oci, func() {
			r.change(http.MethodPut, "/loadBalancers/"+r.id+"/listeners/http", `{"defaultBackendSetName":"app","port":80,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":120}}`)
		}}
		b.do(http.MethodPost, "/console/oci-listener", sent(form, map[string]string{typed: "81"})).want(want)
		if got := r.idleNow("http"); got != 120 {
			t.Errorf("%s: got %d", typed, got)
		}
	}
}
