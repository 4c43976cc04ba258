// Package file provides the lull.yaml front door: it reads the file, refuses whatever is wrong with it, and compiles
// the rest to a plan.
//
// The commands call Load once at start and again on every reload, on an ordinary goroutine; nothing here keeps state
// between calls. The file is read through YAML nodes rather than into tagged structs, because every refusal must name
// line, key, value and allowed range, and because all faults are to be reported at once: a struct decoder stops being
// able to say where a value stood as soon as it has one. One table (settings.go) holds name, type, default and range
// of every key; the readers in value.go take their limits from it and docs/reference/lull-yaml.md is rendered from it.
// What only makes sense between several keys (a reference to a backend set, two listeners on one address) is checked
// in the file of its noun.
//
// Certificates, keys and authorities are loaded while the file is read (certificates.go), so that what is wrong with them is
// reported with the rest, at the key that names them. The sources in a Config are what package certfile needs to keep them up
// to date; whoever puts the plan in force watches them from then on.
//
// How the cloud APIs are served stands in the file as well (api.go), and what they begin with; what is changed through them does
// not. Default is the file that nobody has to write.
//
// What would be believed to be in use and is not gets refused, where that is about who is trusted: `tls` on a plain protocol,
// authorities that nobody is held against. Elsewhere it is a warning (warnings.go).
//
// Parse and Load are safe to call from anywhere; a Config belongs to its caller, the plan in it is immutable but for what its
// holders of certificates hold.
//
// Limits: 4 MiB of file, one document, a bounded number of nodes reached through aliases, a bounded number of faults
// reported, and no merge keys; those of package certfile for the files that are named.
//
// It follows spec/lull-yaml.md, and the ranges and defaults of spec/timeouts.md by way of package timeout (SH-10,
// DI-14, TO-11, PR-01, PR-02).
package file
