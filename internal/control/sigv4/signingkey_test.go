package sigv4

import (
	"fmt"
	"sync"
	"testing"
)

// TestSigningKeysBounded fills the cache many times over, from several goroutines.
func TestSigningKeysBounded(t *testing.T) {
	t.Parallel()
	var keys signingKeys
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 500 {
				sc := scope{"id", "20150830", fmt.Sprintf("r-%d-%d", g, i%200), "s"}
				want := derive(sc, "secret")
				if got := keys.get(sc, "secret"); got != want {
					t.Errorf("%v: got %x, want %x", sc, got, want)
				}
				keys.put(sc, "secret", want)
			}
		})
	}
	group.Wait()
	if n := len(keys.mu.byScope); n == 0 || n > signingKeysMax {
		t.Errorf("got %d keys, want 1 to %d", n, signingKeysMax)
	}
}

// TestSigningKeysAfterSuccess checks that what does not verify leaves nothing behind.
func TestSigningKeysAfterSuccess(t *testing.T) {
	t.Parallel()
	verifier := New(Options{Keys: suiteKeys()})
	r, err := draft{method: "GET", url: "https://h/"}.sign(hashOf("other"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier.Verify(r, nil, suiteTime())
	wantCode(t, err, SignatureDoesNotMatch)
	if n := len(verifier.signingKeys.mu.byScope); n != 0 {
		t.Errorf("after a failure: got %d keys cached, want 0", n)
	}
	r, err = draft{method: "GET", url: "https://h/"}.sign(hashOf(""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = verifier.Verify(r, nil, suiteTime()); err != nil {
		t.Fatal(err)
	}
	if n := len(verifier.signingKeys.mu.byScope); n != 1 {
		t.Errorf("after a success: got %d keys cached, want 1", n)
	}
}
