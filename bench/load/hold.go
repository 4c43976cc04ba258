package load

// runHold opens connections, exchanges one message of o.Bytes on each unless that is 0, and then does nothing until the
// parent lets it go.
func runHold(o Options, p *parent) error {
	c, err := openConns(o.Targets, o.Conns, make([]byte, o.Bytes))
	if err != nil {
		return err
	}
	defer c.close()
	if err := p.tell(Report{Stage: StageReady, Count: int64(len(c.fds))}); err != nil {
		return err
	}
	for p.wait() {
	}
	return nil
}
