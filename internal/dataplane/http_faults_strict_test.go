package dataplane_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// What lull sends is held against a stricter reading than any peer needs, and then given to net/http.

//nolint:gochecknoglobals // compiled once, read only
var (
	requestLine = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,127} [^\x00-\x20\x7f]+ HTTP/1\\.1$")
	statusLine  = regexp.MustCompile("^HTTP/1\\.1 [1-9][0-9][0-9] [^\x00-\x08\x0a-\x1f\x7f]*$")
	fieldLine   = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)$")
	number      = regexp.MustCompile("^[0-9]+$")
)

// cutHead returns the head at the start of b with its empty line, and what follows; ok is false if it does not come to an
// end.
func cutHead(b []byte) (head, rest []byte, ok bool) {
	i := bytes.Index(b, []byte("\r\n\r\n"))
	if i < 0 {
		return nil, b, false
	}
	return b[:i+4], b[i+4:], true
}

// checkHead says what is wrong with a head that lull has sent.
func checkHead(head []byte, start *regexp.Regexp) error {
	lines := strings.Split(strings.TrimSuffix(string(head), "\r\n\r\n"), "\r\n")
	if !start.MatchString(lines[0]) {
		return fmt.Errorf("start line %q", lines[0])
	}
	count := map[string]int{}
	for _, line := range lines[1:] {
		m := fieldLine.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("field line %q", line)
		}
		name, value := strings.ToLower(m[1]), strings.TrimRight(m[2], " \t")
		count[name]++
		if name == "content-length" && !number.MatchString(value) || name == "transfer-encoding" && value != "chunked" {
			return fmt.Errorf("framed by %q", line)
		}
	}
	switch hosts := count["host"]; {
	case count["content-length"]+count["transfer-encoding"] > 1:
		return errors.New("framed twice")
	case start == requestLine && hosts != 1, start == requestLine && count["x-forwarded-for"] != 1:
		return fmt.Errorf("%d Host, %d X-Forwarded-For", hosts, count["x-forwarded-for"])
	}
	for _, name := range []string{"keep-alive", "proxy-connection", "te", "http2-settings", "proxy-authorization"} {
		if count[name] > 0 {
			return fmt.Errorf("%s, which concerns another connection", name)
		}
	}
	return nil
}

// plainer returns a head that net/http parses: it judges targets as URLs, and what Trailer announces.
func plainer(head []byte) []byte {
	lines := strings.SplitAfter(string(head), "\r\n")
	if f := strings.Fields(lines[0]); len(f) == 3 && f[2] == "HTTP/1.1" {
		lines[0] = f[0] + " / HTTP/1.1\r\n"
	}
	for i, line := range lines {
		if strings.HasPrefix(strings.ToLower(line), "trailer:") {
			lines[i] = "X" + line
		}
	}
	return []byte(strings.Join(lines, ""))
}

// ended reports whether an error is that of a message that was cut: nothing is wrong with what came.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "unexpected EOF")
}

// checkRequests says what is wrong with what a backend got over a connection: whole requests, of which the last may have been
// cut. It returns their methods. What follows an Upgrade is not looked at, as it may belong to another protocol.
func checkRequests(b []byte) (methods []string, err error) {
	for len(b) > 0 {
		head, rest, ok := cutHead(b)
		if !ok {
			return methods, nil
		}
		if err := checkHead(head, requestLine); err != nil {
			return methods, err
		}
		in := bufio.NewReader(io.MultiReader(bytes.NewReader(plainer(head)), bytes.NewReader(rest)))
		r, err := http.ReadRequest(in)
		if err != nil {
			return methods, fmt.Errorf("%q: %w", head, err)
		}
		if r.Header.Get("Upgrade") != "" {
			return append(methods, r.Method), nil
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			if ended(err) {
				return methods, nil
			}
			return methods, fmt.Errorf("body of %q: %w", head, err)
		}
		methods = append(methods, r.Method)
		b, _ = io.ReadAll(in)
	}
	return methods, nil
}

// checkResponses says what is wrong with what a client got over a connection: whole responses, of which the last may have
// been cut. Which of them answer HEAD it cannot know, so it tries both if heads is set.
func checkResponses(b []byte, heads bool) error {
	if len(b) == 0 {
		return nil
	}
	head, rest, ok := cutHead(b)
	if !ok {
		if !bytes.HasPrefix([]byte("HTTP/1.1 "), b[:min(9, len(b))]) {
			return fmt.Errorf("a response begins with %.40q", b)
		}
		return nil
	}
	if err := checkHead(head, statusLine); err != nil {
		return err
	}
	if string(head[9:12]) == "101" {
		return nil
	}
	err := checkResponse(head, rest, "GET", heads)
	if err != nil && heads {
		return checkResponse(head, rest, "HEAD", heads)
	}
	return err
}

func checkResponse(head, rest []byte, method string, heads bool) error {
	in := bufio.NewReader(io.MultiReader(bytes.NewReader(plainer(head)), bytes.NewReader(rest)))
	a, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		return fmt.Errorf("%q: %w", head, err)
	}
	if _, err := io.Copy(io.Discard, a.Body); err != nil {
		if ended(err) {
			return nil
		}
		return fmt.Errorf("body of %q: %w", head, err)
	}
	rest, _ = io.ReadAll(in)
	return checkResponses(rest, heads)
}
