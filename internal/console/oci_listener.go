package console

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
)

// The page Create listener and Edit listener, as Oracle's console has it (book O8).

// The fields of a listener, as the API calls them.
const (
	ociProtocol = "protocol"
	ociPort     = "port"
	ociIdle     = "connectionConfiguration.idleTimeout"
	ociSSL      = "sslConfiguration"
)

// The idle timeouts of a listener that says nothing, in seconds (book O13).
const (
	ociIdleHTTP = 60
	ociIdleTCP  = 300
)

// ociListenerForm is the form for a listener: for a new one if the names have none.
func ociListenerForm(v *visit, names url.Values) (*ociEdit, error) {
	b, err := v.ociBalancer(names.Get("load_balancer"))
	if err != nil {
		return nil, err
	}
	name := names.Get(nameKept)
	e := b.edit(tabListeners)
	if name == "" {
		e.Heading, e.Form.Submit, e.done = "Create listener", "Create listener", "The listener has been created."
		if len(b.BackendSets) == 0 {
			e.About = []string{"A listener needs a backend set, and " + b.DisplayName + " has none: create one first, on the tab Backend sets."}
		}
		e.method, e.path = http.MethodPost, b.path("listeners")
		e.tool = b.tool("listener create")
		e.body = map[string]any{ociProtocol: wire.ProtocolHTTP, ociPort: float64(80)}
		e.Form.Fields = append([]*field{{Name: "name", Label: "Name", Hint: "Letters, digits, hyphens and underscores. It cannot be changed later."}}, b.listenerFields(e.body)...)
	} else {
		if e.body = b.child("listeners", name); e.body == nil {
			return nil, b.noChild("listener", name)
		}
		e.Heading, e.Form.Submit, e.done = "Edit listener", "Save changes", "The listener "+name+" has been saved."
		e.About = append([]string{"Listener " + name + " of " + b.DisplayName + "."}, b.sharing(name)...)
		e.Form.Keep = []kept{{nameKept, name}}
		e.method, e.path = http.MethodPut, b.path("listeners", name)
		e.tool = b.tool("listener update", kept{"listener-name", name})
		e.body = cloned(e.body)
		delete(e.body, "name")
		e.Form.Fields = b.listenerFields(e.body)
		e.fate = func(f *form) (fateOf, bool) { return v.fateOfListener(b, name, f) }
	}
	e.shape = listenerShape
	return e, nil
}

// edit returns a page about a load balancer, without its form's fields.
func (b *ociBalancer) edit(tab string) *ociEdit {
	return &ociEdit{edit: edit{Balancer: b.name, Tab: tab, Form: &form{Submit: "Save changes"}}, etag: b.etag}
}

// tool returns how the oci command calls something about a load balancer.
func (b *ociBalancer) tool(does string, more ...kept) ociTool {
	return ociTool{does: does, names: append([]kept{{"load-balancer-id", b.id}}, more...)}
}

// listenerFields is the fields of a listener.
func (b *ociBalancer) listenerFields(body map[string]any) []*field {
	fields := []*field{
		{Name: ociProtocol, Label: "Protocol", Kind: "select", Choices: same(wire.ProtocolHTTP, wire.ProtocolHTTP2, wire.ProtocolGRPC, wire.ProtocolTCP), Hint: "HTTPS is HTTP with SSL. HTTP2 and GRPC need SSL."},
		{Name: ociPort, Label: "Port", Kind: "number", Min: 1, Max: 65535, Hint: "1 to 65535. HTTP listeners with different hostnames can share one."},
		{Name: "defaultBackendSetName", Label: "Backend set", Kind: "select", Choices: same(slices.Sorted(maps.Keys(b.BackendSets))...), Hint: "Where requests go that nothing else says a backend set for."},
		idleField(),
	}
	routing := grouped("Hostnames, routing and rule sets", []*field{
		{Name: "hostnameNames", Label: "Hostnames", Kind: kindList, Optional: true, Hint: "Names of hostnames of this load balancer, with commas between them."},
		{Name: "pathRouteSetName", Label: "Path route set", Kind: "select", Optional: true, Choices: orNone(slices.Sorted(maps.Keys(b.PathRouteSets)))},
		{Name: "routingPolicyName", Label: "Routing policy", Kind: "select", Optional: true, Choices: orNone(slices.Sorted(maps.Keys(b.RoutingPolicies)))},
		{Name: "ruleSetNames", Label: "Rule sets", Kind: kindList, Optional: true, Hint: "Names of rule sets of this load balancer, with commas between them, in the order in which they apply."},
	})
	proxy := grouped("PROXY protocol", []*field{
		{Name: "connectionConfiguration.backendTcpProxyProtocolVersion", Label: "PROXY protocol to the backends", Kind: "number", Min: 1, Max: 2, Optional: true, Hint: "1 or 2, for TCP only; empty for none."},
	})
	return b.withSSL(filledIn(slices.Concat(fields, routing, proxy), body), body)
}

// withSSL returns fields with those for TLS behind them.
func (b *ociBalancer) withSSL(fields []*field, body map[string]any) []*field {
	ssl := filledIn(b.sslFields(), body)
	if body[ociSSL] != nil {
		ssl[0].Value = "on"
	}
	return append(fields, ssl...)
}

// idleField is what all of this is about.
func idleField() *field {
	allowed := timeout.IdleRange(timeout.Directional)
	least, most := int64(allowed.Min/time.Second), int64(allowed.Max/time.Second)
	return &field{
		Name: ociIdle, Label: "Idle timeout in seconds", Kind: "number", Min: least, Max: most, Optional: true,
		Hint: number(least) + " to " + number(most) + " seconds; empty is 60 for HTTP and 300 for TCP. For how long nothing may come or go while a request is " +
			"answered, or over a TCP connection. It holds for connections that are open, too; that a client may wait for 65 seconds between requests, it does not change.",
	}
}

// sslFields is the fields for TLS. The first turns it on and off.
func (b *ociBalancer) sslFields() []*field {
	at := ociSSL + "."
	return grouped("SSL", []*field{
		{Name: ociSSL, Label: "Use SSL", Kind: "checkbox"},
		{Name: at + "certificateName", Label: "Certificate", Kind: "select", Optional: true, Choices: orNone(slices.Sorted(maps.Keys(b.Certificates)))},
		{Name: at + "certificateIds", Label: "Certificate ids", Kind: kindList, Optional: true, Hint: "Instead of a certificate of this load balancer."},
		{Name: at + "protocols", Label: "TLS versions", Kind: kindList, Optional: true, Hint: "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, with commas between them; empty is TLSv1.2."},
		{Name: at + "cipherSuiteName", Label: "Cipher suite", Optional: true, Hint: "Empty is oci-default-ssl-cipher-suite-v1."},
		{Name: at + "serverOrderPreference", Label: "Order of ciphers", Kind: "select", Optional: true, Choices: []choice{{"", "default"}, {"ENABLED", "the server's"}, {"DISABLED", "the client's"}}},
		{Name: at + "verifyPeerCertificate", Label: "Verify the peer's certificate", Kind: "checkbox"},
		{Name: at + "trustedCertificateAuthorityIds", Label: "Trusted authorities", Kind: kindList, Optional: true, Hint: "Ids of certificate authorities or CA bundles, to verify with; empty is the CA certificate of the certificate above."},
		{Name: at + "verifyDepth", Label: "Verify depth", Kind: "number", Optional: true, Max: 100, Hint: "0 to 100; empty is 1."},
	})
}

// listenerShape makes of a listener's fields what they are together.
func listenerShape(f *form, body map[string]any) {
	if f.field(ociSSL).Value != "on" {
		delete(body, ociSSL)
		return
	}
	if _, on := body[ociSSL].(map[string]any); !on {
		body[ociSSL] = map[string]any{}
	}
}

// same returns choices that are shown as they are sent.
func same(values ...string) []choice {
	choices := make([]choice, len(values))
	for i, value := range values {
		choices[i] = choice{value, value}
	}
	return choices
}

// orNone returns choices of which none need be taken.
func orNone(names []string) []choice {
	return append([]choice{{"", "none"}}, same(names...)...)
}

// portOf returns what the plan calls the listener that has a port: all HTTP listeners of a port are one there.
func portOf(name string, l *wire.ListenerDetails) string {
	if l.Protocol == wire.ProtocolTCP {
		return name
	}
	return "http:" + strconv.Itoa(l.Port)
}

// sharers returns the other listeners of a listener's port.
func (b *ociBalancer) sharers(name string) (others []string) {
	for _, other := range slices.Sorted(maps.Keys(b.Listeners)) {
		if other != name && b.Listeners[other].Port == b.Listeners[name].Port {
			others = append(others, other)
		}
	}
	return others
}

// sharing says how connections are counted where listeners share a port: which of them a connection is of, each request says anew.
func (b *ociBalancer) sharing(name string) []string {
	others := b.sharers(name)
	if len(others) == 0 {
		return nil
	}
	return []string{"It shares port " + strconv.Itoa(b.Listeners[name].Port) + " with " + listed(others) +
		". Of the connections of that port, those are counted below that have a request for this listener on its way."}
}

// stays says what becomes of the port of a listener that is deleted, if others share it.
func (b *ociBalancer) stays(name string) []string {
	others := b.sharers(name)
	if len(others) == 0 {
		return nil
	}
	return []string{"Port " + strconv.Itoa(b.Listeners[name].Port) + " stays open for " + listed(others) + ", and so do its connections: their next requests go there."}
}

// fateOfListener says what a listener's form makes of its connections: the idle timeout that was typed, or an end if it gets another port
// or protocol.
func (v *visit) fateOfListener(b *ociBalancer, name string, f *form) (fateOf, bool) {
	l := b.Listeners[name]
	idle, ok := idleTyped(f)
	if !ok {
		return nil, false
	}
	tcp, wasTCP := f.field(ociProtocol).Value == wire.ProtocolTCP, l.Protocol == wire.ProtocolTCP
	moves := f.field(ociPort).Value != strconv.Itoa(l.Port)
	if tcp != wasTCP || moves && !tcp { // the plan's name of a TCP listener does not have its port: its connections stay
		return v.withoutListener(b, name), true
	}
	concerned := b.ofListener(name)
	return func(c *record.Live) (fate, bool) { return fate{idle: idle}, concerned(c) }, true
}

// withoutListener returns the fate of a listener's connections when it goes. A port that it shares stays, and so do connections.
func (v *visit) withoutListener(b *ociBalancer, name string) fateOf {
	l := b.Listeners[name]
	if len(b.sharers(name)) > 0 {
		return func(*record.Live) (fate, bool) { return fate{}, false }
	}
	at := portOf(name, &l.ListenerDetails)
	return v.c.withListeners(b.name, func(other *plan.Listener) bool { return onAnyAddress(other.Key.Name) == at })
}

// ofListener tells the connections of a listener: an HTTP connection has its name while a request for it is on its way, and between two
// requests the name of the port.
func (b *ociBalancer) ofListener(name string) func(*record.Live) bool {
	l := b.Listeners[name]
	at := portOf(name, &l.ListenerDetails)
	if len(b.sharers(name)) > 0 {
		at = name
	}
	return func(c *record.Live) bool {
		its := onAnyAddress(c.Ends.Listener)
		return c.Ends.LoadBalancer == b.name && (its == name || its == at)
	}
}

// idleTyped returns the idle timeout that a form stands for; ok is false if it makes no sense.
func idleTyped(f *form) (idle time.Duration, ok bool) {
	one := f.field(ociIdle)
	if one.Value == "" {
		if f.field(ociProtocol).Value == wire.ProtocolTCP {
			return ociIdleTCP * time.Second, true
		}
		return ociIdleHTTP * time.Second, true
	}
	n, err := strconv.ParseInt(one.Value, 10, 64)
	return time.Duration(n) * time.Second, err == nil && n >= one.Min && n <= one.Max
}
