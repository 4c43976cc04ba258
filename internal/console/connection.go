package console

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lull/internal/control/admin"
	"lull/internal/dataplane/record"
)

// connectionPage is the story of one connection, or of an exchange on it.
type connectionPage struct {
	Asked string
	Of    string // the number of the connection, if the story is that of an exchange
	*admin.Explanation
	Requests []carriedRow // that are remembered of the connection
	One      *carriedRow  // the exchange
	Sent     []fact       // of it: what strangers made up, in full
	In       int64        // ms until the next deadline
	Missing  string       // why there is no story
	Advice   []string     // the sentences of the story that say what to do
	Where    *action      // where that is done here; nil: not in the console
}

// carriedRow is an exchange in the list of its connection.
type carriedRow struct {
	ID, Request string
	Status      int
	Kind        string
	Reason      string
	Error       bool
	Took        time.Duration
}

// connection tells it.
func (v *visit) connection() error {
	asked := v.r.URL.Query().Get("id")
	if connectionOf(asked) != "" {
		return v.moving("connection", "requests", "Request "+asked)
	}
	return v.moving("connection", "connections", "Connection "+asked)
}

// connectionOf returns the number of the connection that an exchange was on; "" if what is asked for is none.
func connectionOf(asked string) string {
	if id, number, err := admin.ParseID(asked); err == nil && number > 0 {
		return strconv.FormatUint(id, 10)
	}
	return ""
}

// oneFinder looks for an open connection by its number.
type oneFinder struct {
	id    uint64
	found *record.Live
}

// see implements finder.
func (f *oneFinder) see(l *record.Live) {
	if l.ID == f.id {
		one := *l
		f.found = &one
	}
}

// lookedThrough is an engine of whose open connections none is the one.
type lookedThrough struct{ Engine }

// Conns has nothing to show any more.
func (lookedThrough) Conns(context.Context, func([]record.Live) error) error { return nil }

// Final implements final: what has ended does so once.
func (p connectionPage) Final() bool { return p.Explanation != nil && !p.Open }

func connectionWanted(q url.Values) (finder, error) {
	id, number, err := admin.ParseID(q.Get("id"))
	if err != nil || number > 0 {
		return nil, nil //nolint:nilnil,nilerr // nothing is to be found; the page says what is wrong
	}
	return &oneFinder{id: id}, nil
}

func connectionData(c *Console, _ *sample, q url.Values, found finder) (any, error) {
	p := connectionPage{Asked: q.Get("id"), Of: connectionOf(q.Get("id"))}
	var err error
	if f, ok := found.(*oneFinder); ok && f.found != nil {
		p.Explanation, err = admin.ExplainOpen(c.o.Engine, f.found)
		p.In = max(f.found.FiresIn.Milliseconds(), 0)
	} else {
		p.Explanation, err = admin.Explain(c.life, lookedThrough{c.o.Engine}, p.Asked)
	}
	var known *admin.Unexplained
	switch {
	case errors.As(err, &known):
		p.Missing, err = known.Message, nil
	case err == nil:
		p.advise(c)
		p.carried()
	}
	return p, err
}

// carried lists what is remembered of a connection's exchanges, or says more of the one that is asked for.
func (p *connectionPage) carried() {
	for i := range p.Exchanges {
		x := &p.Exchanges[i]
		p.Requests = append(p.Requests, carriedRow{
			ID: fmt.Sprintf("%d/%d", x.ID, x.Number), Request: asked{x.Method, x.Host, x.Target, x.Fault}.text(requestCharsMax), Status: x.Status,
			Kind: statusKind(x.Status, x.BackendStatus, x.Upgraded, x.Reason), Reason: x.Reason, Error: x.Error, Took: x.Took.Duration(),
		})
	}
	if p.Of == "" || len(p.Exchanges) == 0 {
		return
	}
	x := &p.Exchanges[0]
	p.One, p.Requests = &p.Requests[0], nil
	for _, f := range []fact{{"Method", x.Method}, {"Host", x.Host}, {"Target", x.Target}, {"User agent", x.UserAgent}, {"X-Forwarded-For sent on", x.Forwarded}} {
		if f.Value != "" {
			p.Sent = append(p.Sent, fact{f.Name, readable(record.TextMax, f.Value)})
		}
	}
}

// The words around advice in a story.
const (
	adviceBegins  = "If that was unwanted: "
	commandBegins = " The command: "
)

// advise takes what to do out of the story, and leads to where it is done here. The command is left out there: without lull's endpoint, which
// a story does not know, it would change what is in the cloud.
func (p *connectionPage) advise(c *Console) {
	var story []string
	for _, sentence := range p.Story {
		advice, is := strings.CutPrefix(sentence, adviceBegins)
		if !is {
			story = append(story, sentence)
			continue
		}
		advice, _, here := strings.Cut(advice, commandBegins)
		if here && p.Where == nil {
			p.Where = c.whereToChange(p.parties(), sentence)
		}
		p.Advice = append(p.Advice, strings.ToUpper(advice[:1])+advice[1:])
	}
	p.Story = story
}

// parties returns who was connected.
func (p *connectionPage) parties() (of admin.Parties) {
	switch {
	case p.Conn != nil:
		return p.Conn.Parties
	case p.Event != nil:
		return p.Event.Parties
	}
	for i := range p.Exchanges {
		of = p.Exchanges[i].Parties
	}
	return of
}

// whereToChange returns the page with the timeout that advice names; nil if there is none.
func (c *Console) whereToChange(of admin.Parties, advice string) *action {
	switch {
	case c.classic(of.LoadBalancer) && strings.Contains(advice, "ConnectionDraining"):
		return &action{Label: "Connection draining of " + of.LoadBalancer, Link: to("aws-draining", "load_balancer", of.LoadBalancer)}
	case c.classic(of.LoadBalancer):
		return &action{Label: "Idle timeout of " + of.LoadBalancer, Link: to("aws-idle-timeout", "load_balancer", of.LoadBalancer)}
	case c.ofOCI(of.LoadBalancer) && !strings.Contains(of.Listener, ":"): // else it is a port that several listeners share
		name := onAnyAddress(of.Listener)
		return &action{Label: "Idle timeout of listener " + name + " of " + of.LoadBalancer, Link: to("oci-listener", "load_balancer", of.LoadBalancer, nameKept, name)}
	case c.ofOCI(of.LoadBalancer):
		return &action{Label: "Listeners of " + of.LoadBalancer, Link: to("load-balancer", "load_balancer", of.LoadBalancer, "tab", tabListeners)}
	}
	return nil
}
