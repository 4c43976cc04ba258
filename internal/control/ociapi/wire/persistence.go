package wire

// Persistence is how clients are kept on their backends: by a cookie of the application's, by one of the load balancer's,
// or not at all.
type Persistence struct {
	SessionPersistenceConfiguration         *SessionPersistence         `wire:"sessionPersistenceConfiguration"`
	LBCookieSessionPersistenceConfiguration *LBCookieSessionPersistence `wire:"lbCookieSessionPersistenceConfiguration"`
}

// SessionPersistence follows a cookie that the application sets; * is any.
type SessionPersistence struct {
	CookieName      string `wire:"cookieName,required" match:"cookie"`
	DisableFallback bool   `wire:"disableFallback" default:"false"`
}

// LBCookieSessionPersistence sets a cookie of its own.
type LBCookieSessionPersistence struct {
	CookieName      string  `wire:"cookieName" match:"cookie" default:"X-Oracle-BMC-LBS-Route"`
	DisableFallback bool    `wire:"disableFallback" default:"false"`
	Domain          *string `wire:"domain" match:"domain"`
	Path            string  `wire:"path" range:"1-1024" match:"path" default:"/"`
	MaxAgeInSeconds *int    `wire:"maxAgeInSeconds" range:"1-2147483647"`
	IsSecure        *bool   `wire:"isSecure"`
	IsHTTPOnly      *bool   `wire:"isHttpOnly"`
}

func (p *Persistence) check(field string) error {
	if p.SessionPersistenceConfiguration != nil && p.LBCookieSessionPersistenceConfiguration != nil {
		field = join(field, "lbCookieSessionPersistenceConfiguration")
		return invalid(field, "%s cannot be given together with sessionPersistenceConfiguration: use one of them", field)
	}
	return nil
}
