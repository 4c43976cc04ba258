package apiserver

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

// route is which requests belong to an API, and how it is spoken there.
type route struct {
	path  string // clean; with a slash behind it, everything below as well
	serve func(*handler, *call, *http.Request) error
	tell  func(*call, *failure) // sends an error in the API's own shape
}

// routes is everything that there is at api.address.
func routes() []route {
	return []route{
		{"/", (*handler).elb, tellXML},
		{"/lull/v1/", (*handler).lull, tellJSON},
		{ociRoot, (*handler).oci, tellOCI},
		{consoleRoot, (*handler).consolePages, tellText},
		{"/console", toConsole, tellText},
	}
}

// find returns the route of a clean path.
func (h *handler) find(clean string) route {
	for _, r := range h.routes {
		if clean == r.path || r.path != "/" && strings.HasPrefix(clean, r.path) {
			return r
		}
	}
	return route{serve: absent("nothing is served here: there are the Classic ELB API at /, the OCI Load Balancer API below /20170115/ and lull's own below /lull/v1/"), tell: tellText}
}

// absent answers 404 with a sentence.
func absent(sentence string) func(*handler, *call, *http.Request) error {
	return func(*handler, *call, *http.Request) error {
		return &refusal{http.StatusNotFound, "NotFound", sentence}
	}
}

// cleanPath returns a path without dot segments and doubled slashes, encoded as it was sent; signatures hold for that as well as
// for what was sent, so nothing else may decide where a request goes. It is not ok when a dot segment or slash is hidden by
// its encoding, so that whoever decodes it later would see another path.
func cleanPath(u *url.URL) (clean string, ok bool) {
	clean = cleanKeepingSlash(u.EscapedPath())
	decoded, err := url.PathUnescape(clean)
	return clean, err == nil && decoded == cleanKeepingSlash(u.Path)
}

func cleanKeepingSlash(p string) string {
	clean := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && clean != "/" {
		clean += "/"
	}
	return clean
}

// withPath returns a URL with another path, encoded.
func withPath(u *url.URL, encoded string) *url.URL {
	out := *u
	out.Path, _ = url.PathUnescape(encoded) // as cleanPath has done already
	out.RawPath = encoded
	return &out
}
