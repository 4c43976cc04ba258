// Package sigv4 provides verification of AWS Signature Version 4 on requests, signed in a header or in the query.
//
// The API servers call Verify on the goroutine that serves the request, once the whole body is read and before anything in
// it is acted on; Examine tells before that what no body can mend. What a key may do is theirs to decide: its role is only carried through. There is no signer here, because
// lull is never the client of such an API; the tests sign with other people's code, so a mistake cannot sign and verify
// itself.
//
// The canonical request is built anew from what arrived, never from what the client claims about it. It covers the method,
// path, query, body and every header that the client lists; Host and all X-Amz-* headers have to be listed. Where clients
// are known to differ, and both ways sign the same meaning, either is accepted: the path as sent or without dot segments and
// doubled slashes (botocore signs the latter, the Go SDK the former), the host as sent or without a default port, and in a
// presigned request without a body the hash of nothing or UNSIGNED-PAYLOAD. That makes eight candidates at most. A caller
// that routes by path has therefore to route by the cleaned path, as http.ServeMux does.
//
// A stolen copy of a request passes again for as long as its date does. AWS accepts that and so does Verify: two equal calls
// of a client in one second are the same bytes, so that refusing repeats breaks honest clients (register, deregister,
// register in one second), and operations of this API may be repeated. TLS is what keeps requests from being copied. Replay
// is there for calls where a refusal does less harm than a repetition.
//
// A Verifier and a Replay may be used from everywhere; each has one lock, which is held for map operations only and never
// together with another.
//
// Limits: body by Options.BodyBytesMax, query 64 KiB, Authorization header 8 KiB, 128 signed headers, presigned for 7
// days at most, 128 signing keys cached.
//
// Follows the AWS IAM user guide, "Create a signed AWS API request", for services other than S3: the path is encoded twice.
// Codes and statuses follow the list of common errors of the Elastic Load Balancing API 2012-06-01, and for those that it
// lacks (SignatureDoesNotMatch, InvalidClientTokenId) what the service answers.
package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// algorithm is the only one verified here. AWS4-ECDSA-P256-SHA256 signs for several regions, which lull does not have.
const algorithm = "AWS4-HMAC-SHA256"

// terminator ends every scope.
const terminator = "aws4_request"

// Defaults of Options.
const (
	// DefaultService is the name that clients of the Elastic Load Balancing API sign for.
	DefaultService = "elasticloadbalancing"
	// DefaultSkew is what the live service allows.
	DefaultSkew = 5 * time.Minute
	// DefaultBodyBytesMax holds a call with 10,000 instances several times over.
	DefaultBodyBytesMax = 1 << 20
)

// queryBytesMax is above what any client puts into a URL and keeps small what is sorted for a client that is not known yet.
const queryBytesMax = 64 << 10

// Options are what a Verifier is made with.
type Options struct {
	Keys         Keys          // required
	Service      string        // the service in the scope; "" means DefaultService
	Region       string        // the only region accepted in the scope; "" means any
	Skew         time.Duration // how far a request's date may be from now, either way; 0 means DefaultSkew
	BodyBytesMax int           // longest body; 0 means DefaultBodyBytesMax
}

// Verifier verifies requests. See New.
type Verifier struct {
	// Fixed after New.
	keys         Keys
	service      string
	region       string
	skew         time.Duration
	bodyBytesMax int

	signingKeys signingKeys
}

// New returns a Verifier. It panics without Keys, since there is nothing to verify against.
func New(o Options) *Verifier {
	if o.Keys == nil {
		panic("sigv4: Options.Keys is nil")
	}
	v := &Verifier{keys: o.Keys, service: o.Service, region: o.Region, skew: o.Skew, bodyBytesMax: o.BodyBytesMax}
	if v.service == "" {
		v.service = DefaultService
	}
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

// Identity is who signed a request.
type Identity struct {
	KeyID string
	Role  Role
}

// Verified is what is known of a request whose signature is right.
type Verified struct {
	Identity
	Region        string    // as in the scope
	SignedHeaders []string  // lower case, in the order of the signature
	Time          time.Time // the date that was signed
	Expires       time.Time // Verify refuses the same request after this
	Presigned     bool      // signed in the query and not in a header

	signature [sha256.Size]byte
}

// Verify checks the signature of a request whose body has been read into body; r.Body is not touched. The request is one
// that net/http received, or one built with NewRequest. An error is always an *Error, to be given to the client.
func (v *Verifier) Verify(r *http.Request, body []byte, now time.Time) (Verified, error) {
	if len(body) > v.bodyBytesMax {
		return Verified{}, refuse(RequestEntityTooLarge, "The body is longer than %d bytes", v.bodyBytesMax)
	}
	c, err := v.examine(r, now)
	if err != nil {
		return Verified{}, err
	}
	signature, err := v.checkSignature(r, c.query, body, c.claim, c.key)
	if err != nil {
		return Verified{}, err
	}
	return Verified{
		Identity:      Identity{KeyID: c.keyID, Role: c.key.Role},
		Region:        c.region,
		SignedHeaders: c.signedHeaders,
		Time:          c.time,
		Expires:       c.expires,
		Presigned:     c.presigned,
		signature:     signature,
	}, nil
}

// Examine returns the error with which Verify would refuse a request whatever its body is, and nil where the body decides: where all
// is well but for the signature, which has not been looked at. A caller reads the body of a stranger no further than to here.
// The error is always an *Error.
func (v *Verifier) Examine(r *http.Request, now time.Time) error {
	_, err := v.examine(r, now)
	return err
}

// examined is a claim that is right if its signature is.
type examined struct {
	*claim
	query   []parameter
	key     Key
	expires time.Time // instead of the claim's duration
}

func (v *Verifier) examine(r *http.Request, now time.Time) (examined, error) {
	if len(r.URL.RawQuery) > queryBytesMax {
		return examined{}, refuse(RequestEntityTooLarge, "The query string is longer than %d bytes; send the parameters as a POST form", queryBytesMax)
	}
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return examined{}, err
	}
	claim, err := readClaim(r, query)
	if err != nil {
		return examined{}, err
	}
	if err = v.checkScope(claim); err != nil {
		return examined{}, err
	}
	expires, err := v.checkTime(claim, now)
	if err != nil {
		return examined{}, err
	}
	key, err := v.lookup(claim)
	if err != nil {
		return examined{}, err
	}
	return examined{claim, query, key, expires}, nil
}

// checkScope wants a scope for this service, so that what was signed for another one is of no use here.
func (v *Verifier) checkScope(c *claim) error {
	if c.terminator != terminator {
		return refuse(SignatureDoesNotMatch, "Credential should be scoped with a valid terminator: '%s', not %s.", terminator, quote(c.terminator))
	}
	if c.service != v.service {
		return refuse(SignatureDoesNotMatch, "Credential should be scoped to correct service: '%s'.", v.service)
	}
	if !validRegion(c.region) || v.region != "" && c.region != v.region {
		return refuse(SignatureDoesNotMatch, "Credential should be scoped to a valid region, not %s.", quote(c.region))
	}
	if day := c.time.Format(dayLayout); c.day != day {
		return refuse(SignatureDoesNotMatch, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: %s != '%s', from '%s'.",
			quote(c.day), day, c.time.Format(timeLayout))
	}
	return nil
}

// validRegion allows what regions consist of and what people call their own; the name may appear in answers.
func validRegion(name string) bool {
	const bytesMax = 64
	if name == "" || len(name) > bytesMax {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// checkTime returns until when the request is good. The tolerance is for clocks that differ. Whoever presigned with an end
// has said when it is over, so no time is added to that.
func (v *Verifier) checkTime(c *claim, now time.Time) (time.Time, error) {
	now = now.UTC()
	if limit := now.Add(v.skew); c.time.After(limit) {
		return time.Time{}, refuse(RequestExpired, "Signature not yet current: %s is still later than %s (%s + %s)",
			c.time.Format(timeLayout), limit.Format(timeLayout), now.Format(timeLayout), minutes(v.skew))
	}
	if c.expires > 0 {
		end := c.time.Add(c.expires)
		if now.After(end) {
			return time.Time{}, refuse(RequestExpired, "Request has expired: it was presigned until %s and it is now %s",
				end.Format(timeLayout), now.Format(timeLayout))
		}
		return end, nil
	}
	if limit := now.Add(-v.skew); c.time.Before(limit) {
		return time.Time{}, refuse(RequestExpired, "Signature expired: %s is now earlier than %s (%s - %s)",
			c.time.Format(timeLayout), limit.Format(timeLayout), now.Format(timeLayout), minutes(v.skew))
	}
	return c.time.Add(v.skew), nil
}

// minutes writes a tolerance as AWS does, in whole minutes if it is.
func minutes(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d min.", d/time.Minute)
	}
	return d.String()
}

// lookup finds the key. One that is unknown, disabled or without a secret, and a session token, all get the same answer:
// what is wrong with a key is told to its owner by other means.
func (v *Verifier) lookup(c *claim) (Key, error) {
	key, found := v.keys.Lookup(c.keyID)
	if !found || key.Disabled || key.Secret == "" || c.token != "" {
		return Key{}, refuse(InvalidClientTokenID, "The security token included in the request is invalid.")
	}
	return key, nil
}

// checkSignature compares the signature with those of all candidates and returns the one that is right.
func (v *Verifier) checkSignature(r *http.Request, query []parameter, body []byte, c *claim, key Key) ([sha256.Size]byte, error) {
	var none [sha256.Size]byte
	if err := checkSignedHeaders(r, c); err != nil {
		return none, err
	}
	payloads, err := payloadHashes(r, query, body, c.presigned)
	if err != nil {
		return none, err
	}
	sc := scope{keyID: c.keyID, day: c.day, region: c.region, service: c.service}
	signingKey := v.signingKeys.get(sc, key.Secret)
	candidates, err := newCanonical(r, query, c)
	if err != nil {
		return none, err
	}
	var first string
	for request := range candidates.all(payloads) {
		signature := hmacSHA256(signingKey[:], stringToSign(c, request))
		// As text, because decoding would take capital digits for small ones, and a signature has one spelling.
		if hmac.Equal([]byte(c.signature), []byte(hex.EncodeToString(signature[:]))) {
			// Cached only now, so that strangers who know a key's name cannot push out the keys that are in use.
			v.signingKeys.put(sc, key.Secret, signingKey)
			return signature, nil
		}
		if first == "" {
			first = request
		}
	}
	return none, mismatch(c, first)
}

// stringToSign binds the canonical request to the date and the scope.
func stringToSign(c *claim, canonicalRequest string) string {
	hash := sha256.Sum256([]byte(canonicalRequest))
	return strings.Join([]string{
		algorithm,
		c.time.Format(timeLayout),
		strings.Join([]string{c.day, c.region, c.service, c.terminator}, "/"),
		hex.EncodeToString(hash[:]),
	}, "\n")
}
