package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"lull/internal/clock"
)

// answerMax bounds what is read of an answer of the API: a page of 400 load balancers with ten instances has half of it.
const answerMax = 4 << 20

// apiClient asks the Classic ELB API over one connection. It signs with the AWS SDK's own signer, and reads XML not at all, since what
// a client needs for that is none of lull's.
type apiClient struct {
	ctx    context.Context
	url    string
	region string
	who    aws.Credentials
	signer *v4.Signer
	http   *http.Client
}

func newAPIClient(ctx context.Context, at, region, key, secret string) *apiClient {
	return &apiClient{
		ctx: ctx, url: "http://" + at + "/", region: region, who: aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}, signer: v4.NewSigner(),
		http: &http.Client{Timeout: askMax, Transport: &http.Transport{MaxIdleConnsPerHost: 1}},
	}
}

// another returns a client with a connection of its own.
func (c *apiClient) another() *apiClient {
	d := *c
	d.http = &http.Client{Timeout: askMax, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	return &d
}

// call asks, and returns the answer and how long it took, from sending the request that is signed already until the answer's end.
func (c *apiClient) call(form url.Values) (body string, nanos int64, err error) {
	form.Set("Version", "2012-06-01")
	text := form.Encode()
	q, err := http.NewRequestWithContext(c.ctx, http.MethodPost, c.url, strings.NewReader(text))
	if err != nil {
		return "", 0, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	hash := sha256.Sum256([]byte(text))
	if err = c.signer.SignHTTP(c.ctx, c.who, q, hex.EncodeToString(hash[:]), "elasticloadbalancing", c.region, wallTime()); err != nil {
		return "", 0, err
	}
	began := clock.Now()
	answer, err := c.http.Do(q)
	if err != nil {
		return "", 0, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, answerMax))
	nanos = clock.Now() - began
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.300s", form.Get("Action"), answer.Status, b)
	}
	return string(b), nanos, err
}

// do asks for a change, with names and values of the form by turns.
func (c *apiClient) do(action string, parameters ...string) (nanos int64, err error) {
	form := url.Values{"Action": {action}}
	for i := 0; i+1 < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	_, nanos, err = c.call(form)
	return nanos, err
}

// settingOf returns a value of a file such as aws/credentials.
func settingOf(text, name string) (string, error) {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` *= *(\S+) *$`).FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("no line with %s", name)
	}
	return m[1], nil
}
