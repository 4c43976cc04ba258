package admin

import (
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// detailedMost is how many exchanges that went wrong the story of a connection tells in full, the last ones.
const detailedMost = 3

// storyOfHTTP tells of a connection of an HTTP listener that has ended.
func storyOfHTTP(c *record.Close, carried []record.Exchange, policy *tlspolicy.Policy) []string {
	s := begin(&c.Ends, c.Opened)
	s.secured(&c.TLS.Front, ended)
	s.carried(&c.Traffic, c.Exchanges, carried, ended)
	if c.Upgraded {
		s.say("Its %s request made it a tunnel to backend %s.", ordinal(c.Exchanges), backendName(&c.Ends))
		s.agreed(behind, &c.TLS.Back, ended)
		s.moved(&c.Traffic, ended)
	} else {
		s.undelivered(&c.Traffic, ended)
	}
	if n := len(carried); n > 0 && !c.Upgraded && sameEnd(c, &carried[n-1]) {
		s.say("That ended the connection as well, %s after the client had connected.", Span(c.Age))
		return s.sentences
	}
	s.closed(c, policy)
	return s.sentences
}

// sameEnd reports whether a connection ended by what ended its last exchange, which has been told.
func sameEnd(c *record.Close, last *record.Exchange) bool {
	return last.Number == c.Exchanges && last.Reason == c.Reason
}

// storyOfForgotten tells what is left of a connection that is no longer remembered itself.
func storyOfForgotten(carried []record.Exchange) []string {
	first := &carried[0]
	s := &story{}
	s.say("The client %s was connected to listener %s/%s (%s, %s); the connection itself is not remembered any more.",
		first.Ends.Client, first.Ends.LoadBalancer, first.Ends.Listener, first.Ends.Protocol, first.Ends.Local)
	s.exchanges(carried)
	return s.sentences
}

// carried tells of the exchanges of a connection that are over, n of them.
func (s *story) carried(t *record.Traffic, n int, carried []record.Exchange, told tense) {
	switch {
	case t.Exchanges == 0:
		s.say("%s no request.", told.brought)
	case n > 0:
		s.say("%s %s.", told.carried, count(uint64(n), "exchange"))
	}
	if k := len(carried); k == 0 && n > 0 {
		s.say("None of them is remembered: %s.", whatIsRemembered)
	} else if k < n {
		s.say("Of these, %s remembered: %s.", areMany(k), whatIsRemembered)
	}
	s.exchanges(carried)
}

// over returns how many exchanges of an open connection have ended.
func over(l *record.Live) int {
	switch l.State {
	case "head", "queued", "connecting", "request", "answer", "response", "relaying": // a tunnel belongs to its exchange
		return max(l.Exchanges-1, 0)
	}
	return l.Exchanges
}

// exchanges tells of each, of the last that went wrong in full.
func (s *story) exchanges(carried []record.Exchange) {
	wrong := 0
	for i := range carried {
		if carried[i].Troubled() {
			wrong++
		}
	}
	for i := range carried {
		x := &carried[i]
		if x.Troubled() && wrong <= detailedMost {
			s.say("Exchange %d began at %s: %s.", x.Number, x.Started.UTC().Format(storyTime), request(x))
			s.exchange(x)
		} else {
			s.brief(x)
		}
		if x.Troubled() {
			wrong--
		}
	}
}

// state tells what an open connection of an HTTP listener waits for.
func (s *story) state(l *record.Live) {
	nth := ordinal(l.Exchanges)
	switch l.State {
	case "waiting":
		s.say("It waits for a request.")
	case "head":
		s.say("The head of its %s request is arriving.", nth)
	case "queued":
		s.say("Its %s request waits for a backend of set %s with room.", nth, l.Ends.BackendSet)
	case "connecting":
		s.say("For its %s request lull is connecting to backend %s.", nth, backendName(&l.Ends))
	case "request":
		s.say("The body of its %s request is on its way to backend %s, %s so far.", nth, backendName(&l.Ends), count(l.BytesUp, "byte"))
	case "answer":
		s.say("Its %s request is with backend %s, which has not begun to answer.", nth, backendName(&l.Ends))
	case "response":
		s.say("The response to its %s request is on its way from backend %s, %s of body so far.", nth, backendName(&l.Ends),
			count(l.BytesDown, "byte"))
	case "relaying":
		s.say("Its %s request made it a tunnel to backend %s.", nth, backendName(&l.Ends))
		s.agreed(behind, &l.TLS.Back, open)
		s.moved(&l.Traffic, open)
		s.halfClosed(&l.Traffic)
		return
	}
	if l.QuietUp >= 0 || l.QuietDown >= 0 {
		s.quiet(l.QuietUp, l.QuietDown, open)
	}
}

// storyOfPooled tells of a back-end connection that ended while no exchange used it.
func storyOfPooled(c *record.Close) []string {
	s := beginPooled(&c.Ends, c.Opened)
	s.agreed("It", &c.TLS.Back, ended)
	s.say("It carried %s, and had been unused for %s when it ended.", count(uint64(max(c.Exchanges, 0)), "exchange"), Span(c.Unused()))
	s.fault(&c.TLS)
	s.timer(c)
	s.end(c)
	advice := adviceOf(c.Reason, &c.Ends, c.Timer, c.TimerFlow, c.Setting)
	if c.Reason == reason.BackendClosedIdle {
		s.say("A request that is sent in the moment in which a backend closes can fail (%d), or has to be sent once more.", closedStatus(c))
		advice = keepaliveAdvice(&c.Ends, c.PoolTimer, c.PoolSetting)
	}
	s.say("If that was unwanted: %s", advice)
	return s.sentences
}

// closedStatus returns what a client gets whose request met a closing backend: 502 on OCI, 504 on AWS (SH-09).
func closedStatus(c *record.Close) int {
	if c.PoolTimer == "back_keepalive" {
		return 502
	}
	return 504
}

// storyOfLivePooled tells of a back-end connection that waits for its next use.
func storyOfLivePooled(l *record.Live, now time.Time) []string {
	s := beginPooled(&l.Ends, now.Add(-l.Age))
	s.agreed("It", &l.TLS.Back, open)
	s.say("It has carried %s, and has been unused for %s.", count(uint64(max(l.Exchanges, 0)), "exchange"), Span(quietFor(&l.Traffic)))
	s.deadline(l)
	return s.sentences
}

func beginPooled(e *record.Ends, made time.Time) *story {
	s := &story{}
	s.say("It is a back-end connection: lull made it to backend %s on %s.", backendName(e), made.UTC().Format(storyDate))
	s.say("The last request that it carried was of listener %s/%s (%s, %s).", e.LoadBalancer, e.Listener, e.Protocol, e.Local)
	return s
}
