package health

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/plan"
)

// Limits of what a certificate or a peer may put into the words about it.
const (
	namesMax = 3  // names of a certificate
	nameMax  = 64 // bytes of each, and of the name of an authority
	wordsMax = 160
)

// handshakeError returns an error whose text says in a few words why a handshake did not come about. A backend with which there is no
// agreement is one to which no connection can be made; one that goes away in the middle breaks off.
func handshakeError(err error, host string, check *plan.HealthCheck) error {
	var (
		timeout net.Error
		errno   unix.Errno
		header  tls.RecordHeaderError
		bad     *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &bad):
		return coded(ConnectFailed, errors.New(certificateWords(bad.Err, check.TLS.NameFor(host))))
	case errors.As(err, &header) && header.Conn != nil:
		return coded(ConnectFailed, errors.New(notTLS(header.RecordHeader)))
	case errors.As(err, &errno) && local(errno):
		return fmt.Errorf("TLS handshake: %w: %w", errNotMade, errno)
	case errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return coded(IOError, errors.New("reset during the TLS handshake"))
	case errors.Is(err, errCut), errors.Is(err, io.EOF):
		return coded(IOError, errors.New("closed during the TLS handshake"))
	}
	if words, ok := alertWords(err); ok {
		return coded(ConnectFailed, errors.New("TLS handshake refused by the backend: "+words))
	}
	if errors.As(err, &timeout) && timeout.Timeout() {
		return coded(TimedOut, fmt.Errorf("TLS handshake not complete after %v", check.Timeout))
	}
	return coded(ConnectFailed, errors.New("TLS handshake: "+tlsWords(err)))
}

// notTLS says what was there in place of TLS, from its first bytes.
func notTLS(first [5]byte) string {
	for _, b := range first {
		if (b < ' ' || b > '~') && b != '\r' && b != '\n' {
			return "not TLS: the backend speaks another protocol"
		}
	}
	return "not TLS: the backend answers in plain text"
}

// certificateWords says what is wrong with a backend's certificate.
func certificateWords(err error, want string) string {
	var (
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		roots   x509.SystemRootsError
	)
	switch {
	case errors.As(err, &host):
		return "certificate is for " + certificateNames(host.Certificate) + ", not " + clip(want, nameMax)
	case errors.As(err, &unknown) && unknown.Cert != nil:
		return "certificate is signed by an unknown authority: " + issuerName(unknown.Cert)
	case errors.As(err, &unknown):
		return "certificate is signed by an unknown authority"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		return validityWords(invalid.Cert)
	case errors.As(err, &roots):
		return "certificate cannot be verified: this machine has no authorities of its own"
	}
	return "certificate refused: " + tlsWords(err)
}

// validityWords says of what time a certificate is that was refused for it; when it is neither early nor late any more,
// that has just changed.
func validityWords(cert *x509.Certificate) string {
	if time.Now().Before(cert.NotBefore) { //nolint:forbidigo // wall-clock time, which certificates have
		return "certificate is not valid before " + cert.NotBefore.UTC().Format(time.RFC3339)
	}
	return "certificate has expired on " + cert.NotAfter.UTC().Format(time.RFC3339)
}

// certificateNames returns the first names of a certificate, and how many more there are.
func certificateNames(cert *x509.Certificate) string {
	var names []string
	count := len(cert.DNSNames) + len(cert.IPAddresses)
	for _, name := range cert.DNSNames[:min(len(cert.DNSNames), namesMax)] {
		names = append(names, clip(name, nameMax))
	}
	for _, ip := range cert.IPAddresses[:min(len(cert.IPAddresses), namesMax-len(names))] {
		names = append(names, ip.String())
	}
	switch {
	case count == 0:
		return "no host" // a common name alone has not counted as one for years
	case count > namesMax:
		return fmt.Sprintf("%s and %d more", strings.Join(names, ", "), count-namesMax)
	}
	return strings.Join(names, ", ")
}

// issuerName returns what the authority that signed a certificate calls itself.
func issuerName(cert *x509.Certificate) string {
	name := cert.Issuer.CommonName
	if name == "" {
		name = cert.Issuer.String()
	}
	return clip(name, nameMax)
}

// alertWords returns what a backend has said in an alert.
func alertWords(err error) (words string, ok bool) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" { // crypto/tls has no other sign of it
		return tlsWords(op.Err), true
	}
	return "", false
}

// tlsWords returns an error's text without the names of Go's packages.
func tlsWords(err error) string {
	text := err.Error()
	for _, prefix := range []string{"local error: ", "tls: ", "x509: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return clip(text, wordsMax)
}

// clip returns at most that many bytes of a text from elsewhere, and nothing in it that could disturb a line or a terminal.
func clip(text string, bytesMax int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
	if len(text) > bytesMax {
		return text[:bytesMax] + "..."
	}
	return text
}
