// Package lullapi provides lull's own JSON API below /lull/v1/: access keys of both clouds, instances and server certificates.
//
// The control socket serves it, where the mode of the socket file is the authority; and so does the API server, behind Signature
// Version 4. Each request runs on a goroutine of net/http. The handler knows neither of the two: who may call, and with which
// headers, is settled before it is called. GET and HEAD change nothing and the other methods do, so that a server can hold a read-only
// key to the methods without knowing the paths.
//
// There are four kinds of documents and no relations between them, so paths and methods are written out rather than made from a
// description. An ARN has slashes and colons, which clients and proxies escape in ways of their own, and a signature covers what
// they have made of it: hence certificates are named by a parameter of the query. Request bodies are flat objects of texts and are read
// field by field, because encoding/json ignores case, takes the last of two equal fields, and repeats in its errors what it has
// read, which may be a private key.
//
// The secret of a key is in one answer, that to its creation; a private key is in none. Nothing is kept between requests.
//
// Limits: BodyBytesMax for a certificate, smallBodyBytesMax for other bodies, and those of the packages that keep the documents. Follows
// docs/reference/lull-api.md.
package lullapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"

	"lull/internal/control/certstore"
	"lull/internal/control/fault"
	"lull/internal/control/instances"
	"lull/internal/control/keys"
	"lull/internal/control/ocikeys"
)

// Root is the path below which everything is answered.
const Root = "/lull/v1/"

// Names returns the names below Root that the API answers, each with all that is below it.
func Names() []string { return []string{certificatesName, instancesName, keysName, ociKeysName} }

const (
	certificatesName = "certificates"
	instancesName    = "instances"
	keysName         = "keys"
	ociKeysName      = "oci-keys"
)

// Options are the documents that the API shows and changes.
type Options struct {
	Keys         *keys.Keys
	OCIKeys      *ocikeys.Keys
	Instances    *instances.Registry
	Certificates *certstore.Store
	Log          *slog.Logger // takes what is lull's own mistake; nil: nothing is logged
}

// API answers requests. See New.
type API struct {
	// Fixed after New.
	o   Options
	mux *http.ServeMux

	// Atomic.
	mistakes atomic.Uint64
}

// New returns the API of some documents, all of which it needs.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &API{o: o, mux: http.NewServeMux()}
	for path, methods := range map[string]map[string]handler{
		keysName:                       {http.MethodGet: a.listKeys, http.MethodPost: a.createKey},
		keysName + "/{id}":             {http.MethodDelete: a.revokeKey},
		ociKeysName:                    {http.MethodGet: a.listOCIKeys, http.MethodPost: a.createOCIKey},
		ociKeysName + "/{fingerprint}": {http.MethodDelete: a.revokeOCIKey},
		instancesName:                  {http.MethodGet: a.listInstances},
		instancesName + "/{id...}":     {http.MethodGet: a.instance, http.MethodPut: a.setInstance, http.MethodDelete: a.removeInstance},
		certificatesName:               {http.MethodGet: a.certificates, http.MethodPut: a.importCertificate, http.MethodDelete: a.deleteCertificate},
	} {
		a.mux.Handle(Root+path, a.methods(methods))
	}
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, fmt.Sprintf("no %s here; there are %s below %s", fault.Shortened(r.URL.Path),
			"certificates, instances, instances/ID, keys, keys/ID, oci-keys and oci-keys/FINGERPRINT", Root))
	})
	return a
}

// Handler returns what answers everything.
func (a *API) Handler() http.Handler { return a.mux }

// handler answers a request with a status and a document, or an error. A document of nil is none.
type handler func(w http.ResponseWriter, r *http.Request) (status int, document any, err error)

// methods returns what answers on a path.
func (a *API) methods(table map[string]handler) http.Handler {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		if table[method] != nil {
			allowed = append(allowed, method)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead { // net/http leaves the body out
			method = http.MethodGet
		}
		h := table[method]
		if h == nil {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("method %s: must be %s", fault.Shortened(r.Method), strings.Join(allowed, " or ")))
			return
		}
		status, document, err := h(w, r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		send(w, status, document)
	})
}

// statuses is every kind of refusal with its HTTP status.
//
//nolint:gochecknoglobals // a table
var statuses = map[fault.Kind]int{
	fault.Internal:    http.StatusInternalServerError,
	fault.Invalid:     http.StatusBadRequest,
	fault.NotFound:    http.StatusNotFound,
	fault.Conflict:    http.StatusConflict,
	fault.InUse:       http.StatusConflict,
	fault.Fixed:       http.StatusConflict,
	fault.Full:        http.StatusInsufficientStorage,
	fault.Unavailable: http.StatusServiceUnavailable,
}

// fail answers with an error. What nobody has classified is for the log and not for strangers.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	kind := fault.KindOf(err)
	if kind != fault.Internal {
		status := statuses[kind]
		if tooLong(err) {
			status = http.StatusRequestEntityTooLarge
		}
		refuse(w, status, err.Error())
		return
	}
	number := a.mistakes.Add(1)
	a.o.Log.Error("request failed", "mistake", number, "method", r.Method, "path", r.URL.Path, "error", err)
	refuse(w, http.StatusInternalServerError, fmt.Sprintf("lull has made a mistake; its log says more about mistake %d", number))
}

// refuse answers with an error, in the form that every error of the API has.
func refuse(w http.ResponseWriter, status int, message string) {
	send(w, status, map[string]string{"error": message})
}

// send answers with a document. No answer may be kept by anybody on its way: one has a secret.
func send(w http.ResponseWriter, status int, document any) {
	w.Header().Set("Cache-Control", "no-store")
	if document == nil {
		w.WriteHeader(status)
		return
	}
	text, err := json.Marshal(document)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"lull cannot encode its answer"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff") // descriptions hold what people made up, and are no page
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // there is nobody to tell
}
