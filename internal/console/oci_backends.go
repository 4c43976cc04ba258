package console

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
)

// ociStick is the field that says how clients are kept on their backends. It has no member of its own.
const ociStick = "stick"

// The members that it chooses between.
const (
	ociAppCookie = "sessionPersistenceConfiguration"
	ociLBCookie  = "lbCookieSessionPersistenceConfiguration"
)

// ociBackendSetKind is backend sets.
func ociBackendSetKind() *ociKind {
	return &ociKind{
		word: "backend set", member: "backendSets", naming: "name", option: "backend-set-name", tool: "backend-set", tab: tabBackendSets,
		begin: map[string]any{"policy": "ROUND_ROBIN", "healthChecker": map[string]any{"protocol": "HTTP", "urlPath": "/"}},
		hint:  "At most 32 letters, digits, hyphens and underscores. It cannot be changed later.", fields: backendSetFields, shape: backendSetShape,
	}
}

func backendSetFields(b *ociBalancer, body map[string]any) []*field {
	const check = "healthChecker."
	fields := []*field{
		{Name: "policy", Label: "Policy", Kind: "select", Choices: same("ROUND_ROBIN", "LEAST_CONNECTIONS", "IP_HASH")},
		{Name: "backendMaxConnections", Label: "Connections to each backend at most", Kind: "number", Optional: true, Hint: "256 to 65535; empty or 0 for no bound."},
	}
	checks := grouped("Health check", []*field{
		{Name: check + "protocol", Label: "Health check protocol", Kind: "select", Choices: same("HTTP", "TCP")},
		{Name: check + "urlPath", Label: "Health check path", Optional: true, Hint: "For HTTP."},
		{Name: check + "port", Label: "Health check port", Kind: "number", Optional: true, Hint: "Empty or 0 is each backend's own."},
		{Name: check + "returnCode", Label: "Status code", Kind: "number", Optional: true, Hint: "100 to 599; empty is 200."},
		{Name: check + "responseBodyRegex", Label: "Response body", Optional: true, Hint: "A regular expression that the body has to match; empty is any."},
		{Name: check + "intervalInMillis", Label: "Interval", Kind: "number", Unit: "ms", Optional: true, Hint: "1,000 to 1,800,000; empty is 10,000."},
		{Name: check + "timeoutInMillis", Label: "Timeout", Kind: "number", Unit: "ms", Optional: true, Hint: "1 to 1,800,000; empty is 3,000."},
		{Name: check + "retries", Label: "Retries", Kind: "number", Optional: true, Hint: "1 to 1,000; empty is 3."},
		{Name: check + "isForcePlainText", Label: "Health checks without TLS", Kind: "checkbox"},
	})
	sticky := grouped("Session persistence", []*field{
		{Name: ociStick, Label: "Session persistence", Kind: "select", Value: stickOf(body), Choices: []choice{{"", "disabled"}, {ociAppCookie, "by the application's cookie"}, {ociLBCookie, "by the load balancer's cookie"}}},
		{Name: ociAppCookie + ".cookieName", Label: "Application's cookie", Optional: true, Hint: "* is any."},
		{Name: ociAppCookie + ".disableFallback", Label: "With the application's cookie, no other backend when the client's own is down", Kind: "checkbox"},
		{Name: ociLBCookie + ".cookieName", Label: "Load balancer's cookie", Optional: true, Hint: "Empty is X-Oracle-BMC-LBS-Route."},
		{Name: ociLBCookie + ".domain", Label: "Cookie domain", Optional: true},
		{Name: ociLBCookie + ".path", Label: "Cookie path", Optional: true, Hint: "Empty is /."},
		{Name: ociLBCookie + ".maxAgeInSeconds", Label: "Cookie age at most", Kind: "number", Unit: "seconds", Optional: true},
		{Name: ociLBCookie + ".isSecure", Label: "Cookie over TLS only", Kind: "checkbox"},
		{Name: ociLBCookie + ".isHttpOnly", Label: "Cookie out of scripts' reach", Kind: "checkbox"},
		{Name: ociLBCookie + ".disableFallback", Label: "With the load balancer's cookie, no other backend when the client's own is down", Kind: "checkbox"},
	})
	return b.withSSL(filledIn(slices.Concat(fields, checks, sticky), body), body)
}

// stickOf returns which of the two cookies a backend set has.
func stickOf(body map[string]any) string {
	for _, member := range []string{ociAppCookie, ociLBCookie} {
		if body[member] != nil {
			return member
		}
	}
	return ""
}

// backendSetShape makes of a backend set's fields what they are together.
func backendSetShape(f *form, body map[string]any) {
	delete(body, ociStick)
	for _, member := range []string{ociAppCookie, ociLBCookie} {
		if f.field(ociStick).Value != member {
			delete(body, member)
		}
	}
	for _, one := range listIn(body["backends"]) { // their names are made of the rest
		delete(one, "name")
	}
	listenerShape(f, body)
}

// listIn returns the objects of a list.
func listIn(value any) (list []map[string]any) {
	all, _ := value.([]any)
	for _, one := range all {
		if object, ok := one.(map[string]any); ok {
			list = append(list, object)
		}
	}
	return list
}

// ociBackendForm is the form for a backend: for a new one if the names have none.
func ociBackendForm(v *visit, names url.Values) (*ociEdit, error) {
	b, err := v.ociBalancer(names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	set, name := names.Get("backend_set"), names.Get(nameKept)
	if _, found := b.BackendSets[set]; !found {
		return nil, b.noChild("backend set", set)
	}
	e := b.edit(tabBackendSets)
	e.About = []string{"Backend set " + set + " of " + b.DisplayName + "."}
	e.Form.Keep = []kept{{"backend_set", set}, {nameKept, name}}
	fields := backendFields()
	if name == "" {
		fields[0].Value = "1"
		e.Heading, e.Form.Submit, e.done = "Add backend", "Add backend", "The backend has been added."
		e.method, e.path, e.tool = http.MethodPost, b.path("backendSets", set, "backends"), b.tool("backend create", kept{"backend-set-name", set})
		e.Form.Fields = append([]*field{{Name: "ipAddress", Label: "IP address"}, {Name: "port", Label: "Port", Kind: "number", Min: 1, Max: 65535, Hint: "1 to 65535."}}, fields...)
		return e, nil
	}
	one := b.backend(set, name)
	if one == nil {
		return nil, b.noChild("backend", name)
	}
	e.Heading, e.done = "Edit backend "+name, "The backend "+name+" has been saved."
	e.method, e.path, e.tool = http.MethodPut, b.path("backendSets", set, "backends", name), b.tool("backend update", kept{"backend-set-name", set}, kept{"backend-name", name})
	e.Form.Fields = filledIn(fields, one)
	e.fate = func(f *form) (fateOf, bool) {
		return v.withoutBackend(b, set, name), f.field("offline").Value == "on" && one["offline"] != true
	}
	return e, nil
}

// backendFields is the fields of a backend, but for its address.
func backendFields() []*field {
	return []*field{
		{Name: "weight", Label: "Weight", Kind: "number", Min: 1, Max: 100, Hint: "1 to 100."},
		{Name: "maxConnections", Label: "Connections at most", Kind: "number", Optional: true, Hint: "256 to 65535; empty is the backend set's."},
		{Name: "backup", Label: "Backup: gets requests only when the others are down", Kind: "checkbox"},
		{Name: "drain", Label: "Drain: gets no new sessions", Kind: "checkbox"},
		{Name: "offline", Label: "Offline: gets nothing", Kind: "checkbox"},
	}
}

// backend returns a backend as JSON has it; nil if there is none.
func (b *ociBalancer) backend(set, name string) map[string]any {
	for _, one := range listIn(b.child("backendSets", set)["backends"]) {
		if one["name"] == name {
			return one
		}
	}
	return nil
}

// deleteBackend completes the page that takes a backend out of its set.
func (v *visit) deleteBackend(b *ociBalancer, e *ociEdit, set, name string) error {
	one := b.backend(set, name)
	if one == nil {
		return b.noChild("backend", name)
	}
	e.Heading, e.Tab, e.seen = "Delete backend "+name+" of "+set, tabBackendSets, described(one)
	e.Facts, e.done, e.fate = factsOf(filledIn(backendFields(), one)), e.Heading+": done.", always(v.withoutBackend(b, set, name))
	e.Form.Keep = append(e.Form.Keep, kept{"backend_set", set})
	e.path = b.path("backendSets", set, "backends", name)
	e.tool = b.tool("backend delete", kept{"backend-set-name", set}, kept{"backend-name", name})
	return nil
}

// withoutBackend returns the fate of a backend's connections when it is deleted or set offline.
func (v *visit) withoutBackend(b *ociBalancer, set, name string) fateOf {
	return v.c.withBackend(b.name, set, func(k *plan.BackendKey) bool { return k.Endpoint() == name })
}

// ociBackendSets is the tab Backend sets, with the health as the API tells it.
func ociBackendSets(v *visit, b *ociBalancer) ([]section, error) {
	sets := section{
		Heading: "Backend sets", Actions: b.creation("backend-set"),
		Table: &table{Caption: "Backend sets", Head: []string{"Name", "Health", "Policy", "Backends", "Health check", "Session persistence", "SSL"}},
	}
	sections := []section{{}}
	for _, name := range slices.Sorted(maps.Keys(b.BackendSets)) {
		set := b.BackendSets[name]
		answer, err := v.ociRead(b.path("backendSets", name, "health"), nil)
		if err != nil {
			return nil, err
		}
		health, _ := answer.Result.(wire.BackendSetHealth)
		sets.Table.Rows = append(sets.Table.Rows, tableRow{
			Cells:   []string{name, health.Status, set.Policy, number(len(set.Backends)), checkText(&set.HealthChecker), stickText(&set), yesNo(set.SSLConfiguration != nil)},
			Actions: []action{b.edition("backend-set", name), b.deletion("backend-set", name)},
		})
		sections = append(sections, b.backendsSection(name, &set, &health))
	}
	sections[0] = sets
	return sections, nil
}

// backendsSection is the backends of one set.
func (b *ociBalancer) backendsSection(name string, set *wire.BackendSet, health *wire.BackendSetHealth) section {
	t := &table{Caption: "Backends of " + name, Head: []string{"Backend", "Health", "Weight", "Backup", "Drain", "Offline", "Connections at most"}}
	for _, one := range set.Backends {
		most := "the set's"
		if one.MaxConnections != nil {
			most = number(*one.MaxConnections)
		}
		t.Rows = append(t.Rows, tableRow{
			Cells: []string{one.Name, healthOf(health, one.Name), strconv.Itoa(one.Weight), yesNo(one.Backup), yesNo(one.Drain), yesNo(one.Offline), most},
			Actions: []action{
				{Label: "Edit", Of: "Edit backend " + one.Name, Link: to("oci-backend", "load_balancer", b.name, "backend_set", name, nameKept, one.Name)},
				b.deletion("backend", one.Name, "backend_set", name),
			},
		})
	}
	return section{Heading: "Backends of " + name, Table: t, Actions: []action{
		{Label: "Add backend", Of: "Add backend to " + name, Link: to("oci-backend", "load_balancer", b.name, "backend_set", name)},
	}}
}

// healthOf returns a backend's health: those that no list has are well.
func healthOf(h *wire.BackendSetHealth, name string) string {
	for _, state := range []struct {
		name  string
		names []string
	}{{wire.HealthCritical, h.CriticalStateBackendNames}, {wire.HealthWarning, h.WarningStateBackendNames}, {wire.HealthUnknown, h.UnknownStateBackendNames}} {
		if slices.Contains(state.names, name) {
			return state.name
		}
	}
	return wire.HealthOK
}

func checkText(h *wire.HealthChecker) string {
	text := h.Protocol
	if h.URLPath != nil && h.Protocol == wire.ProtocolHTTP {
		text += " " + *h.URLPath
	}
	return fmt.Sprintf("%s every %s ms", text, number(h.IntervalInMillis))
}

func stickText(set *wire.BackendSet) string {
	switch {
	case set.SessionPersistenceConfiguration != nil:
		return "application's cookie " + set.SessionPersistenceConfiguration.CookieName
	case set.LBCookieSessionPersistenceConfiguration != nil:
		return "load balancer's cookie " + set.LBCookieSessionPersistenceConfiguration.CookieName
	}
	return "disabled"
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
