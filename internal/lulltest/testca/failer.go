package testca

// Failer is what of a testing.TB is needed to fail.
type Failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// NewFor is New for a test.
func NewFor(t Failer) *Authority {
	t.Helper()
	a, err := New()
	if err != nil {
		t.Fatalf("make an authority: %v", err)
	}
	return a
}

// IssueFor is Issue for a test.
func (a *Authority) IssueFor(t Failer, r Request) *Issued {
	t.Helper()
	i, err := a.Issue(r)
	if err != nil {
		t.Fatalf("issue a certificate for %q: %v", r.Names, err)
	}
	return i
}
