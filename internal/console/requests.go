package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"lull/internal/control/admin"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

const (
	requestsPerPage = 100
	// requestCharsMax is how much of a request a list shows: method, host and most paths.
	requestCharsMax = 80
	// requestTitleMax is how much of it is there for the mouse. All of it, up to record.TextMax, is on the request's own page: a hundred that
	// are so long would be a list of a megabyte, sent again whenever one is added.
	requestTitleMax = 500
)

// requestQuery is which requests a page is to list. What was typed is kept beside what was read of it.
type requestQuery struct {
	endsQuery
	StatusText, ClientText, TookText string

	Status int           // that the client got; 0: any
	Client netip.Prefix  // that it came from; invalid: any
	Port   uint16        // of the client; 0: any
	Took   time.Duration // or longer
	Wrong  string        // the field that makes no sense
}

// requestQueryOf reads a query. What can be read of it is there beside an error as well, for the filters to show.
func requestQueryOf(q url.Values) (r requestQuery, err error) {
	typed := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	r = requestQuery{StatusText: typed("status"), ClientText: typed("client"), TookText: typed("took")}
	if r.endsQuery, err = endsQueryOf(q); err != nil {
		return r, err
	}
	if r.Status, err = statusOfText(r.StatusText); err != nil {
		r.Wrong = "status"
		return r, err
	}
	if r.Client, r.Port, err = clientOfText(r.ClientText); err != nil {
		r.Wrong = "client"
		return r, err
	}
	if r.Took, err = spanOfText(r.TookText); err != nil {
		r.Wrong = "took"
	}
	return r, err
}

func statusOfText(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 100 || n > 599 {
		return 0, refusal(http.StatusBadRequest, "%q is no status: give a number from 100 to 599, such as 504", shortened(text))
	}
	return n, nil
}

// clientOfText reads an address, with the port that lists show it with or without, or a prefix such as 192.0.2.0/24.
func clientOfText(text string) (netip.Prefix, uint16, error) {
	if text == "" {
		return netip.Prefix{}, 0, nil
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return only(address), 0, nil
	}
	if address, err := netip.ParseAddrPort(text); err == nil {
		return only(address.Addr()), address.Port(), nil
	}
	from, err := netip.ParsePrefix(text)
	if err != nil {
		return from, 0, refusal(http.StatusBadRequest, "%q is no address: give one such as 192.0.2.7, or a range such as 192.0.2.0/24", shortened(text))
	}
	return from, 0, nil
}

// only returns the prefix that holds one address.
func only(address netip.Addr) netip.Prefix {
	address = bare(address)
	return netip.PrefixFrom(address, address.BitLen())
}

// bare returns an address as prefixes hold it: without a zone, and IPv4 as such.
func bare(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }

func (r *requestQuery) acceptsRequest(x *record.Exchange) bool {
	return (r.Status == 0 || r.Status == x.Status) && x.Took >= r.Took &&
		(!r.Client.IsValid() || r.Client.Contains(bare(x.Ends.Client.Addr()))) && (r.Port == 0 || r.Port == x.Ends.Client.Port()) && r.accepts(&x.Ends, x.Reason)
}

// Ordinary says that requests which end for the reason asked for are usually no trouble, and then not remembered.
func (r requestQuery) Ordinary() bool { return r.Reason != reason.None && !r.Reason.Info().Error }

// requestsPage is a list of requests that went wrong.
type requestsPage struct {
	requestQuery
	Reasons   []string // for the filter
	Listeners []string // for the filter
	All       int
	Rows      []requestRow
	Pages     pages
	Fault     string // what is wrong with what was typed; nothing is listed then
}

// requestRow is a request that has ended.
type requestRow struct {
	ID                                      string // "12/3"
	When                                    time.Time
	Request, Title                          string
	Made                                    bool   // the request's text is lull's, for want of one
	Status                                  int    // 0: the client got none
	Kind                                    string // what is to be said of the status
	Reason, Text                            string
	Error                                   bool
	Took                                    time.Duration
	Timer                                   string
	Client, LoadBalancer, Listener, Backend string
}

// requests lists them. What is wrong with a filter is said at the filter, and the others keep what they have.
func (v *visit) requests() error {
	const title = "Failed requests"
	query, err := requestQueryOf(v.r.URL.Query())
	var told *refused
	if query.Wrong == "" || !errors.As(err, &told) {
		return v.moving("requests", "requests", title)
	}
	p := requestsPage{requestQuery: query, Reasons: reasonCodes(), Listeners: listenerNames(v.c.sampler.look(), ofRequestsOnly), Fault: told.message}
	return v.showWith(told.status, frame{Page: "requests", Section: "requests", Title: title, Data: p})
}

func ofRequestsOnly(l *plan.Listener) bool { return l.Protocol == plan.HTTP }

// requestsWanted implements livePage: the list wants nothing of the open connections, and is made every second round as theirs are.
func requestsWanted(q url.Values) (finder, error) {
	_, err := requestQueryOf(q)
	return nil, err
}

func requestsData(c *Console, s *sample, q url.Values, _ finder) (any, error) {
	query, err := requestQueryOf(q)
	if err != nil {
		return nil, err
	}
	p := requestsPage{requestQuery: query, Reasons: reasonCodes(), Listeners: listenerNames(s, ofRequestsOnly)}
	var found []record.Exchange
	found, p.Pages, p.All = remembered(c.o.Engine.Exchanges().Troubled(), query.acceptsRequest, "requests", q, requestsPerPage)
	for i := range found {
		p.Rows = append(p.Rows, requestRowOf(&found[i]))
	}
	return p, nil
}

func requestRowOf(x *record.Exchange) requestRow {
	info := x.Reason.Info()
	row := requestRow{
		ID: fmt.Sprintf("%d/%d", x.Conn, x.Number), When: x.Ended, Status: x.Status, Kind: statusKind(x.Status, x.BackendStatus, x.Upgraded, info.Code),
		Reason: info.Code, Text: info.Text, Error: info.Error, Took: x.Took,
		Client: x.Ends.Client.String(), LoadBalancer: x.Ends.LoadBalancer, Listener: x.Ends.Listener, Backend: x.Ends.Backend,
	}
	wanted := asked{method: x.Method, host: x.Host, target: x.Target}
	if row.Made = x.Method == ""; row.Made && x.Fault != http1.NoFault {
		wanted.fault = x.Fault.String()
	}
	row.Request, row.Title = wanted.text(requestCharsMax), wanted.text(requestTitleMax)
	if x.Timer != "" {
		row.Timer = x.Timer + " " + admin.Setting(x.Setting)
	}
	return row
}

// statusKind says of a status what it alone does not: of a request that went wrong, 200 is one that was cut short.
func statusKind(status, ofBackend int, upgraded bool, why string) string {
	switch {
	case status == 0:
		return "none"
	case ofBackend == 0:
		return "by lull"
	case upgraded:
		return "a tunnel"
	case why != reason.Completed.String():
		return "cut short"
	}
	return ""
}

// asked is what a client wanted. All but fault is as the client sent it.
type asked struct{ method, host, target, fault string }

// text writes it with so many characters at most, as the access log does: a target that is no path names the host itself. Of a request that
// could not be read it says why.
func (a asked) text(charsMax int) string {
	host := a.host
	if a.target != "" && a.target[0] != '/' && a.target != "*" {
		host = ""
	}
	switch {
	case a.method != "":
		return readable(charsMax, a.method, " ", host, a.target)
	case a.fault != "":
		return "unreadable: " + a.fault
	}
	return "never came whole"
}

// readable writes text that strangers have made up, with so many characters at most. What is not printable is written as its code: there
// are characters that turn the direction of what follows, so that a path would look like another one.
func readable(charsMax int, parts ...string) string {
	var b strings.Builder
	n := 0
	for _, part := range parts {
		for _, r := range part {
			text := string(r)
			if !unicode.IsPrint(r) {
				text = fmt.Sprintf(`\u%04x`, r)
			}
			if n += len(text); n > charsMax {
				b.WriteString("…")
				return b.String()
			}
			b.WriteString(text)
		}
	}
	return b.String()
}
