package sys

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// buffers are what a tls.Conn keeps between records, at their places in it: rawInput holds records as they came, input what
// is left of one that was decrypted in place there, hand a part of a handshake message.
//
//nolint:gochecknoglobals // found once
var buffers = findBuffers()

type connBuffers struct {
	rawInput, input, hand uintptr
	known                 bool
}

// findBuffers looks the fields up by name and type. In a Go that has others by these names, or none, they are left alone.
func findBuffers() (b connBuffers) {
	conn := reflect.TypeFor[tls.Conn]()
	raw, okRaw := conn.FieldByName("rawInput")
	in, okIn := conn.FieldByName("input")
	hand, okHand := conn.FieldByName("hand")
	b.known = okRaw && okIn && okHand && raw.Type == reflect.TypeFor[bytes.Buffer]() &&
		in.Type == reflect.TypeFor[bytes.Reader]() && hand.Type == reflect.TypeFor[bytes.Buffer]()
	b.rawInput, b.input, b.hand = raw.Offset, in.Offset, hand.Offset
	return b
}

// TrimTLS drops the buffers of a TLS connection that holds nothing in them, if they have room for more than keep bytes, and
// returns what they had room for. crypto/tls never does: a connection that was sent one full record keeps 18 KiB for as long
// as it lives, and its ClientHello for nothing. It makes them anew when it needs them. Nobody may use c meanwhile.
func TrimTLS(c *tls.Conn, keep int) (freed int) {
	if !buffers.known {
		return 0
	}
	raw := (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(c), buffers.rawInput))
	input := (*bytes.Reader)(unsafe.Add(unsafe.Pointer(c), buffers.input))
	hand := (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(c), buffers.hand))
	size := raw.Cap() + hand.Cap()
	if size <= keep || raw.Len() > 0 || input.Len() > 0 || hand.Len() > 0 {
		return 0
	}
	input.Reset(nil) // it lies in rawInput
	*raw, *hand = bytes.Buffer{}, bytes.Buffer{}
	return size
}
