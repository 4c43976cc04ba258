package console

import (
	"context"
	"errors"
	"net/url"

	"lull/internal/control/admin"
	"lull/internal/dataplane/record"
)

// connectionPage is the story of one connection, or of an exchange on it.
type connectionPage struct {
	Asked string
	*admin.Explanation
	In      int64  // ms until the next deadline
	Missing string // why there is no story
}

// connection tells it.
func (v *visit) connection() error {
	return v.moving("connection", "connections", "Connection "+v.r.URL.Query().Get("id"))
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
	p := connectionPage{Asked: q.Get("id")}
	var err error
	if f, ok := found.(*oneFinder); ok && f.found != nil {
		p.Explanation, err = admin.ExplainOpen(c.o.Engine, f.found)
		p.In = max(f.found.FiresIn.Milliseconds(), 0)
	} else {
		p.Explanation, err = admin.Explain(c.life, lookedThrough{c.o.Engine}, p.Asked)
	}
	var known *admin.Unexplained
	if errors.As(err, &known) {
		p.Missing, err = known.Message, nil
	}
	return p, err
}
