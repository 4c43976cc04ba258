package demo

import "net"

// Backend is a sample backend: an echo over TCP and a website over HTTP, both of which say its name, so that a person sees
// which backend was chosen.
type Backend struct {
	echo *echo
	web  *web
}

// Serve starts a backend on two listeners, which are the backend's own from now on. The guide is for its website.
func Serve(tcp, http *net.TCPListener, name string, g Guide) *Backend {
	return &Backend{echo: serveEcho(tcp, name), web: serveWeb(http, name, g)}
}

// Close ends every connection of the backend, and waits until it has.
func (b *Backend) Close() {
	b.echo.close()
	b.web.close()
}
