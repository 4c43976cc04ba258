package dataplane_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/lulltest"
)

// The content types of records (RFC 8446 §5.1).
const (
	typeAlert       = 21
	typeHandshake   = 22
	typeApplication = 23
)

// keyed is a client that knows the keys of its connection, and so can send what no library would: crypto/tls does the
// handshake, and what follows is made by hand (RFC 8446 §5.2 and §7.3, RFC 5246 §6.3 with RFC 5288).
type keyed struct {
	raw      *lulltest.HTTPConn
	f        *fort
	version  uint16
	out, in  half
	secretIn []byte // from which the keys of what lull sends are derived (TLS 1.3)
	secret   []byte // and those of what the client sends
}

// half is the protection of one direction.
type half struct {
	aead cipher.AEAD
	iv   []byte // of 12 bytes in TLS 1.3, of 4 in TLS 1.2
	seq  uint64
}

// spy keeps what has come over a connection.
type spy struct {
	*lulltest.HTTPConn
	heard bytes.Buffer
}

func (s *spy) Read(b []byte) (int, error) {
	n, err := s.HTTPConn.Read(b)
	s.heard.Write(b[:n])
	return n, err
}

// enterKeyed opens a connection and does the handshake.
func (f *fort) enterKeyed(key plan.ListenerKey, version uint16) *keyed {
	f.t.Helper()
	var secrets bytes.Buffer
	config := f.trust(version)
	config.KeyLogWriter = &secrets
	config.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	raw := f.knock(key)
	s := &spy{HTTPConn: raw}
	g := f.shake(raw, s, config)
	k := &keyed{raw: raw, f: f, version: version}
	if version == tls.VersionTLS13 {
		if g.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
			f.t.Skip("this machine prefers another cipher suite")
		}
		k.secret = logged(f.t, secrets.String(), "CLIENT_TRAFFIC_SECRET_0")
		k.secretIn = logged(f.t, secrets.String(), "SERVER_TRAFFIC_SECRET_0")
		k.out, k.in = half13(f.t, k.secret), half13(f.t, k.secretIn)
		return k
	}
	// The ServerHello is the first of what comes: record header, message header, version, random.
	clientRandom, serverRandom := randomOf(f.t, secrets.String()), s.heard.Bytes()[5+4+2:][:32]
	block := prf12(logged(f.t, secrets.String(), "CLIENT_RANDOM"), "key expansion", append(serverRandom[:32:32], clientRandom...), 40)
	k.out = half{gcm(f.t, block[:16]), block[32:36], 1} // the Finished was the first
	k.in = half{gcm(f.t, block[16:32]), block[36:40], 1}
	return k
}

// logged returns the secret of that name (SSLKEYLOGFILE).
func logged(t testing.TB, log, name string) []byte {
	t.Helper()
	for line := range strings.Lines(log) {
		if part := strings.Fields(line); len(part) == 3 && part[0] == name {
			secret, err := hex.DecodeString(part[2])
			if err != nil {
				t.Fatal(err)
			}
			return secret
		}
	}
	t.Fatalf("there is no %s", name)
	return nil
}

func randomOf(t testing.TB, log string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Fields(log)[1])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gcm(t testing.TB, key []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// expand is HKDF-Expand-Label without a context.
func expand(t testing.TB, secret []byte, label string, size int) []byte {
	t.Helper()
	label = "tls13 " + label
	info := string([]byte{byte(size >> 8), byte(size), byte(len(label))}) + label + "\x00"
	b, err := hkdf.Expand(sha256.New, secret, info, size)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func half13(t testing.TB, secret []byte) half {
	t.Helper()
	return half{aead: gcm(t, expand(t, secret, "key", 16)), iv: expand(t, secret, "iv", 12)}
}

// prf12 is the pseudorandom function of TLS 1.2 (RFC 5246 §5).
func prf12(secret []byte, label string, seed []byte, size int) (out []byte) {
	seed = append([]byte(label), seed...)
	mac := func(b []byte) []byte {
		h := hmac.New(sha256.New, secret)
		h.Write(b)
		return h.Sum(nil)
	}
	for a := mac(seed); len(out) < size; a = mac(a) {
		out = append(out, mac(append(a[:len(a):len(a)], seed...))...)
	}
	return out[:size]
}

// seal returns a record.
func (k *keyed) seal(contentType byte, content []byte) []byte {
	h := &k.out
	defer func() { h.seq++ }()
	if k.version == tls.VersionTLS13 {
		inner := append(content[:len(content):len(content)], contentType)
		size := len(inner) + 16
		header := []byte{typeApplication, 3, 3, byte(size >> 8), byte(size)}
		return h.aead.Seal(header, h.nonce13(), inner, header)
	}
	size := 8 + len(content) + 16
	record := binary.BigEndian.AppendUint64([]byte{contentType, 3, 3, byte(size >> 8), byte(size)}, h.seq)
	nonce := binary.BigEndian.AppendUint64(h.iv[:4:4], h.seq)
	return h.aead.Seal(record, nonce, content, h.extra12(contentType, len(content)))
}

func (h *half) nonce13() []byte {
	nonce := bytes.Clone(h.iv)
	binary.BigEndian.PutUint64(nonce[4:], binary.BigEndian.Uint64(nonce[4:])^h.seq)
	return nonce
}

// extra12 is the additional data of TLS 1.2 (RFC 5246 §6.2.3.3).
func (h *half) extra12(contentType byte, size int) []byte {
	return append(binary.BigEndian.AppendUint64(nil, h.seq), contentType, 3, 3, byte(size>>8), byte(size))
}

// heard is a record of lull's, opened.
type heard struct {
	contentType byte
	content     []byte
}

func (h heard) String() string {
	if h.contentType == typeAlert && len(h.content) == 2 {
		return fmt.Sprintf("alert %d", h.content[1])
	}
	return fmt.Sprintf("record of type %d with %.60q", h.contentType, h.content)
}

// next reads a record of lull's.
func (k *keyed) next() (heard, error) {
	_ = k.raw.SetReadDeadline(time.Now().Add(lulltest.Patience))
	header := make([]byte, 5)
	if _, err := io.ReadFull(k.raw, header); err != nil {
		return heard{}, err
	}
	sealed := make([]byte, binary.BigEndian.Uint16(header[3:]))
	if _, err := io.ReadFull(k.raw, sealed); err != nil {
		return heard{}, err
	}
	h := &k.in
	defer func() { h.seq++ }()
	if k.version == tls.VersionTLS12 {
		content, err := h.aead.Open(nil, append(h.iv[:4:4], sealed[:8]...), sealed[8:], h.extra12(header[0], len(sealed)-24))
		return heard{header[0], content}, err
	}
	inner, err := h.aead.Open(nil, h.nonce13(), sealed, header)
	if err != nil {
		return heard{}, err
	}
	return heard{inner[len(inner)-1], inner[:len(inner)-1]}, nil
}

// listen reads to the end of the connection: what came as data, the alerts, and the error at the end. Tickets are not told
// of; the keys follow an update.
func (k *keyed) listen() (data []byte, alerts []string, updates int, err error) {
	for {
		h, err := k.next()
		if err != nil {
			return data, alerts, updates, err
		}
		switch {
		case h.contentType == typeApplication:
			data = append(data, h.content...)
		case h.contentType == typeHandshake && len(h.content) == 5 && h.content[0] == 24:
			updates++
			k.secretIn = expand(k.f.t, k.secretIn, "traffic upd", 32)
			k.in = half13(k.f.t, k.secretIn)
		case h.contentType == typeHandshake:
		default:
			alerts = append(alerts, h.String())
		}
	}
}

// update is a key update (RFC 8446 §4.6.3), behind which the client's keys are others.
func (k *keyed) update(asks bool) []byte {
	message := []byte{24, 0, 0, 1, 0}
	if asks {
		message[4] = 1
	}
	b := k.seal(typeHandshake, message)
	k.secret = expand(k.f.t, k.secret, "traffic upd", 32)
	k.out = half13(k.f.t, k.secret)
	return b
}

// data is a record of data.
func (k *keyed) data(s string) []byte { return k.seal(typeApplication, []byte(s)) }

// send sends records in one segment.
func (k *keyed) send(records ...[]byte) {
	k.f.t.Helper()
	if _, err := k.raw.Write(bytes.Join(records, nil)); err != nil {
		k.f.t.Fatalf("send: %v", err)
	}
}
