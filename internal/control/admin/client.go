package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	dialLimit     = 5 * time.Second            // to connect, and for the head of the answer
	lineBytesMax  = 512 << 10                  // of one event: usually under 1 KiB, up to 400 KiB if strangers made up the worst
	errorBytesMax = 4 << 10                    // of an error document
	callLimit     = mountLimit + 5*time.Second // for the whole of a call of a mounted handler
)

// Refusal is an error with which lull answered.
type Refusal struct {
	Status  int // of HTTP: http.StatusBadRequest when the question was wrong
	Message string
}

// Error returns lull's own words.
func (r *Refusal) Error() string { return r.Message }

// Client asks a running lull.
type Client struct {
	path  string
	http  *http.Client // for what the socket answers itself, which begins at once
	calls *http.Client // for mounted handlers, which may have to wait for a disk
}

// Dial returns a client of the lull that answers on a control socket. The error says what to do when none does.
func Dial(path string) (*Client, error) {
	path, err := sanePath(path)
	if err != nil {
		return nil, err
	}
	c := &Client{path: path}
	c.http = &http.Client{Transport: c.transport(dialLimit)}
	c.calls = &http.Client{Transport: c.transport(callLimit), Timeout: callLimit}
	conn, err := c.dial(context.Background())
	if err != nil {
		return nil, err
	}
	return c, conn.Close()
}

// transport returns how to reach the socket, with a limit for the head of an answer.
func (c *Client) transport(headLimit time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:           func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		ResponseHeaderTimeout: headLimit,
		DisableCompression:    true,
	}
}

// Close lets go of idle connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.calls.CloseIdleConnections()
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialLimit}
	conn, err := dialer.DialContext(ctx, "unix", c.path)
	switch {
	case err == nil:
		return conn, nil
	case nobodyThere(err):
		return nil, fmt.Errorf("no lull answers on %s: is it running? name its socket with --socket", c.path)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the control socket %s belongs to another user: run this as the user that lull runs as", c.path)
	}
	return nil, fmt.Errorf("control socket %s: %w", c.path, cause(err))
}

// Conns calls each with every open connection that the filter picks, in no order. The value is valid until each
// returns.
func (c *Client) Conns(ctx context.Context, filter Filter, each func(*Conn) error) error {
	query := url.Values{}
	filter.values(query)
	body, err := c.get(ctx, "conns", query)
	if err != nil {
		return err
	}
	defer body.Close()
	dec := json.NewDecoder(body)
	if _, err = dec.Token(); err != nil {
		return c.brokeOff("the list of connections", err)
	}
	for dec.More() {
		var conn Conn
		if err = dec.Decode(&conn); err != nil {
			return c.brokeOff("the list of connections", err)
		}
		if err = each(&conn); err != nil {
			return err
		}
	}
	if _, err = dec.Token(); err != nil {
		return c.brokeOff("the list of connections", err)
	}
	return nil
}

// EventQuery says which events are wanted.
type EventQuery struct {
	Filter
	Since     string   // "now" (or empty), "all", an ID as for Explain, or a duration such as "10m"
	Reasons   []string // codes; none picks all
	Exchanges bool     // every exchange, not only those that went wrong or that lull answered itself
	Text      bool     // lines for people, as in the text access log, instead of JSON (Event, Exchange)
}

// Events calls each with a line for every connection and exchange that ends, without its line end, until ctx or lull
// ends; both are no error. The line is valid until each returns.
func (c *Client) Events(ctx context.Context, q EventQuery, each func(line []byte) error) error {
	query := url.Values{"reason": q.Reasons}
	q.values(query)
	if q.Since != "" {
		query.Set("since", q.Since)
	}
	if q.Text {
		query.Set("format", "text")
	}
	if q.Exchanges {
		query.Set("exchanges", "all")
	}
	body, err := c.get(ctx, "events", query)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := bufio.NewReaderSize(body, lineBytesMax)
	for {
		line, failed := lines.ReadSlice('\n')
		switch {
		case failed == nil:
		case ctx.Err() != nil || errors.Is(failed, io.EOF) && len(line) == 0:
			return nil
		default: // a line cut short is no event
			return c.brokeOff("the stream of events", failed)
		}
		if err = each(line[:len(line)-1]); err != nil {
			return err
		}
	}
}

// Explain returns the story of one connection, or of the exchange with that number on it if it is not 0.
func (c *Client) Explain(ctx context.Context, id uint64, number int) (*Explanation, error) {
	path := "explain/" + strconv.FormatUint(id, 10)
	if number > 0 {
		path += "/" + strconv.Itoa(number)
	}
	e := new(Explanation)
	return e, c.document(ctx, path, e)
}

// Stats returns every counter.
func (c *Client) Stats(ctx context.Context) (*Stats, error) {
	s := new(Stats)
	return s, c.document(ctx, "stats", s)
}

// Version returns which lull answers.
func (c *Client) Version(ctx context.Context) (*Version, error) {
	v := new(Version)
	return v, c.document(ctx, "version", v)
}

func (c *Client) document(ctx context.Context, path string, into any) error {
	body, err := c.get(ctx, path, nil)
	if err != nil {
		return err
	}
	defer body.Close()
	if err = json.NewDecoder(body).Decode(into); err != nil {
		return c.brokeOff("the answer", err)
	}
	return nil
}

// get returns the body of an answer, or the error that lull answered with.
func (c *Client) get(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	return c.send(ctx, c.http, http.MethodGet, path, query, nil)
}

// Call sends a request to a mounted handler: in as JSON, unless it is nil, and the answer into out, unless that is nil.
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var content io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
		content = bytes.NewReader(text)
	}
	body, err := c.send(ctx, c.calls, method, path, query, content)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		return nil
	}
	if err = json.NewDecoder(body).Decode(out); err != nil {
		return c.brokeOff("the answer", err)
	}
	return nil
}

// send returns the body of an answer, or the error that lull answered with.
func (c *Client) send(ctx context.Context, by *http.Client, method, path string, query url.Values, content io.Reader) (io.ReadCloser, error) {
	target := "http://lull" + root + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, content)
	if err != nil {
		return nil, err
	}
	resp, err := by.Do(req)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // without the address, which means nothing to people
		}
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusNoContent:
		return resp.Body, nil
	}
	defer resp.Body.Close()
	var refused struct {
		Error string `json:"error"`
	}
	if json.NewDecoder(io.LimitReader(resp.Body, errorBytesMax)).Decode(&refused) != nil || refused.Error == "" {
		return nil, fmt.Errorf("what listens on %s answered %q: is it a lull?", c.path, resp.Status)
	}
	return nil, &Refusal{Status: resp.StatusCode, Message: refused.Error}
}

// brokeOff says that an answer ended before its end.
func (c *Client) brokeOff(what string, err error) error {
	return fmt.Errorf("%s from %s broke off: %w", what, c.path, err)
}
