package apiserver

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
	"lull/internal/control/sigv4"
)

// BenchmarkQuestion is what the server itself costs of a signed question, without the network and without the answer's content.
func BenchmarkQuestion(b *testing.B) {
	f := func(context.Context, any, sigv4.Identity) (any, error) {
		return &query.DescribeAccountLimitsResult{}, nil
	}
	o := options(&fake{}, io.Discard)
	o.ELB, o.Log = f, slog.New(slog.NewTextHandler(io.Discard, nil))
	h := newHandler(&o)
	const form = "Action=DescribeAccountLimits&Version=2012-06-01"
	r := signed(b, http.MethodPost, "http://lull.example/", sigv4.DefaultService, "AKIAREADER", form)
	r.Host = "lull.example"
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		r.Body = io.NopCloser(strings.NewReader(form))
		h.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
}

// BenchmarkStranger is what a request costs that is not signed.
func BenchmarkStranger(b *testing.B) {
	o := options(&fake{}, io.Discard)
	h := newHandler(&o)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Action=DescribeLoadBalancers"))
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != http.StatusForbidden {
			b.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
}
