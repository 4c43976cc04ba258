package program_test

import (
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(asRole); role != "" {
		os.Exit(play(role))
	}
	program.Main(m)
}

// port is where the one listener of config listens.
const port = 7001

// config is a lull.yaml with one listener at {address}:7001 before one backend, and an access log in a file.
const config = `
access_log: {path: access.log, format: text}
loops: 2
load_balancers:
  - name: lb
    address: {address}
    timeouts: {idle: 60s}
    listeners:
      - {name: echo, protocol: tcp, port: 7001, backend_set: set}
    backend_sets:
      - name: set
        backends:
          - {address: 127.0.0.1, port: {backend}}
`

// before returns the configuration before a backend, with replacements: old, new, old, new, …
func before(backend netip.AddrPort, replacements ...string) string {
	text := strings.ReplaceAll(config, "{backend}", strconv.Itoa(int(backend.Port())))
	return strings.NewReplacer(replacements...).Replace(text)
}

// greeted dials the one listener and makes sure that bytes come back, so that the connection is known to be relayed.
func greeted(t *testing.T, d *program.Dir) *lulltest.Conn {
	t.Helper()
	c := lulltest.Dial(t, d.At(port))
	c.Ask("hello")
	return c
}
