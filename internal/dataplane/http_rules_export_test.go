package dataplane

import "sync"

// Hold keeps the loops from doing anything until release is called, as a stopped process does, or a turn that lasts.
// What asks the loops for something waits meanwhile.
func (e *Engine) Hold() (release func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	released := make(chan struct{})
	var held sync.WaitGroup
	for _, w := range e.workers {
		held.Add(1)
		w.loop.Post(func() {
			held.Done()
			<-released
		})
	}
	held.Wait()
	return sync.OnceFunc(func() { close(released) })
}
