package file

import (
	"strings"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// The names that the two clouds give the load balancer's own cookie.
const (
	cookieShared      = "AWSELB"
	cookieDirectional = "X-Oracle-BMC-LBS-Route"
)

// anyCookie stands for every cookie of the application. It happens to be a token.
const anyCookie = "*"

// stickiness compiles a set's stickiness.
func (s *section) stickiness(m timeout.Model) *plan.Stickiness {
	st := &plan.Stickiness{
		Cookie:     s.token("cookie"),
		Follow:     s.token("follow"),
		Duration:   s.duration("duration"),
		NoFallback: !s.boolean("fallback"),
		Domain:     s.domain("domain"),
		Path:       s.urlPath("path"),
		Secure:     s.boolean("secure"),
		HTTPOnly:   s.boolean("http_only"),
	}
	if st.Cookie == "" {
		st.Cookie = cookieDefault(m)
	}
	switch {
	case st.Cookie == anyCookie:
		s.fault("cookie", "stands for any cookie, which only follow can mean: give lull's own a name")
	case st.Follow == st.Cookie:
		s.fault("follow", "is the name of lull's own cookie: name one that the application sets, or %q for any", anyCookie)
	case st.Follow != "" && st.Duration != 0:
		s.fault("follow", "does not go with %s: a session that follows a cookie of the application ends with it", s.where("duration"))
	}
	if strings.ContainsRune(st.Path, ';') {
		s.fault("path", "has a semicolon in it, which ends a cookie's path")
	}
	return st
}

func cookieDefault(m timeout.Model) string {
	if m == timeout.Directional {
		return cookieDirectional
	}
	return cookieShared
}
