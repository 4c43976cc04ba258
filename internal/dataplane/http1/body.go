package http1

// Event is what a Step brings.
type Event uint8

// The events.
const (
	EventNone     Event = iota // nothing for the exchange yet
	EventHead                  // the Head is filled
	EventData                  // payload
	EventTrailers              // the Head is filled with trailer fields
	EventEnd                   // the message ended, without anything else to say
	EventReset                 // the message is broken: Fault says why
)

// String returns the event's name.
func (e Event) String() string {
	switch e {
	case EventNone:
		return "none"
	case EventHead:
		return "head"
	case EventData:
		return "data"
	case EventTrailers:
		return "trailers"
	case EventEnd:
		return "end"
	case EventReset:
		return "reset"
	}
	return "none"
}

// Step is what some bytes at the start of the caller's mean: Skip bytes of heads and framing, then Data bytes of
// payload. The caller drops both and offers what is left. EventNone with nothing to drop means that what is left says
// nothing until more comes behind it; then the same bytes must be offered again.
type Step struct {
	Skip, Data int
	Event      Event
	End        bool // nothing of the message follows
	Fault      Fault
}

// bodyState is what a Body waits for. The diagram of the chunked ones, by the bytes that lead on:
//
//	size --";"--> extension --CR--> sizeEnd --LF--> data --(all)--> dataCR --CR--> dataLF --LF--> size
//	size --CR--> sizeEnd --LF, size 0--> last --CR--> lastLF --LF--> ended
//	                                     last --other--> trailers
type bodyState uint8

const (
	bodyEnded bodyState = iota
	bodyLength
	bodyUntilClose
	chunkSize // hexadecimal digits
	chunkExtension
	chunkSizeEnd // LF
	chunkData
	chunkDataCR
	chunkDataLF
	chunkLast // CR, or the first trailer
	chunkLastLF
	chunkTrailers // left to ReadTrailers
)

// Implementation limits of chunk framing.
const (
	chunkDigitsMax = 16 // fits any int64, with leading zeros up to here
	chunkLineMax   = 4096
	// What one chunk may cost in framing beside as many bytes as it has data, so that lines of a chat pass as single
	// chunks; and how much more than that all of them together may. Beyond, the sender makes lull read far more than it
	// forwards, for example with a long extension on every byte.
	chunkFree         = 32
	chunkExcessMax    = 16 << 10
	chunkLineOverhead = 2 // the CR LF behind the data
)

// Body decodes a body. The zero value is one that has ended. It has 16 bytes and keeps none of the caller's.
type Body struct {
	left   int64 // payload of the body or chunk that is still to come; while a chunk size is read, what it is so far
	excess int32
	line   int16 // bytes of the chunk line so far
	state  bodyState
	digits uint8
}

// Start makes y decode a body with framing f.
func (y *Body) Start(f Framing) {
	*y = Body{}
	switch f.Kind {
	case None:
	case Length:
		if f.Length > 0 {
			y.state, y.left = bodyLength, f.Length
		}
	case Chunked:
		y.state = chunkSize
	case UntilClose, Tunnel:
		y.state = bodyUntilClose
	}
}

// Ended reports whether the body is complete.
func (y *Body) Ended() bool { return y.state == bodyEnded }

// Left returns how many bytes of payload are still to come, or −1 if only its end will tell.
func (y *Body) Left() int64 {
	if y.state == bodyEnded || y.state == bodyLength {
		return y.left
	}
	return -1
}

// pass is for Receiver.Pass.
func (y *Body) pass(n int64) {
	if y.state != bodyLength || n > y.left {
		panic("http1: more payload was passed than is to come in one piece")
	}
	if y.left -= n; y.left == 0 {
		y.state = bodyEnded
	}
}

// Next decodes the start of b. EventTrailers means that a trailer section follows what the step drops; it is read by
// Head.ReadTrailers. Payload comes in one step as far as it lies in one piece.
func (y *Body) Next(b []byte) Step {
	switch state := y.state; {
	case state == bodyEnded:
		return Step{Event: EventEnd, End: true}
	case state == bodyUntilClose:
		return data(0, len(b))
	case state == bodyLength:
		n := int(min(y.left, int64(len(b))))
		s := data(0, n)
		if y.left -= int64(n); y.left == 0 {
			y.state, s.End = bodyEnded, true
		}
		return s
	}
	return y.nextChunked(b)
}

// NextRaw is Next for a caller that passes chunks on as they are: it takes as many steps at once as b holds, and Skip
// and Data are their sums, in whatever order the bytes lie. Payload makes it EventData, even if the end came with it.
func (y *Body) NextRaw(b []byte) Step {
	var sum Step
	for {
		s := y.Next(b[sum.Skip+sum.Data:])
		sum.Skip += s.Skip
		sum.Data += s.Data
		sum.End, sum.Fault = s.End, s.Fault
		switch s.Event {
		case EventData:
			sum.Event = EventData
			if !s.End && sum.Skip+sum.Data < len(b) {
				continue
			}
		case EventReset:
			sum.Event = EventReset
		case EventTrailers, EventEnd:
			if sum.Event == EventNone || s.Event == EventTrailers {
				sum.Event = s.Event
			}
		case EventNone, EventHead:
		}
		return sum
	}
}

// EOF says what the end of the connection means to the body: the end if it was waiting for that or had ended, and a
// reset otherwise (RFC 9112 §8).
func (y *Body) EOF() Step {
	if y.state == bodyEnded || y.state == bodyUntilClose {
		y.state = bodyEnded
		return Step{Event: EventEnd, End: true}
	}
	return Step{Event: EventReset, Fault: Truncated}
}

func data(skip, n int) Step {
	if n == 0 {
		return Step{Skip: skip}
	}
	return Step{Skip: skip, Data: n, Event: EventData}
}
