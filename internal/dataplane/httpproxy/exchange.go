package httpproxy

import (
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/timeout"
)

// exchange is a request and its response.
type exchange struct {
	front    *front
	site     *site            // nil on a listener without sites, and before the head
	to       *target          // its backend set; nil before the head, and where none is chosen
	back     *back            // the connection that carries it, or is being opened for it; nil before and after
	backend  *backend.Backend // chosen; an exchange is counted there until letGo
	served   *backend.Backend // the last one chosen, for the record
	target   relay.Address    // the address of the connection that carried it last
	tried    []*backend.Backend
	queue    *backend.Queue // in which it is counted while it waits
	request  http1.Receiver
	response http1.Receiver
	up, down relay.Flow
	replay   *buf.Buffer // the request as far as it was sent, while it may have to be sent once more (SH-09)

	// Instants, 0 while they have not come.
	began    int64 // first byte of the request
	headAt   int64 // the whole head
	sentAt   int64 // the head went to a backend
	answerAt int64 // first byte from the backend
	asked    int64 // a connect or a wait in the queue began
	waited   int64 // ns in such, those that are over
	queuedNS int64 // of these, in the queue
	unused   int64 // ns for which the pooled connection that it goes over, or went over first, had been unused
	connect  int64 // ns of the connect that succeeded, -1 without

	bodyUp   uint64
	bodyDown uint64
	deadline timeout.Deadline // of the connect that failed last by its limit
	status   int              // of the final response, as soon as its head is on its way to the client
	answered int              // the backend's status
	interims int
	session  *backend.Backend // that the request's cookie names, or nil
	secured  *record.TLS      // of the connection that carried it last; nil: plain
	tlsFault string           // what was wrong with TLS towards a backend, last

	text    []byte // method, host, target, user agent and X-Forwarded-For, one behind the other
	cuts    [5]uint32
	id      []byte // by which backend and client know the request, where its site wants one
	method  http1.Method
	minor   uint8 // of the request's version
	body    bodyMode
	last    reason.Reason // why the client's connection ends with this exchange; None if it may go on
	own     reason.Reason // why lull answered itself and the connection may go on; None otherwise
	failure reason.Reason // why the last backend could not be reached
	fault   http1.Fault
	desync  http1.Why
	tries   uint8
	marks   xmarks
}

type xmarks uint16

const (
	reused        xmarks = 1 << iota // it goes over a connection that served before
	retried                          // it went to a stale connection first
	closeBack                        // the back-end connection must not serve again
	offersUpgrade                    // the request asks for another protocol, and may
	continued                        // lull itself has told the client to go on, and keeps the backend's 100 to itself
	wasQueued
	lastAsked // the client has said that it will send no further request
	openEnded // the end of the client's connection is the end of the response's body
)

func (x *exchange) is(m xmarks) bool { return x.marks&m != 0 }
func (x *exchange) set(m xmarks)     { x.marks |= m }

// bodyMode is how the body of a response goes to the client.
type bodyMode uint8

const (
	bodyAsIs    bodyMode = iota // framed as the backend framed it
	bodyChunked                 // from until-close to chunks
	bodyPlain                   // from chunks to until-close, for HTTP/1.0
)

// times returns what the timers need to know.
func (x *exchange) times() timeout.Exchange {
	return timeout.Exchange{
		Began: x.began, Waited: x.waited, LastUp: x.up.Last, LastDown: x.down.Last,
		HeadDone: x.headAt != 0, RequestDone: x.request.Done() && x.headAt != 0, Answered: x.status != 0,
		UpHeld: x.up.Pending() > 0, DownHeld: x.down.Pending() > 0,
	}
}

// exchangesKept bounds the exchanges that a loop keeps for their next use: 64 KiB with their texts.
const exchangesKept = 128

func (p *Proxy) takeExchange() *exchange {
	if n := len(p.spare); n > 0 {
		x := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return x
	}
	return &exchange{}
}

// begin starts an exchange with the first byte of a request.
func (p *Proxy) begin(f *front) *exchange {
	x := p.takeExchange()
	x.front, f.x = f, x
	x.began = p.loop.Touch()
	x.connect = -1
	x.request.Request()
	f.exchanges++
	p.active++
	return x
}

// free gives back all that an exchange has, and itself.
func (p *Proxy) free(f *front) {
	x := f.x
	f.x = nil
	x.up.LetGo(p.pool)
	x.down.LetGo(p.pool)
	p.dropReplay(x)
	p.active--
	text, tried, id := x.text[:0], x.tried[:0], x.id[:0]
	clear(x.tried)
	*x = exchange{text: text, tried: tried, id: id}
	if len(p.spare) < exchangesKept {
		p.spare = append(p.spare, x)
	}
}
