package admin

import (
	"fmt"
	"net"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

const (
	storyDate = "2006-01-02 15:04:05.000 UTC"
	storyTime = "15:04:05.000"
	// quietWorthTelling is the silence before a hang-up from which on another idle timeout may be at work: below any
	// that is in common use.
	quietWorthTelling = 4 * time.Second
)

// storyOfClose tells of a connection that has ended.
func storyOfClose(c *record.Close) []string {
	s := begin(&c.Ends, c.Opened)
	s.connect(&c.Ends, &c.Traffic)
	s.moved(&c.Traffic, ended)
	if c.Reason != reason.ClientClosed && c.Reason != reason.BackendClosed { // then the end says it
		s.halfClosed(&c.Traffic)
	}
	s.timer(c)
	s.end(c)
	if a := adviceOf(c.Reason, &c.Ends, c.Timer, c.Setting); a != "" {
		s.say("If that was unwanted: %s", a)
	}
	return s.sentences
}

// storyOfLive tells of a connection that is open at the wall-clock time now.
func storyOfLive(l *record.Live, now time.Time) []string {
	s := begin(&l.Ends, now.Add(-l.Age))
	switch l.State {
	case "proxy-header":
		s.say("It has not yet sent the PROXY header that the listener waits for.")
	case "connecting":
		s.connecting(&l.Ends, &l.Traffic)
	default:
		s.connect(&l.Ends, &l.Traffic)
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
type tense struct{ sent, quiet, deaf string }

//nolint:gochecknoglobals // constants in all but syntax
var (
	ended = tense{"sent", "before the end", "was not reading"}
	open  = tense{"has sent", "ago", "is not reading"}
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
	if reached && t.PendingUp > 0 {
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
	if c.Timer == "" {
		return
	}
	if c.Reason == reason.AgeCap { // counts from accept but waits for a quiet moment, so arming says nothing
		s.say("The timer `%s`, set to %s, waited for a quiet moment and fired %s late.", c.Timer, Setting(c.Setting), Span(c.Late))
		return
	}
	s.say("The timer `%s`, set to %s, was last armed %s after the client connected; it fired %s later, %s late.",
		c.Timer, Setting(c.Setting), Span(max(c.ArmedAt, 0)), Span(c.Setting), Span(c.Late))
}

// end tells who ended the connection, when and why.
func (s *story) end(c *record.Close) {
	info := c.Reason.Info()
	at, age := c.Closed.UTC().Format(storyTime), Span(c.Age)
	if info.Side == reason.Inside || info.Timer {
		s.say("At %s, after %s, lull closed it because %s (%s).", at, age, info.Text, info.Code)
	} else {
		s.say("At %s, after %s, it ended because %s (%s).", at, age, info.Text, info.Code)
	}
	if quiet := quietFor(&c.Traffic); hungUp(c.Reason) && quiet >= quietWorthTelling {
		s.say("Nothing had moved for %s before: if that time returns in other connections, look for a timeout of that "+
			"length in the %s or in what stands between it and lull.", Span(quiet), partyOf(info.Side))
	}
}

// deadline tells when an open connection will be closed, unless something happens first.
func (s *story) deadline(l *record.Live) {
	if l.Timer == "" {
		s.say("No timer runs on it.")
		return
	}
	unless := ""
	if l.Why == reason.TunnelIdle {
		unless = ", unless a byte moves before"
	}
	s.say("It closes %s: %s (%s %s)%s.", dueIn(l.FiresIn), l.Why, l.Timer, Setting(l.Setting), unless)
	if l.Why == reason.TunnelIdle || l.Why == reason.AgeCap { // the deadlines that a setting can still move (TO-06)
		s.say("To keep it longer: %s A changed timeout holds for open connections at once.",
			adviceOf(l.Why, &l.Ends, l.Timer, l.Setting))
	}
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
