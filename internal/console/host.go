package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// knownHost says whether a browser could have been sent here by nobody but its user. A page of another site can have its own name
// point to this machine (DNS rebinding), and would then share an origin with the console; what it cannot do is be called
// localhost or a literal address. Over TLS the browser has held the name against the certificate.
func (c *Console) knownHost(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	host := hostOf(r.Host)
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || host != "" && host == strings.ToLower(c.o.Host)
}

// hostOf takes the port off, and the brackets of an IPv6 address; it returns nothing for what no browser sends.
func hostOf(hostport string) string {
	if host, port, err := net.SplitHostPort(hostport); err == nil {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return ""
		}
		return host
	}
	if inner, bracketed := strings.CutPrefix(hostport, "["); bracketed {
		host, closed := strings.CutSuffix(inner, "]")
		if !closed {
			return ""
		}
		return host
	}
	return hostport
}

// sameOrigin refuses what the page of another site may have sent. Browsers say where a form comes from, in one header or the other;
// what says nothing is refused, because a cookie alone proves nothing.
func sameOrigin(r *http.Request) error {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	u, err := url.Parse(origin)
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	switch {
	case site != "" && site != "same-origin",
		origin != "" && (err != nil || !strings.EqualFold(u.Host, r.Host) || u.Scheme != scheme),
		site == "" && origin == "":
		return refusal(http.StatusForbidden, "this was not sent by a page of the console: open the page here and send it again")
	}
	return nil
}
