package ociapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"lull/internal/control/ociapi/wire"
	"lull/internal/lulltest/testca"
)

// lockedBuffer is a log that is written and read at the same time.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

// TestSecrets_OP_18: what is secret in a request is in no read, error, log or work request, and leaves the store with its load
// balancer.
func TestSecrets_OP_18(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.inMemory()
	var log lockedBuffer
	r.o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r.restart()
	const passphrase = "correct horse"
	issued := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"web.test"}, RSA: true})
	cert, key := string(issued.Chain), string(issued.Key)
	body := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	given := map[string]any{"certificateName": "c", "publicCertificate": cert, "privateKey": key, "passphrase": passphrase}
	path := r.balancer("web", `"certificates":{"c":`+body(given)+`}`)
	secrets := []string{passphrase, strings.Split(key, "\n")[1], "PRIVATE KEY"}

	var seen strings.Builder
	look := func(what string, v any) { fmt.Fprintf(&seen, "%s: %+v %#v\n", what, v, v) }
	given["certificateName"] = "d"
	release := r.holdUp()
	r.run.refuseNext("no", 1)
	failed := r.must("POST", path+"/certificates", body(given))
	look("work request while it waits", r.must("GET", path+"/workRequests", "").Result)
	release()
	look("failed", r.await(failed.WorkRequestID))
	for _, c := range []map[string]any{
		{"certificateName": "c", "publicCertificate": cert, "privateKey": key, "passphrase": passphrase},
		{"certificateName": "e", "publicCertificate": cert, "privateKey": key[:len(key)/2], "passphrase": passphrase},
		{"certificateName": "e", "publicCertificate": key, "privateKey": cert, "passphrase": passphrase},
		{"certificateName": "e", "publicCertificate": key, "privateKey": key}, {"certificateName": "e", "caCertificate": key},
		{"certificateName": "e", "privateKey": []string{key}},
	} {
		_, err := r.do("POST", path+"/certificates", body(c))
		if err == nil {
			t.Errorf("%v was accepted", c["certificateName"])
		}
		look("refused", err)
	}
	for _, read := range []string{"", "/certificates", "/workRequests"} {
		a := r.must("GET", path+read, "")
		look(read, a.Result)
	}
	for _, detail := range []string{"full", "simple"} {
		list, _ := r.listed("compartmentId=" + compartment + "&detail=" + detail)
		look("list", list)
	}
	look("log", log.String())
	for _, secret := range secrets {
		if i := strings.Index(seen.String(), secret); i >= 0 {
			t.Errorf("a secret was seen in %s", seen.String()[max(0, i-300):i])
		}
	}
	stored, _ := m.List("ociapi/workrequests/")
	for _, e := range stored {
		for _, secret := range secrets {
			if bytes.Contains(e.Value, []byte(secret)) {
				t.Errorf("a work request that is done has a secret in the store: %s", e.Key)
			}
		}
	}
	r.done("DELETE", path, "")
	stored, _ = m.List("")
	for _, e := range stored {
		if bytes.Contains(e.Value, []byte(passphrase)) {
			t.Errorf("the secret has outlived its load balancer in %s", e.Key)
		}
	}
	r.refused(wire.NotAuthorizedOrNotFound, "GET", path, "")
}
