package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// Requests are made once. They carry what a small client sends; the paths tell the backend what to do.
var (
	getRequest     = request("/bytes", "")
	closingRequest = request("/bytes", "Connection: close\r\n")
	silentRequest  = request("/silent", "")
	// The key is the one in RFC 6455 §1.3, so that the answer to it need not be computed.
	upgradeRequest = request("/upgrade", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")
)

func request(path, fields string) []byte { return requestOf("GET", path, fields) }

// uploadMax bounds the body of a request.
const uploadMax = bodyPeriod

// uploadRequest returns a request with a body, which is what responses have: the backend compares it.
func uploadRequest(size int64) []byte {
	head := requestOf("POST", "/upload", "Content-Length: "+strconv.FormatInt(size, 10)+"\r\n")
	return append(head, newBody()[:size]...)
}

func requestOf(method, path, fields string) []byte {
	return []byte(method + " " + path + " HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench/1\r\nAccept: */*\r\n" +
		"Accept-Encoding: gzip, deflate\r\n" + fields + "\r\n")
}

// Responses of the HTTP backend. A Date is in them so that no balancer has to add one.
var (
	switchingResponse = []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	refusingResponse = []byte("HTTP/1.1 400 Bad Request\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n")
)

func responseHead(size int64, fields string) string {
	return "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n" +
		"Content-Type: application/octet-stream\r\nContent-Length: " + strconv.FormatInt(size, 10) + "\r\n" + fields + "\r\n"
}

// bodyPeriod is after how many bytes a body repeats itself.
const bodyPeriod = 256 << 10

// newBody returns the bytes that bodies repeat: no run of them looks like another, so that a piece that is lost, doubled
// or misplaced shows.
func newBody() []byte {
	b := make([]byte, bodyPeriod)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// headEnd ends every HTTP/1 head.
var headEnd = []byte("\r\n\r\n")

// headMax bounds a response's head. Balancers add a few fields to the backend's 150 bytes.
const headMax = 4 << 10

// status200 is how the only response but 101 that a client accepts begins.
var (
	status200 = []byte("HTTP/1.1 200 ")
	status101 = []byte("HTTP/1.1 101 ")
)

// contentLength reads the length of the body from a whole response head, which must be of status 200 and not chunked:
// the backend sends no other, and no balancer has a reason to make one of it.
func contentLength(head []byte) (int64, error) {
	if !bytes.HasPrefix(head, status200) {
		return 0, unexpected(head)
	}
	return lengthField(head)
}

// lengthField reads the Content-Length of a whole head.
func lengthField(head []byte) (int64, error) {
	for rest := head; ; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			return 0, errors.New("a head without Content-Length")
		}
		rest = rest[i+1:]
		const name = "content-length:"
		if len(rest) > len(name) && rest[0]|0x20 == 'c' && bytes.EqualFold(rest[:len(name)], []byte(name)) {
			value, _, _ := bytes.Cut(rest[len(name):], []byte("\r"))
			return strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		}
	}
}

// unexpected is the error for a head with another status.
func unexpected(head []byte) error {
	line, _, _ := bytes.Cut(head, []byte("\r"))
	return fmt.Errorf("response %q", line)
}
