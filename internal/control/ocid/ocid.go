// Package ocid provides the names that Oracle's cloud has for everything: ocid1.TYPE.REALM.[REGION][.FUTURE].UNIQUE.
//
// Clients treat them as opaque; lull makes them in Oracle's form because tools look at it. Everything here is safe to call from
// anywhere.
//
// Follows Oracle's page "Resource Identifiers".
package ocid

import (
	"encoding/base32"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// BytesMax bounds an OCID.
const BytesMax = 255

const (
	randomBytes = 32         // 52 characters of base32
	start       = "aaaaaaaa" // of the unique part: with it that has the 60 characters of Oracle's
)

//nolint:gochecknoglobals // compiled once
var form = regexp.MustCompile(`^ocid1\.([a-z0-9]+)\.[a-z0-9-]+\.[a-z0-9-]*(?:\.[A-Za-z0-9_-]*)?\.[A-Za-z0-9_-]+$`)

// Is reports whether text is an OCID of a type.
func Is(kind, text string) bool {
	if len(text) > BytesMax {
		return false
	}
	m := form.FindStringSubmatch(text)
	return m != nil && m[1] == kind
}

// New makes an OCID in Oracle's commercial realm, of something that belongs to a region or, if that is empty, to none.
func New(random io.Reader, kind, region string) (string, error) {
	unique := make([]byte, randomBytes)
	if _, err := io.ReadFull(random, unique); err != nil {
		return "", fmt.Errorf("make the OCID of a %s: %w", kind, err)
	}
	text := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(unique))
	return "ocid1." + kind + ".oc1." + region + "." + start + text, nil
}
