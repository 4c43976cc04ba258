package lullapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"lull/internal/control/ocikeys"
	"lull/internal/control/sigv4"
)

// Caller sends requests to a lull, as the client of the control socket does. The path is below Root. What it sends and what it
// gets is JSON, and nil for nothing.
type Caller interface {
	Call(ctx context.Context, method, path string, query url.Values, in, out any) error
}

// Client calls the API of a running lull.
type Client struct{ caller Caller }

// NewClient returns a client that calls by way of a caller.
func NewClient(c Caller) *Client { return &Client{c} }

// Keys returns the access keys, the oldest first.
func (c *Client) Keys(ctx context.Context) (list []Key, err error) {
	err = c.caller.Call(ctx, http.MethodGet, keysName, nil, nil, &list)
	return list, err
}

// CreateKey makes an access key.
func (c *Client) CreateKey(ctx context.Context, role sigv4.Role, description string) (key CreatedKey, err error) {
	in := map[string]string{"role": string(role), "description": description}
	err = c.caller.Call(ctx, http.MethodPost, keysName, nil, in, &key)
	return key, err
}

// RevokeKey ends an access key.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	return c.caller.Call(ctx, http.MethodDelete, keysName+"/"+segment(id), nil, nil, nil)
}

// OCIKeys returns the keys of the OCI API, the oldest first.
func (c *Client) OCIKeys(ctx context.Context) (list []OCIKey, err error) {
	err = c.caller.Call(ctx, http.MethodGet, ociKeysName, nil, nil, &list)
	return list, err
}

// CreateOCIKey makes a key of the OCI API or, given the public half of one in PEM, takes that. Tenancy and user may be "".
func (c *Client) CreateOCIKey(ctx context.Context, owner ocikeys.Owner, publicPEM []byte) (key CreatedOCIKey, err error) {
	in := map[string]string{
		"role": string(owner.Role), "description": owner.Description, "tenancy": owner.Tenancy, "user": owner.User, "public_key": string(publicPEM),
	}
	err = c.caller.Call(ctx, http.MethodPost, ociKeysName, nil, in, &key)
	return key, err
}

// RevokeOCIKey ends a key of the OCI API.
func (c *Client) RevokeOCIKey(ctx context.Context, fingerprint string) error {
	return c.caller.Call(ctx, http.MethodDelete, ociKeysName+"/"+segment(fingerprint), nil, nil, nil)
}

// Instances returns the instances by id.
func (c *Client) Instances(ctx context.Context) (list []Instance, err error) {
	err = c.caller.Call(ctx, http.MethodGet, instancesName, nil, nil, &list)
	return list, err
}

// SetInstance makes an id stand for a host in a zone, which may be "".
func (c *Client) SetInstance(ctx context.Context, id, host, zone string) (i Instance, err error) {
	in := map[string]string{"host": host, "zone": zone}
	err = c.caller.Call(ctx, http.MethodPut, instancesName+"/"+segment(id), nil, in, &i)
	return i, err
}

// RemoveInstance removes an instance.
func (c *Client) RemoveInstance(ctx context.Context, id string) error {
	return c.caller.Call(ctx, http.MethodDelete, instancesName+"/"+segment(id), nil, nil, nil)
}

// Certificates returns the certificates by ARN.
func (c *Client) Certificates(ctx context.Context) (list []Certificate, err error) {
	err = c.caller.Call(ctx, http.MethodGet, certificatesName, nil, nil, &list)
	return list, err
}

// ImportCertificate keeps a certificate, both parts in PEM, under an ARN or a bare name.
func (c *Client) ImportCertificate(ctx context.Context, arnOrName string, chain, key []byte) (cert Certificate, err error) {
	in := map[string]string{"chain": string(chain), "key": string(key)}
	err = c.caller.Call(ctx, http.MethodPut, certificatesName, url.Values{arnParameter: {arnOrName}}, in, &cert)
	return cert, err
}

// DeleteCertificate deletes a certificate by its ARN or bare name.
func (c *Client) DeleteCertificate(ctx context.Context, arnOrName string) error {
	return c.caller.Call(ctx, http.MethodDelete, certificatesName, url.Values{arnParameter: {arnOrName}}, nil, nil)
}

// segment makes a name one segment of a path. A dot stays a name and does not become the directory that it would be.
func segment(name string) string { return strings.ReplaceAll(url.PathEscape(name), ".", "%2E") }
