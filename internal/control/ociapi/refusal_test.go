package ociapi_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// refusal is a request that must be refused at once, and what its message has to say: field, value, what is allowed.
type refusal struct {
	name                 string
	code                 wire.Code
	method, target, body string // target: below the load balancer
	says                 []string
}

// refuses sends requests that must be refused, none of which may change anything (OP-25).
func (r *rig) refuses(path string, rows []refusal) {
	r.t.Helper()
	before := r.must("GET", path, "")
	for _, row := range rows {
		r.t.(*testing.T).Run(row.name, func(t *testing.T) { // a benchmark has no use for it
			_, err := r.do(row.method, path+row.target, row.body)
			wantRefusal(t, err, row.code, row.says...)
			if after := r.must("GET", path, ""); after.ETag != before.ETag || !reflect.DeepEqual(after.Result, before.Result) {
				t.Errorf("something has changed:\ngot  %+v\nwant %+v", after, before)
			}
		})
	}
}

// wantRefusal wants a refusal with a code and with words in it.
func wantRefusal(t *testing.T, err error, code wire.Code, says ...string) {
	t.Helper()
	var known *wire.Error
	if !errors.As(err, &known) || known.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	for _, text := range says {
		if !strings.Contains(known.Message, text) {
			t.Errorf("got %q, want %q in it", known.Message, text)
		}
	}
}

// plainSet is a backend set with nothing in it.
const plainSet = `"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"}`

// failed sends a change that must be accepted and fail when its turn comes, and returns why.
func (r *rig) failed(method, target, body string) string {
	r.t.Helper()
	w := r.await(r.must(method, target, body).WorkRequestID)
	if w.LifecycleState != wire.WorkFailed || len(w.ErrorDetails) != 1 || w.ErrorDetails[0].ErrorCode != wire.WorkBadInput {
		r.t.Fatalf("%s %s: got %s %v, want FAILED and one BAD_INPUT", method, target, w.LifecycleState, w.ErrorDetails)
	}
	return w.ErrorDetails[0].Message
}
