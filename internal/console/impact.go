package console

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// impact is what a change would do to the connections that are open.
type impact struct {
	Open   int           // connections of clients that the change concerns
	Closes int           // of those, that it ends at once
	Drains int           // of those, that have to end in a while
	Within time.Duration // the longest of those whiles
	Pooled int           // unused back-end connections that it ends at once
	Amiss  string        // instead of all that: what was typed cannot be, and what can
}

// Text says it in a sentence.
func (i *impact) Text() string {
	if i.Amiss != "" {
		return i.Amiss
	}
	text := "It closes none of "
	if i.Closes > 0 {
		text = "It closes " + number(i.Closes) + " of "
	}
	switch i.Open {
	case 0:
		text = "No connection is open that it concerns"
	case 1:
		text += "1 open connection now"
	default:
		text += number(i.Open) + " open connections now"
	}
	switch i.Pooled {
	case 0:
	case 1:
		text += ", and 1 unused connection to a backend"
	default:
		text += ", and " + number(i.Pooled) + " unused connections to backends"
	}
	switch i.Drains {
	case 0:
		return text + "."
	case 1:
		text += "; 1 has "
	default:
		text += "; " + number(i.Drains) + " have "
	}
	return text + "up to " + number(int(i.Within/time.Second)) + " seconds to end."
}

// fate is what becomes of a connection: it gets another idle timeout, or has to go with its listener or backend.
type fate struct {
	idle   time.Duration
	leaves bool          // else idle says it
	within time.Duration // the time that a connection has that leaves
}

// fateOf says what a change makes of a connection, and whether it concerns it at all.
type fateOf func(*record.Live) (f fate, concerned bool)

// impactOf looks at every open connection and computes what becomes of it.
func (c *Console) impactOf(ctx context.Context, next fateOf) (*impact, error) {
	var sum impact
	err := c.o.Engine.Conns(ctx, func(batch []record.Live) error {
		for i := range batch {
			l := &batch[i]
			if f, concerned := next(l); concerned && l.State != stateLingering {
				sum.add(l, f)
			}
		}
		return nil
	})
	return &sum, err
}

// add counts a connection.
func (i *impact) add(l *record.Live, f fate) {
	ends := f.leaves && leavesAtOnce(l, f.within) || !f.leaves && endsAtOnce(l, f.idle)
	switch {
	case l.Pooled && ends:
		i.Pooled++
	case l.Pooled:
	case ends:
		i.Open++
		i.Closes++
	default:
		i.Open++
		if f.leaves {
			i.Drains++
			i.Within = max(i.Within, f.within)
		}
	}
}

// leavesAtOnce says whether a connection whose listener or backend goes has nothing to finish: one in the pool, a client's between two
// requests, and any if no time is given. One that is closing goes on with that.
func leavesAtOnce(l *record.Live, within time.Duration) bool {
	switch {
	case l.Why == reason.None:
		return false
	case l.Pooled || within == 0:
		return true
	}
	return l.State == stateWaiting && l.Exchanges > 0
}

// States of connections, as record.Live has them.
const (
	stateWaiting   = "waiting"   // for a request
	stateLingering = "lingering" // it is over, and only the client's end is waited for
)

// endsAtOnce says whether a connection is past its deadline with another idle timeout. One that the idle timer rules is due as much
// sooner or later as the timeout differs, for a deadline is the last byte's time and the timeout (TO-06). One that its age rules, or
// the slowness of a request's head, has an idle timer beside that.
func endsAtOnce(l *record.Live, idle time.Duration) bool {
	switch {
	case l.Why == reason.None: // it is closing anyhow
		return false
	case l.Timer == "idle":
		return l.FiresIn+idle-l.Setting <= 0
	case l.Timer == "connection_age_max", l.Timer == "request_head": // the idle timer runs beside these
		return quiet(l) >= idle
	}
	return false
}

// quiet returns for how long nothing has moved on a connection, either way. An HTTP connection between two requests has no flows that
// could say so, but its timer was armed when the last answer had left.
func quiet(l *record.Live) time.Duration {
	still := l.Age
	if l.ConnectedAt >= 0 {
		still -= l.ConnectedAt
	}
	if l.QuietUp < 0 && l.QuietDown < 0 && l.Timer != "" && l.Timer != "connection_age_max" {
		return max(0, min(still, l.Setting-l.FiresIn))
	}
	for _, d := range []time.Duration{l.QuietUp, l.QuietDown} {
		if d >= 0 {
			still = min(still, d)
		}
	}
	return still
}

// foresee computes what an edit would close; nil if it closes nothing by its nature, or what was typed makes no sense so far.
func (v *visit) foresee(e *edit) (*impact, error) {
	if e.fate == nil {
		return nil, nil
	}
	next, ok := e.fate(e.Form)
	if !ok {
		return nil, nil
	}
	v.c.walking.Lock()
	defer v.c.walking.Unlock()
	return v.c.impactOf(v.r.Context(), next)
}

// foretold is foresee for people who are still typing: of a number that cannot be they are told at once what can.
func (v *visit) foretold(e *edit) (*impact, error) {
	if amiss := e.Form.amiss(); amiss != "" {
		return &impact{Amiss: amiss}, nil
	}
	return v.foresee(e)
}

// always is a fate that does not depend on what is typed.
func always(next fateOf) fateOfForm {
	return func(*form) (fateOf, bool) { return next, true }
}

// withListeners returns the fate of the connections of some of a load balancer's listeners in the plan, which go.
func (c *Console) withListeners(balancer string, goes func(*plan.Listener) bool) fateOf {
	within := map[string]time.Duration{} // by what connections call their listener
	for _, lb := range c.o.Plan().LoadBalancers {
		if lb.Name != balancer {
			continue
		}
		for _, l := range lb.Listeners {
			if !goes(l) {
				continue
			}
			within[l.Key.Name] = l.Timeouts.Drain
			for _, site := range l.Sites {
				within[site.Name] = l.Timeouts.Drain
			}
		}
	}
	return func(l *record.Live) (fate, bool) {
		d, concerned := within[l.Ends.Listener]
		return fate{leaves: true, within: d}, concerned && l.Ends.LoadBalancer == balancer
	}
}

// withBackend returns the fate of the connections to a backend that goes, or is set offline, of all of a load balancer's backend sets that
// have it, or of one. A client's connection between two requests stays.
func (c *Console) withBackend(balancer, set string, is func(*plan.BackendKey) bool) fateOf {
	within := map[[2]string]time.Duration{} // by what connections call the set and the backend
	for _, lb := range c.o.Plan().LoadBalancers {
		if lb.Name != balancer {
			continue
		}
		for _, s := range lb.BackendSets {
			if set != "" && s.Key.Name != set {
				continue
			}
			for i := range s.Backends {
				if k := &s.Backends[i].Key; is(k) && s.Drain != nil {
					within[[2]string{s.Key.Name, k.Endpoint()}] = *s.Drain
				}
			}
		}
	}
	return func(l *record.Live) (fate, bool) {
		d, concerned := within[[2]string{l.Ends.BackendSet, l.Ends.Backend}]
		return fate{leaves: true, within: d}, concerned && l.Ends.LoadBalancer == balancer && l.State != stateWaiting
	}
}

// preview answers a script that asks what a form would do with the sentence and the commands, which take the place of those that are on
// the page.
func (v *visit) preview(found *impact, commands []command) error {
	var out bytes.Buffer
	if found != nil { // else what was typed makes no sense so far, which the form will say when it is sent
		if err := v.c.ui.renderPart(&out, "impact", found); err != nil {
			return err
		}
	}
	out.WriteString(`<div id="commands" hx-swap-oob="true">`)
	if err := v.c.ui.renderPart(&out, "commands", commands); err != nil {
		return err
	}
	out.WriteString(`</div>`)
	v.send(http.StatusOK, "text/html; charset=utf-8", out.Bytes())
	return nil
}
