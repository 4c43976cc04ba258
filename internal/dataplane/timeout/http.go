package timeout

import (
	"time"

	"lull/internal/dataplane/reason"
)

// Exchange is what an HTTP exchange has done so far. The request–response phase, in which idle timers run (DI-01), is its
// life: from the first byte of the request to the last byte of the response.
type Exchange struct {
	Began       int64 // first byte of the request
	Waited      int64 // ns that lull itself took to find a back-end connection (connect, queue): nobody's silence
	LastUp      int64 // last byte client→backend, received or sent; 0 = none yet
	LastDown    int64 // last byte backend→client
	HeadDone    bool  // the whole request head has come
	RequestDone bool  // the whole request has come
	Answered    bool  // the response has begun; interim responses do not count
	UpHeld      bool  // bytes of the request wait for the backend to take them
	DownHeld    bool  // bytes of the response wait for the client to take them
}

// sameMoment: a request that stalls right after its first bytes has its two timers started within the reading of them.
// Which of the two fires would be chance; that the client stalled is what a user wants to know.
const sameMoment = int64(10 * time.Millisecond)

// WaitDeadline returns when a client connection that has waited for a request since since, and was accepted at opened,
// must end: SH-02 in the shared model, DI-09 in the directional one, PR-02 in both.
func (s *Settings) WaitDeadline(since, opened int64) Deadline {
	d := Deadline{At: since + int64(s.Idle), Why: reason.ClientIdle, Timer: "idle", Setting: s.Idle}
	if s.Model == Directional {
		d = Deadline{At: since + int64(s.FrontKeepalive), Why: reason.ClientIdle, Timer: "front_keepalive", Setting: s.FrontKeepalive}
	}
	if s.AgeMax <= 0 {
		return d
	}
	return d.Earlier(Deadline{At: opened + int64(s.AgeMax), Why: reason.AgeCap, Timer: "connection_age_max", Setting: s.AgeMax})
}

// Aged says whether a connection accepted at opened must carry no further exchange (PR-02).
func (s *Settings) Aged(opened, now int64) bool { return s.AgeMax > 0 && now-opened >= int64(s.AgeMax) }

// PoolDeadline returns when a back-end connection that has been unused since since must end (SH-07, DI-11).
func (s *Settings) PoolDeadline(since int64) Deadline {
	if s.Model == Directional {
		return Deadline{At: since + int64(s.BackKeepalive), Why: reason.PoolIdle, Timer: "back_keepalive", Setting: s.BackKeepalive}
	}
	return Deadline{At: since + int64(s.Idle), Why: reason.PoolIdle, Timer: "idle", Setting: s.Idle}
}

// QueueDeadline returns when a request that has waited since since for a backend with room is given up.
func (s *Settings) QueueDeadline(since int64) Deadline {
	return Deadline{At: since + int64(s.Idle), Why: reason.QueueTimeout, Timer: "idle", Setting: s.Idle}
}

// ExchangeDeadline returns when an exchange must end if nothing more happens. In the shared model any byte on either side
// re-arms its one timer (SH-03 to SH-06). In the directional model each direction has its own, both started with the phase
// (DI-02); the one that fires first ends the exchange (DI-03). The request's head has a limit of its own (PR-01).
func (s *Settings) ExchangeDeadline(x *Exchange) Deadline {
	began := x.Began + x.Waited
	up, down := max(began, x.LastUp), max(began, x.LastDown)
	var d Deadline
	if s.Model == Shared || s.ActiveTransferRearm { // DI-16
		d = s.idleAt(max(up, down), x.silent())
	} else {
		d = s.directionalDeadline(x, up, down)
	}
	if !x.HeadDone && s.RequestHead > 0 {
		d = d.Earlier(Deadline{At: x.Began + int64(s.RequestHead), Why: reason.HeadTooSlow, Timer: "request_head", Setting: s.RequestHead})
	}
	return d
}

// silent returns whom the exchange waits for, as the reason of a timeout. A backend that does not take the request is
// waited for rather than the client, which cannot send what nobody takes.
func (x *Exchange) silent() reason.Reason {
	switch {
	case x.Answered && x.DownHeld:
		return reason.SendIdle
	case x.Answered || x.RequestDone || x.UpHeld:
		return reason.ResponseIdle
	}
	return reason.RequestIdle
}

func (s *Settings) directionalDeadline(x *Exchange, up, down int64) Deadline {
	upWhy, downWhy := x.silent(), x.silent()
	switch {
	case x.Answered, x.RequestDone && !x.UpHeld && x.LastDown > 0:
		upWhy = reason.DownloadUnasked // DI-05; a response that has come in part is one that comes
	case !x.RequestDone && !x.UpHeld:
		if up-down > sameMoment {
			downWhy = reason.UploadUnanswered // DI-04
			break
		}
		down = max(up, down)
	}
	u, d := s.idleAt(up, upWhy), s.idleAt(down, downWhy)
	u.Flow, d.Flow = "up", "down"
	return d.Earlier(u)
}

func (s *Settings) idleAt(last int64, why reason.Reason) Deadline {
	return Deadline{At: last + int64(s.Idle), Why: why, Timer: "idle", Setting: s.Idle}
}
