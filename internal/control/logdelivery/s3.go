package logdelivery

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"lull/internal/clock"
)

const (
	// answerBytesMax is how much of a server's answer is read: its errors are a tenth of that.
	answerBytesMax = 16 << 10
	// textMax is how much of a server's words is repeated in a log.
	textMax = 300
	// dialMost and answerMost bound what a server that is not there, or says nothing, costs of an attempt.
	dialMost   = 10 * time.Second
	answerMost = 60 * time.Second
)

// S3Options are what an S3 is made with. Printed or logged, they show no secret.
type S3Options struct {
	Endpoint    string // http or https URL, such as https://s3.eu-west-1.amazonaws.com or http://127.0.0.1:9000
	Region      string // to sign for
	AccessKeyID string
	SecretKey   string
	Roots       *x509.CertPool   // authorities of the server's certificate; nil: the system's
	Now         func() time.Time // wall clock; nil: the machine's
}

// String returns what is no secret.
func (o S3Options) String() string {
	return fmt.Sprintf("S3Options{%s %s %s}", o.Endpoint, o.Region, o.AccessKeyID)
}

// GoString does the same for %#v.
func (o S3Options) GoString() string { return o.String() }

// LogValue does the same for slog.
func (o S3Options) LogValue() slog.Value { return slog.StringValue(o.String()) }

// S3 is a Store that speaks the S3 protocol: one PUT per file, with the bucket in the path, as every server knows it. Requests
// are signed with AWS's own code: mistakes of a signer are found by servers only, and there are many of those.
type S3 struct {
	// Fixed after NewS3.
	endpoint    *url.URL
	region      string
	credentials aws.Credentials
	signer      *v4.Signer
	client      *http.Client
	now         func() time.Time
}

// NewS3 returns a Store; nothing is sent yet. Its errors do not repeat the endpoint, which may hold a password by mistake.
func NewS3(o S3Options) (*S3, error) {
	u, err := url.Parse(o.Endpoint)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return nil, errors.New("S3 endpoint: must be a URL such as https://s3.eu-west-1.amazonaws.com")
	case u.User != nil:
		return nil, errors.New("S3 endpoint: must have no user and no password; credentials have fields of their own")
	case u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, fmt.Errorf("S3 endpoint %s://%s: must have nothing behind host and port", u.Scheme, u.Host)
	case o.Region == "" || strings.ContainsAny(o.Region, "/ \n"):
		return nil, fmt.Errorf("S3 region %q: must be the name of a region, such as us-east-1", shown(o.Region))
	case o.AccessKeyID == "" || strings.ContainsAny(o.AccessKeyID, "/ \n"):
		return nil, fmt.Errorf("S3 access key id %q: must be one without slashes and spaces", shown(o.AccessKeyID))
	case o.SecretKey == "":
		return nil, errors.New("S3 secret key: must not be empty")
	}
	if o.Now == nil {
		o.Now = clock.Real
	}
	return &S3{
		endpoint:    &url.URL{Scheme: u.Scheme, Host: u.Host},
		region:      o.Region,
		credentials: aws.Credentials{AccessKeyID: o.AccessKeyID, SecretAccessKey: o.SecretKey},
		signer:      v4.NewSigner(func(s *v4.SignerOptions) { s.DisableURIPathEscaping = true }), // S3 encodes the path once
		client:      &http.Client{Transport: transport(o.Roots), CheckRedirect: noRedirect},
		now:         o.Now,
	}, nil
}

// noRedirect: what was signed for one host is worthless for another, which might also not be meant to have the lines.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func transport(roots *x509.CertPool) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialMost}).DialContext,
		TLSHandshakeTimeout:   dialMost,
		ResponseHeaderTimeout: answerMost,
		// A server may close a connection at any time that it is idle, and net/http does not send a body again. Files
		// are minutes apart; a connection for each costs less than one that fails.
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
}

// Put sends the file.
func (s *S3) Put(ctx context.Context, bucket, key string, body *io.SectionReader) error {
	if err := checkPlace(bucket, key); err != nil {
		return err
	}
	request, err := s.request(ctx, bucket, key, body)
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return s.failure(err)
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, answerBytesMax)) // what there is of it is enough
	switch {
	case response.StatusCode >= 200 && response.StatusCode < 300:
		return nil
	case response.StatusCode == 401 || response.StatusCode == 403 || response.StatusCode == 404:
		return &RefusedError{bucket, s.answered(response.Status, answer)}
	}
	return s.answered(response.Status, answer)
}

// request returns a signed request.
func (s *S3) request(ctx context.Context, bucket, key string, body *io.SectionReader) (*http.Request, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, section(body)); err != nil {
		return nil, err
	}
	u := *s.endpoint
	u.Path, u.RawPath = "/"+bucket+"/"+key, "/"+bucket+"/"+escapeKey(key)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, u.String(), io.NopCloser(section(body)))
	if err != nil {
		return nil, s.failure(err)
	}
	request.ContentLength = body.Size()
	if body.Size() == 0 {
		request.Body = http.NoBody
	}
	hash := hex.EncodeToString(sum.Sum(nil))
	request.Header.Set("X-Amz-Content-Sha256", hash)
	if err := s.signer.SignHTTP(ctx, s.credentials, request, hash, "s3", s.region, s.now().UTC()); err != nil {
		return nil, s.failure(err)
	}
	return request, nil
}

// section returns a reader of a whole body that shares no place in it.
func section(body *io.SectionReader) io.Reader { return io.NewSectionReader(body, 0, body.Size()) }

// failure names the server and leaves out what of an error repeats the request.
func (s *S3) failure(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return fmt.Errorf("S3 at %s: %w", s.endpoint.Host, err)
}

// answered returns what a server said instead of yes.
func (s *S3) answered(status string, answer []byte) error {
	return fmt.Errorf("S3 at %s answered %q%s", s.endpoint.Host, printable(status), said(answer))
}

// said returns code and message of an S3 error, ready to be appended; empty if the answer is none.
func said(answer []byte) string {
	var e struct {
		XMLName xml.Name `xml:"Error"`
		Code    string   `xml:"Code"`
		Message string   `xml:"Message"`
	}
	if err := xml.Unmarshal(answer, &e); err != nil || e.Code == "" {
		return ""
	}
	return fmt.Sprintf(", %s: %s", printable(e.Code), printable(e.Message))
}

// printable returns what a log can hold of a stranger's words.
func printable(s string) string {
	s = s[:min(len(s), textMax)]
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// escapeKey encodes a key as S3 wants it signed: all but letters, digits, -._~ and slashes.
func escapeKey(key string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if only(key[i:i+1], "-._~/", true) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[c>>4])
		b.WriteByte(hexDigits[c&15])
	}
	return b.String()
}
