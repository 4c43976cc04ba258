package apiserver

import "net/http"

// consoleRoot is the path below which the console is.
const consoleRoot = "/console/"

// consolePages has the console answer. It keeps sessions of its own instead of signatures, and gives its live pages more time than an
// answer has here, a little with each part that they send: the limits of this server hold for whatever asks for none.
func (h *handler) consolePages(c *call, r *http.Request) error {
	if h.console == nil {
		return &refusal{http.StatusNotFound, "NotFound", "this lull has no console"}
	}
	c.change = r.Method != http.MethodGet && r.Method != http.MethodHead
	r = r.WithContext(r.Context()) // net/http keeps its own as it was
	r.URL = withPath(r.URL, c.path)
	h.console.ServeHTTP(c, r)
	return nil
}

// Question says that the request changes nothing, whatever its method is. The console calls it for what a script asks while somebody types,
// which would fill the log as changes.
func (c *call) Question() { c.change = false }

// toConsole is for those who leave out the last slash.
func toConsole(_ *handler, c *call, _ *http.Request) error {
	c.Header().Set("Location", consoleRoot)
	c.WriteHeader(http.StatusSeeOther)
	return nil
}
