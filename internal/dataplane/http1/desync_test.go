package http1

import (
	"strings"
	"testing"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	const f, fc, b = Forward, ForwardClose, Block
	for mode, want := range map[Mode][classCount]Action{
		Monitor:   {f, f, f, f},
		Defensive: {f, f, fc, b},
		Strictest: {f, b, b, b},
	} {
		for c := range classCount {
			if got := Decide(mode, c); got != want[c] {
				t.Errorf("%v, %v: got %v, want %v", mode, c, got, want[c])
			}
		}
	}
	if Decide(modeCount, Compliant) != Block || Decide(Monitor, classCount) != Block {
		t.Error("beyond the table: got no block")
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	for m := range modeCount {
		if got, ok := ParseMode(m.String()); got != m || !ok {
			t.Errorf("%v: got %v, %v", m, got, ok)
		}
	}
	if got, ok := ParseMode("Monitor"); ok || got != Defensive {
		t.Errorf("Monitor: got %v, %v", got, ok)
	}
	if modeCount.String() != "defensive" || classCount.String() != "Severe" || whyCount.String() != "None" || whyCount.Class() != Compliant {
		t.Error("beyond the tables: got other names")
	}
}

// TestTablesComplete: every row is there, and its code is its own.
func TestTablesComplete(t *testing.T) {
	t.Parallel()
	codes := map[string]bool{}
	for w := range whyCount {
		if w.String() == "" || codes[w.String()] || (w.Class() == Compliant) != (w == WhyNone) {
			t.Errorf("reason %d: got %q, %v", w, w, w.Class())
		}
		codes[w.String()] = true
	}
	for f := range faultCount {
		i := f.Info()
		if i.Code == "" || i.Text == "" || codes[f.String()] || (i.Section == "") != (f == NoFault) {
			t.Errorf("fault %d: got %+v", f, i)
		}
		codes[f.String()] = true
	}
	if faultCount.String() != "none" {
		t.Errorf("beyond the table: got %v", faultCount)
	}
}

func TestSimilar(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]likeness{
		"Transfer-Encoding":                identical,
		"TRANSFER-ENCODING":                identical,
		"Transfer-Encoding ":               sameLetters,
		" Transfer-Encoding":               sameLetters,
		"Transfer_Encoding":                sameLetters,
		"Transfer--Encoding":               sameLetters,
		"Transfer- Encoding":               sameLetters,
		"Tr ansfer-Encoding":               sameLetters,
		"TransferXEncoding":                sameLetters,
		"\x01\x02Transfer-Encoding":        sameLetters,
		"Transfer-Encoding__":              sameLetters,
		"Tran\u017ffer-Encoding":           sameLetters,
		"Transfer-Encod\u0131ng":           sameLetters,
		"TransferEncoding":                 distant,
		"TransferEncodingXX":               distant,
		"xTransfer-Encoding":               distant,
		"T-ransfer-Encoding":               distant,
		"Transfer-Encoding2":               distant,
		"transfer-enc\x01\x01\x01\x01\x01": distant,
		"Transfer-Encodin":                 distant,
		"":                                 distant,
		"-----------------":                distant,
	} {
		if got := similar("transfer-encoding", []byte(name)); got != want {
			t.Errorf("%q: got %d, want %d", name, got, want)
		}
	}
	for name, want := range map[string]likeness{
		"Content-Length":            identical,
		"Content_Length":            sameLetters,
		"content-leng\x80\x80\x80":  sameLetters,
		"Content-Length\x00":        sameLetters,
		"Content-Language":          distant,
		"Content-Lengths":           distant,
		"Content-Security-Policy":   distant,
		"Content-Transfer-Encoding": distant,
	} {
		if got := similar("content-length", []byte(name)); got != want {
			t.Errorf("%q: got %d, want %d", name, got, want)
		}
	}
}

// TestClassifyLookalikes: a name that only looks like a field that frames counts as that field, and frames nothing.
func TestClassifyLookalikes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, start, fields string
		why                 Why
	}{
		{"te", "POST / HTTP/1.1", "Transfer_Encoding: chunked\r\n", WhySuspiciousHeader},
		{"te-twice", "POST / HTTP/1.1", "Transfer-Encoding: chunked\r\nTransfer_Encoding: chunked\r\n", WhyMultipleChunked},
		{"te-params", "POST / HTTP/1.1", "Transfer_Encoding: gzip;q=1 , chunked ; x\r\n", WhySuspiciousHeader},
		{"te-old", "POST / HTTP/1.0", "Transfer_Encoding: cow\r\n", WhySuspiciousHeader},
		{"cl", "POST / HTTP/1.1", "Content_Length: 1\r\n", WhySuspiciousHeader},
		{"cl-empty", "POST / HTTP/1.1", "Content_Length:\r\n", WhySuspiciousHeader},
		{"cl-list", "POST / HTTP/1.1", "Content_Length: 1,1\r\n", WhyBadContentLength},
		{"cl-same", "POST / HTTP/1.1", "Content-Length: 1\r\nContent_Length: 1\r\n", WhySuspiciousHeader},
		{"cl-differ", "POST / HTTP/1.1", "Content-Length: 1\r\nContent_Length: 2\r\n", WhyMultipleContentLength},
		{"cl-differ-same", "POST / HTTP/1.1", "Content_Length: 2\r\nContent-Length: 1\r\nContent_Length: 1\r\n", WhyMultipleContentLength},
		{"get-te", "GET / HTTP/1.1", "Transfer-Encoding: chunked\r\n", WhyUndefinedTransferEncoding},
		{"get-cl-like", "GET / HTTP/1.1", "Content-Length: 0\r\n", WhyGetHeadZeroContentLength},
		{"lf-first", "GET / HTTP/1.1", "A: b\nContent-Length: 0\r\n", WhyBareLF},
		{"lf-lesser", "GET / HTTP/1.1", "A: b\nContent-Length: 1\r\n", WhyUndefinedContentLength},
		{"other", "GET / HTTP/1.1", "Content-Security-Policy: x\r\nTransmission-Speed: 1\r\n", WhyNone},
	}
	for _, c := range cases {
		h, b := mustRequest(t, c.start+"\r\nHost: a\r\n"+c.fields+"\r\n")
		if got := h.Classify(b); got != c.why {
			t.Errorf("%s: got %v, want %v", c.name, got, c.why)
		}
		if !strings.Contains(c.fields, "-") && h.RequestFraming() != (Framing{}) {
			t.Errorf("%s: got %v, want no body", c.name, h.RequestFraming())
		}
	}
}
