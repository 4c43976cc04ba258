package certfile

import "time"

// Status is what is known of a pair of files, or of a file of certificate authorities.
type Status struct {
	Files       []string  // certificate and key, or the authorities
	Roots       bool      // authorities
	Names       []string  // DNS names of the certificate; none for authorities
	Description string    // of what is in force
	NotAfter    time.Time // when that expires, or its chain if that is sooner; of several authorities the next to do so
	Changed     time.Time // when it was put in force
	Problem     string    // why the files as they are now are not in force; "" if they are
	Warnings    []string  // what is wrong with what is in force, though it can be used
}

// Status tells of everything that is watched, in the order of the sources. It reads no file.
func (w *Watcher) Status(now time.Time) []Status {
	var list []Status
	for _, s := range w.current() {
		list = append(list, s.Status(now)...)
	}
	return list
}

// Status tells of each pair of a source, in their order.
func (s *Source) Status(now time.Time) []Status {
	list := make([]Status, 0, len(s.entries))
	for _, e := range s.entries {
		list = append(list, e.status(now))
	}
	return list
}

func (e *entry) status(now time.Time) Status {
	st := e.state.Load()
	out := Status{Files: e.files, Description: st.String(), Changed: st.since, Warnings: st.warnings}
	if st.cert != nil {
		out.Names, out.NotAfter = st.cert.Names(), st.cert.ChainNotAfter()
	} else {
		out.Roots, out.NotAfter = true, st.bundle.NotAfter(now)
	}
	if st.problem != nil {
		out.Problem = st.problem.Error()
	}
	return out
}
