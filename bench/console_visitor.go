package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"lull/bench/load"
	"lull/internal/clock"
)

// pageMax bounds what is read of a page: HAProxy's of 1,000 load balancers has some megabytes.
const pageMax = 32 << 20

// visitor asks for pages as a browser does that has their styles already: over one connection, one after the other.
type visitor struct {
	at     load.Address
	cookie string // of who has logged in, as it is sent; empty = nobody has

	conn net.Conn // nil = none yet
	r    *bufio.Reader
}

// login gets the cookie of a session.
func (v *visitor) login(ctx context.Context, id, secret string) error {
	origin := "http://" + v.at.String()
	form := url.Values{"id": {id}, "secret": {secret}}.Encode()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, origin+"/console/login", strings.NewReader(form))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Origin", origin)
	client := &http.Client{
		Timeout: askMax, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(q)
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	defer answer.Body.Close()
	if cookies := answer.Cookies(); answer.StatusCode == http.StatusSeeOther && len(cookies) == 1 {
		v.cookie = cookies[0].Name + "=" + cookies[0].Value
		return nil
	}
	return fmt.Errorf("log in: %s, want a redirect with a cookie", answer.Status)
}

// request is what is sent for a page or a stream.
func (v *visitor) request(path string) string {
	text := "GET " + path + " HTTP/1.1\r\nHost: " + v.at.String() + "\r\n"
	if v.cookie != "" {
		text += "Cookie: " + v.cookie + "\r\n"
	}
	return text + "\r\n"
}

// loaded is what loading a page came to.
type loaded struct {
	first, last int64 // ns from sending the request to the first and to the last byte of the answer
	bytes       int   // of the page
	text        []byte
}

// load gets a page.
func (v *visitor) load(path string) (l loaded, err error) {
	if v.conn == nil {
		if v.conn, err = net.DialTimeout("tcp4", v.at.String(), askMax); err != nil {
			return l, err
		}
		v.r = bufio.NewReaderSize(v.conn, 64<<10)
	}
	if err = v.conn.SetDeadline(wallTime().Add(askMax)); err != nil {
		return l, err
	}
	began := clock.Now()
	if _, err = io.WriteString(v.conn, v.request(path)); err != nil {
		return l, err
	}
	if _, err = v.r.Peek(1); err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	l.first = clock.Now() - began
	answer, err := http.ReadResponse(v.r, nil)
	if err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	defer answer.Body.Close()
	l.text, err = io.ReadAll(io.LimitReader(answer.Body, pageMax))
	l.last, l.bytes = clock.Now()-began, len(l.text)
	switch {
	case err != nil:
		return l, fmt.Errorf("%s: %w", path, err)
	case answer.StatusCode != http.StatusOK:
		return l, fmt.Errorf("%s: %s: %.300s", path, answer.Status, l.text)
	case answer.Close:
		return l, errors.Join(fmt.Errorf("%s: the connection is not kept", path), v.close())
	}
	return l, nil
}

func (v *visitor) close() error {
	if v.conn == nil {
		return nil
	}
	err := v.conn.Close()
	v.conn = nil
	return err
}
