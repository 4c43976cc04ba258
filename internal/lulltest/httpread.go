package lulltest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// Reader reads what comes over a connection as HTTP, within Patience. Unlike HTTPConn it may be used by any goroutine: it
// fails no test, but returns errors.
type Reader struct{ *bufio.Reader }

// NewReader returns a reader of a connection.
func NewReader(c net.Conn) Reader {
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	return Reader{bufio.NewReader(c)}
}

// Answer reads the final response to a request with that method, as far as it comes; interim ones are passed over.
func (r Reader) Answer(method string) (a Answer, err error) {
	for {
		if a.Response, err = http.ReadResponse(r.Reader, &http.Request{Method: method}); err != nil {
			return a, err
		}
		if a.StatusCode >= 200 || a.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	a.How = "whole"
	if a.Data, err = io.ReadAll(a.Body); err != nil {
		a.How = broken(err)
	}
	return a, nil
}

// Request reads a whole request.
func (r Reader) Request() (got Received, err error) {
	if got.Request, err = http.ReadRequest(r.Reader); err != nil {
		return got, err
	}
	got.Data, err = io.ReadAll(got.Body)
	return got, err
}
