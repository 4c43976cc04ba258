package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"lull/internal/lulltest/testca"
)

// typedInto returns what a browser sends of a form: as sent does, with the texts of its textareas and the line ends of browsers.
func typedInto(a *answer, typed map[string]string) url.Values {
	a.t.Helper()
	values := sent(a, nil)
	for _, n := range within(a.one("form.edit"), "textarea") {
		var b strings.Builder
		for c := range n.ChildNodes() {
			if c.Type == html.TextNode {
				b.WriteString(c.Data)
			}
		}
		values.Set(attr(n, "name"), b.String())
	}
	for name, value := range typed {
		values.Set(name, value)
	}
	for name := range values {
		values.Set(name, strings.ReplaceAll(strings.ReplaceAll(values.Get(name), "\r\n", "\n"), "\n", "\r\n"))
	}
	return values
}

// ociFormCase is one form: what is typed, the command that is shown for that, and what the API tells afterwards.
type ociFormCase struct {
	name, page string
	before     [2]string // a path below web and a body, of what the form is about
	typed      map[string]string
	command    string // its beginning, with LB for the OCID
	asked      string // below web
	want       string // in its answer
	unwanted   string
}

// TestOCIForms: every form does what it says, and shows the command that does the same.
func TestOCIForms(t *testing.T) {
	t.Parallel()
	const routes = `{"name":"r","pathRoutes":[{"path":"/a","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"app"}]}`
	const policy = `{"name":"p","conditionLanguageVersion":"V1","rules":[{"name":"a","condition":"any(http.request.url.path sw '/a')","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"app"}]}]}`
	cases := []ociFormCase{
		{
			name: "listener-create", page: "oci-listener?", typed: map[string]string{"name": "new", "port": "81", ociIdle: "1200"},
			command: "oci lb listener create --load-balancer-id LB --connection-configuration-idle-timeout 1200 --default-backend-set-name app --name new --port 81 --protocol HTTP --endpoint",
			want:    `"connectionConfiguration":{"idleTimeout":1200},"defaultBackendSetName":"app"`,
		},
		{name: "listener-default", page: "oci-listener?", typed: map[string]string{"name": "new", "port": "81", "protocol": "TCP"}, command: "oci lb listener create", want: `"connectionConfiguration":{"idleTimeout":300}`},
		{name: "listener-proxy", page: "oci-listener?name_of=tcp", typed: map[string]string{"connectionConfiguration.backendTcpProxyProtocolVersion": "2"}, command: "oci lb listener update", want: `"connectionConfiguration":{"backendTcpProxyProtocolVersion":2,"idleTimeout":300}`},
		{name: "listener-delete", page: "oci-delete?what=listener&name_of=tcp", command: "oci lb listener delete --load-balancer-id LB --listener-name tcp --force --endpoint", unwanted: `"name":"tcp"`},
		{
			name: "backend-set-create", page: "oci-backend-set?", typed: map[string]string{"name": "b2", "policy": "LEAST_CONNECTIONS", "healthChecker.retries": "5", ociStick: ociLBCookie, ociLBCookie + ".isSecure": "on"},
			command: `oci lb backend-set create --load-balancer-id LB --health-checker-protocol HTTP --health-checker-retries 5 --health-checker-url-path / --lb-cookie-session-persistence-configuration '{`, asked: "/backendSets/b2", want: `"lbCookieSessionPersistenceConfiguration":{"cookieName":"X-Oracle-BMC-LBS-Route","disableFallback":false,"isHttpOnly":false,"isSecure":true,"path":"/"}`,
		},
		{
			name: "backend-set-edit", page: "oci-backend-set?name_of=app", typed: map[string]string{"healthChecker.protocol": "TCP", ociStick: ociAppCookie, ociAppCookie + ".cookieName": "*"},
			command: "oci lb backend-set update --load-balancer-id LB --backend-set-name app --backends", asked: "/backendSets/app", want: `"sessionPersistenceConfiguration":{"cookieName":"*","disableFallback":false}`,
		},
		{name: "backend-set-keeps", page: "oci-backend-set?name_of=app", typed: map[string]string{"policy": "IP_HASH"}, command: "oci lb backend-set update", asked: "/backendSets/app", want: `"ipAddress":"10.0.0.3"`},
		{name: "backend-set-delete", page: "oci-delete?what=backend-set&name_of=b2", before: [2]string{"/backendSets", `{"name":"b2","policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"}}`}, command: "oci lb backend-set delete --load-balancer-id LB --backend-set-name b2 --force", unwanted: `"b2"`},
		{
			name: "backend-add", page: "oci-backend?backend_set=app", typed: map[string]string{"ipAddress": "10.0.0.4", "port": "8080", "backup": "on"},
			command: "oci lb backend create --load-balancer-id LB --backend-set-name app --backup true --drain false --ip-address 10.0.0.4 --offline false --port 8080 --weight 1 --endpoint",
			asked:   "/backendSets/app/backends/10.0.0.4:8080", want: `"backup":true,"drain":false`,
		},
		{
			name: "backend-edit", page: "oci-backend?backend_set=app&name_of=10.0.0.3:8080", typed: map[string]string{"weight": "7", "drain": "on", "offline": "on"},
			command: "oci lb backend update --load-balancer-id LB --backend-set-name app --backend-name 10.0.0.3:8080 --backup false --drain true --offline true --weight 7 --force",
			asked:   "/backendSets/app/backends/10.0.0.3:8080", want: `"offline":true,"port":8080,"weight":7`,
		},
		{name: "backend-delete", page: "oci-delete?what=backend&backend_set=app&name_of=10.0.0.3:8080", command: "oci lb backend delete --load-balancer-id LB --backend-set-name app --backend-name 10.0.0.3:8080 --force", unwanted: "10.0.0.3"},
		{name: "hostname-create", page: "oci-hostname?", typed: map[string]string{"name": "api", "hostname": "*.api.example.com"}, command: "oci lb hostname create --load-balancer-id LB --hostname \"*.api.example.com\" --name api --endpoint", asked: "/hostnames/api", want: `"*.api.example.com"`},
		{name: "hostname-edit", page: "oci-hostname?name_of=www", typed: map[string]string{"hostname": "web.example.com"}, command: "oci lb hostname update --load-balancer-id LB --name www --hostname web.example.com --force", asked: "/hostnames/www", want: `"web.example.com"`},
		{name: "hostname-delete", page: "oci-delete?what=hostname&name_of=www", command: "oci lb hostname delete --load-balancer-id LB --name www --force", unwanted: "www.example.com"},
		{name: "routes-create", page: "oci-path-route-set?", typed: map[string]string{"name": "r", "pathRoutes": "PREFIX_MATCH /img app\nEXACT_MATCH /x app"}, command: "oci lb path-route-set create", asked: "/pathRouteSets/r", want: `"path":"/img","pathMatchType":{"matchType":"PREFIX_MATCH"}`},
		{name: "routes-edit", page: "oci-path-route-set?name_of=r", before: [2]string{"/pathRouteSets", routes}, typed: map[string]string{"pathRoutes": "EXACT_MATCH /a app\nSUFFIX_MATCH .png app"}, command: "oci lb path-route-set update --load-balancer-id LB --path-route-set-name r --path-routes", asked: "/pathRouteSets/r", want: `".png"`},
		{name: "routes-delete", page: "oci-delete?what=path-route-set&name_of=r", before: [2]string{"/pathRouteSets", routes}, command: "oci lb path-route-set delete", unwanted: "EXACT_MATCH"},
		{name: "policy-create", page: "oci-routing-policy?", typed: map[string]string{"name": "p", "rules": "a app any(http.request.url.path sw '/a b')"}, command: "oci lb routing-policy create --load-balancer-id LB --condition-language-version V1 --name p --rules", asked: "/routingPolicies/p", want: `"condition":"any(http.request.url.path sw '/a b')"`},
		{name: "policy-edit", page: "oci-routing-policy?name_of=p", before: [2]string{"/routingPolicies", policy}, typed: map[string]string{"rules": "b app all(http.request.url.path sw '/b')"}, command: "oci lb routing-policy update --load-balancer-id LB --routing-policy-name p", asked: "/routingPolicies/p", want: `"name":"b"`},
		{name: "policy-delete", page: "oci-delete?what=routing-policy&name_of=p", before: [2]string{"/routingPolicies", policy}, command: "oci lb routing-policy delete", unwanted: "/a"},
		{
			name: "rules-create", page: "oci-rule-set?", typed: map[string]string{"name": "s", "items[0].action": "ADD_HTTP_RESPONSE_HEADER", "items[0].header": "X-A", "items[0].value": "it's 1"},
			command: `oci lb rule-set create --load-balancer-id LB --items '[{"action":"ADD_HTTP_RESPONSE_HEADER","header":"X-A","value":"it'\''s 1"}]' --name s --endpoint`, asked: "/ruleSets/s", want: `"header":"X-A","value":"it's 1"`,
		},
		{
			name: "rules-edit", page: "oci-rule-set?name_of=s", before: [2]string{"/ruleSets", `{"name":"s","items":[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a"}]}`}, typed: map[string]string{"items[0].header": "b"},
			command: `oci lb rule-set update --load-balancer-id LB --rule-set-name s --items '[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"b"}]' --force`, asked: "/ruleSets/s", want: `"header":"b"`,
		},
		{name: "rules-delete", page: "oci-delete?what=rule-set&name_of=s", before: [2]string{"/ruleSets", `{"name":"s","items":[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a"}]}`}, command: "oci lb rule-set delete --load-balancer-id LB --rule-set-name s --force", unwanted: "REMOVE_HTTP"},
		{name: "suite-create", page: "oci-cipher-suite?", typed: map[string]string{"name": "c", "ciphers": "ECDHE-RSA-AES128-GCM-SHA256, ECDHE-RSA-AES256-GCM-SHA384"}, command: "oci lb ssl-cipher-suite create", asked: "/sslCipherSuites/c", want: `["ECDHE-RSA-AES128-GCM-SHA256","ECDHE-RSA-AES256-GCM-SHA384"]`},
		{
			name: "suite-edit", page: "oci-cipher-suite?name_of=c", before: [2]string{"/sslCipherSuites", `{"name":"c","ciphers":["ECDHE-RSA-AES128-GCM-SHA256"]}`},
			typed:   map[string]string{"ciphers": "ECDHE-RSA-AES256-GCM-SHA384"},
			command: `oci lb ssl-cipher-suite update --load-balancer-id LB --name c --ciphers '["ECDHE-RSA-AES256-GCM-SHA384"]' --force`, asked: "/sslCipherSuites/c", want: `["ECDHE-RSA-AES256-GCM-SHA384"]`, unwanted: "AES128",
		},
		{
			name: "suite-delete", page: "oci-delete?what=cipher-suite&name_of=c", before: [2]string{"/sslCipherSuites", `{"name":"c","ciphers":["ECDHE-RSA-AES128-GCM-SHA256"]}`},
			command: "oci lb ssl-cipher-suite delete --load-balancer-id LB --name c --force", unwanted: "AES128",
		},
		{
			name: "move", page: "oci-compartment?", typed: map[string]string{"compartmentId": "ocid1.compartment.oc1..elsewhere"},
			command: `oci raw-request --http-method POST --target-uri http://127.0.0.1:8440/20170115/loadBalancers/LB/changeCompartment --request-body '{"compartmentId":"ocid1.compartment.oc1..elsewhere"}'`,
			want:    `"compartmentId":"ocid1.compartment.oc1..elsewhere"`, unwanted: `"compartmentId":"ocid1.tenancy.oc1..aaaatenancy"`,
		},
		{
			name: "tags", page: "oci-load-balancer?", typed: map[string]string{freeformTags: " team = blue sky \nstage=test=1\nempty"},
			command: `oci lb load-balancer update --load-balancer-id LB --display-name web --freeform-tags '{"empty":"","stage":"test=1","team":"blue sky"}' --is-delete`,
			want:    `"freeformTags":{"empty":"","stage":"test=1","team":"blue sky"}`,
		},
		{
			name: "defined-tags", page: "oci-load-balancer?", typed: map[string]string{definedTags: " Finance.CostCenter 42 \n\nOps.on call it's true\nOps.\"a b\" \" c\""},
			command: `oci lb load-balancer update --load-balancer-id LB --defined-tags '{"Finance":{"CostCenter":"42"},"Ops":{"a b":" c","on":"call it'\''s true"}}' --display-name`,
			want:    `"definedTags":{"Finance":{"CostCenter":"42"},"Ops":{"a b":" c","on":"call it's true"}}`,
		},
		{
			name: "defined-tags-create", page: "oci-load-balancer-create?", typed: map[string]string{"displayName": "shop", "compartmentId": "ocid1.tenancy.oc1..aaaatenancy", definedTags: "Finance.CostCenter 42"},
			command: `oci lb load-balancer create --compartment-id ocid1.tenancy.oc1..aaaatenancy --defined-tags '{"Finance":{"CostCenter":"42"}}' --display-name shop`,
		},
		{
			name: "policy-spaces", page: "oci-routing-policy?name_of=p", before: [2]string{"/routingPolicies", strings.Replace(policy, "/a", "/a  b", 1)}, command: "oci lb routing-policy update",
			asked: "/routingPolicies/p", want: `'/a  b'`,
		},
		{name: "balancer-edit", page: "oci-load-balancer?", typed: map[string]string{"displayName": "shop", "isDeleteProtectionEnabled": "on"}, command: "oci lb load-balancer update --load-balancer-id LB --display-name shop --freeform-tags '{}' --is-delete-protection-enabled true", want: `"displayName":"shop"`},
		{name: "shape", page: "oci-shape?", typed: map[string]string{"shapeDetails.maximumBandwidthInMbps": "400"}, command: "oci raw-request --http-method PUT --target-uri http://127.0.0.1:8440/20170115/loadBalancers/LB/updateShape", want: `"maximumBandwidthInMbps":400`},
		{name: "groups", page: "oci-network-groups?", typed: map[string]string{"networkSecurityGroupIds": "ocid1.networksecuritygroup.oc1..a, ocid1.networksecuritygroup.oc1..b"}, command: "oci raw-request", want: `["ocid1.networksecuritygroup.oc1..a","ocid1.networksecuritygroup.oc1..b"]`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			newOCIRig(t).fill(t, &c)
		})
	}
}

// fill plays one case.
func (r *ociRig) fill(t *testing.T, c *ociFormCase) {
	t.Helper()
	if c.before[0] != "" {
		r.change(http.MethodPost, "/loadBalancers/"+r.id+c.before[0], c.before[1])
	}
	b := r.loggedIn(adminID)
	form := b.get("/console/" + c.page + "&load_balancer=web").want(http.StatusOK)
	inline(t, c.page, form.tree())
	values := typedInto(form, c.typed)
	path, _, _ := strings.Cut(c.page, "?")
	if deletes := path == "oci-delete"; deletes != (len(form.all("dl.facts")) > 0) {
		t.Errorf("of what it deletes, the page says\n%s", text(form.one("main")))
	}
	if page := b.do(http.MethodPost, "/console/"+path+previewSuffix, values).want(http.StatusOK); len(page.all("pre")) != 1 || !strings.HasPrefix(strings.ReplaceAll(text(page.one("pre")), r.id, "LB"), c.command) {
		t.Errorf("got  %s\nwant %s", text(page.one("main")), c.command)
	}
	saved := b.do(http.MethodPost, "/console/"+path, values)
	if saved.Code != http.StatusSeeOther {
		t.Fatalf("got %d %s", saved.Code, text(saved.one("main")))
	}
	if after := b.get(saved.Header().Get("Location")).want(http.StatusOK); len(after.all("p.flash")) != 1 {
		t.Error("nothing is said of it")
	}
	got, err := json.Marshal(r.told(c.asked))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(got), c.want) || c.unwanted != "" && strings.Contains(string(got), c.unwanted) {
		t.Errorf("got  %s\nwant %s\nnot  %s", got, c.want, c.unwanted)
	}
}

// TestOCISecureListener: a certificate is taken, a listener gets it, which the tab tells, and neither its key nor its passphrase is shown;
// while a listener has it, it cannot be deleted. Without SSL the listener has none of it any more.
func TestOCISecureListener(t *testing.T) {
	t.Parallel()
	r := newOCIRig(t)
	b := r.loggedIn(adminID)
	issued := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"www.example.com"}, RSA: true})
	tab := func(name string) *answer {
		return b.get("/console/load-balancer?load_balancer=web&tab=" + name).want(http.StatusOK)
	}
	form := b.get(tab(tabCertificates).linkTo("Create certificate")).want(http.StatusOK)
	b.do(http.MethodPost, "/console/oci-certificate", typedInto(form, map[string]string{"certificateName": "c1", "publicCertificate": string(issued.Chain), "privateKey": string(issued.Key)})).want(http.StatusSeeOther)
	if page := tab(tabCertificates); !strings.Contains(text(page.one("table")), "c1") || strings.Contains(page.Body.String(), "PRIVATE") {
		t.Errorf("got %s", text(page.one("main")))
	}
	const path = "/console/oci-listener?load_balancer=web&name_of=http"
	secure := sent(b.get(path).want(http.StatusOK), map[string]string{ociPort: "443", ociSSL: "on", ociSSL + ".certificateName": "c1", ociSSL + ".protocols": "TLSv1.2, TLSv1.3"})
	b.do(http.MethodPost, "/console/oci-listener", secure).want(http.StatusSeeOther)
	ssl := r.listener("http").SSLConfiguration
	if ssl == nil || ssl.CertificateName == nil || *ssl.CertificateName != "c1" || !slices.Equal(ssl.Protocols, []string{"TLSv1.2", "TLSv1.3"}) {
		t.Fatalf("got %+v", ssl)
	}
	if got := text(tab(tabListeners).one("table")); !strings.Contains(got, "HTTP with SSL 443") {
		t.Errorf("got %q", got)
	}
	used := b.get("/console/oci-delete?load_balancer=web&what=certificate&name_of=c1").want(http.StatusOK)
	if strings.Contains(used.Body.String(), "PRIVATE") {
		t.Error("the page that deletes a certificate shows its key")
	}
	if a := b.do(http.MethodPost, "/console/oci-delete", sent(used, nil)).want(http.StatusUnprocessableEntity); !strings.Contains(text(a.one("p.error")), "c1") {
		t.Errorf("got %q", text(a.one("main")))
	}
	plain := sent(b.get(path), nil)
	if plain.Get(ociSSL) != "on" || plain.Get(ociSSL+".certificateName") != "c1" {
		t.Errorf("the form shows %v", plain)
	}
	plain.Del(ociSSL)
	b.do(http.MethodPost, "/console/oci-listener", plain).want(http.StatusSeeOther)
	if r.listener("http").SSLConfiguration != nil {
		t.Error("it still speaks TLS")
	}
	b.do(http.MethodPost, "/console/oci-delete", sent(b.get("/console/oci-delete?load_balancer=web&what=certificate&name_of=c1"), nil)).want(http.StatusSeeOther)
}
