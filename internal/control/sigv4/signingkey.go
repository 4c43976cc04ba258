package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"sync"
)

// signingKeysMax bounds the cache. In use at a time is one for each key and region, two around midnight.
const signingKeysMax = 128

// scope is what a signing key is good for, and whose it is.
type scope struct {
	keyID, day, region, service string
}

// signingKey is a key derived from a secret for one scope. Only that can be signed with it.
type signingKey [sha256.Size]byte

// signingKeys remembers derived keys, which takes four HMACs away from each request. Its zero value is empty.
type signingKeys struct {
	mu struct {
		sync.Mutex
		byScope map[scope]derived
	}
}

// derived is a signing key with the secret that it comes from: a key may be revoked and made again under its old name.
type derived struct {
	secret string
	key    signingKey
}

// get returns the signing key for a scope, from memory if it is there.
func (s *signingKeys) get(sc scope, secret string) signingKey {
	s.mu.Lock()
	d, found := s.mu.byScope[sc]
	s.mu.Unlock()
	if found && subtle.ConstantTimeCompare([]byte(d.secret), []byte(secret)) == 1 {
		return d.key
	}
	return derive(sc, secret)
}

// put remembers a signing key. When there is no more room all are forgotten: deriving them again costs microseconds, and
// most of what fills the cache are days gone by.
func (s *signingKeys) put(sc scope, secret string, key signingKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.mu.byScope[sc]; !found && len(s.mu.byScope) >= signingKeysMax {
		clear(s.mu.byScope)
	}
	if s.mu.byScope == nil {
		s.mu.byScope = map[scope]derived{}
	}
	s.mu.byScope[sc] = derived{secret, key}
}

// derive narrows a secret down to a scope, step by step.
func derive(sc scope, secret string) signingKey {
	key := hmacSHA256([]byte("AWS4"+secret), sc.day)
	for _, part := range []string{sc.region, sc.service, terminator} {
		key = hmacSHA256(key[:], part)
	}
	return key
}

// hmacSHA256 is the one primitive of the scheme.
func hmacSHA256(key []byte, text string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	h.Sum(sum[:0])
	return sum
}
