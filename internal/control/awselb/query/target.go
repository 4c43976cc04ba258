package query

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// pathUnitsMax is the greatest length of a probe's path, in UTF-16 code units.
const pathUnitsMax = 1024

// Target is what a health check probes:
//
//	("TCP" / "SSL") ":" port               nothing may follow
//	("HTTP" / "HTTPS") ":" port "/" path   the path may be empty, the slash may not be missing
type Target struct {
	Protocol string // HTTP, HTTPS, TCP or SSL
	Port     uint16 // never 0
	Path     string // with its slash; empty for TCP and SSL
}

// String returns the target as the API writes it, the protocol in upper case.
func (t Target) String() string {
	return t.Protocol + ":" + strconv.Itoa(int(t.Port)) + t.Path
}

// ParseTarget reads a target; the case of the protocol does not matter. All errors are of type *Error.
func ParseTarget(text string) (Target, error) {
	protocol, rest, _ := strings.Cut(text, ":")
	t := Target{Protocol: strings.ToUpper(protocol)}
	if !slices.Contains([]string{protocolHTTP, protocolHTTPS, protocolTCP, protocolSSL}, t.Protocol) {
		return Target{}, targetError("HealthCheck Target must begin with one of HTTP, TCP, HTTPS, SSL")
	}
	port := rest
	if slash := strings.IndexByte(rest, '/'); slash >= 0 && hypertext(t.Protocol) {
		port, t.Path = rest[:slash], rest[slash:]
	}
	var ok bool
	if t.Port, ok = targetPort(port); !ok {
		return Target{}, targetError("HealthCheck Target must specify a port number")
	}
	if err := checkTargetPath(t); err != nil {
		return Target{}, err
	}
	return t, nil
}

// targetPort reads a port, 1 to 65535 in its one spelling.
func targetPort(text string) (uint16, bool) {
	port, err := strconv.ParseUint(text, 10, 16)
	return uint16(port), err == nil && port > 0 && strconv.FormatUint(port, 10) == text
}

// checkTargetPath refuses a path that is missing or too long, and one whose characters would end the request line of
// the probe that it goes into.
func checkTargetPath(t Target) error {
	if !hypertext(t.Protocol) {
		return nil
	}
	if t.Path == "" {
		return targetError("HealthCheck Target of the protocol " + t.Protocol + " must specify a path after the port, as in " + t.Protocol + ":80/ping")
	}
	if units := len(utf16.Encode([]rune(t.Path))); units > pathUnitsMax {
		return targetError("HealthCheck Target has a path of " + strconv.Itoa(units) + " characters: allowed is 1 to " + strconv.Itoa(pathUnitsMax))
	}
	if strings.ContainsFunc(t.Path, func(r rune) bool { return r <= ' ' || r == 0x7F }) {
		return targetError("HealthCheck Target has a space or a control character in its path: escape it, as in %20")
	}
	return nil
}

// targetError refuses a target.
func targetError(message string) error {
	return &Error{Code: ValidationError, Field: "HealthCheck.Target", Message: message}
}
