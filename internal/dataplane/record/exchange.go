package record

import (
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
)

// TextMax is where a text that a client made up is cut: what AWS logs of a user agent. Records are remembered by the ten
// thousand; whole heads in them would be gigabytes. Whoever fills a record cuts, for a cut later keeps the memory.
const TextMax = 8 << 10

// Exchange is everything known of an HTTP request and its response once it has ended. An Exchange without a Method is a
// request whose head never came whole.
type Exchange struct {
	Conn    uint64 // the id of the client's connection
	Number  int    // 1 for the first on that connection
	Ends    Ends   // Backend and BackendAddr are those tried last
	TLS     Secured
	Reason  reason.Reason
	Side    reason.Side
	Started time.Time // the first byte of the request
	Ended   time.Time
	Took    time.Duration // from the one to the other

	Method    string
	Scheme    string // "http" or "https"
	Host      string // as the client asked for it, port included if it was given; empty if there was none
	Target    string // as it was sent
	Minor     int    // of the request's version: 1 for HTTP/1.1
	UserAgent string
	Forwarded string // X-Forwarded-For as it was sent on; empty if it was not

	Status        int // what the client got; 0 nothing
	BackendStatus int // what the backend sent; 0 nothing, also if lull made the response
	Upgraded      bool
	Fault         http1.Fault // of the request, or of the response if a whole request came
	Desync        http1.Why   // WhyNone for a compliant request

	BytesUp   uint64        // of the request's body, as taken from the client
	BytesDown uint64        // of the response's body, as sent to the client
	QuietUp   time.Duration // at the end, since a byte last moved client→backend; -1 never
	QuietDown time.Duration

	HeadTook    time.Duration // from the first byte to the whole head; -1 it never came
	SentAfter   time.Duration // from the start until the request's head was on its way to the backend; -1 never
	AnswerTook  time.Duration // from then to the first byte of the response; -1 never
	FirstAfter  time.Duration // from then to the first byte sent to the client; -1 never
	ConnectTook time.Duration // -1: none was needed, or none succeeded
	QueueTook   time.Duration // waiting for a backend with room; 0 usually
	Tries       int           // back-end connections that were tried, pooled ones included
	Reused      bool          // it went over a pooled connection in the end
	Retried     bool          // after a stale one (SH-09)
	PoolUnused  time.Duration // how long the pooled connection that was tried first had been unused; 0: none was
	PoolTimer   string        // the setting after which lull closes an unused back-end connection; empty if none was tried
	PoolSetting time.Duration // its value

	Timer   string        // the setting whose timer fired; empty if none did
	Setting time.Duration // its value
	// TimerFlow is "up" (client→backend) or "down" if the timer is that of one direction.
	TimerFlow string
	ArmedAt   time.Duration // when that timer was last armed, after Started; meaningful only with Timer
	Late      time.Duration // how long after its deadline the end began; meaningful only with Timer
}

// Troubled says whether the exchange is worth remembering when nobody follows: it went wrong, it was cut short, or lull answered
// itself. A redirect is no trouble, and some listeners do nothing else.
func (x *Exchange) Troubled() bool {
	return x.Reason.Info().Error || x.cutShort() || x.Status != 0 && x.BackendStatus == 0 && x.Reason != reason.Redirected
}

// cutShort says whether a whole request did not get its whole response, and not because its client had left. The reasons are ordinary
// ends of a connection: a backend that closes its side, a drain time that has passed. An upgraded connection ends so without having been cut.
func (x *Exchange) cutShort() bool {
	whole := x.Reason == reason.Completed || x.Reason == reason.Redirected
	return !whole && x.Reason != reason.ClientClosed && x.Method != "" && !x.Upgraded
}
