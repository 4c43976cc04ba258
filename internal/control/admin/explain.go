package admin

import (
	"cmp"
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

// explain tells the story of one connection, open or ended, or of one exchange on it that has ended.
func (h *handler) explain(w http.ResponseWriter, r *http.Request) {
	asked := r.PathValue("id")
	if number := r.PathValue("number"); number != "" {
		asked += "/" + number
	}
	id, number, err := ParseID(asked)
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, fmt.Errorf("id %q: must be a connection's number or an exchange's such as 12/3, "+
			"as lull conns and the access log show them", asked))
	case number > 0:
		h.explainExchange(w, id, number)
	default:
		h.explainConn(w, r, id)
	}
}

func (h *handler) explainConn(w http.ResponseWriter, r *http.Request, id uint64) {
	carried := h.remembered(id)
	// It may end between the two looks, so ended connections are searched once more at the end.
	if h.explainEnded(w, id, carried) || h.explainOpen(w, r, id, carried) || h.explainEnded(w, id, carried) {
		return
	}
	if len(carried) > 0 {
		tell(w, Explanation{ID: id, Story: storyOfForgotten(carried)}, carried)
		return
	}
	refuse(w, http.StatusNotFound, fmt.Errorf("no connection %d is open, and it is not among the last %d that ended",
		id, record.Remembered))
}

// explainExchange answers with the story of one exchange.
func (h *handler) explainExchange(w http.ResponseWriter, id uint64, number int) {
	for _, x := range h.find(func(x *record.Exchange) bool { return x.Conn == id && x.Number == number }) {
		tell(w, Explanation{ID: id, Number: number, Story: h.inTerms(storyOfExchange(&x), &x.Ends)}, []record.Exchange{x})
		return
	}
	refuse(w, http.StatusNotFound, fmt.Errorf("exchange %d/%d has not ended, or is not remembered: of exchanges the last %d are, and %s",
		id, number, record.Remembered, whatIsRemembered))
}

// remembered returns the exchanges of a connection that are remembered, by their numbers.
func (h *handler) remembered(id uint64) []record.Exchange {
	return h.find(func(x *record.Exchange) bool { return x.Conn == id })
}

// find returns the last exchangesMost exchanges that match of those that went wrong, and of the others, by their numbers.
func (h *handler) find(match func(*record.Exchange) bool) []record.Exchange {
	collect := func(ring *record.Ring[record.Exchange], troubled bool) (found []record.Exchange) {
		ring.Seek(func(x *record.Exchange) bool {
			if match(x) && x.Troubled() == troubled {
				found = append(found, *x)
			}
			return false // on to the end
		})
		return found[max(0, len(found)-exchangesMost):]
	}
	exchanges := h.engine.Exchanges()
	all := append(collect(exchanges.Troubled(), true), collect(&exchanges.Ring, false)...)
	slices.SortFunc(all, func(a, b record.Exchange) int { return cmp.Compare(a.Number, b.Number) })
	return all
}

// explainEnded answers if the connection is one that has ended.
func (h *handler) explainEnded(w http.ResponseWriter, id uint64, carried []record.Exchange) (answered bool) {
	c, ok := h.engine.Log().Find(id)
	if !ok {
		return false
	}
	event, err := eventOf(&c)
	if err != nil {
		refuse(w, http.StatusInternalServerError, fmt.Errorf("translate connection %d: %w", id, err))
		return true
	}
	tell(w, Explanation{ID: id, Story: h.inTerms(storyOfClose(&c, carried, h.policyOf(&c)), &c.Ends), Event: event}, carried)
	return true
}

// inTerms returns a story in the words of whoever defined its load balancer.
func (h *handler) inTerms(story []string, e *record.Ends) []string {
	return inTermsOf(h.engine.Origin(e.LoadBalancer), story, e)
}

// policyOf returns the TLS policy of the listener of a connection whose handshake failed; nil if that was not it, or if there
// is no such listener any more. It is the policy of now, which may have been changed since.
func (h *handler) policyOf(c *record.Close) *tlspolicy.Policy {
	if c.Reason != reason.HandshakeFailed {
		return nil
	}
	counters := h.engine.Stats()
	for i := range counters.Listeners {
		if l := &counters.Listeners[i]; l.Policy != nil && l.Key.LoadBalancer == c.Ends.LoadBalancer && l.Key.Name == c.Ends.Listener {
			return l.Policy
		}
	}
	return nil
}

// errFound ends a search.
var errFound = errors.New("found")

// explainOpen answers if the connection is open, or if that cannot be found out.
func (h *handler) explainOpen(w http.ResponseWriter, r *http.Request, id uint64, carried []record.Exchange) (answered bool) {
	var live record.Live
	err := h.engine.Conns(r.Context(), func(batch []record.Live) error {
		for i := range batch {
			if batch[i].ID == id {
				live = batch[i]
				return errFound
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, errFound):
		conn := connOf(&live)
		told := h.inTerms(storyOfLive(&live, carried, clock.Wall(clock.Now())), &live.Ends)
		tell(w, Explanation{ID: id, Open: true, Story: told, Conn: &conn}, carried)
	case err != nil:
		refuse(w, http.StatusServiceUnavailable, err)
	default:
		return false
	}
	return true
}

// tell answers with an explanation and the exchanges that belong to it.
func tell(w http.ResponseWriter, e Explanation, carried []record.Exchange) {
	var err error
	if e.Exchanges, err = exchangesOf(carried); err != nil {
		refuse(w, http.StatusInternalServerError, fmt.Errorf("translate the exchanges of connection %d: %w", e.ID, err))
		return
	}
	answer(w, e)
}
