// Package demo provides what `lull demo` needs besides lull itself: a configuration with one load balancer of each
// timeout model, and the echo backends behind them.
//
// The demo command calls it on its own goroutine; a Backend serves each connection on a goroutine of its own, as any
// simple server does. The configuration is the text of a lull.yaml with the addresses filled in, and goes the way that
// every lull.yaml goes, so a reader can copy it, change it and serve it; building a plan in code would show nobody how
// to write one. Everything listens on 127.0.0.1 only.
//
// Limits: a Backend holds at most backendConnsMax connections. It follows spec/lull-yaml.md, command lull demo.
package demo

import (
	"bytes"
	_ "embed"
	"fmt"
	"net"
	"net/netip"
	"text/template"
)

// Layout is where the parts of the demonstration listen.
type Layout struct {
	Socket        string // path of the control socket
	AWS, OCI      uint16 // ports of the two load balancers
	First, Second uint16 // ports of the two backends
}

// Wanted returns the layout that the documentation shows.
func Wanted() Layout {
	return Layout{Socket: "./lull.sock", AWS: 7001, OCI: 7002, First: 7101, Second: 7102}
}

//go:embed lull.yaml.tmpl
var text string

// config is parsed at start, so that a fault in it cannot wait for the first reader.
//
//nolint:gochecknoglobals // a constant in all but syntax
var config = template.Must(template.New("lull.yaml").Parse(text))

// Config returns the text of the lull.yaml for a layout.
func Config(l Layout) []byte {
	var out bytes.Buffer
	if err := config.Execute(&out, l); err != nil {
		panic(fmt.Sprintf("demo: the configuration does not fit its layout: %v", err))
	}
	return out.Bytes()
}

// Listen listens on the wanted port of 127.0.0.1, or on any other if that one is taken.
func Listen(wanted uint16) (*net.TCPListener, error) {
	l, err := listen(wanted)
	if err == nil {
		return l, nil
	}
	return listen(0)
}

func listen(port uint16) (*net.TCPListener, error) {
	return net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(loopback, port)))
}

// FreePort returns the wanted port of 127.0.0.1 if nobody listens there, or any other. Somebody else may take it
// before the caller does; the caller is then told like anybody whose port is taken.
func FreePort(wanted uint16) (uint16, error) {
	l, err := Listen(wanted)
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return Port(l), nil
}

// Port returns the port that a listener has.
func Port(l *net.TCPListener) uint16 {
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}
