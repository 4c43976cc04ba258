package demo

import (
	"bufio"
	"crypto/sha1" // RFC 6455 §1.3 asks for it, and needs no secrecy of it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strings"
)

// frameMax is how long a WebSocket frame may be: much longer than what a person types, and little enough to hold.
const frameMax = 64 << 10

// The opcodes of RFC 6455 §5.2 that are treated each in its own way; all others are echoed.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xa
)

// The status codes of RFC 6455 §7.4.1 with which the echo refuses to go on.
const (
	closeProtocol = 1002
	closeTooBig   = 1009
)

// The parts of a frame's first two bytes, RFC 6455 §5.2.
const (
	finBit     = 0x80
	rsvBits    = 0x70
	opBits     = 0x0f
	maskBit    = 0x80
	lengthBits = 0x7f
)

// acceptKey answers a client's key, RFC 6455 §4.2.2.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// asksForWebSocket reports whether a request is an opening handshake, RFC 6455 §4.2.1.
func asksForWebSocket(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") &&
		r.Header.Get("Sec-WebSocket-Version") == "13" && err == nil && len(key) == 16
}

// frame is a WebSocket frame.
type frame struct {
	first   byte // FIN, RSV and opcode
	payload []byte
}

// refusal is a fault of the peer that ends a connection with a close frame.
type refusal uint16

func (refusal) Error() string { return "demo: a frame that the echo does not take" }

// readFrame reads a client's frame. Its payload is valid until the caller changes buf, which it lies in.
func readFrame(in *bufio.Reader, buf []byte) (frame, error) {
	var head [2]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return frame{}, err
	}
	length := uint64(head[1] & lengthBits)
	control := head[0]&0x8 != 0
	switch {
	case head[0]&rsvBits != 0, head[1]&maskBit == 0: // no extension was agreed on, and clients mask (§5.1)
		return frame{}, refusal(closeProtocol)
	case control && (length > 125 || head[0]&finBit == 0): // §5.5
		return frame{}, refusal(closeProtocol)
	}
	length, err := readLength(in, length)
	if err != nil {
		return frame{}, err
	}
	if length > frameMax {
		return frame{}, refusal(closeTooBig)
	}
	var mask [4]byte
	if _, err := io.ReadFull(in, mask[:]); err != nil {
		return frame{}, err
	}
	payload := buf[:length]
	if _, err := io.ReadFull(in, payload); err != nil {
		return frame{}, err
	}
	for i := range payload {
		payload[i] ^= mask[i%4]
	}
	return frame{head[0], payload}, nil
}

// readLength reads the longer forms of a length, which the short one announces.
func readLength(in io.Reader, short uint64) (uint64, error) {
	var b [8]byte
	switch short {
	case 126:
		_, err := io.ReadFull(in, b[6:])
		return binary.BigEndian.Uint64(b[:]), err
	case 127:
		_, err := io.ReadFull(in, b[:])
		return binary.BigEndian.Uint64(b[:]), err
	}
	return short, nil
}

// appendFrame appends a frame as a server sends it, unmasked.
func appendFrame(b []byte, f frame) []byte {
	b = append(b, f.first)
	switch n := len(f.payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, f.payload...)
}

// reply returns the frame that answers f; last says that the connection ends with it. Messages come back in the fragments
// in which they came.
func reply(f frame) (answer frame, answered, last bool) {
	switch f.first & opBits {
	case opPong:
		return frame{}, false, false
	case opPing:
		f.first = finBit | opPong
	case opClose:
		last = true
	}
	return f, true, last
}

// echoFrames greets a client and sends back what it says until either leaves or the client breaks the protocol.
func echoFrames(c io.Writer, in *bufio.Reader, greeting string) {
	_, err := c.Write(appendFrame(nil, frame{finBit | opText, []byte(greeting)}))
	buf := make([]byte, frameMax)
	var out []byte
	for last := false; err == nil && !last; {
		var f, answer frame
		if f, err = readFrame(in, buf); err != nil {
			break
		}
		var answered bool
		if answer, answered, last = reply(f); answered {
			out = appendFrame(out[:0], answer)
			_, err = c.Write(out)
		}
	}
	var why refusal
	if errors.As(err, &why) {
		_, _ = c.Write(appendFrame(nil, frame{finBit | opClose, binary.BigEndian.AppendUint16(nil, uint16(why))}))
	}
}
