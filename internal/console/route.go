package console

import (
	"net/http"
	"strings"
)

// serve answers a visit. An error is shown on a page of its own; one that is no refusal is logged and shown as lull's own fault.
type serve func(*visit) error

// route is what can be done at one path. Names of load balancers and the like are in the query and never in the path, so
// that no name has to be escaped there.
type route struct {
	get  serve // also HEAD
	post serve // nil: nothing can be sent here
	open bool  // also for strangers
	// reader lets those send it who may only read: it changes nothing that others see.
	reader bool
	// background does not keep a session from falling idle: a script asks and not a person.
	background bool
}

// routes is every page and action of the console, by its path below Root. Pages for changing things put theirs here.
func routes() map[string]route {
	all := map[string]route{
		"login":  {get: (*visit).loginForm, post: (*visit).login, open: true},
		"logout": {post: (*visit).logout, reader: true},

		"":              {get: (*visit).overview},
		"load-balancer": {get: (*visit).selected},
		"listener":      {get: (*visit).listener},
		"backend":       {get: (*visit).backend},
		"connections":   {get: (*visit).connections},
		"connection":    {get: (*visit).connection},
		"requests":      {get: (*visit).requests},
		"reasons":       {get: (*visit).reasons},
		"keepalive":     {get: (*visit).keepalive},

		"live":       {get: (*visit).live, background: true},
		"live-ready": {get: (*visit).liveReady, background: true},
	}
	addEdits(all, awsEdits(), awsSave)
	addOCIRoutes(all)
	return all
}

// method returns what answers a method.
func (r route) method(method string) (serve, error) {
	switch {
	case (method == http.MethodGet || method == http.MethodHead) && r.get != nil:
		return r.get, nil
	case method == http.MethodPost && r.post != nil:
		return r.post, nil
	}
	return nil, refusal(http.StatusMethodNotAllowed, "this page takes %s", r.allow())
}

// allow names the methods.
func (r route) allow() string {
	var names []string
	if r.get != nil {
		names = append(names, http.MethodGet, http.MethodHead)
	}
	if r.post != nil {
		names = append(names, http.MethodPost)
	}
	return strings.Join(names, ", ")
}

// unknown answers where no page is.
func (v *visit) unknown() error {
	return refusal(http.StatusNotFound, "there is no such page")
}
