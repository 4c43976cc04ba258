package dataplane

// Handshakes returns how many handshakes have a goroutine and how many wait for one.
func (e *Engine) Handshakes() (running, waiting int) { return e.gate.Counts() }
