package demo_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// sampleKey and its answer are those of RFC 6455 §1.3.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

const handshake = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: " + sampleKey + "\r\n\r\n"

// upgrade opens a WebSocket and reads its greeting.
func upgrade(t *testing.T, b backend) (c *net.TCPConn, in *bufio.Reader) {
	t.Helper()
	c = dial(t, b.http)
	if _, err := io.WriteString(c, handshake); err != nil {
		t.Fatal(err)
	}
	in = bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != sampleAccept || resp.Header.Get("Upgrade") != "websocket" ||
		resp.Header.Get("Connection") != "Upgrade" {
		t.Fatalf("handshake: got %s, %v, want 101 and the key's answer", resp.Status, resp.Header)
	}
	expect(t, in, "\x81\x15hello from backend-1\n")
	return c, in
}

func expect(t *testing.T, in io.Reader, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(in, got); err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", cut(string(got[:n])), err, cut(want))
	}
}

func cut(s string) string { return s[:min(len(s), 80)] }

// masked returns a client's frame with a short length.
func masked(first byte, payload string) string {
	const key = "\x01\x02\x03\x04"
	b := []byte(payload)
	for i := range b {
		b[i] ^= key[i%4]
	}
	return string([]byte{first, 0x80 | byte(len(payload))}) + key + string(b)
}

func TestWebSocketEcho(t *testing.T) {
	t.Parallel()
	const zeros = "\x00\x00\x00\x00" // a key that changes nothing
	long, longest := strings.Repeat("x", 126), strings.Repeat("y", 64<<10)
	for name, c := range map[string]struct{ sent, back string }{
		"text":        {masked(0x81, "Hello"), "\x81\x05Hello"},
		"binary":      {masked(0x82, "\x00\xff"), "\x82\x02\x00\xff"},
		"empty":       {masked(0x81, ""), "\x81\x00"},
		"fragments":   {masked(0x01, "Hel") + masked(0x80, "lo"), "\x01\x03Hel\x80\x02lo"},
		"between":     {masked(0x01, "Hel") + masked(0x89, "?") + masked(0x80, "lo"), "\x01\x03Hel\x8a\x01?\x80\x02lo"},
		"pong":        {masked(0x8a, "who asked") + masked(0x81, "x"), "\x81\x01x"},
		"length-16":   {"\x81\xfe\x00\x7e" + zeros + long, "\x81\x7e\x00\x7e" + long},
		"length-64":   {"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00" + zeros + longest, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + longest},
		"close":       {masked(0x88, "\x03\xe8bye"), "\x88\x05\x03\xe8bye"},
		"close-empty": {masked(0x88, ""), "\x88\x00"},
		"unmasked":    {"\x81\x05Hello", "\x88\x02\x03\xea"},
		"rsv":         {masked(0xc1, "Hello"), "\x88\x02\x03\xea"},
		"ping-parted": {masked(0x09, "x"), "\x88\x02\x03\xea"},
		"ping-long":   {"\x89\xfe\x00\x7e" + zeros + long, "\x88\x02\x03\xea"},
		"too-long":    {"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x01" + zeros, "\x88\x02\x03\xf1"},
		"far-too":     {"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" + zeros, "\x88\x02\x03\xf1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket, in := upgrade(t, start(t))
			if _, err := io.WriteString(socket, c.sent); err != nil {
				t.Fatal(err)
			}
			expect(t, in, c.back)
			if strings.HasPrefix(c.back, "\x88") { // it must end now; a frame unread may make a reset of that
				if n, err := in.Read(make([]byte, 1)); n != 0 || isTimeout(err) {
					t.Errorf("after a close: got %d bytes, %v, want the end", n, err)
				}
				return
			}
			if _, err := io.WriteString(socket, masked(0x81, "on")); err != nil {
				t.Fatal(err)
			}
			expect(t, in, "\x81\x02on")
		})
	}
}

// TestWebSocketBytewise sends a message one byte at a time.
func TestWebSocketBytewise(t *testing.T) {
	t.Parallel()
	socket, in := upgrade(t, start(t))
	for _, b := range []byte(masked(0x81, "Hello")) {
		if _, err := socket.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, in, "\x81\x05Hello")
}

func TestWebSocketRefused(t *testing.T) {
	t.Parallel()
	b := start(t)
	good := []string{"Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + sampleKey}
	for name, change := range map[string]struct {
		field int
		value string
	}{
		"no-upgrade": {0, "X: y"}, "other-protocol": {0, "Upgrade: chat"}, "other-version": {1, "Sec-WebSocket-Version: 8"},
		"no-key": {2, "X: y"}, "key-short": {2, "Sec-WebSocket-Key: c2hvcnQ="}, "key-no-base64": {2, "Sec-WebSocket-Key: %"},
	} {
		fields := append([]string{"Connection: Upgrade"}, good...)
		fields[1+change.field] = change.value
		resp, body := ask(t, b, "GET", "/ws", "", fields...)
		if resp.StatusCode != http.StatusUpgradeRequired || resp.Header.Get("Sec-WebSocket-Version") != "13" {
			t.Errorf("%s: got %s, %q, want 426 and the version that is spoken", name, resp.Status, fmt.Sprint(body))
		}
	}
}
