package dataplane

// HoldTwice keeps the one loop from doing anything until next is called; that lets it have one turn, in the middle of which
// it is held again: events have been handled, and what a turn does at its end has not been done.
func (e *Engine) HoldTwice() (next, release func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := e.workers[0].loop
	first, second := make(chan struct{}), make(chan struct{})
	go1, go2 := make(chan struct{}), make(chan struct{})
	l.Post(func() {
		close(first)
		<-go1
		l.Post(func() {
			close(second)
			<-go2
		})
	})
	<-first
	next = func() {
		close(go1)
		<-second
	}
	return next, func() { close(go2) }
}
