package logdelivery

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/record"
)

const (
	// SpoolBytesDefault is Options.SpoolBytesMax where none is given: some five million lines.
	SpoolBytesDefault = 1 << 30
	// checkMost is how long Check waits: somebody waits for the answer of an API call.
	checkMost = 10 * time.Second
	// closeWait is how long Close delivers. What is left then is delivered at the next start.
	closeWait = 10 * time.Second
)

// Options are what a Delivery is made with.
type Options struct {
	Log       *record.Log       // of the engine; required
	Exchanges *record.Exchanges // of the engine; required
	Store     Store             // required
	Account   string            // 12 digits, as ARNs have it
	Region    string            // such as us-east-1
	Spool     string            // a directory on a local disk that no other process uses; made with mode 0700 if need be

	SpoolBytesMax int64            // what the spool may take on the disk; 0: SpoolBytesDefault
	Now           func() time.Time // wall clock; nil: the machine's
	Random        io.Reader        // nil: crypto/rand's
	Logger        *slog.Logger     // required
}

// Delivery delivers the access logs of load balancers. See New.
type Delivery struct {
	// Fixed after New.
	ended     record.History
	exchanges *record.Exchanges
	store     Store
	owner     owner
	spool     *spool
	now       func() time.Time
	logger    *slog.Logger
	ctx       context.Context // of every delivery: it ends with Close
	cancel    context.CancelFunc
	closing   chan struct{} // closed by Close
	done      chan struct{} // closed when the scheduler has ended
	kick      chan struct{} // has the scheduler look what is due

	// Owned by the scheduler.
	report report

	// Atomic.
	targets    atomic.Pointer[targets]
	missed     atomic.Uint64
	files      atomic.Uint64
	failures   atomic.Uint64
	dropped    atomic.Uint64
	deliveries atomic.Int32 // under way

	// Guarded by mu.
	mu      sync.Mutex
	session *session        // nil: there is no target, or it is closed
	closed  bool            // SetTargets does nothing any more
	failing map[string]bool // buckets whose last delivery failed
}

// targets is what SetTargets has set last.
type targets struct {
	byName map[string]Target // by the name in the plan
	wanted map[destination]bool
}

// Counters are what a Delivery has done so far.
type Counters struct {
	Lines      uint64 // written to the spool
	Missed     uint64 // records that were forgotten before they were followed; nobody knows whose
	Lost       uint64 // lines that the spool had no room for, or whose files were given up
	Files      uint64 // delivered
	Failures   uint64 // deliveries that failed; each is tried again, up to a limit
	Dropped    uint64 // files given up
	Waiting    int    // files whose delivery is due or under way
	SpoolBytes int64  // on the disk
}

// New returns a Delivery without targets, which begins to deliver what the spool holds from before.
func New(o Options) (*Delivery, error) {
	if len(o.Account) != 12 || strings.Trim(o.Account, "0123456789") != "" {
		return nil, fmt.Errorf("access logs: account %q: must be 12 digits", shown(o.Account))
	}
	if o.Region == "" || len(o.Region) > regionMax || !only(o.Region, "-", false) {
		return nil, fmt.Errorf("access logs: region %q: must be 1 to %d small letters, digits and hyphens", shown(o.Region), regionMax)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Now == nil {
		o.Now = clock.Real
	}
	if o.SpoolBytesMax == 0 {
		o.SpoolBytesMax = SpoolBytesDefault
	}
	s, odd, err := openSpool(o.Spool, owner{o.Account, o.Region}, o.SpoolBytesMax, o.Random)
	if err != nil {
		return nil, err
	}
	for _, err := range odd {
		o.Logger.Warn("a file in the spool of access logs is left alone", "error", err)
	}
	if n := len(s.shut); n > 0 {
		o.Logger.Info("access logs that an earlier process has left are delivered", "files", n)
	}
	d := &Delivery{
		ended:     record.History{Conns: &o.Log.Ring, Exchanges: &o.Exchanges.Ring},
		exchanges: o.Exchanges, store: o.Store, owner: s.owner, spool: s, now: o.Now, logger: o.Logger,
		closing: make(chan struct{}), done: make(chan struct{}), kick: make(chan struct{}, 1), failing: map[string]bool{},
	}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	d.targets.Store(&targets{})
	go d.run()
	return d, nil
}

// SetTargets says which load balancers have an access log from now on, by the name that they have in the plan. What the
// files under way hold of others, or of other destinations, is delivered where it was to go. A target that Validate
// refuses is left out and logged.
func (d *Delivery) SetTargets(byName map[string]Target) {
	valid := &targets{make(map[string]Target, len(byName)), map[destination]bool{}}
	for name, t := range byName {
		if err := t.Validate(); err != nil {
			d.logger.Error("no access log is delivered for a load balancer", "load_balancer", name, "error", err)
			continue
		}
		valid.byName[name] = t.clone()
		valid.wanted[t.destination()] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.targets.Store(valid)
	switch {
	case len(valid.byName) > 0 && d.session == nil:
		d.session = d.follow()
	case len(valid.byName) == 0 && d.session != nil:
		d.session.abandon()
		d.session = nil
	}
	d.wake()
}

// Check writes the test file of a target, as is done when a log is enabled. The error is an *InvalidError, a *RefusedError,
// whose text is the one that users of the API know, or says what else keeps the bucket from being written.
func (d *Delivery) Check(ctx context.Context, t Target) error {
	if err := t.Validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkMost)
	defer cancel()
	text := fmt.Sprintf("The access log of %s is delivered here since %s.\n", t.Name, d.now().UTC().Format(time.RFC3339))
	written := make(chan error, 1)
	go func() { // a dead file system heeds no context
		r := strings.NewReader(text)
		written <- d.store.Put(ctx, t.Bucket, d.owner.testKey(t.Prefix), io.NewSectionReader(r, 0, r.Size()))
	}()
	select {
	case err := <-written:
		return d.checked(t.Bucket, err)
	case <-ctx.Done():
		return d.checked(t.Bucket, ctx.Err())
	}
}

// checked logs what the text for users does not tell.
func (d *Delivery) checked(bucket string, err error) error {
	if err == nil {
		return nil
	}
	d.logger.Warn("a bucket for access logs cannot be written", "bucket", bucket, "error", cause(err))
	if _, refused := errors.AsType[*RefusedError](err); refused {
		return err
	}
	return fmt.Errorf("access log bucket %s cannot be written: %w", bucket, err)
}

// Close has what ended until now written and delivers it, the files of intervals under way included. What cannot be
// delivered within closeWait is told in the error and delivered at the next start. It may be called once, after the engine's.
func (d *Delivery) Close() error {
	d.mu.Lock()
	s := d.session
	d.session, d.closed = nil, true
	d.mu.Unlock()
	limit := time.NewTimer(closeWait)
	defer limit.Stop()
	if s != nil {
		s.cancel()
		select {
		case <-s.done:
		case <-limit.C:
			return fmt.Errorf("access logs: the spool %s took no lines for %s, the last ones are lost", d.spool.dir, closeWait)
		}
	}
	close(d.closing)
	select {
	case <-d.done:
	case <-limit.C:
	}
	d.cancel()
	if n := d.Counters().Waiting; n > 0 {
		return fmt.Errorf("access logs: %d files are not delivered yet; they stay in %s and are delivered at the next start", n, d.spool.dir)
	}
	return nil
}

// Counters returns what the Delivery has done so far. It waits for nothing.
func (d *Delivery) Counters() Counters {
	s := d.spool
	return Counters{
		Lines: s.lines.Load(), Missed: d.missed.Load(), Lost: s.lost.Load(), Files: d.files.Load(), Failures: d.failures.Load(),
		Dropped: d.dropped.Load(), Waiting: int(s.waiting.Load()), SpoolBytes: s.used.Load(),
	}
}

func (d *Delivery) wake() {
	select {
	case d.kick <- struct{}{}:
	default:
	}
}
