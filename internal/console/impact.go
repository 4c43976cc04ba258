package console

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// impact is what a change of timeouts would do to the connections that are open.
type impact struct {
	Open   int // connections of clients that the change concerns
	Closes int // of those, that it ends at once
	Pooled int // unused back-end connections that it ends at once
}

// Text says it in a sentence.
func (i *impact) Text() string {
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
		return text + "."
	case 1:
		return text + ", and 1 unused connection to a backend."
	}
	return text + ", and " + number(i.Pooled) + " unused connections to backends."
}

// idleOf says which idle timeout a connection would get, and whether the change concerns it at all.
type idleOf func(*record.Live) (idle time.Duration, concerned bool)

// impactOf looks at every open connection and computes when it would have to end.
func (c *Console) impactOf(ctx context.Context, next idleOf) (*impact, error) {
	var sum impact
	err := c.o.Engine.Conns(ctx, func(batch []record.Live) error {
		for i := range batch {
			l := &batch[i]
			idle, concerned := next(l)
			if !concerned {
				continue
			}
			ends := endsAtOnce(l, idle)
			switch {
			case !l.Pooled:
				sum.Open++
				if ends {
					sum.Closes++
				}
			case ends:
				sum.Pooled++
			}
		}
		return nil
	})
	return &sum, err
}

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

// quiet returns for how long nothing has moved on a connection, either way.
func quiet(l *record.Live) time.Duration {
	still := l.Age
	if l.ConnectedAt >= 0 {
		still -= l.ConnectedAt
	}
	for _, d := range []time.Duration{l.QuietUp, l.QuietDown} {
		if d >= 0 {
			still = min(still, d)
		}
	}
	return still
}

// foresee computes what a form would close; nil if it closes nothing by its nature, or what was typed makes no sense so far.
func (v *visit) foresee(f *form, idle func(*form) (idleOf, bool)) (*impact, error) {
	if idle == nil {
		return nil, nil
	}
	next, ok := idle(f)
	if !ok {
		return nil, nil
	}
	v.c.walking.Lock()
	defer v.c.walking.Unlock()
	return v.c.impactOf(v.r.Context(), next)
}

// preview answers a form that asks what it would do: a script gets the sentence and the commands, which take the place of those that are
// on the page, and a browser without one the page that the form is on, again.
func (v *visit) preview(found *impact, commands []command, again func() error) error {
	if v.r.Header.Get("Hx-Request") == "" {
		return again()
	}
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
