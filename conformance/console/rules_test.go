package console

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/loadbalancer"

	"lull/internal/lulltest"
)

// TestOCIRuleSet makes a rule set of two rules, moves one, saves, and has a listener follow it. Oracle's client reads the rules in that
// order, and responses carry what only that order makes: a header that is extended once it has been added.
func TestOCIRuleSet(t *testing.T) {
	t.Parallel()
	b := browse(serve(t))
	b.login()
	b.withOCI("HTTP", polite(t))
	b.open("load-balancer?load_balancer=web")
	b.click("Rule sets")
	b.click("Create rule set")
	b.fill("Name", "trace")
	b.addRule("Extend response header")
	b.says("legend", "Rule 1: Extend response header")
	b.fillRule(1, "Header", "X-Trace")
	b.fillRule(1, "Suffix", "-b")
	b.says("#commands", `{"action":"EXTEND_HTTP_RESPONSE_HEADER_VALUE","header":"X-Trace","suffix":"-b"}`)
	b.addRule("Add response header")
	b.says(".rules", "Rule 2: Add response header")
	if got := ask[string](b, `document.activeElement.id`); got != "f-items[1].header" {
		t.Errorf("after a rule was added, %q is focused", got)
	}
	b.fillRule(2, "Header", "X-Trace")
	b.fillRule(2, "Value", "it's a")
	b.press("Move up rule 2")
	b.says(".rules [role=status]", "Rule 2 is rule 1 now.")
	if got := ask[string](b, `document.activeElement.ariaLabel`); got != "Move down rule 1" {
		t.Errorf("after a rule was moved, %q is focused", got)
	}
	b.says("#commands", `[{"action":"ADD_HTTP_RESPONSE_HEADER","header":"X-Trace","value":"it'\''s a"},{"action":"EXTEND`)
	b.keep("oci-rule-set")
	b.accessibleRules("of two rules")
	b.click("Create rule set")
	b.says(".flash", "has been created")
	b.says("main", "add response header X-Trace: it's a; extend response header X-Trace by suffix \"-b\"")
	b.open("oci-listener?load_balancer=web&name_of=echo")
	b.set("[name=ruleSetNames]", "trace")
	b.click("Save changes")
	b.says(".flash", "has been saved")
	if got, want := b.ruleSet("trace"), "ADD X-Trace it's a, EXTEND X-Trace -b"; got != want {
		t.Errorf("the API tells %q, want %q", got, want)
	}
	b.answersWith("X-Trace", "it's a-b")
}

// TestRulesWithoutScripts: where no script runs, the buttons do the same, and Enter saves instead of pressing the first of them.
func TestRulesWithoutScripts(t *testing.T) {
	t.Parallel()
	b := browse(serve(t))
	b.login()
	b.withOCI("HTTP", polite(t))
	b.withScripts(false)
	b.open("oci-rule-set?load_balancer=web")
	b.fill("Name", "plain")
	kinds := []string{"Redirect", "Access control: allow", "Access by HTTP method", "HTTP header size", "Connections of each address", "Remove request header"}
	for i, kind := range kinds {
		b.addRule(kind)
		b.says(".rules", fmt.Sprintf("Rule %d: %s", i+1, kind))
	}
	b.fillRule(6, "Header", "X-A")
	b.withScripts(true) // axe-core is one
	b.accessibleRules("of all kinds")
	b.withScripts(false)
	for _, next := range kinds[1:] {
		b.press("Remove rule 1")
		b.says("legend", "Rule 1: "+next) // what it says of the removal stands there since the one before
		b.says(".rules [role=status]", "Rule 1 has been removed.")
	}
	b.do(chromedp.SendKeys(`[id="f-items[0].header"]`, "\r"))
	b.says(".flash", "The rule set has been created.")
	if got, want := b.ruleSet("plain"), "REMOVE X-A"; got != want {
		t.Errorf("the API tells %q, want %q", got, want)
	}
}

// withScripts says whether the page's scripts run.
func (b *browser) withScripts(run bool) {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !run}); err != nil {
		b.t.Fatal(err)
	}
}

// addRule adds a rule of a kind.
func (b *browser) addRule(kind string) {
	b.t.Helper()
	b.says(".rules", "What another rule does")
	chosen := ask[bool](b, `(() => { const all = document.getElementById("f-items.kind"), one = [...all.options].find(o => o.text === `+quote(kind)+`);
		if (one) one.selected = true; return !!one })()`)
	if !chosen {
		b.t.Fatalf("there are no rules called %q", kind)
	}
	b.click("Add rule")
}

// fillRule types into the field with a label of a rule.
func (b *browser) fillRule(rule int, label, text string) {
	b.t.Helper()
	id := ask[string](b, fmt.Sprintf(`(() => { const rule = [...document.querySelectorAll("fieldset")][%d];
		const label = rule && [...rule.querySelectorAll("label")].find(one => one.innerText.trim() === %s); return label ? label.htmlFor : "" })()`, rule-1, quote(label)))
	if id == "" {
		b.t.Fatalf("rule %d has no field %q; the page says: %s", rule, label, b.tryText("main"))
	}
	b.do(chromedp.SendKeys(`[id="`+id+`"]`, text))
}

// press presses the button that is called so for those who do not see where it stands.
func (b *browser) press(name string) {
	b.t.Helper()
	b.do(chromedp.Click(fmt.Sprintf(`//button[@aria-label=%q]`, name), chromedp.NodeVisible))
}

// accessibleRules holds the form as it is on the page against axe-core, where that is there, on a telephone and at a desk.
func (b *browser) accessibleRules(what string) {
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
	for width, colours := range map[int64]string{narrow: "dark", wide: "light"} {
		b.look(width, colours)
		b.accessible(fmt.Sprintf("rule set %s, %s, %d px", what, colours, width), string(axe))
	}
	b.look(wide, "light")
}

// ruleSet returns the rules for headers of a rule set as Oracle's client reads them.
func (b *browser) ruleSet(name string) string {
	b.t.Helper()
	provider, err := common.ConfigurationProviderFromFile(filepath.Join(b.Path, "lull-data", "oci", "config"), "")
	if err != nil {
		b.t.Fatal(err)
	}
	client, err := loadbalancer.NewLoadBalancerClientWithConfigurationProvider(provider)
	if err != nil {
		b.t.Fatal(err)
	}
	client.Host = "http://" + b.api
	tenancy, err := provider.TenancyOCID()
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, end := context.WithTimeout(b.ctx, patience)
	defer end()
	all, err := client.ListLoadBalancers(ctx, loadbalancer.ListLoadBalancersRequest{CompartmentId: &tenancy})
	if err != nil || len(all.Items) != 1 {
		b.t.Fatalf("got %d load balancers, %v", len(all.Items), err)
	}
	set, err := client.GetRuleSet(ctx, loadbalancer.GetRuleSetRequest{LoadBalancerId: all.Items[0].Id, RuleSetName: &name})
	if err != nil {
		b.t.Fatal(err)
	}
	var told []string
	for _, rule := range set.Items {
		switch rule := rule.(type) {
		case loadbalancer.AddHttpResponseHeaderRule:
			told = append(told, "ADD "+*rule.Header+" "+*rule.Value)
		case loadbalancer.ExtendHttpResponseHeaderValueRule:
			told = append(told, "EXTEND "+*rule.Header+" "+*rule.Suffix)
		case loadbalancer.RemoveHttpRequestHeaderRule:
			told = append(told, "REMOVE "+*rule.Header)
		default:
			told = append(told, fmt.Sprintf("%T", rule))
		}
	}
	return strings.Join(told, ", ")
}

// answersWith waits until requests through the load balancer are answered with a header.
func (b *browser) answersWith(header, want string) {
	b.t.Helper()
	lulltest.Within(b.t, patience, func() string {
		ctx, end := context.WithTimeout(b.ctx, patience)
		defer end()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.node+":8080/", nil)
		if err != nil {
			b.t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		if got := answer.Header.Get(header); got != want {
			return fmt.Sprintf("got %d with %s %q, want %q", answer.StatusCode, header, got, want)
		}
		return ""
	})
}

// polite starts a backend that answers everything, and returns its port.
func polite(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
