package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
)

// userAgent is what the Classic Load Balancer's probes call themselves. Access logs and rate limits of backends know it.
const userAgent = "ELB-HealthChecker/1.0"

// Limits of an answer.
const (
	answerBuffer = 2 << 10  // holds most heads; grows as far as a head may go
	bodyMax      = 1 << 20  // what is read of a body: more would prove nothing
	matchMax     = 64 << 10 // what is kept of it for a check's expression: pages about a backend's state are shorter, and 128 of them may be read at a time
)

// answerLimits are those of the data plane's default. They bound all heads of an answer together, interim ones included.
//
//nolint:gochecknoglobals // a constant in all but syntax
var answerLimits = http1.Limits{Line: http1.ResponseLimits.Line, Head: plan.HeadMaxDefault, Fields: http1.ResponseLimits.Fields}

// probeHTTP is well when the backend answers a GET with the status wanted, whole and within the timeout.
//
// The answer is read with the codec that the data plane reads answers with, so that a backend passes if and only if what
// it sends can be delivered. net/http's client was the alternative: it takes answers that the data plane refuses, and keeps
// two goroutines and a pool of its own per connection, for features of which all would have to be switched off.
//
// Redirects are not followed: their status is an answer like any other. A body needs no declared length, as it may end
// with the connection, but then that end must come within the timeout. Of a long body only the start is waited for.
//
// Where the check has an expression the beginning of the body must match it, wherever in it; the codings of the body are as they are sent, as none
// is asked for. An expression takes time in proportion to the text, whatever a backend puts there (no catastrophic backtracking).
func probeHTTP(ctx context.Context, host string, to netip.AddrPort, check *plan.HealthCheck) error {
	conn, err := open(ctx, host, to, check)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer wake(ctx, conn)()
	if _, err = conn.Write(request(host, to.Port(), check)); err != nil {
		return answerError(err, false, check)
	}
	return readAnswer(conn, check)
}

// request returns what is sent. The front door has made sure that path and host can stand in a head.
func request(host string, port uint16, check *plan.HealthCheck) []byte {
	host = strings.TrimSuffix(host, ".") // names of virtual hosts are written without it
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != usualPort(check) {
		host += ":" + strconv.Itoa(int(port))
	}
	return []byte("GET " + check.Path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: " + userAgent + "\r\nConnection: close\r\n\r\n")
}

// usualPort returns the port that a Host field leaves out.
func usualPort(check *plan.HealthCheck) uint16 {
	if check.TLS != nil {
		return 443
	}
	return 80
}

// answer is a response being read.
type answer struct {
	receiver http1.Receiver
	head     http1.Head
	buf      []byte // not yet dropped
	heads    int    // bytes that came before the final head was whole, and with its end
	body     int    // bytes that came later
	final    bool   // the final head has come, and had the status wanted
	start    []byte // of the body, if an expression is held against it
}

// readAnswer returns nil once the answer has come.
func readAnswer(conn io.Reader, check *plan.HealthCheck) error {
	a := answer{buf: make([]byte, 0, answerBuffer)}
	a.receiver.Response(http1.GET)
	for {
		if len(a.buf) == cap(a.buf) {
			a.buf = append(make([]byte, 0, 2*cap(a.buf)), a.buf...) // the codec refuses what is too long
		}
		n, err := conn.Read(a.buf[len(a.buf):cap(a.buf)])
		a.buf = a.buf[:len(a.buf)+n]
		done, fault := a.take(n, check)
		switch {
		case fault != nil:
			return fault
		case done:
			return a.match(check)
		case errors.Is(err, io.EOF):
			return a.ended(check)
		case errors.Is(err, errCut):
			return a.cut(check)
		case err != nil:
			return answerError(err, a.heads > 0, check)
		}
	}
}

// take looks at what has come, of which the last n bytes are new. done means that no more is needed.
func (a *answer) take(n int, check *plan.HealthCheck) (done bool, err error) {
	if a.final {
		a.body += n
	} else {
		a.heads += n
	}
	for {
		step := a.receiver.Next(a.buf, &a.head, &answerLimits)
		switch {
		case step.Fault != http1.NoFault:
			return false, refused(step.Fault)
		case step.Event == http1.EventHead && !a.head.Interim():
			if got := a.head.Status(); got != check.Status {
				return false, coded(InvalidStatus, fmt.Errorf("answered %d, want %d", got, check.Status))
			}
			a.final = true
		}
		if check.Body != nil {
			data := a.buf[step.Skip : step.Skip+step.Data]
			a.start = append(a.start, data[:min(len(data), matchMax-len(a.start))]...)
		}
		drop := step.Skip + step.Data
		a.buf = a.buf[:copy(a.buf, a.buf[drop:])]
		switch {
		case step.End || a.body > bodyMax:
			return true, nil
		case !a.final && a.heads > answerLimits.Head:
			return false, refused(http1.HeadLong)
		case drop == 0:
			return false, nil
		}
	}
}

// match holds the answer, which has come, against the check's expression.
func (a *answer) match(check *plan.HealthCheck) error {
	if check.Body == nil || check.Body.Match(a.start) {
		return nil
	}
	return coded(RegexMismatch, fmt.Errorf("answered %d, with a body that does not match %s", check.Status, clip(check.Body.String(), wordsMax)))
}

// ended returns what the end of the connection makes of the answer.
func (a *answer) ended(check *plan.HealthCheck) error {
	switch {
	case a.receiver.EOF().End:
		return a.match(check)
	case a.heads == 0:
		return coded(IOError, errors.New("closed without an answer"))
	default:
		return coded(IOError, errors.New("closed in the middle of its answer"))
	}
}

// cut returns what a TLS connection makes of the answer that ended without close_notify. Whoever is on the way could have
// done that, so it is no end that completes an answer (RFC 9112 §9.8).
func (a *answer) cut(check *plan.HealthCheck) error {
	if a.receiver.EOF().End {
		return coded(IOError, errors.New("closed without close_notify, so its answer may have been cut short"))
	}
	return a.ended(check)
}

// refused returns an error that says why an answer is none that the data plane could deliver.
func refused(f http1.Fault) error {
	return coded(IOError, fmt.Errorf("answer refused: %s (%v)", f.Info().Text, f))
}

// answerError returns an error whose text says in a few words why an answer did not come, or not to its end.
func answerError(err error, begun bool, check *plan.HealthCheck) error {
	where := "without an answer"
	if begun {
		where = "in the middle of its answer"
	}
	if words, ok := alertWords(err); ok {
		return coded(IOError, fmt.Errorf("TLS connection ended by the backend %s: %s", where, words))
	}
	var timeout net.Error
	var errno unix.Errno
	switch {
	case errors.As(err, &timeout) && timeout.Timeout() && begun:
		return coded(TimedOut, fmt.Errorf("answer not complete after %v", check.Timeout))
	case errors.As(err, &timeout) && timeout.Timeout():
		return coded(TimedOut, fmt.Errorf("no answer within %v", check.Timeout))
	case !errors.As(err, &errno):
		return coded(IOError, fmt.Errorf("connection failed %s: %s", where, tlsWords(err)))
	case local(errno):
		return fmt.Errorf("answer: %w: %w", errNotMade, errno)
	case errno == unix.ECONNRESET || errno == unix.EPIPE:
		return coded(IOError, errors.New("reset "+where))
	}
	return coded(IOError, fmt.Errorf("connection failed %s: %w", where, errno))
}
