package console

import (
	"strconv"
	"time"
)

// serverLine is what to write where, so that a server keeps unused connections for longer.
type serverLine struct{ Server, Where, Line string }

// serverLines returns the line for each of the common servers.
func serverLines(keep time.Duration) []serverLine {
	seconds, millis := strconv.FormatInt(int64(keep/time.Second), 10), strconv.FormatInt(keep.Milliseconds(), 10)
	return []serverLine{
		{"nginx", "nginx.conf: http, server or location", "keepalive_timeout " + seconds + "s;"},
		{"Apache httpd", "httpd.conf", "KeepAliveTimeout " + seconds},
		{"Node.js", "where the server is made; milliseconds", "server.keepAliveTimeout = " + millis + ";"},
		{"gunicorn", "command line", "gunicorn --keep-alive " + seconds},
		{"uvicorn", "command line", "uvicorn --timeout-keep-alive " + seconds},
		{"Tomcat", "server.xml, Connector; milliseconds", `keepAliveTimeout="` + millis + `"`},
		{"Go", "http.Server", "IdleTimeout: " + seconds + " * time.Second,"},
	}
}
