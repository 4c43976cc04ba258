package admin

import (
	"fmt"
	"time"

	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// requestMost is how much of a request a sentence shows.
const requestMost = 200

// storyOfExchange tells of one exchange.
func storyOfExchange(x *record.Exchange) []string {
	s := &story{}
	s.say("The client %s sent it to listener %s/%s (%s, %s) on %s: %s.", x.Ends.Client, x.Ends.LoadBalancer, x.Ends.Listener,
		x.Ends.Protocol, x.Ends.Local, x.Started.UTC().Format(storyDate), request(x))
	if x.Ends.Peer.IsValid() && x.Ends.Peer != x.Ends.Client {
		s.say("That is the client that the PROXY header named; the connection itself came from %s.", x.Ends.Peer)
	}
	s.agreed("The client's connection", &x.TLS.Front, ended)
	s.introduced(&x.TLS.Front)
	s.exchange(x)
	return s.sentences
}

// request writes what was asked for, as the access log does, at a length that fits a sentence.
func request(x *record.Exchange) string {
	switch {
	case x.Method == "" && x.Reason == reason.PlainHTTP:
		return "a request in plain HTTP"
	case x.Method == "" && x.Fault == http1.NoFault:
		return "a request whose head never came whole"
	case x.Method == "":
		return "a request that could not be read"
	}
	text := string(accesslog.AppendRequest(nil, x)) // ASCII
	if len(text) > requestMost {
		text = text[:requestMost] + "…"
	}
	return text
}

// brief tells of an exchange in one sentence.
func (s *story) brief(x *record.Exchange) {
	began := fmt.Sprintf("Exchange %d began at %s: %s;", x.Number, x.Started.UTC().Format(storyTime), request(x))
	if x.Reason == reason.Completed && !x.Troubled() {
		s.say("%s backend %s answered %d in %s (%s up, %s down).", began, x.Ends.Backend, x.Status, Span(x.Took),
			count(x.BytesUp, "byte"), count(x.BytesDown, "byte"))
		return
	}
	s.say("%s after %s it ended because %s (%s); %s.", began, Span(x.Took), x.Reason.Info().Text, x.Reason, got(x))
}

// exchange tells the course of an exchange: what came, where it went, what came back, and why it ended.
func (s *story) exchange(x *record.Exchange) {
	s.odd(x)
	s.dispatched(x)
	s.answered(x)
	if x.Timer != "" || hungUp(x.Reason) {
		down := x.QuietDown
		if x.AnswerTook < 0 {
			down = -1 // what the client got then was lull's own
		}
		s.quiet(x.QuietUp, down, ended)
	}
	if x.Timer != "" {
		s.fired(x.Timer, x.TimerFlow, x.Setting, x.ArmedAt, x.Late, "the request began")
	}
	s.fault(&x.TLS)
	s.because("ended", x.Reason, x.Ended, x.Took)
	s.say("%s.", upperFirst(got(x)))
	if a := adviceOfExchange(x); a != "" {
		s.say("If that was unwanted: %s", a)
	}
}

// odd tells what was wrong with the request.
func (s *story) odd(x *record.Exchange) {
	if x.Fault != http1.NoFault && x.Reason != reason.BadResponse {
		info := x.Fault.Info()
		s.say("lull refused it: %s (%s, RFC %s).", info.Text, info.Code, info.Section)
	}
	if x.Desync != http1.WhyNone {
		s.say("It does not comply with HTTP: %s, which makes it %s.", x.Desync, x.Desync.Class())
	}
}

// dispatched tells how the request came to a backend.
func (s *story) dispatched(x *record.Exchange) {
	if x.QueueTook > 0 {
		s.say("It waited %s for a backend of set %s with room.", Span(x.QueueTook), x.Ends.BackendSet)
	}
	if x.Retried {
		s.say("It was sent on a pooled connection%s, and that was dead: the backend had closed it. lull sent it once more.",
			unusedFor(x))
	}
	switch {
	case x.SentAfter < 0 && x.Tries > 0:
		s.say("It reached no backend; lull tried %s, last %s.", count(uint64(x.Tries), "connection"), backendName(&x.Ends))
	case x.SentAfter < 0 && x.Fault == http1.NoFault:
		s.say("lull did not send it to a backend.")
	case x.SentAfter < 0:
	default:
		s.say("It was on its way to backend %s %s after its first byte%s.", backendName(&x.Ends), Span(x.SentAfter), onWhat(x))
	}
	if x.BytesUp > 0 {
		s.say("The client sent %s of body.", count(x.BytesUp, "byte"))
	}
}

// onWhat says on which connection a request was sent in the end.
func onWhat(x *record.Exchange) string {
	switch {
	case x.Reused:
		return ", on a pooled connection" + unusedFor(x) + overTLS(&x.TLS.Back)
	case x.ConnectTook >= 0:
		return ", on a connection made for it in " + Span(x.ConnectTook) + overTLS(&x.TLS.Back)
	}
	return ""
}

func unusedFor(x *record.Exchange) string {
	if x.PoolUnused <= 0 {
		return ""
	}
	return " that had been unused for " + Span(x.PoolUnused)
}

// answered tells how the response came.
func (s *story) answered(x *record.Exchange) {
	switch {
	case x.SentAfter < 0:
	case x.AnswerTook < 0:
		s.say("The backend sent no byte of an answer.")
	default:
		s.say("The backend began to answer %s later.", Span(x.AnswerTook))
	}
	if x.Fault != http1.NoFault && x.Reason == reason.BadResponse {
		info := x.Fault.Info()
		s.say("lull could not understand it: %s (%s, RFC %s).", info.Text, info.Code, info.Section)
	}
}

// quiet tells how long either direction had been silent.
func (s *story) quiet(up, down time.Duration, told tense) {
	last := func(quiet time.Duration) string {
		if quiet < 0 {
			return "none ever did"
		}
		return Span(quiet) + " " + told.quiet
	}
	s.say("The last byte from the client to the backend moved: %s; from the backend to the client: %s.", last(up), last(down))
}

// got tells what the client received.
func got(x *record.Exchange) string {
	switch {
	case x.Status == 0:
		return "the client got no response"
	case x.BackendStatus == 0:
		return fmt.Sprintf("the client got %d, made by lull", x.Status)
	case x.Upgraded:
		return fmt.Sprintf("the client got the backend's %d, and the connection became a tunnel", x.Status)
	case x.Reason == reason.Completed:
		return fmt.Sprintf("the client got the backend's %d with %s of body", x.Status, count(x.BytesDown, "byte"))
	}
	return fmt.Sprintf("the client got the backend's %d with %s of body, and could see that it was cut short", x.Status, count(x.BytesDown, "byte"))
}
