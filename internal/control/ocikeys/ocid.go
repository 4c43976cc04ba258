package ocikeys

import (
	"encoding/base32"
	"fmt"
	"io"
	"regexp"
	"strings"
)

const (
	ocidBytesMax    = 255
	ocidRandomBytes = 32         // 52 characters of base32
	ocidStart       = "aaaaaaaa" // of the unique part: with it that has the 60 characters of Oracle's
)

// ocidForm is ocid1.TYPE.REALM.[REGION][.FUTURE].UNIQUE.
//
//nolint:gochecknoglobals // compiled once
var ocidForm = regexp.MustCompile(`^ocid1\.([a-z0-9]+)\.[a-z0-9-]+\.[a-z0-9-]*(?:\.[A-Za-z0-9_-]*)?\.[A-Za-z0-9_-]+$`)

// isOCID reports whether text is an OCID of a type.
func isOCID(kind, text string) bool {
	if len(text) > ocidBytesMax {
		return false
	}
	m := ocidForm.FindStringSubmatch(text)
	return m != nil && m[1] == kind
}

// newOCID makes the OCID of something that belongs to no region, in Oracle's commercial realm: tools look at the form.
func newOCID(random io.Reader, kind string) (string, error) {
	unique := make([]byte, ocidRandomBytes)
	if _, err := io.ReadFull(random, unique); err != nil {
		return "", fmt.Errorf("make the OCID of a %s: %w", kind, err)
	}
	text := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(unique))
	return "ocid1." + kind + ".oc1.." + ocidStart + text, nil
}
