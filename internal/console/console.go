package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"lull/internal/clock"
	"lull/internal/control/admin"
	"lull/internal/control/sigv4"
	"lull/internal/dataplane/plan"
)

// Root is the path below which everything of the console is.
const Root = "/console/"

const (
	// bodyBytesMax bounds a form: many times the longest that there is.
	bodyBytesMax = 64 << 10
	// strangersTime is for the form to arrive with which somebody logs in.
	strangersTime = 5 * time.Second
	// queryBytesMax bounds what a link of the console may carry: filters and names.
	queryBytesMax = 8 << 10
)

// Engine is the data plane as the console reads it. Its methods may be called from any goroutine.
type Engine = admin.Engine

// Keys are the access keys that people log in with.
type Keys interface {
	Lookup(id string) (key sigv4.Key, found bool)
}

// Options are what a Console is made with. All are required but ELB, InstanceHost, Zones, OCI, Tenancy, Host and Random.
type Options struct {
	Engine Engine
	Plan   func() *plan.Plan // in force
	Keys   Keys
	// ELB carries out a request of the Classic ELB API; nil: there is none.
	ELB func(ctx context.Context, request any) (result any, err error)
	// InstanceHost returns the host of the plan's backends that stands for an instance of the Classic ELB API.
	InstanceHost func(id string) (host string, found bool)
	Zones        []string // of the Classic ELB API
	OCI          OCI      // nil: there is no OCI Load Balancer API
	// Tenancy returns the OCID of lull's own, where load balancers of the OCI API are made; nil: nobody knows.
	Tenancy func() string
	// Host is the name or address that api.address has; browsers may use it, loopback names and any literal address.
	Host string
	Log  *slog.Logger
	Now  func() time.Time // the wall clock
	// Random makes what nobody may guess; nil: crypto/rand.
	Random io.Reader
}

// Console answers below Root. See New.
type Console struct {
	// Fixed after New.
	o        Options
	ui       *ui
	signer   *signer
	sessions *sessions
	links    *links
	attempts *attempts
	routes   map[string]route
	sampler  *sampler
	hub      *hub
	life     context.Context // until Close
	end      context.CancelFunc
	running  sync.WaitGroup

	walking  sync.Mutex // one look at the open connections at a time
	changing sync.Mutex // from the look at what is in force to the change, so that two people's forms see each other
}

// New returns a console. Close ends it.
func New(o Options) (*Console, error) {
	c, err := still(o)
	if err == nil {
		c.running.Go(func() { c.run(c.life.Done()) })
	}
	return c, err
}

// still returns a console on which nothing moves by itself.
func still(o Options) (*Console, error) {
	ui, err := loadUI()
	if err != nil {
		return nil, err
	}
	signer, err := newSigner(o.Random)
	if err != nil {
		return nil, err
	}
	c := &Console{o: o, ui: ui, signer: signer, sessions: newSessions(signer), links: newLinks(signer), attempts: newAttempts(o.Now())}
	c.routes = routes()
	c.sampler, c.hub = newSampler(&c.o), newHub()
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

// Close ends the live pages. It may be called more than once.
func (c *Console) Close() {
	c.end()
	c.hub.close()
	c.running.Wait()
}

// ServeHTTP answers a request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secureHeaders(w.Header())
	v := &visit{w: w, r: r, c: c, now: c.o.Now()}
	if err := c.serve(v); err != nil {
		v.fail(err)
	}
}

// serve finds who asks and what for. The order matters: nothing is looked at before the host is known to be lull's own, and nothing
// is done before whoever asks may do it.
func (c *Console) serve(v *visit) error {
	if !c.knownHost(v.r) {
		return refusal(http.StatusMisdirectedRequest, "lull's console is not called %q: use its address, such as 127.0.0.1", v.r.Host)
	}
	if len(v.r.URL.RawQuery) > queryBytesMax {
		return refusal(http.StatusRequestURITooLong, "the query of the address has %d bytes, at most %d are allowed", len(v.r.URL.RawQuery), queryBytesMax)
	}
	name, ok := strings.CutPrefix(v.r.URL.Path, Root)
	found, known := c.routes[name]
	if !ok || !known {
		found = route{get: (*visit).unknown, open: strings.HasPrefix(name, assetsBelow)}
		if found.open {
			found.get = (*visit).asset
		}
	}
	if asked, told := v.w.(interface{ Question() }); told && found.background {
		asked.Question() // whoever keeps a log of changes
	}
	v.session, v.who, v.known = c.visitor(v.r, v.now, !found.background)
	serve, err := found.method(v.r.Method)
	switch {
	case err != nil:
		v.w.Header().Set("Allow", found.allow())
		return err
	case !v.known && !found.open:
		return v.toLogin()
	case v.changes():
		if err = c.mayChange(v, found); err != nil {
			return err
		}
	}
	return serve(v)
}

// mayChange refuses a change that another site's page may have sent, or that whoever sent it may not make.
func (c *Console) mayChange(v *visit, found route) error {
	if err := sameOrigin(v.r); err != nil {
		return err
	}
	if !v.known { // no longer than for a head: connections are few, and for those who have a key
		_ = http.NewResponseController(v.w).SetReadDeadline(clock.Wall(clock.Now()).Add(strangersTime)) // writers in tests have none
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, bodyBytesMax)
	if err := v.r.ParseForm(); err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return refusal(http.StatusRequestEntityTooLarge, "the form has more than %d bytes", bodyBytesMax)
		}
		return refusal(http.StatusBadRequest, "the form cannot be read")
	}
	if found.open { // to log in there is no session yet, or one from another tab
		return nil
	}
	if !c.signer.validCSRF(v.r.PostForm.Get("csrf"), v.session.id) {
		return refusal(http.StatusForbidden, "the form is not one of this session: load its page again and send it from there")
	}
	if found.reader || v.mayWrite() {
		return nil
	}
	return refusal(http.StatusForbidden, "access key %s has the role %s, which may change nothing", v.who.ID, v.who.Role)
}

// secureHeaders sets what browsers are held to. Nothing inline, nothing from elsewhere, in nobody's frame. Forms say where they come
// from (Origin), which a stricter Referrer-Policy than same-origin would keep them from.
func secureHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// refused is an error that is shown to whoever asked.
type refused struct {
	status  int
	message string
}

// Error returns the message.
func (r *refused) Error() string { return r.message }

func refusal(status int, format string, args ...any) error {
	return &refused{status, fmt.Sprintf(format, args...)}
}
