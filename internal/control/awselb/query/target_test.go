package query

import (
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Target{
		"TCP:5000":         {"TCP", 5000, ""},
		"SSL:443":          {"SSL", 443, ""},
		"HTTP:80/":         {"HTTP", 80, "/"},
		"http:80/test":     {"HTTP", 80, "/test"},
		"HTTPS:443/a?b=c":  {"HTTPS", 443, "/a?b=c"},
		"HTTP:65535//é%20": {"HTTP", 65535, "//é%20"},
		"HTTP:1/" + strings.Repeat("𐐷", 511) + "a": {"HTTP", 1, "/" + strings.Repeat("𐐷", 511) + "a"},
	} {
		if got, err := ParseTarget(text); err != nil || got != want {
			t.Errorf("%.40s: got %+v and %v, want %+v", text, got, err, want)
		}
	}
	const (
		protocol = "HealthCheck Target must begin with one of HTTP, TCP, HTTPS, SSL"
		port     = "HealthCheck Target must specify a port number"
		path     = "HealthCheck Target of the protocol HTTP must specify a path after the port, as in HTTP:80/ping"
		bad      = "HealthCheck Target has a space or a control character in its path: escape it, as in %20"
	)
	for text, want := range map[string]string{
		"": protocol, "foo:80/": protocol, " TCP:80": protocol, "ICMP": protocol,
		"TCP": port, "TCP:": port, "TCP:1234/": port, "TCP:80/": port, "SSL:8080/": port, "TCP:123456": port, "TCP:0": port,
		"TCP:65536": port, "TCP:+80": port, "TCP:080": port, "TCP:80 ": port, "HTTP:/": port, "HTTP:x/a": port, "TCP:8_0": port,
		"HTTP:8080":   path,
		"HTTP:80/a b": bad, "HTTP:80/a\r\nHost: b": bad, "HTTP:80/\x7f": bad,
		"HTTP:1/" + strings.Repeat("𐐷", 512): "HealthCheck Target has a path of 1025 characters: allowed is 1 to 1024",
	} {
		if got, err := ParseTarget(text); err == nil || err.Error() != "ValidationError: "+want {
			t.Errorf("%.40q: got %+v and %v, want %s", text, got, err, want)
		}
	}
}

// FuzzParseTarget wants what is accepted to read the same again from its own text, and to be safe in a request line.
func FuzzParseTarget(f *testing.F) {
	for _, text := range []string{"TCP:80", "https:443/a?b=c", "HTTP:80/\r\n", "SSL:0", ":", "TCP:99999999999999999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := ParseTarget(text)
		if err != nil {
			return
		}
		if again, err := ParseTarget(target.String()); err != nil || again != target {
			t.Errorf("%q: got %+v, then %+v and %v", text, target, again, err)
		}
		if !strings.EqualFold(target.String(), text) || target.Port == 0 || strings.ContainsAny(target.Path, " \r\n\x00") {
			t.Errorf("%q: got %+v", text, target)
		}
	})
}
