package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

// idBytes is the length of what nobody may guess: ids of sessions, tokens of links, the key itself.
const idBytes = 32

// signer signs cookies and forms with a key that is made at the start and is nowhere but in memory: with the process every session
// ends, and nobody who reads the disk can make one.
type signer struct {
	random io.Reader
	key    [idBytes]byte
}

func newSigner(random io.Reader) (*signer, error) {
	if random == nil {
		random = rand.Reader
	}
	s := &signer{random: random}
	if _, err := io.ReadFull(random, s.key[:]); err != nil {
		return nil, fmt.Errorf("make the console's signing key: %w", err)
	}
	return s, nil
}

// newID returns an id that nobody can guess.
func (s *signer) newID() (string, error) {
	var raw [idBytes]byte
	if _, err := io.ReadFull(s.random, raw[:]); err != nil {
		return "", fmt.Errorf("make a random id: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw[:]), nil
}

// mac returns the signature of a text for a purpose: what is signed for one says nothing for another.
func (s *signer) mac(purpose, text string) string {
	m := hmac.New(sha256.New, s.key[:])
	m.Write([]byte(purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// sign returns a text with its signature.
func (s *signer) sign(purpose, text string) string { return text + "." + s.mac(purpose, text) }

// verified returns the text of what sign has made.
func (s *signer) verified(purpose, signed string) (text string, ok bool) {
	text, mac, found := strings.Cut(signed, ".")
	if !found || subtle.ConstantTimeCompare([]byte(mac), []byte(s.mac(purpose, text))) != 1 {
		return "", false
	}
	return text, true
}

// csrf returns what proves that a form comes from a page of that session.
func (s *signer) csrf(session string) string { return s.mac("csrf", session) }

// validCSRF checks it.
func (s *signer) validCSRF(token, session string) bool {
	return subtle.ConstantTimeCompare([]byte(token), []byte(s.csrf(session))) == 1
}

// sameSecret compares two secrets in a time that tells nothing of either, not even a length.
func sameSecret(a, b string) bool {
	one, other := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(one[:], other[:]) == 1
}
