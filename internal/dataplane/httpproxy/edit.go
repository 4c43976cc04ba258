package httpproxy

import (
	"crypto/rand"
	mathrand "math/rand/v2"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/record"
)

// drops are the fields to leave out of a head.
type drops struct {
	ids   http1.IDSet
	names []string
}

func newDrops(ids http1.IDSet, names []string) drops {
	return drops{ids: ids | http1.IDs(names), names: names}
}

// identify settles by which id the request is known to the backend and to the client: the one that it has, or a new one.
func (p *Proxy) identify(x *exchange) {
	fields := p.head.Fields()
	for i := range fields {
		f := &fields[i]
		if f.Nominated() || !http1.SameName(f.Name(p.in), x.site.idName) {
			continue
		}
		if id := f.Value(p.in); len(id) > 0 && len(id) <= record.TextMax {
			x.id = append(x.id[:0], id...)
			return
		}
	}
	x.id = appendID(x.id[:0], p.random.Uint64(), p.random.Uint64())
}

// appendID appends 128 bits as hexadecimal digits.
func appendID(dst []byte, high, low uint64) []byte {
	const digits = "0123456789abcdef"
	for _, half := range [...]uint64{high, low} {
		for shift := 60; shift >= 0; shift -= 4 {
			dst = append(dst, digits[half>>shift&15])
		}
	}
	return dst
}

// newRandom returns what ids of requests are made of: nobody can tell the next from those that were seen, and none costs a
// system call.
func newRandom() *mathrand.ChaCha8 {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // which never fails
	return mathrand.NewChaCha8(seed)
}

// editUp adds to the edit of a request's head what its site wants.
func (p *Proxy) editUp(x *exchange, e *http1.Edit) {
	s := x.site
	p.lines = append(p.lines[:0], e.Lines...)    // which may be p.lines already, or the listener's own
	if s.plan.RequestID != "" && len(x.id) > 0 { // in one field, that no other is taken for it: up leaves out those that came
		p.lines = http1.AppendField(p.lines, s.plan.RequestID, x.id)
	}
	if s.plan.Request != nil {
		p.lines = s.plan.Request.Append(p.lines, &p.head, p.in)
	}
	e.Drop, e.DropNames, e.Lines = e.Drop|s.up.ids, s.up.names, p.lines
}

// editDown adds to the edit of the head of the final response in b what the site of the exchange wants, if it has one.
func (p *Proxy) editDown(x *exchange, e *http1.Edit, b []byte) {
	s := x.site
	if s == nil {
		return
	}
	p.lines = append(p.lines[:0], e.Lines...)    // which may be p.lines already
	if s.plan.RequestID != "" && len(x.id) > 0 { // it is a setting that may have come after the request
		p.lines = http1.AppendField(p.lines, s.plan.RequestID, x.id)
	}
	if s.plan.Response != nil {
		p.lines = s.plan.Response.Append(p.lines, &p.head, b)
	}
	e.Drop, e.DropNames, e.Lines = e.Drop|s.down.ids, s.down.names, p.lines
}

// upDrops returns what is left out of the request's trailers, and downDrops of the response's and of interim heads.
func (f *front) upDrops() drops {
	if x := f.x; x.site != nil {
		return x.site.up
	}
	return drops{f.listener.drop, f.listener.dropNames}
}

func (x *exchange) downDrops() drops {
	if x.site != nil {
		return x.site.down
	}
	return drops{}
}
