package wire

// HealthChecker is how backends are probed. The expression is not compiled here: Oracle's examples look ahead, which
// RE2 does not, and whoever probes decides what becomes of them.
type HealthChecker struct {
	Protocol          string  `wire:"protocol,required" enum:"HTTP TCP"`
	URLPath           *string `wire:"urlPath" range:"0-2048" match:"path"`
	Port              int     `wire:"port" range:"0-65535" default:"0"`
	ReturnCode        int     `wire:"returnCode" range:"100-599" default:"200"`
	Retries           int     `wire:"retries" range:"1-1000" default:"3"`
	TimeoutInMillis   int     `wire:"timeoutInMillis" range:"1-1800000" default:"3000"`
	IntervalInMillis  int     `wire:"intervalInMillis" range:"1000-1800000" default:"10000"`
	ResponseBodyRegex string  `wire:"responseBodyRegex" range:"1-1024" default:".*"`
	IsForcePlainText  bool    `wire:"isForcePlainText" default:"false"`
}

// UpdateHealthCheckerDetails is a HealthChecker that says nearly everything.
type UpdateHealthCheckerDetails struct {
	Protocol          string  `wire:"protocol,required" enum:"HTTP TCP"`
	URLPath           *string `wire:"urlPath" range:"0-2048" match:"path"`
	Port              int     `wire:"port,required" range:"0-65535"`
	ReturnCode        int     `wire:"returnCode,required" range:"100-599"`
	Retries           int     `wire:"retries,required" range:"1-1000"`
	TimeoutInMillis   int     `wire:"timeoutInMillis,required" range:"1-1800000"`
	IntervalInMillis  int     `wire:"intervalInMillis,required" range:"1000-1800000"`
	ResponseBodyRegex string  `wire:"responseBodyRegex,required" range:"1-1024"`
	IsForcePlainText  bool    `wire:"isForcePlainText" default:"false"`
}

func (h *HealthChecker) check(field string) error { return checkURLPath(field, h.Protocol, h.URLPath) }

func (h *UpdateHealthCheckerDetails) check(field string) error {
	return checkURLPath(field, h.Protocol, h.URLPath)
}

// checkURLPath refuses a probe of HTTP without a path in Oracle's words, and an empty path.
func checkURLPath(field, protocol string, path *string) error {
	field = join(field, "urlPath")
	switch {
	case protocol == ProtocolHTTP && (path == nil || *path == ""):
		return invalid(field, "URL path must be provided for HTTP health checks")
	case path != nil && *path == "":
		return invalid(field, "%s size must be between 1 and 2048", field)
	}
	return nil
}
