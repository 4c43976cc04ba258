package tlsio

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"lull/internal/dataplane/plan"
)

const (
	// ticketTime is how long new tickets are made with one key.
	ticketTime = int64(6 * time.Hour)
	// ticketKeys is how many keys open tickets: the current one and those before it. Whoever learns them can read what was
	// said in resumed TLS 1.2 sessions of that day, and of no other.
	ticketKeys = 4
	// letInsMax bounds the listeners whose authorities are remembered; more than anybody has. Beyond it all are forgotten, and
	// sessions with client certificates begin anew.
	letInsMax = 4096
)

// Tickets makes the keys of session tickets (RFC 5077 §4). There is one for the process: a client that comes back on another
// loop resumes its session. Each listener's keys are derived from the common secrets and from whom it lets in, so that a
// session is of no use anywhere else, nor after the authorities of client certificates have changed. Safe for use by any loop.
type Tickets struct {
	// Guarded by mu.
	mu      sync.Mutex
	secrets [ticketKeys][32]byte // current first
	epoch   uint64               // counts the current ones; 0: none yet
	since   int64
	letIn   map[string]letIn // by listener
	letIns  uint64           // counts those that were ever made
}

// letIn tells the authorities of a listener's clients from those that it had before.
type letIn struct {
	roots  *x509.CertPool
	number uint64
}

// Epoch returns the number of the current secret, a new one if the last has had its time.
func (t *Tickets) Epoch(now int64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch == 0 {
		for i := range t.secrets {
			_, _ = rand.Read(t.secrets[i][:]) // never fails
		}
		t.epoch, t.since = 1, now
	}
	for range min(ticketKeys, (now-t.since)/ticketTime) {
		copy(t.secrets[1:], t.secrets[:])
		_, _ = rand.Read(t.secrets[0][:])
		t.epoch++
	}
	t.since += (now - t.since) / ticketTime * ticketTime
	return t.epoch
}

// Keys returns a listener's keys, current first.
func (t *Tickets) Keys(name string, auth plan.ClientAuth, roots *x509.CertPool) [][32]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	who := fmt.Sprintf("lull session tickets\x00%s\x00%s\x00%d", name, auth, t.number(name, roots))
	keys := make([][32]byte, ticketKeys)
	for i := range keys {
		mac := hmac.New(sha256.New, t.secrets[i][:])
		mac.Write([]byte(who))
		mac.Sum(keys[i][:0])
	}
	return keys
}

// number tells the authorities of a listener from others that it has had. A number is never used again.
func (t *Tickets) number(name string, roots *x509.CertPool) uint64 {
	if roots == nil {
		return 0
	}
	if now, known := t.letIn[name]; known && now.roots.Equal(roots) {
		return now.number
	}
	if t.letIn == nil || len(t.letIn) >= letInsMax {
		t.letIn = map[string]letIn{}
	}
	t.letIns++
	t.letIn[name] = letIn{roots, t.letIns}
	return t.letIns
}
