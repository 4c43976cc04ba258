package stats

import (
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
)

// Set counts what one loop did with a backend set for sites of listeners. Without sites a listener leads to one set, and its own counters
// tell what became of that. A nil *Set counts nothing.
type Set struct {
	Requests     Counter    // sent to one of its backends, once each
	Status       [6]Counter // responses to requests for it by first digit, whoever made them; 0 is not used
	OK           Counter    // of all responses, those with 200
	BadGateway   Counter    // those with 502
	Timeout      Counter    // those with 504
	Overdue      Counter    // exchanges that ended because a backend let lull wait too long
	BadResponses Counter    // exchanges that ended because the response could not be understood
	BytesUp      Counter    // of bodies, and in tunnels; of an exchange when it ends, as it is not known before where it goes in the end
	BytesDown    Counter
	Answers      Counter // first bytes of responses that came, or were given up
	AnswersTook  Counter // ns that they took, from the request sent
}

// Responded counts a response to a request for the set.
func (s *Set) Responded(status int) {
	if s == nil {
		return
	}
	s.Status[status/100%10%6].Add(1)
	switch status {
	case 200:
		s.OK.Add(1)
	case 502:
		s.BadGateway.Add(1)
	case 504:
		s.Timeout.Add(1)
	}
}

// Answered counts how long the first byte of an answer took.
func (s *Set) Answered(ns int64) {
	if s == nil {
		return
	}
	s.Answers.Add(1)
	s.AnswersTook.Add(uint64(max(ns, 1)))
}

// Ended counts the end of an exchange, or of the tunnel that it has become.
func (s *Set) Ended(why reason.Reason, up, down uint64) {
	if s == nil {
		return
	}
	s.BytesUp.Add(up)
	s.BytesDown.Add(down)
	switch why { //nolint:exhaustive // the others have no counter here
	case reason.ResponseIdle, reason.UploadUnanswered, reason.ConnectTimeout:
		s.Overdue.Add(1)
	case reason.BadResponse:
		s.BadResponses.Add(1)
	}
}

// SetTotals is a set's counters summed over the loops.
type SetTotals struct {
	Key          plan.SetKey
	Requests     uint64
	Status       [6]uint64
	OK           uint64
	BadGateway   uint64
	Timeout      uint64
	Overdue      uint64
	BadResponses uint64
	BytesUp      uint64
	BytesDown    uint64
	Answers      uint64
	AnswersTook  time.Duration
}

// AddFrom adds one loop's block to the totals.
func (t *SetTotals) AddFrom(s *Set) {
	t.Requests += s.Requests.Load()
	t.OK += s.OK.Load()
	t.BadGateway += s.BadGateway.Load()
	t.Timeout += s.Timeout.Load()
	t.Overdue += s.Overdue.Load()
	t.BadResponses += s.BadResponses.Load()
	t.BytesUp += s.BytesUp.Load()
	t.BytesDown += s.BytesDown.Load()
	t.Answers += s.Answers.Load()
	t.AnswersTook += time.Duration(s.AnswersTook.Load())
	for i := range s.Status {
		t.Status[i] += s.Status[i].Load()
	}
}
