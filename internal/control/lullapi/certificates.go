package lullapi

import (
	"net/http"
	"time"

	"lull/internal/control/certstore"
	"lull/internal/control/fault"
)

// arnParameter names the certificate that a request is about.
const arnParameter = "arn"

// Certificate is a server certificate in a document, without its key.
type Certificate struct {
	ARN         string    `json:"arn"`
	Description string    `json:"description"`
	Names       []string  `json:"names"`
	KeyKind     string    `json:"key_kind"`
	NotAfter    time.Time `json:"not_after"`
	Imported    time.Time `json:"imported"`
	Warnings    []string  `json:"warnings"`
}

func certificateOf(i certstore.Info) Certificate {
	return Certificate{
		ARN: i.ARN, Description: i.Description, Names: append([]string{}, i.Names...), KeyKind: i.KeyKind.String(), NotAfter: i.NotAfter.UTC(),
		Imported: i.Imported, Warnings: append([]string{}, i.Warnings...), // never null
	}
}

// certificates answers with the one that the query names, or with all.
func (a *API) certificates(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	arn, err := parameter(r, arnParameter)
	if err != nil {
		return 0, nil, err
	}
	if arn != "" {
		info, failed := a.o.Certificates.Get(arn)
		if failed != nil {
			return 0, nil, failed
		}
		return http.StatusOK, certificateOf(info), nil
	}
	list := []Certificate{}
	for _, info := range a.o.Certificates.List() {
		list = append(list, certificateOf(info))
	}
	return http.StatusOK, list, nil
}

func (a *API) importCertificate(w http.ResponseWriter, r *http.Request) (int, any, error) {
	arn, err := namedCertificate(r)
	if err != nil {
		return 0, nil, err
	}
	var chain, key string
	if err = readFields(w, r, BodyBytesMax, field{"chain", &chain, true}, field{"key", &key, true}); err != nil {
		return 0, nil, err
	}
	info, err := a.o.Certificates.Import(r.Context(), arn, []byte(chain), []byte(key))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, certificateOf(info), nil
}

func (a *API) deleteCertificate(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	arn, err := namedCertificate(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.o.Certificates.Delete(r.Context(), arn)
}

// namedCertificate returns the ARN or name in the query, which has to have one.
func namedCertificate(r *http.Request) (string, error) {
	arn, err := parameter(r, arnParameter)
	if err == nil && arn == "" {
		err = fault.Field(arnParameter, "is missing in the query: name the certificate as in certificates?arn=web")
	}
	return arn, err
}
