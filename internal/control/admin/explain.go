package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"lull/internal/clock"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// exchangesMost is how many exchanges of a connection one answer holds of those that went wrong, and of the others: more
// than anybody reads.
const exchangesMost = 50

// whatIsRemembered says which exchanges can be explained.
const whatIsRemembered = "unless an access log is written or `lull events --exchanges` runs, only those are that went " +
	"wrong or that lull answered itself"

// Unexplained is why there is no story to tell.
type Unexplained struct {
	Status  int // as of HTTP
	Message string
}

// Error returns the message.
func (u *Unexplained) Error() string { return u.Message }

func unexplained(status int, format string, args ...any) error {
	return &Unexplained{status, fmt.Sprintf(format, args...)}
}

// explain tells the story of one connection, open or ended, or of one exchange on it that has ended.
func (h *handler) explain(w http.ResponseWriter, r *http.Request) {
	asked := r.PathValue("id")
	if number := r.PathValue("number"); number != "" {
		asked += "/" + number
	}
	e, err := Explain(r.Context(), h.engine, asked)
	var known *Unexplained
	switch {
	case err == nil:
		answer(w, e)
	case errors.As(err, &known):
		refuse(w, known.Status, known)
	default:
		refuse(w, http.StatusInternalServerError, err)
	}
}

// Explain tells the story of a connection, open or ended, by its number, or of an exchange on it that has ended, such as "12/3". An error
// is an *Unexplained, unless lull itself is at fault. Callable from anywhere.
func Explain(ctx context.Context, engine Engine, asked string) (*Explanation, error) {
	x := explainer{engine}
	id, number, err := ParseID(asked)
	switch {
	case err != nil:
		return nil, unexplained(http.StatusBadRequest, "id %q: must be a connection's number or an exchange's such as 12/3, "+
			"as lull conns and the access log show them", asked)
	case number > 0:
		return x.exchange(id, number)
	}
	return x.conn(ctx, id)
}

// ExplainOpen tells the story of an open connection that the caller has found. Callable from anywhere.
func ExplainOpen(engine Engine, l *record.Live) (*Explanation, error) {
	x := explainer{engine}
	var carried []record.Exchange
	if l.Ends.HTTP() && !l.Pooled {
		carried = x.remembered(l.ID)
	}
	return x.open(l, carried)
}

// explainer tells stories of what a data plane remembers.
type explainer struct{ engine Engine }

func (x explainer) conn(ctx context.Context, id uint64) (*Explanation, error) {
	carried := x.remembered(id)
	// It may end between the two looks, so ended connections are searched once more at the end.
	if e, err := x.ended(id, carried); e != nil || err != nil {
		return e, err
	}
	if l, err := x.find(ctx, id); l != nil || err != nil {
		if err != nil {
			return nil, unexplained(http.StatusServiceUnavailable, "%v", err)
		}
		return x.open(l, carried)
	}
	if e, err := x.ended(id, carried); e != nil || err != nil {
		return e, err
	}
	if len(carried) > 0 {
		return with(carried, &Explanation{ID: id, Story: storyOfForgotten(carried)})
	}
	return nil, unexplained(http.StatusNotFound, "no connection %d is open, and it is not among the last %d that ended", id, record.Remembered)
}

// exchange tells the story of one exchange.
func (x explainer) exchange(id uint64, number int) (*Explanation, error) {
	for _, one := range x.exchanges(func(one *record.Exchange) bool { return one.Conn == id && one.Number == number }) {
		return with([]record.Exchange{one}, &Explanation{ID: id, Number: number, Story: x.inTerms(storyOfExchange(&one), &one.Ends)})
	}
	return nil, unexplained(http.StatusNotFound, "exchange %d/%d has not ended, or is not remembered: of exchanges the last %d are, and %s",
		id, number, record.Remembered, whatIsRemembered)
}

// remembered returns the exchanges of a connection that are remembered, by their numbers.
func (x explainer) remembered(id uint64) []record.Exchange {
	return x.exchanges(func(one *record.Exchange) bool { return one.Conn == id })
}

// exchanges returns the last exchangesMost that match of those that went wrong, and of the others, by their numbers.
func (x explainer) exchanges(match func(*record.Exchange) bool) []record.Exchange {
	collect := func(ring *record.Ring[record.Exchange], troubled bool) (found []record.Exchange) {
		ring.Seek(func(one *record.Exchange) bool {
			if match(one) && one.Troubled() == troubled {
				found = append(found, *one)
			}
			return false // on to the end
		})
		return found[max(0, len(found)-exchangesMost):]
	}
	exchanges := x.engine.Exchanges()
	all := append(collect(exchanges.Troubled(), true), collect(&exchanges.Ring, false)...)
	slices.SortFunc(all, func(a, b record.Exchange) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// ended tells of the connection if it is one that has ended; nil if not.
func (x explainer) ended(id uint64, carried []record.Exchange) (*Explanation, error) {
	c, ok := x.engine.Log().Find(id)
	if !ok {
		return nil, nil //nolint:nilnil // it has not ended, which is no error
	}
	event, err := eventOf(&c)
	if err != nil {
		return nil, fmt.Errorf("translate connection %d: %w", id, err)
	}
	return with(carried, &Explanation{ID: id, Story: x.inTerms(storyOfClose(&c, carried, x.policyOf(&c)), &c.Ends), Event: event})
}

// inTerms returns a story in the words of whoever defined its load balancer.
func (x explainer) inTerms(story []string, e *record.Ends) []string {
	return inTermsOf(x.engine.Origin(e.LoadBalancer), story, e)
}

// policyOf returns the TLS policy of the listener of a connection whose handshake failed; nil if that was not it, or if there
// is no such listener any more. It is the policy of now, which may have been changed since.
func (x explainer) policyOf(c *record.Close) *tlspolicy.Policy {
	if c.Reason != reason.HandshakeFailed {
		return nil
	}
	counters := x.engine.Stats()
	for i := range counters.Listeners {
		if l := &counters.Listeners[i]; l.Policy != nil && l.Key.LoadBalancer == c.Ends.LoadBalancer && l.Key.Name == c.Ends.Listener {
			return l.Policy
		}
	}
	return nil
}

// errFound ends a search.
var errFound = errors.New("found")

// find returns an open connection; nil if there is none of that number.
func (x explainer) find(ctx context.Context, id uint64) (*record.Live, error) {
	var live record.Live
	err := x.engine.Conns(ctx, func(batch []record.Live) error {
		for i := range batch {
			if batch[i].ID == id {
				live = batch[i]
				return errFound
			}
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return &live, nil
	}
	return nil, err
}

// open tells of a connection that is.
func (x explainer) open(l *record.Live, carried []record.Exchange) (*Explanation, error) {
	conn := connOf(l)
	told := x.inTerms(storyOfLive(l, carried, clock.Wall(clock.Now())), &l.Ends)
	return with(carried, &Explanation{ID: l.ID, Open: true, Story: told, Conn: &conn})
}

// with adds the exchanges that belong to an explanation.
func with(carried []record.Exchange, e *Explanation) (_ *Explanation, err error) {
	if e.Exchanges, err = exchangesOf(carried); err != nil {
		return nil, fmt.Errorf("translate the exchanges of connection %d: %w", e.ID, err)
	}
	return e, nil
}
