package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"

	"lull/internal/clock"
)

// ociAnswerMax bounds what is read of an answer of the OCI API: 500 load balancers with 512 backends each have half of it.
const ociAnswerMax = 80 << 20

// ociAskMax bounds a call, and a change until it is done: far more than either takes, for a machine that has other things to do.
const ociAskMax = 30 * time.Second

// ociClient asks the OCI Load Balancer API over one connection. It signs with Oracle's own signer, and reads no more JSON than it needs.
type ociClient struct {
	ctx     context.Context
	url     string
	tenancy string
	signer  common.HTTPRequestSigner
	http    *http.Client
}

// newOCIClient returns a client with the configuration of lull's first start.
func newOCIClient(ctx context.Context, url, data string) (*ociClient, error) {
	provider, err := common.ConfigurationProviderFromFile(filepath.Join(data, "oci", "config"), "")
	if err != nil {
		return nil, err
	}
	tenancy, err := provider.TenancyOCID()
	c := &ociClient{ctx: ctx, url: url + "20170115", tenancy: tenancy, signer: common.DefaultRequestSigner(provider)}
	return c.another(), err
}

// another returns a client with a connection of its own.
func (c *ociClient) another() *ociClient {
	d := *c
	d.http = &http.Client{Timeout: ociAskMax, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	return &d
}

// call asks, and returns the answer and how long it took, from sending the request that is signed already until the answer's end.
func (c *ociClient) call(method, path string, body any) (answer *http.Response, text []byte, nanos int64, err error) {
	var sent []byte
	if body != nil {
		if sent, err = json.Marshal(body); err != nil {
			return nil, nil, 0, err
		}
	}
	q, err := http.NewRequestWithContext(c.ctx, method, c.url+path, bytes.NewReader(sent))
	if err != nil {
		return nil, nil, 0, err
	}
	q.Header.Set("Date", wallTime().UTC().Format(http.TimeFormat))
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Opc-Retry-Token", fmt.Sprint(clock.Now())) // two changes that are the same within a second are two
	if err = c.signer.Sign(q); err != nil {
		return nil, nil, 0, err
	}
	began := clock.Now()
	if answer, err = c.http.Do(q); err != nil {
		return nil, nil, 0, err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(io.LimitReader(answer.Body, ociAnswerMax))
	nanos = clock.Now() - began
	if err == nil && answer.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, answer.Status, text)
	}
	return answer, text, nanos, err
}

// do asks for a change and waits until it is done. It returns the load balancer's OCID and how long it took from the request to its end.
func (c *ociClient) do(method, path string, body any) (id string, nanos int64, err error) {
	began := clock.Now()
	answer, _, _, err := c.call(method, path, body)
	if err != nil {
		return "", 0, err
	}
	work := answer.Header.Get("Opc-Work-Request-Id")
	again := time.NewTicker(time.Millisecond) // as a client that is in a hurry
	defer again.Stop()
	for end := began + int64(ociAskMax); clock.Now() < end; {
		var w struct {
			LoadBalancerID string            `json:"loadBalancerId"`
			State          string            `json:"lifecycleState"`
			Errors         []json.RawMessage `json:"errorDetails"`
		}
		_, text, _, err := c.call(http.MethodGet, "/loadBalancerWorkRequests/"+work, nil)
		if err == nil {
			err = json.Unmarshal(text, &w)
		}
		switch {
		case err != nil:
			return "", 0, err
		case w.State == "SUCCEEDED":
			return w.LoadBalancerID, clock.Now() - began, nil
		case w.State == "FAILED":
			return "", 0, fmt.Errorf("%s %s: %s", method, path, w.Errors)
		}
		<-again.C
	}
	return "", 0, errors.New(method + " " + path + ": is not done")
}
