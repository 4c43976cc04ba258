// Package demo provides what `lull demo` needs besides lull itself: a configuration with one load balancer of each
// timeout model, and the sample backends behind them, each of which echoes over TCP and is a small website over HTTP.
//
// The demo command calls it on its own goroutine; a Backend serves each connection on a goroutine of its own, as any
// simple server does. The configuration is the text of a lull.yaml with the addresses filled in, and goes the way that
// every lull.yaml goes, so a reader can copy it, change it and serve it; building a plan in code would show nobody how
// to write one. The website is net/http, as most backends written in Go are; only its WebSocket is written out here,
// because an echo needs a tenth of what a library brings. Everything listens on 127.0.0.1 only.
//
// Limits: a Backend holds at most backendConnsMax connections of each kind, a WebSocket frame has at most frameMax bytes,
// and nothing that it is asked to wait for takes longer than waitMax. It follows spec/lull-yaml.md, command lull demo.
package demo

import (
	"bytes"
	_ "embed"
	"fmt"
	"net"
	"net/netip"
	"text/template"
)

// Ports are the two ports of a load balancer or a backend.
type Ports struct{ TCP, HTTP uint16 }

// Layout is where the parts of the demonstration listen.
type Layout struct {
	Socket        string // path of the control socket
	Data          string // directory of the API's state
	API           uint16 // port of the API
	AWS, OCI      Ports  // of the two load balancers
	First, Second Ports  // of the two backends
}

// Wanted returns the layout that the documentation shows.
func Wanted() Layout {
	return Layout{Socket: "./lull.sock", Data: "./lull-data", API: 8440, AWS: Ports{7001, 8001}, OCI: Ports{7002, 8002}, First: Ports{7101, 8101},
		Second: Ports{7102, 8102}}
}

//go:embed lull.yaml.tmpl
var text string

// config is parsed at start, so that a fault in it cannot wait for the first reader.
//
//nolint:gochecknoglobals // a constant in all but syntax
var config = template.Must(template.New("lull.yaml").Parse(text))

//nolint:gochecknoglobals // a constant, but for Go's type system
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

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
