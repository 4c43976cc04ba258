package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// streamHeadMax bounds the head of an answer, and a line that says how long a chunk is.
const streamHeadMax = 8 << 10

// streamLineMax is how much of a line of an event stream is looked at: more than the name of any event needs.
const streamLineMax = 32

// streamParser follows the answers on a connection over which pages come again and again: a stream of server-sent events, or one
// page after the other. Both lull and HAProxy send these in chunks. It counts what has come and keeps nothing of it.
type streamParser struct {
	parts  int // events that bring a part of a page
	faults int // events that tell of a fault
	pages  int // answers that are whole

	step   streamStep
	left   int    // bytes of the chunk that are still to come
	line   []byte // what has come of a line of HTTP, or of a head
	events []byte // the beginning of what has come of a line of the body
}

// streamStep is what a streamParser waits for.
type streamStep uint8

const (
	streamHead    streamStep = iota
	streamSize               // the line that says how long a chunk is
	streamData               // the rest of a chunk
	streamDataEnd            // the line end behind it
	streamEnd                // the empty line behind the last
)

// feed takes what has come.
func (p *streamParser) feed(b []byte) error {
	for len(b) > 0 {
		if p.step == streamData {
			n := min(p.left, len(b))
			p.body(b[:n])
			b = b[n:]
			if p.left -= n; p.left == 0 {
				p.step = streamDataEnd
			}
			continue
		}
		end := bytes.IndexByte(b, '\n')
		n := end + 1
		if end < 0 {
			n = len(b)
		}
		if len(p.line)+n > streamHeadMax {
			return fmt.Errorf("parse stream: a head of more than %d bytes", streamHeadMax)
		}
		p.line = append(p.line, b[:n]...)
		if b = b[n:]; end < 0 {
			continue
		}
		if err := p.lineEnd(); err != nil {
			return err
		}
	}
	return nil
}

// lineEnd takes a line of HTTP that is whole; of a head, all lines at once.
func (p *streamParser) lineEnd() error {
	text := string(bytes.TrimRight(p.line, "\r\n"))
	switch p.step {
	case streamHead:
		if !bytes.HasSuffix(p.line, []byte("\r\n\r\n")) {
			return nil
		}
		if !bytes.HasPrefix(p.line, []byte("HTTP/1.1 200 ")) || !bytes.Contains(bytes.ToLower(p.line), []byte("\r\ntransfer-encoding: chunked\r\n")) {
			return fmt.Errorf("parse stream: an answer that begins %.60q, want status 200 and chunks", text)
		}
		p.step = streamSize
	case streamSize:
		n, err := strconv.ParseUint(text, 16, 31)
		if err != nil {
			return fmt.Errorf("parse stream: %.60q for a chunk's length", text)
		}
		p.left, p.step = int(n), streamData
		if n == 0 {
			p.step = streamEnd
		}
	case streamDataEnd, streamEnd:
		if text != "" {
			return fmt.Errorf("parse stream: %.60q behind a chunk", text)
		}
		if p.step == streamEnd {
			p.pages++
			p.events = p.events[:0]
			p.step = streamHead
		} else {
			p.step = streamSize
		}
	case streamData:
		panic("stream: a chunk has no lines")
	}
	p.line = p.line[:0]
	return nil
}

// body takes a piece of the body, and counts the events whose names are whole.
func (p *streamParser) body(b []byte) {
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		p.events = append(p.events, line[:min(len(line), streamLineMax-len(p.events))]...)
		if b = rest; !whole {
			return
		}
		switch string(p.events) {
		case "event: part":
			p.parts++
		case "event: fault":
			p.faults++
		}
		p.events = p.events[:0]
	}
}
