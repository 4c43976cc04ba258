package http1

// stage is what a Receiver waits for.
type stage uint8

const (
	stageHead     stage = iota // a head; whether bytes of it are there says Begun
	stageBody                  // payload, framing of chunks, or the connection's end
	stageTrailers              // a trailer section
	stageDone                  // the next message: Reset
)

// Receiver turns the bytes of one direction of a connection, message by message, into the events of an exchange. It is
// the state of a connection while its message arrives, and has 32 bytes. The zero value waits for a request.
type Receiver struct {
	scan     Scan
	body     Body
	stage    stage
	response bool
	method   Method // of the request that is answered
}

// Request makes r wait for a request.
func (r *Receiver) Request() { *r = Receiver{} }

// Response makes r wait for the response to a request with method m.
func (r *Receiver) Response(m Method) { *r = Receiver{response: true, method: m} }

// Done reports whether the message has ended.
func (r *Receiver) Done() bool { return r.stage == stageDone }

// InHead reports whether the head has not come to its end.
func (r *Receiver) InHead() bool { return r.stage == stageHead }

// Begun reports whether some of the head has come: bytes that wait for the rest of it.
func (r *Receiver) Begun() bool { return r.stage != stageHead || r.scan.seen > 0 }

// Body returns the decoder of the body.
func (r *Receiver) Body() *Body { return &r.body }

// Next says what the start of b brings. Heads and trailers are read into h, as offsets into b, within l; l is then that
// of requests or responses, and trailers have their own. After an interim response the next head is waited for. After
// the end, every further step is EventEnd, so bytes of the next message are left alone.
func (r *Receiver) Next(b []byte, h *Head, l *Limits) Step {
	switch r.stage {
	case stageHead:
		return r.head(b, h, l)
	case stageBody:
		s := r.after(r.body.Next(b))
		if r.stage != stageTrailers || s.Skip+s.Data > 0 {
			return s
		}
		return r.trailers(b, h)
	case stageTrailers:
		return r.trailers(b, h)
	case stageDone:
	}
	return Step{Event: EventEnd, End: true}
}

func (r *Receiver) trailers(b []byte, h *Head) Step {
	n, f := h.ReadTrailers(b, &r.scan, &TrailerLimits)
	switch {
	case f != NoFault:
		return Step{Event: EventReset, Fault: f}
	case n == 0:
		return Step{}
	}
	r.stage = stageDone
	return Step{Skip: n, Event: EventTrailers, End: true}
}

// Pass takes n bytes of payload as dealt with that the caller has moved without showing them, for example by splice(2). It
// may be used while Body.Left says that at least so many are to come in one piece, which is when the length was announced.
func (r *Receiver) Pass(n int) {
	if r.body.pass(int64(n)); r.body.Ended() {
		r.stage = stageDone
	}
}

// End makes r done: the message is none that is read, but one that the caller has written.
func (r *Receiver) End() { r.stage = stageDone }

// NextRaw is Next for a caller that passes chunks on as they are, as Body.NextRaw is.
func (r *Receiver) NextRaw(b []byte, h *Head, l *Limits) Step {
	if r.stage == stageBody {
		if s := r.after(r.body.NextRaw(b)); r.stage != stageTrailers || s.Skip+s.Data > 0 {
			return s
		}
	}
	return r.Next(b, h, l)
}

// EOF says what the end of the connection means: EventEnd if the message has ended or ends with it, EventNone if none
// has begun, as far as r knows, and EventReset otherwise.
func (r *Receiver) EOF() Step {
	switch r.stage {
	case stageDone:
		return Step{Event: EventEnd, End: true}
	case stageBody:
		s := r.body.EOF()
		if s.End {
			r.stage = stageDone
		}
		return s
	case stageHead:
		if !r.Begun() {
			return Step{}
		}
	case stageTrailers:
	}
	return Step{Event: EventReset, Fault: Truncated}
}

func (r *Receiver) head(b []byte, h *Head, l *Limits) Step {
	var n int
	var f Fault
	if r.response {
		n, f = h.ReadResponse(b, &r.scan, l)
	} else {
		n, f = h.ReadRequest(b, &r.scan, l)
	}
	switch {
	case f != NoFault:
		return Step{Event: EventReset, Fault: f}
	case n == 0:
		return Step{}
	case r.response && h.Interim():
		return Step{Skip: n, Event: EventHead}
	case r.response:
		r.body.Start(h.ResponseFraming(r.method))
	default:
		r.body.Start(h.RequestFraming())
	}
	r.stage = stageBody
	if r.body.Ended() {
		r.stage = stageDone
	}
	return Step{Skip: n, Event: EventHead, End: r.body.Ended()}
}

// after takes over from the body: at its end, and where trailers begin. Those follow in a later step, which needs the
// bytes to start with them.
func (r *Receiver) after(s Step) Step {
	switch {
	case s.End:
		r.stage = stageDone
	case s.Event == EventTrailers:
		r.stage = stageTrailers
		s.Event = EventNone
		if s.Data > 0 {
			s.Event = EventData
		}
	}
	return s
}
