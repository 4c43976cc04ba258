package rules_test

import (
	"fmt"
	"testing"

	"lull/internal/dataplane/rules"
)

// browser are the fields of a browser's request.
//
//nolint:gochecknoglobals // a constant
var browser = []string{
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "Accept-Language: en-US,en;q=0.5",
	"Accept-Encoding: gzip, deflate, br", "DNT: 1", "Upgrade-Insecure-Requests: 1", "Sec-Fetch-Dest: document", "Sec-Fetch-Mode: navigate",
	"Sec-Fetch-Site: none", "Cookie: session=0123456789abcdef; theme=dark",
}

// policies are those of 100 rules of which none but the last holds.
//
//nolint:gochecknoglobals // a table
var policies = map[string]string{
	"path":   `http.request.url.path sw '/service-%d/'`,
	"fold":   `http.request.url.path eq (i '/service-%d/')`,
	"mixed":  `all(http.request.headers[(i 'X-Tenant')] eq 'tenant-%d', http.request.url.path sw '/')`,
	"hosts":  `all(any(http.request.headers[(i 'Host')] eq 'app-%d', http.request.headers[(i 'Host')] eq 'app-%[1]d:80'), http.request.url.path sw '/')`,
	"query":  `http.request.url.query['tenant'] eq 'tenant-%d'`,
	"cookie": `http.request.cookies['tenant'] eq 'tenant-%d'`,
}

func policy(t testing.TB, condition string) *rules.Table {
	t.Helper()
	c := rules.Config{Default: rules.NoSet}
	for i := range 99 {
		c.Rules = append(c.Rules, rules.Rule{Condition: parse(t, fmt.Sprintf(condition, i)), Set: i})
	}
	c.Rules = append(c.Rules, rules.Rule{Condition: rules.All(), Set: 99})
	return table(t, &c)
}

func BenchmarkDecide(b *testing.B) {
	for name, condition := range policies {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			r := get(b, "/service-12345/cart?page=2&sort=price", append(browser, "X-Tenant: somebody")...)
			tb := policy(b, condition)
			for b.Loop() {
				if d := tb.Decide(r); d.Index != 99 {
					b.Fatalf("got %+v", d)
				}
			}
		})
	}
}

func BenchmarkParseCondition(b *testing.B) {
	b.ReportAllocs()
	text := fmt.Sprintf(policies["hosts"], 1)
	for b.Loop() {
		if _, err := rules.ParseCondition(text); err != nil {
			b.Fatal(err)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	r := get(t, "/service-12345/cart?page=2&sort=a%20b", append(browser, "X-Tenant: somebody")...)
	for name, condition := range policies {
		tb := policy(t, condition)
		if got := testing.AllocsPerRun(50, func() { tb.Decide(r) }); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, got)
		}
	}
	shop := shopping(t)
	for _, c := range conditions {
		parsed := parse(t, c.text)
		if got := testing.AllocsPerRun(5, func() { parsed.Match(shop) }); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", c.name, got)
		}
	}
	hosts, err := rules.NewHosts([]rules.HostName{{"*.example", 1}, {"b.*", 2}, {"c", 3}})
	if err != nil {
		t.Fatal(err)
	}
	to, err := rules.NewRedirect(&rules.RedirectTo{Protocol: text("https"), Query: text("?x&{query}")})
	if err != nil {
		t.Fatal(err)
	}
	edits, err := rules.NewEdits([]rules.HeaderEdit{remove("dnt"), set("X-A", "1"), extend("user-agent", "a", "")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]byte, 0, 512)
	if got := testing.AllocsPerRun(50, func() {
		hosts.Find(r.Head.Authority(r.Bytes))
		to.AppendLocation(dst, r)
		edits.Append(dst, r.Head, r.Bytes)
	}); got != 0 {
		t.Errorf("host, redirect and edits: got %v allocations, want 0", got)
	}
}
