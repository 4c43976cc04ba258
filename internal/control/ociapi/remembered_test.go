package ociapi

import (
	"errors"
	"runtime"
	"strconv"
	"testing"
)

// TestRemembered: a value is found again as long as somebody has it, and what nobody has any more is forgotten.
func TestRemembered(t *testing.T) {
	t.Parallel()
	var r remembered[string]
	made := 0
	get := func(name string) *string {
		v, err := r.get(digest(name), func() (*string, error) {
			made++
			return &name, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	kept := get("kept")
	if get("kept") != kept || made != 1 {
		t.Errorf("got another value; made %d times", made)
	}
	const many = 400
	for i := range many {
		get(strconv.Itoa(i))
		if i%100 == 0 {
			runtime.GC()
		}
	}
	runtime.GC()
	for i := range many {
		get("more" + strconv.Itoa(i))
		if i%100 == 0 {
			runtime.GC()
		}
	}
	if len(r.byDigest) > many {
		t.Errorf("%d values are remembered after %d that nobody has", len(r.byDigest), 2*many)
	}
	if get("kept") != kept {
		t.Error("what somebody has is forgotten")
	}
	runtime.KeepAlive(kept)
	failure := errors.New("cannot be")
	if v, err := r.get(digest("bad"), func() (*string, error) { return nil, failure }); v != nil || !errors.Is(err, failure) {
		t.Errorf("a failure: got %v and %v", v, err)
	}
}

// TestDigest: lists of texts that are one when joined are told apart.
func TestDigest(t *testing.T) {
	t.Parallel()
	if digest("a", "b") == digest("ab", "") || digest("a", "b") == digest("ab") || digest() == digest("") {
		t.Error("two lists of texts have one digest")
	}
}
