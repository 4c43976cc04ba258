// Package ocisig provides verification of the request signatures of Oracle Cloud Infrastructure, version 1.
//
// The API servers call Verify on the goroutine that serves the request, once the whole body is read and before anything in it is
// acted on; Examine decides before that everything but whether the body is the one that was signed, because the signature covers
// the body by the header X-Content-Sha256 alone. What a key may do is theirs to decide: its role is only carried through. There is
// no signer here, because lull is never the client of such an API; the tests sign with other people's code, so a mistake cannot
// sign and verify itself.
//
// The signing string is built anew from what arrived: the target and the host with the bytes that were sent, the headers in the
// order that the client gives. Nothing is normalised, since clients sign what they send, and nothing is repaired: a parameter or
// signed header that is there twice could be read in two ways, by the signature in one and by the handler in the other, and is
// refused. The alternative, to join repeated headers as draft-cavage-http-signatures-08 §2.3 does, is what no client of this API
// needs. The signature says nothing of headers that the client does not list (If-Match, Opc-Retry-Token), nor does it keep a
// stolen copy of a request from passing again while its date does. TLS keeps requests from being altered and copied on their way, and a
// Memory tells a caller who has room for it which ones have passed before.
//
// Verify looks at r.RequestURI, as net/http read it; a caller that routes by another path than that one has changed what was signed.
//
// A Verifier never changes and may be used from everywhere; it takes no lock. A Memory locks itself.
//
// Limits: body by Options.BodyBytesMax, Authorization header 8 KiB, 64 signed headers, signing string 64 KiB, key id 640 bytes, keys
// of 2048 to 4096 bits.
//
// Follows Oracle's page "Request Signatures" (signature version 1) and, where that is silent, draft-cavage-http-signatures-08 §2.
package ocisig

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults of Options.
const (
	// DefaultSkew is what Oracle documents.
	DefaultSkew = 5 * time.Minute
	// DefaultBodyBytesMax holds a load balancer with everything that it may have several times over.
	DefaultBodyBytesMax = 1 << 20
)

// Sizes of keys. Oracle takes none that is shorter; a longer one makes verification slow and nobody safer.
const (
	KeyBitsMin = 2048
	KeyBitsMax = 4096
)

// Options are what a Verifier is made with.
type Options struct {
	Keys         Keys          // required
	Skew         time.Duration // how far a request's date may be from now, either way; 0 means DefaultSkew
	BodyBytesMax int           // longest body; 0 means DefaultBodyBytesMax
}

// Verifier verifies requests. See New.
type Verifier struct {
	// Fixed after New.
	keys         Keys
	skew         time.Duration
	bodyBytesMax int
	keyBitsMin   int
}

// New returns a Verifier. It panics without Keys, since there is nothing to verify against.
func New(o Options) *Verifier {
	if o.Keys == nil {
		panic("ocisig: Options.Keys is nil")
	}
	v := &Verifier{keys: o.Keys, skew: o.Skew, bodyBytesMax: o.BodyBytesMax, keyBitsMin: KeyBitsMin}
	if v.skew == 0 {
		v.skew = DefaultSkew
	}
	if v.bodyBytesMax == 0 {
		v.bodyBytesMax = DefaultBodyBytesMax
	}
	return v
}

// BodyBytesMax returns the length of the longest body that Verify takes, so that the caller reads no more than one byte
// beyond it.
func (v *Verifier) BodyBytesMax() int { return v.bodyBytesMax }

// Verified is what is known of a request whose signature is right.
type Verified struct {
	Key           Key
	SignedHeaders []string  // lower case, in the order of the signature
	Time          time.Time // the date that was signed
	Expires       time.Time // Verify refuses the same request after this

	digest [sha256.Size]byte // of the key's name and of what was signed
}

// Verify checks the signature of a request whose body has been read into body; r.Body is not touched. The request is one that
// net/http received, or one built with NewRequest. An error is always an *Error, to be given to the client.
func (v *Verifier) Verify(r *http.Request, body []byte, now time.Time) (Verified, error) {
	if len(body) > v.bodyBytesMax {
		return Verified{}, refuse(PayloadTooLarge, "The body is longer than %d bytes.", v.bodyBytesMax)
	}
	verified, err := v.examine(r, now)
	if err != nil {
		return Verified{}, err
	}
	// Last, so that only those who have a key make lull hash what they send.
	if err = checkBody(r, body, verified.SignedHeaders); err != nil {
		return Verified{}, err
	}
	return verified, nil
}

// Examine returns the error with which Verify would refuse a request whatever its body is, and nil where the body decides. A caller
// reads the body of a stranger no further than to here. The error is always an *Error.
func (v *Verifier) Examine(r *http.Request, now time.Time) error {
	_, err := v.examine(r, now)
	return err
}

func (v *Verifier) examine(r *http.Request, now time.Time) (Verified, error) {
	c, err := readClaim(r)
	if err != nil {
		return Verified{}, err
	}
	if err = checkSigned(r, c.headers); err != nil {
		return Verified{}, err
	}
	date, err := v.checkDate(r, c.headers, now)
	if err != nil {
		return Verified{}, err
	}
	key, err := v.lookup(c.keyID)
	if err != nil {
		return Verified{}, err
	}
	text, err := signingString(r, c.headers)
	if err != nil {
		return Verified{}, err
	}
	if err = checkSignature(key.Public, text, c.signature); err != nil {
		return Verified{}, err
	}
	return Verified{
		Key: key, SignedHeaders: c.headers, Time: date, Expires: date.Add(v.skew), digest: sha256.Sum256([]byte(c.keyID + "\n" + text)),
	}, nil
}

// always are the headers without which a signature could be moved to another request, besides a date.
//
//nolint:gochecknoglobals // a table
var always = []string{requestTarget, "host"}

// withBody are those that a body needs, and PUT and POST even without one.
//
//nolint:gochecknoglobals // a table
var withBody = []string{"x-content-sha256", "content-type", "content-length"}

// checkSigned wants the method to be one whose name is signed as it is, and signed headers as Oracle documents them. The method is
// signed in small letters, so that "get" and "GET" are the same there and must not become two things elsewhere.
func checkSigned(r *http.Request, signed []string) error {
	if method := methodOf(r); method != strings.ToUpper(method) {
		return refuse(NotAuthenticated, "The method must be in capital letters, not %s.", quote(method))
	}
	if err := wantSigned(signed, always); err != nil {
		return err
	}
	switch methodOf(r) {
	case http.MethodGet, http.MethodHead, http.MethodDelete:
		if r.ContentLength <= 0 { // with -1 nobody knows yet whether there is one: checkBody does
			return nil
		}
	}
	return wantSigned(signed, withBody)
}

// wantSigned wants all the names in the list of a signature.
func wantSigned(signed, names []string) error {
	for _, name := range names {
		if !slices.Contains(signed, name) {
			return incorrect("the signature must cover %s", name)
		}
	}
	return nil
}

// checkDate returns the date that counts and wants it signed and near. X-Date beats Date even where only Date is signed: if it did
// not, adding one would give a signature that has expired another date.
func (v *Verifier) checkDate(r *http.Request, signed []string, now time.Time) (time.Time, error) {
	name := "x-date"
	if len(headerValues(r, name)) == 0 {
		name = "date"
	}
	if !slices.Contains(signed, name) {
		return time.Time{}, incorrect("the signature must cover %s", name)
	}
	text, err := oneValue(r, name)
	if err != nil {
		return time.Time{}, err
	}
	date, ok := parseDate(text)
	if !ok {
		return time.Time{}, incorrect("the header %s must be a date such as '%s', not %s", name, now.UTC().Format(http.TimeFormat), quote(text))
	}
	earliest, latest := now.Add(-v.skew), now.Add(v.skew)
	if date.Before(earliest) || date.After(latest) {
		return time.Time{}, refuse(NotAuthenticated, "Date '%s' is not within allowed clock skew. Current '%s', valid datetime range: ['%s', '%s']",
			show(date), show(now), show(earliest), show(latest))
	}
	return date, nil
}

func show(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// parseDate reads the date of RFC 1123 §5.2.14 in GMT, the only form that Oracle documents. A day may have one digit.
func parseDate(text string) (time.Time, bool) {
	const layout = "Mon, 2 Jan 2006 15:04:05 GMT"
	// Parse takes fractions of a second that the layout does not have, behind either sign.
	if len(text) > len(http.TimeFormat) || strings.Contains(text, ".") || strings.Count(text, ",") != 1 {
		return time.Time{}, false
	}
	t, err := time.Parse(layout, text)
	return t, err == nil
}

// lookup finds the key. One that is unknown, disabled or of an odd size gets the same answer: what is wrong with a key is told to
// its owner by other means. A session token (ST$…) is a key that is not known.
func (v *Verifier) lookup(keyID string) (Key, error) {
	key, found := v.keys.Lookup(keyID)
	if !found || key.Disabled || key.Public == nil || key.Public.N == nil || key.Public.N.BitLen() < v.keyBitsMin || key.Public.N.BitLen() > KeyBitsMax {
		return Key{}, incorrect("the key is not known here")
	}
	return key, nil
}

// checkSignature verifies with RSASSA-PKCS1-v1_5 over SHA-256 (RFC 8017 §8.2.2). A signature has one spelling: Strict refuses bits beyond the
// last byte, and readQuoted the line ends that the decoder skips.
func checkSignature(key *rsa.PublicKey, text, signature string) error {
	raw, err := base64.StdEncoding.Strict().DecodeString(signature)
	sum := sha256.Sum256([]byte(text))
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) != nil {
		return mismatch()
	}
	return nil
}

func mismatch() *Error {
	return refuse(NotAuthenticated, "Failed to verify the HTTP(S) Signature")
}

// checkBody wants the body to be the one whose digest and length the headers tell. A body that is not signed is refused with every
// method; without one, GET and DELETE need nothing.
func checkBody(r *http.Request, body []byte, signed []string) error {
	if len(body) > 0 {
		if err := wantSigned(signed, withBody); err != nil {
			return err
		}
	}
	if len(headerValues(r, "content-length")) > 0 {
		text, err := oneValue(r, "content-length")
		if err != nil {
			return err
		}
		if n, err := strconv.ParseUint(text, 10, 63); err != nil || n != uint64(len(body)) {
			return incorrect("the header content-length is %s and the body has %d bytes", quote(text), len(body))
		}
	}
	if len(headerValues(r, "x-content-sha256")) == 0 {
		return nil // examine has wanted it where it is needed
	}
	named, err := oneValue(r, "x-content-sha256")
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if want := base64.StdEncoding.EncodeToString(sum[:]); subtle.ConstantTimeCompare([]byte(named), []byte(want)) != 1 {
		return incorrect("the header x-content-sha256 is not the SHA-256 of the body in base64")
	}
	return nil
}
