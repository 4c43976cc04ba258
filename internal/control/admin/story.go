package admin

import (
	"fmt"
	"net"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

const (
	storyDate = "2006-01-02 15:04:05.000 UTC"
	storyTime = "15:04:05.000"
	// quietWorthTelling is the silence before a hang-up from which on another idle timeout may be at work: below any
	// that is in common use.
	quietWorthTelling = 4 * time.Second
)

// storyOfClose tells of a connection that has ended, with the exchanges that it carried. policy is the TLS policy of its
// listener; nil if there is none, or if it is not known.
func storyOfClose(c *record.Close, carried []record.Exchange, policy *tlspolicy.Policy) []string {
	switch {
	case c.Pooled:
		return storyOfPooled(c)
	case c.Ends.HTTP():
		return storyOfHTTP(c, carried, policy)
	}
	s := begin(&c.Ends, c.Opened)
	s.secured(&c.TLS.Front, ended)
	s.connect(&c.Ends, &c.Traffic)
	s.agreed(behind, &c.TLS.Back, ended)
	s.moved(&c.Traffic, ended)
	s.closed(c, policy)
	return s.sentences
}

// closed tells how and why a connection ended, and what to change.
func (s *story) closed(c *record.Close, policy *tlspolicy.Policy) {
	if c.Reason != reason.ClientClosed && c.Reason != reason.BackendClosed { // then the end says it
		s.halfClosed(&c.Traffic)
	}
	if leftInHandshake(c) {
		s.say("Its TLS handshake was not over yet.")
	}
	s.fault(&c.TLS)
	s.timer(c)
	s.end(c)
	s.say("If that was unwanted: %s", adviceOfClose(c, policy))
}

// storyOfLive tells of a connection that is open at the wall-clock time now, with the exchanges that it carried so far.
func storyOfLive(l *record.Live, carried []record.Exchange, now time.Time) []string {
	if l.Pooled {
		return storyOfLivePooled(l, now)
	}
	s := begin(&l.Ends, now.Add(-l.Age))
	switch {
	case l.State == "proxy-header":
		s.say("It has not yet sent the PROXY header that the listener waits for.")
	case l.State == "handshake":
		s.say("Its TLS handshake is not over yet.")
	case l.Ends.HTTP():
		s.secured(&l.TLS.Front, open)
		s.carried(&l.Traffic, over(l), carried, open)
		s.state(l)
	case l.State == "connecting":
		s.secured(&l.TLS.Front, open)
		s.connecting(&l.Ends, &l.Traffic)
	default:
		s.secured(&l.TLS.Front, open)
		s.connect(&l.Ends, &l.Traffic)
		s.agreed(behind, &l.TLS.Back, open)
		s.moved(&l.Traffic, open)
		s.halfClosed(&l.Traffic)
	}
	if l.Why == reason.None {
		s.say("It has been open for %s and is closing: what is left is on its way out.", Span(l.Age))
		return s.sentences
	}
	s.say("It is open, and has been for %s.", Span(l.Age))
	s.deadline(l)
	return s.sentences
}

// A tense is how a flow is told.
type tense struct{ sent, quiet, deaf, brought, carried, spoke string }

//nolint:gochecknoglobals // constants in all but syntax
var (
	ended = tense{"sent", "before the end", "was not reading", "It brought", "It carried", "spoke"}
	open  = tense{"has sent", "ago", "is not reading", "It has brought", "It has carried", "speaks"}
)

// A story collects sentences.
type story struct{ sentences []string }

func (s *story) say(format string, args ...any) {
	s.sentences = append(s.sentences, fmt.Sprintf(format, args...))
}

// begin tells who connected where, and when.
func begin(e *record.Ends, opened time.Time) *story {
	s := &story{}
	s.say("The client %s connected to listener %s/%s (%s, %s) on %s.", e.Client, e.LoadBalancer, e.Listener, e.Protocol,
		e.Local, opened.UTC().Format(storyDate))
	if e.Peer.IsValid() && e.Peer != e.Client {
		s.say("That is what the PROXY header said; the connection itself came from %s.", e.Peer)
	}
	return s
}

// connecting tells of an attempt under way.
func (s *story) connecting(e *record.Ends, t *record.Traffic) {
	if t.ConnectTries > 1 {
		s.say("lull is connecting it to backend %s, its %s try.", backendName(e), ordinal(t.ConnectTries))
		return
	}
	s.say("lull is connecting it to backend %s.", backendName(e))
}

// connect tells which backend took the connection, how soon, and after how many others.
func (s *story) connect(e *record.Ends, t *record.Traffic) {
	switch {
	case t.ConnectTook >= 0 && t.ConnectTries > 1:
		s.say("lull connected it to backend %s in %s; %s tried before had not taken it.", backendName(e),
			Span(t.ConnectTook), count(uint64(t.ConnectTries-1), "backend"))
	case t.ConnectTook >= 0:
		s.say("lull connected it to backend %s in %s.", backendName(e), Span(t.ConnectTook))
	case t.ConnectTries > 1:
		s.say("It reached no backend; lull tried %d, last %s.", t.ConnectTries, backendName(e))
	case t.ConnectTries == 1:
		s.say("It reached no backend; lull tried %s.", backendName(e))
	default:
		s.say("lull did not try to connect it to a backend.")
	}
}

// moved tells of the bytes in each direction and where they got stuck.
func (s *story) moved(t *record.Traffic, told tense) {
	reached := t.ConnectTook >= 0
	if reached || t.BytesUp > 0 {
		s.flow("The client "+told.sent, "reached the backend", t.BytesUp, t.FirstUp, t.QuietUp, told)
	}
	if reached {
		s.flow("The backend "+told.sent, "came", t.BytesDown, t.FirstDown, t.QuietDown, told)
	}
	s.undelivered(t, told)
}

// undelivered tells of the bytes that got stuck.
func (s *story) undelivered(t *record.Traffic, told tense) {
	if t.ConnectTook >= 0 && t.PendingUp > 0 {
		s.say("Not delivered: %s from the client, as the backend %s.", count(uint64(t.PendingUp), "byte"), told.deaf)
	}
	if t.PendingDown > 0 {
		s.say("Not delivered: %s from the backend, as the client %s.", count(uint64(t.PendingDown), "byte"), told.deaf)
	}
}

// halfClosed tells which side was first to send a FIN.
func (s *story) halfClosed(t *record.Traffic) {
	if t.HalfClosed != "" {
		s.say("The %s was the first to say that it would send no more (FIN).", t.HalfClosed)
	}
}

func (s *story) flow(sent, arrival string, bytes uint64, first, quiet time.Duration, told tense) {
	if bytes == 0 {
		s.say("%s nothing.", sent)
		return
	}
	text := fmt.Sprintf("%s %s", sent, count(bytes, "byte"))
	if first >= 0 {
		text += fmt.Sprintf("; the first %s %s after the client connected", arrival, Span(first))
	}
	if quiet >= 0 {
		text += fmt.Sprintf("; the last moved %s %s", Span(quiet), told.quiet)
	}
	s.say("%s.", text)
}

// timer tells which timer fired: its setting, when it was armed, when it was due and how late it was.
func (s *story) timer(c *record.Close) {
	switch {
	case c.Timer == "":
	case c.Reason == reason.AgeCap: // counts from accept but waits for a quiet moment, so arming says nothing
		s.say("The timer `%s`, set to %s, waited for a quiet moment and fired %s late.", c.Timer, Setting(c.Setting), Span(c.Late))
	default:
		since := "the client connected"
		if c.Pooled {
			since = "the connection was made"
		}
		s.fired(c.Timer, c.TimerFlow, c.Setting, c.ArmedAt, c.Late, since)
	}
}

// fired tells of a timer that was armed so long after since.
func (s *story) fired(timer, flow string, setting, armedAt, late time.Duration, since string) {
	s.say("The timer `%s`%s, set to %s, was last armed %s after %s; it fired %s later, %s late.",
		timer, ofFlow(flow), Setting(setting), Span(max(armedAt, 0)), since, Span(setting), Span(late))
}

// ofFlow says of which direction a timer is.
func ofFlow(flow string) string {
	switch flow {
	case "up":
		return " for what goes from the client to the backend"
	case "down":
		return " for what goes from the backend to the client"
	}
	return ""
}

// end tells who ended the connection, when and why.
func (s *story) end(c *record.Close) {
	s.because("closed", c.Reason, c.Closed, c.Age)
	if quiet := quietFor(&c.Traffic); !c.Pooled && hungUp(c.Reason) && quiet >= quietWorthTelling {
		s.say("Nothing had moved for %s before: if that time returns in other connections, look for a timeout of that "+
			"length in the %s or in what stands between it and lull.", Span(quiet), partyOf(c.Reason.Info().Side))
	}
}

// because tells when and why something ended; verb is what lull did if it was lull.
func (s *story) because(verb string, why reason.Reason, at time.Time, age time.Duration) {
	info := why.Info()
	when := at.UTC().Format(storyTime)
	if info.Side == reason.Inside && why != reason.Completed || info.Timer {
		s.say("At %s, after %s, lull %s it because %s (%s).", when, Span(age), verb, info.Text, info.Code)
	} else {
		s.say("At %s, after %s, it ended because %s (%s).", when, Span(age), info.Text, info.Code)
	}
}

// deadline tells when an open connection will be closed, unless something happens first.
func (s *story) deadline(l *record.Live) {
	if l.Timer == "" {
		s.say("No timer runs on it.")
		return
	}
	s.say("It closes %s: %s (%s %s)%s.", dueIn(l.FiresIn), l.Why, l.Timer, Setting(l.Setting), unless(l))
	if movable(l.Why) {
		s.say("To keep it longer: %s A changed timeout holds for open connections at once.",
			adviceOf(l.Why, &l.Ends, l.Timer, l.TimerFlow, l.Setting))
	}
}

// unless says what would put a deadline off.
func unless(l *record.Live) string {
	switch l.Why { //nolint:exhaustive // the other deadlines come whatever happens
	case reason.TunnelIdle, reason.RequestIdle, reason.ResponseIdle, reason.SendIdle, reason.UploadUnanswered, reason.DownloadUnasked:
		switch l.TimerFlow {
		case "up":
			return ", unless a byte moves from the client to the backend before"
		case "down":
			return ", unless a byte moves from the backend to the client before"
		}
		return ", unless a byte moves before"
	case reason.ClientIdle:
		return ", unless a request begins before"
	case reason.HandshakeTimeout:
		if l.State == "handshake" {
			return ", unless the handshake is over before"
		}
	case reason.HeadTooSlow:
		return ", unless the request's head is whole before"
	case reason.QueueTimeout:
		return ", unless a backend has room for the request before"
	case reason.PoolIdle:
		return ", unless a request uses it before"
	}
	return ""
}

// movable reports whether a changed setting still moves a deadline of that kind (TO-06).
func movable(why reason.Reason) bool {
	switch why { //nolint:exhaustive // the rest is decided
	case reason.TunnelIdle, reason.AgeCap, reason.ClientIdle, reason.RequestIdle, reason.ResponseIdle, reason.SendIdle,
		reason.UploadUnanswered, reason.DownloadUnasked, reason.HeadTooSlow, reason.QueueTimeout, reason.PoolIdle:
		return true
	}
	return false
}

func dueIn(d time.Duration) string {
	if d <= 0 {
		return "now"
	}
	return "in " + Span(d)
}

// hungUp reports whether a peer ended the connection of its own accord.
func hungUp(r reason.Reason) bool {
	return r == reason.ClientClosed || r == reason.ClientReset || r == reason.BackendClosed || r == reason.BackendReset
}

func partyOf(side reason.Side) string {
	if side == reason.BackEnd {
		return "backend"
	}
	return "client"
}

// quietFor returns how long no byte had moved either way; 0 if none ever did.
func quietFor(t *record.Traffic) time.Duration {
	if t.QuietUp < 0 || t.QuietDown < 0 {
		return max(t.QuietUp, t.QuietDown, 0)
	}
	return min(t.QuietUp, t.QuietDown)
}

// backendName writes the backend as configured, with the address connected to where that is another.
func backendName(e *record.Ends) string {
	name := e.Backend
	if addr := addressOf(e.BackendAddr); addr != "" && addr != e.Backend {
		name += " (" + addr + ")"
	}
	return name + " of backend set " + e.BackendSet
}

// host returns the host part of "host:port".
func host(endpoint string) string {
	h, _, err := net.SplitHostPort(endpoint)
	if err != nil {
		return endpoint
	}
	return h
}

func ordinal(n int) string {
	switch {
	case n%10 == 1 && n%100 != 11:
		return fmt.Sprintf("%dst", n)
	case n%10 == 2 && n%100 != 12:
		return fmt.Sprintf("%dnd", n)
	case n%10 == 3 && n%100 != 13:
		return fmt.Sprintf("%drd", n)
	}
	return fmt.Sprintf("%dth", n)
}
