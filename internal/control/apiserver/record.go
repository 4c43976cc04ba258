package apiserver

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// record logs a request: a change at Info, a question at Debug, what this package refuses at Warn, and what is lull's own
// fault at Error. A line says who did what to which load balancer and what came of it, never a parameter: those may be
// private keys.
func (h *handler) record(c *call, f *failure) {
	now := h.now()
	level, code, unsaid := slog.LevelDebug, http.StatusText(c.status), 0
	switch {
	case f != nil && f.refused:
		ok := false
		if unsaid, ok = h.warnings.take(now); !ok {
			return
		}
		level = slog.LevelWarn
	case c.status >= http.StatusInternalServerError, f != nil && f.broken:
		level = slog.LevelError
	case c.change:
		level = slog.LevelInfo
	}
	if f != nil {
		code = f.code
	}
	line := []slog.Attr{slog.String("action", c.action)}
	line = appendGiven(line, "key", c.keyID)
	line = appendGiven(line, "load_balancer", c.balancer)
	line = append(line, slog.String("code", code), slog.Duration("took", now.Sub(c.began)), slog.String("client", c.client), slog.String("request", c.id))
	if f != nil && f.cause != nil {
		line = append(line, slog.Any("cause", f.cause))
	}
	if unsaid > 0 {
		line = append(line, slog.Int("not_logged_before", unsaid))
	}
	h.log.LogAttrs(context.Background(), level, "api", line...)
}

func appendGiven(line []slog.Attr, name, value string) []slog.Attr {
	if value == "" {
		return line
	}
	return append(line, slog.String(name, value))
}

// shown makes what a client sent fit for a line: short, and printable.
func shown(text string) string {
	const bytesMax = 128
	end := ""
	if len(text) > bytesMax {
		text, end = text[:bytesMax], "…"
	}
	return strings.Map(func(c rune) rune {
		if c <= ' ' || c >= 0x7f {
			return '?'
		}
		return c
	}, text) + end
}

// How many lines about refused requests there may be: anybody who can connect can cause them.
const (
	warningsBurst = 20
	warningEvery  = time.Second
)

// ration lets a burst through, and then one at a time.
type ration struct {
	// Guarded by mu.
	mu     sync.Mutex
	left   int
	filled time.Time // when left was right
	unsaid int
}

func newRation(now time.Time) *ration { return &ration{left: warningsBurst, filled: now} }

// take reports whether there may be a line now, and how many there were not since the last one.
func (r *ration) take(now time.Time) (unsaid int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if gained := int(now.Sub(r.filled) / warningEvery); gained > 0 {
		r.left = min(r.left+gained, warningsBurst)
		r.filled = r.filled.Add(time.Duration(gained) * warningEvery)
	} else if gained < 0 { // the clock was set back
		r.filled = now
	}
	if r.left == 0 {
		r.unsaid++
		return 0, false
	}
	r.left--
	unsaid, r.unsaid = r.unsaid, 0
	return unsaid, true
}
