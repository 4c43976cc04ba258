package admin

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"lull/internal/control/admin/admintest"
)

// echo is a handler that tells what it was asked.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/refused"):
		refuse(w, http.StatusConflict, errors.New("it is in use"))
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost:
		send(w, http.StatusCreated, map[string]string{"asked": r.Method + " " + r.URL.String(), "body": string(body)})
	default:
		answer(w, map[string]string{"asked": r.Method + " " + r.URL.String(), "body": string(body)})
	}
}

func serveMounted(t *testing.T, mounts ...Mount) (path string) {
	t.Helper()
	path = filepath.Join(shortDir(t), "s")
	s, err := Serve(path, &admintest.Engine{}, Version{}, slog.New(slog.DiscardHandler), mounts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestMount(t *testing.T) {
	t.Parallel()
	path := serveMounted(t, Mount{Names: []string{"keys", "instances"}, Handler: http.HandlerFunc(echo)})
	c := dial(t, path)
	for _, one := range []struct {
		method, path string
		query        url.Values
		in           any
		asked, body  string
	}{
		{"GET", "keys", nil, nil, "GET /lull/v1/keys", ""},
		{"POST", "keys", nil, map[string]string{"role": "x"}, "POST /lull/v1/keys", `{"role":"x"}`},
		{"PUT", "instances/i-1%2E%2F", url.Values{"a": {"b c"}}, "text", "PUT /lull/v1/instances/i-1%2E%2F?a=b+c", `"text"`},
	} {
		var got struct{ Asked, Body string }
		if err := c.Call(t.Context(), one.method, one.path, one.query, one.in, &got); err != nil || got.Asked != one.asked || got.Body != one.body {
			t.Errorf("%s %s: got %+v, %v, want %q and %q", one.method, one.path, got, err, one.asked, one.body)
		}
	}
	if err := c.Call(t.Context(), "DELETE", "keys/x", nil, nil, nil); err != nil {
		t.Error(err)
	}
	var refused *Refusal
	if err := c.Call(t.Context(), "DELETE", "keys/refused", nil, nil, nil); !errors.As(err, &refused) || refused.Status != 409 || refused.Message != "it is in use" {
		t.Errorf("got %v, want the refusal", err)
	}
	if _, err := c.Version(t.Context()); err != nil {
		t.Errorf("what the socket answers itself: %v", err)
	}
	if err := c.Call(t.Context(), "GET", "keys", nil, func() {}, nil); err == nil || !strings.Contains(err.Error(), "encode the request") {
		t.Errorf("got %v, want what cannot be encoded refused", err)
	}
}

// TestNoMount: a lull without an api says so, whatever is asked of it.
func TestNoMount(t *testing.T) {
	t.Parallel()
	path := serveMounted(t)
	for _, one := range [][2]string{{"GET", "keys"}, {"POST", "keys"}, {"DELETE", "keys/LULLA"}, {"PUT", "instances/i-1"}, {"GET", "certificates?arn=a"}} {
		status, body := do(t, path, one[0], "/lull/v1/"+one[1])
		name, _, _ := strings.Cut(strings.Split(one[1], "/")[0], "?")
		var told struct{ Error string }
		want := "this lull keeps no " + name + ": it runs without an api; add api to its lull.yaml and start it again"
		if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusNotFound || told.Error != want {
			t.Errorf("%s %s: got %d %s, want 404 and %q", one[0], one[1], status, body, want)
		}
	}
}
