package httpproxy

import (
	"strings"
	"testing"
)

// outcomes is what becomes of each state (rows that are not indented) by each event that can happen in it: the state of the
// client's connection and of the back-end connection afterwards, and what was recorded; then the events for which that is so.
// In the last three rows the client's connection was ended before, with the record that is there: nothing may be added to it.
const outcomes = `
header
	waiting none | client-bytes
	free none conn:client-closed | client-fin
	free none conn:client-reset | client-reset
	lingering none conn:handshake-timeout | timer timeouts-shorter
	header none | timer-early listener-change listener-drains listener-tcp backend-offline backend-removed backend-down drain
	lingering none conn:listener-removed | listener-removed
	free none conn:reclaimed | reclaim
	free none conn:shutdown | shutdown
waiting
	reading none | client-bytes
	free none conn:client-closed | client-fin
	free none conn:client-reset | client-reset
	free none conn:client-idle | timer timeouts-shorter
	waiting none | timer-early listener-change backend-offline backend-removed backend-down
	free none conn:drained | listener-drains listener-removed listener-tcp drain
	free none conn:reclaimed | reclaim
	free none conn:shutdown | shutdown
waiting-again
	exchanging busy | client-bytes
	free pooled conn:client-closed | client-fin
	free pooled conn:client-reset | client-reset
	waiting none pool:bad-response | response
	waiting none pool:backend-closed-idle | server-fin server-reset
	free pooled conn:client-idle | timer
	waiting pooled | timer-early pool-early listener-change backend-down
	waiting none pool:pool-idle | pool-timer
	free none conn:client-idle pool:pool-idle | timeouts-shorter
	free none conn:drained pool:drained | listener-drains listener-removed listener-tcp drain
	waiting none pool:drained | backend-offline backend-removed
	free pooled conn:reclaimed | reclaim
	free none conn:shutdown pool:shutdown | shutdown
reading
	reading none | client-bytes timer-early listener-change listener-drains listener-tcp backend-offline backend-removed
		backend-down drain reclaim
	free none conn:client-closed exchange:client-closed=408 | client-fin
	free none conn:client-reset exchange:client-reset=0 | client-reset
	lingering none conn:request-idle exchange:request-idle=408 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=503 | listener-removed
	free none conn:shutdown exchange:shutdown=0 | shutdown
queued
	queued none | client-bytes client-fin timer-early listener-change listener-drains listener-tcp drain reclaim
	free none conn:client-reset exchange:client-reset=0 | client-reset
	exchanging busy | room
	lingering none conn:queue-timeout exchange:queue-timeout=504 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=503 | listener-removed
	lingering none conn:no-backend exchange:no-backend=503 | backend-offline backend-removed backend-down
	free none conn:shutdown exchange:shutdown=0 | shutdown
connecting
	connecting opening | client-bytes client-fin timer-early listener-change listener-drains listener-tcp backend-down drain
		reclaim
	free none conn:client-reset exchange:client-reset=0 | client-reset
	exchanging busy | server-answers
	lingering none conn:connect-refused exchange:connect-refused=503 | server-refuses
	lingering none conn:connect-timeout exchange:connect-timeout=504 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=503 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=503 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=503 | backend-removed
	free none conn:shutdown exchange:shutdown=0 | shutdown
request
	exchanging busy | client-bytes response-part timer-early listener-change listener-drains listener-tcp backend-down drain
		reclaim
	free none conn:client-closed exchange:client-closed=408 | client-fin
	free none conn:client-reset exchange:client-reset=0 | client-reset
	lingering none conn:close-agreed exchange:completed=200 | response response-close
	lingering none conn:bad-response exchange:bad-response=502 | response-rest response-unclear upgrade-unasked
	lingering none conn:backend-closed exchange:backend-closed=504 | server-fin server-reset
	lingering none conn:request-idle exchange:request-idle=408 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=503 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=503 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=503 | backend-removed
	free none conn:shutdown exchange:shutdown=0 | shutdown
upload-held
	exchanging busy | client-fin server-reads response-part timer-early listener-change listener-drains listener-tcp backend-down
		drain reclaim
	free none conn:client-reset exchange:client-reset=0 | client-reset
	lingering none conn:close-agreed exchange:completed=200 | response response-close
	lingering none conn:bad-response exchange:bad-response=502 | response-rest response-unclear upgrade-unasked
	lingering none conn:backend-closed exchange:backend-closed=504 | server-fin server-reset
	lingering none conn:response-idle exchange:response-idle=504 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=503 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=503 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=503 | backend-removed
	free none conn:shutdown exchange:shutdown=0 | shutdown
answer
	exchanging busy | client-bytes client-fin response-part timer-early pool-timer pool-early listener-change listener-drains
		listener-tcp backend-down drain reclaim
	free none conn:client-reset exchange:client-reset=0 | client-reset
	waiting pooled exchange:completed=200 | response
	lingering none conn:bad-response exchange:bad-response=502 | response-rest response-unclear upgrade-unasked
	waiting none exchange:completed=200 | response-close
	lingering none conn:backend-closed exchange:backend-closed=504 | server-fin server-reset
	lingering none conn:response-idle exchange:response-idle=504 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=503 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=503 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=503 | backend-removed
	free none conn:shutdown exchange:shutdown=0 | shutdown
reused
	exchanging busy | client-bytes client-fin response-part timer-early pool-timer pool-early listener-change listener-drains
		listener-tcp backend-down drain reclaim
	free none conn:client-reset exchange:client-reset=0 | client-reset
	waiting pooled exchange:completed=200 | response
	lingering none conn:bad-response exchange:bad-response=502 | response-rest response-unclear upgrade-unasked
	waiting none exchange:completed=200 | response-close
	exchanging busy pool:backend-closed-idle | server-fin server-reset
	lingering none conn:response-idle exchange:response-idle=504 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=503 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=503 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=503 | backend-removed
	free none conn:shutdown exchange:shutdown=0 | shutdown
draining
	exchanging busy | client-bytes client-fin response-part timer-early listener-tcp backend-down reclaim drain
	lingering none conn:drained exchange:completed=200 | response response-close
	lingering none conn:backend-closed exchange:backend-closed=504 | server-fin server-reset
	free none conn:client-reset exchange:client-reset=0 | client-reset
	lingering none conn:response-idle exchange:response-idle=504 | timer
	free none conn:shutdown exchange:shutdown=0 | shutdown
leaving
	exchanging busy | client-bytes client-fin response-part timer-early listener-change listener-drains listener-tcp drain reclaim
	waiting none exchange:completed=200 | response response-close
	lingering none conn:backend-closed exchange:backend-closed=504 | server-fin server-reset
	free none conn:client-reset exchange:client-reset=0 | client-reset
	lingering none conn:response-idle exchange:response-idle=504 | timer timeouts-shorter
	free none conn:shutdown exchange:shutdown=0 | shutdown
early
	exchanging busy | client-bytes timer-early listener-change listener-drains listener-tcp backend-down drain reclaim
	free none conn:client-closed exchange:client-closed=200 | client-fin
	free none conn:client-reset exchange:client-reset=200 | client-reset
	lingering none conn:close-agreed exchange:completed=200 | response-rest
	lingering none conn:backend-closed exchange:backend-closed=200 | server-fin
	lingering none conn:backend-reset exchange:backend-reset=200 | server-reset
	lingering none conn:response-idle exchange:response-idle=200 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=200 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=200 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=200 | backend-removed
	free none conn:shutdown exchange:shutdown=200 | shutdown
response
	exchanging busy | client-bytes client-fin timer-early listener-change listener-drains listener-tcp backend-down drain reclaim
	free none conn:client-reset exchange:client-reset=200 | client-reset
	waiting none exchange:completed=200 | response
	waiting pooled exchange:completed=200 | response-rest
	lingering none conn:backend-closed exchange:backend-closed=200 | server-fin
	lingering none conn:backend-reset exchange:backend-reset=200 | server-reset
	lingering none conn:response-idle exchange:response-idle=200 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=200 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=200 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=200 | backend-removed
	free none conn:shutdown exchange:shutdown=200 | shutdown
download-held
	exchanging busy | client-bytes client-fin client-reads server-fin server-reset timer-early listener-change listener-drains
		listener-tcp backend-down drain reclaim
	free none conn:client-reset exchange:client-reset=200 | client-reset
	lingering none conn:send-idle exchange:send-idle=200 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=200 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=200 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=200 | backend-removed
	free none conn:shutdown exchange:shutdown=200 | shutdown
open-ended
	exchanging busy | client-bytes client-fin client-reads server-fin server-reset timer-early listener-change listener-drains
		listener-tcp backend-down drain reclaim
	free none conn:client-reset exchange:client-reset=200 | client-reset
	lingering none conn:send-idle exchange:send-idle=200 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=200 | listener-removed
	lingering none conn:backend-offline exchange:backend-offline=200 | backend-offline
	lingering none conn:drain-timeout exchange:drain-timeout=200 | backend-removed
	free none conn:shutdown exchange:shutdown=200 | shutdown
delivering
	exchanging pooled | client-bytes timer-early pool-early listener-change backend-down reclaim client-fin
	free pooled conn:client-reset exchange:client-reset=200 | client-reset
	waiting pooled exchange:completed=200 | client-reads
	exchanging none pool:bad-response | response
	exchanging none pool:backend-closed-idle | server-fin server-reset
	lingering pooled conn:send-idle exchange:send-idle=200 | timer
	exchanging none pool:pool-idle | pool-timer
	lingering none conn:send-idle exchange:send-idle=200 pool:pool-idle | timeouts-shorter
	exchanging none pool:drained | listener-drains listener-tcp backend-offline backend-removed drain
	lingering none conn:listener-removed exchange:listener-removed=200 pool:drained | listener-removed
	free none conn:shutdown exchange:shutdown=200 pool:shutdown | shutdown
replying
	exchanging none | client-bytes client-fin timer-early listener-change listener-drains listener-tcp backend-offline
		backend-removed backend-down drain reclaim
	free none conn:client-reset exchange:client-reset=302 | client-reset
	waiting none exchange:redirected=302 | client-reads
	lingering none conn:send-idle exchange:send-idle=302 | timer timeouts-shorter
	lingering none conn:listener-removed exchange:listener-removed=302 | listener-removed
	free none conn:shutdown exchange:shutdown=302 | shutdown
lingering
	lingering none conn:send-idle exchange:send-idle=200 | client-bytes client-fin client-reads timer-early listener-change
		timeouts-shorter listener-drains listener-removed listener-tcp backend-offline backend-removed backend-down drain reclaim
	free none conn:send-idle exchange:send-idle=200 | client-reset client-closes timer shutdown
doomed
	lingering none conn:send-idle exchange:send-idle=200 | client-bytes client-fin timer-early listener-change timeouts-shorter
		listener-drains listener-removed listener-tcp backend-offline backend-removed backend-down drain reclaim
	free none conn:send-idle exchange:send-idle=200 | client-reset client-reads timer shutdown
talking
	lingering none conn:request-idle exchange:request-idle=408 | client-bytes timer-early listener-change timeouts-shorter
		listener-drains listener-removed listener-tcp backend-offline backend-removed backend-down drain reclaim
	free none conn:request-idle exchange:request-idle=408 | client-fin client-reset client-closes timer shutdown
`

// TestStates drives every state with every event that can happen in it.
func TestStates(t *testing.T) {
	t.Parallel()
	from, want := "", ""
	for _, line := range strings.Split(strings.TrimSpace(outcomes), "\n") {
		list := strings.TrimLeft(line, "\t")
		switch len(line) - len(list) {
		case 0:
			from = line
			continue
		case 1:
			want, list, _ = strings.Cut(list, " | ")
		}
		for _, event := range strings.Fields(list) {
			from, want := from, want
			t.Run(from+"/"+event, func(t *testing.T) { drive(t, from, event, want) })
		}
	}
}

// TestEventForNothing: the loop never tells of a back-end connection that was freed; if it does, lull must not work on another's.
func TestEventForNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.on(func() {
		defer func() {
			if recover() == nil {
				t.Error("Ready for a back-end connection that is not there: no panic")
			}
		}()
		_, index := r.p.backs.Take()
		r.p.backs.GiveBack(index)
		backs{r.p}.Ready(index, 0)
	})
}
