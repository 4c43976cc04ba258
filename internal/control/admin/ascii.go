package admin

import (
	"bytes"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"
)

// Encode writes a document as JSON in ASCII, ended by a line end; indent is what each level begins with, nothing for one
// line. Documents hold what clients made up, and beyond ASCII there are characters that terminals obey (U+009B begins a
// command like ESC [), which encoding/json writes as they are.
func Encode(document any, indent string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(document); err != nil {
		return nil, err
	}
	return ascii(buf.Bytes()), nil
}

// ascii escapes what is not printable ASCII in JSON text: that can only be within strings, but for line ends.
func ascii(text []byte) []byte {
	const del = 0x7f
	odd := bytes.IndexFunc(text, func(r rune) bool { return r >= del })
	if odd < 0 {
		return text
	}
	out := append(make([]byte, 0, len(text)+len(text)/2), text[:odd]...)
	for text = text[odd:]; len(text) > 0; {
		r, size := utf8.DecodeRune(text)
		text = text[size:]
		if r < del {
			out = append(out, byte(r))
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out = appendUnit(out, unit)
		}
	}
	return out
}

func appendUnit(dst []byte, unit uint16) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[unit>>12], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
}
