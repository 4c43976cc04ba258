package ociapi_test

import (
	"errors"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
)

// faulty restarts the service on its store with faults before it.
func (r *rig) faulty() *faultyStore {
	r.t.Helper()
	f := &faultyStore{Store: r.store}
	r.o.Store = f
	r.restart()
	return f
}

var errDisk = errors.New("no space left on device")

// TestFullDisk: while the store takes nothing, nothing is accepted, and what was accepted before waits, is in nobody's sight and is
// done once there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	f := r.faulty()
	path := r.balancer("web", "")
	before := show(t, r.get(path))
	release := r.holdUp()
	a := r.must("POST", path+"/hostnames", `{"name":"a","hostname":"a.test"}`)
	tried := make(chan struct{}, 100)
	f.fail(func(store.Txn) error { tried <- struct{}{}; return errDisk }, nil)
	release()
	<-tried
	_, err := r.do("POST", path+"/hostnames", `{"name":"b","hostname":"b.test"}`)
	var known *wire.Error
	if !errors.As(err, &known) || known.Code != wire.ServiceUnavailable || !strings.Contains(known.Message, "nothing was changed") {
		t.Errorf("on a full disk: got %v", err)
	}
	<-tried // by the second change
	if w := r.work(a.WorkRequestID); w.LifecycleState != wire.WorkInProgress || show(t, r.get(path)) != before {
		t.Errorf("on a full disk: got %+v and %s", w, show(t, r.get(path)))
	}
	<-tried // by the worker again
	f.fail(nil, nil)
	r.done("POST", path+"/hostnames", `{"name":"b","hostname":"b.test"}`)
	if w := r.work(a.WorkRequestID); w.LifecycleState != wire.WorkSucceeded {
		t.Errorf("with room again: got %+v", w)
	}
	if got := r.get(path).Hostnames; len(got) != 2 {
		t.Errorf("with room again: got %v", got)
	}
}
