// Package timeout provides the rules of spec/timeouts.md as pure functions: from what a connection has done and
// what is configured, when it must end and why.
//
// The loops ask it when a timer fires and after a settings change; front doors use its ranges and defaults. It
// reads no clock: instants are int64 nanoseconds of clock.Now, zero meaning "never". Values only, safe anywhere.
package timeout

import (
	"time"

	"lull/internal/dataplane/reason"
)

// Model is the way a load balancer's timers run.
type Model uint8

// The two models of spec/timeouts.md.
const (
	Shared      Model = iota // AWS Classic Load Balancer: one timer per pair of connections
	Directional              // OCI: each direction of an HTTP exchange has its own
)

// String returns the word used in lull.yaml.
func (m Model) String() string {
	if m == Directional {
		return "directional"
	}
	return "shared"
}

// Range is what a setting may be, both ends included.
type Range struct{ Min, Max time.Duration }

// Ranges and defaults; the source of each is named.
const (
	IdleDefaultShared          = 60 * time.Second  // AWS: idle connection timeout, default
	IdleDefaultDirectionalHTTP = 60 * time.Second  // OCI: HTTP listeners
	IdleDefaultDirectionalTCP  = 300 * time.Second // OCI: TCP listeners
	FrontKeepaliveDefault      = 65 * time.Second  // OCI: client keep-alive
	FrontRequestsMaxDefault    = 10000             // OCI: transactions on a client connection
	BackKeepaliveDefault       = 300 * time.Second // OCI: back-end connections
	ConnectDefault             = 10 * time.Second  // TO-11
	HandshakeDefault           = 10 * time.Second  // TO-05
	RequestHeadDefault         = 60 * time.Second  // PR-01
	DrainDefault               = 30 * time.Second  // ours: what a process supervisor usually grants
	StaleRetryDefault          = true              // SH-09
)

// IdleRange returns the idle timeouts a model accepts: whole seconds (SH-10, DI-14).
func IdleRange(m Model) Range {
	if m == Directional {
		return Range{time.Second, 7200 * time.Second}
	}
	return Range{time.Second, 4000 * time.Second}
}

// AgeQuiet is how long a TCP tunnel older than AgeMax must be quiet before that counts as the idle moment of PR-02:
// a tunnel has no requests between which to end, and a second without a byte either way is the nearest to it.
const AgeQuiet = time.Second

// Settings is everything that bounds a connection's life. It is a value: replaced as a whole, never changed.
type Settings struct {
	Model               Model
	Idle                time.Duration // no byte for this long ends the connection; always > 0
	FrontKeepalive      time.Duration // directional HTTP: wait for a request
	FrontRequestsMax    int           // directional HTTP: exchanges per client connection
	BackKeepalive       time.Duration // directional HTTP: unused pooled connection
	ActiveTransferRearm bool          // directional HTTP: DI-16
	Connect             time.Duration // each attempt to reach a backend
	Handshake           time.Duration // TLS handshake, PROXY header
	RequestHead         time.Duration // HTTP request head, from its first byte; 0 = off
	AgeMax              time.Duration // PR-02; 0 = off
	Drain               time.Duration // what a removed backend or listener, or a stop, leaves to open connections
}

// ConnectLimit returns how long one attempt to connect may take (TO-11: never more than the idle timeout).
func (s *Settings) ConnectLimit() time.Duration { return min(s.Connect, s.Idle) }

// Deadline is an instant at which something must end, and why.
type Deadline struct {
	At      int64         // ns of clock.Now; Never if no timer runs
	Why     reason.Reason // the reason to record when it passes
	Timer   string        // the setting that rules it, as lull.yaml calls it
	Setting time.Duration // that setting's value
	Flow    string        // "up" (client→backend) or "down", if the timer is that of one direction
}

// Never is the instant of a deadline that does not exist.
const Never = int64(1<<63 - 1)

// Earlier returns the earlier of two deadlines, d if they are equal.
func (d Deadline) Earlier(o Deadline) Deadline {
	if o.At < d.At {
		return o
	}
	return d
}

// Tunnel is what a TCP pair, or an upgraded HTTP one, has done so far.
type Tunnel struct {
	Opened   int64 // when the client was accepted: the age counts from here
	Relaying int64 // when bytes could first flow: the idle time counts from here
	LastUp   int64 // last byte client→backend, received or sent; 0 = none yet
	LastDown int64 // last byte backend→client
	Upgraded bool  // it was an HTTP connection
}

// LastByte returns when anything last moved, or when bytes could first flow.
func (t *Tunnel) LastByte() int64 { return max(t.Relaying, t.LastUp, t.LastDown) }

// TunnelDeadline returns when a TCP tunnel must end if nothing more happens: one idle timer for the pair of
// connections, re-armed by any byte either way (SH-01 and DI-13: the models agree for TCP), and the greatest age
// (PR-02), which waits for a quiet moment. A tunnel that was an HTTP connection has a timer for each direction in the
// directional model (DI-06 to DI-08).
func (s *Settings) TunnelDeadline(t *Tunnel) Deadline {
	last := t.LastByte()
	d := s.idleAt(last, reason.TunnelIdle)
	if t.Upgraded && s.Model == Directional {
		d = s.upgradedDeadline(t)
	}
	if s.AgeMax <= 0 {
		return d
	}
	aged := max(t.Opened+int64(s.AgeMax), last+int64(AgeQuiet))
	return d.Earlier(Deadline{At: aged, Why: reason.AgeCap, Timer: "connection_age_max", Setting: s.AgeMax})
}

func (s *Settings) upgradedDeadline(t *Tunnel) Deadline {
	up, down := s.idleAt(max(t.Relaying, t.LastUp), reason.TunnelIdle), s.idleAt(max(t.Relaying, t.LastDown), reason.TunnelIdle)
	up.Flow, down.Flow = "up", "down"
	return up.Earlier(down)
}

// ConnectDeadline returns when an attempt to connect that started at started has failed (TO-11).
func (s *Settings) ConnectDeadline(started int64) Deadline {
	timer := "connect"
	if s.Idle < s.Connect {
		timer = "idle"
	}
	limit := s.ConnectLimit()
	return Deadline{At: started + int64(limit), Why: reason.ConnectTimeout, Timer: timer, Setting: limit}
}

// HandshakeDeadline returns when a PROXY header or TLS handshake begun at started is too late (TO-05).
func (s *Settings) HandshakeDeadline(started int64) Deadline {
	return Deadline{At: started + int64(s.Handshake), Why: reason.HandshakeTimeout, Timer: "handshake", Setting: s.Handshake}
}
