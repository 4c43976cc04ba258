package lullapi

import (
	"net/http"
	"time"

	"lull/internal/control/ocikeys"
	"lull/internal/control/ocisig"
)

// OCIKey is a key of the OCI API in a document.
type OCIKey struct {
	Fingerprint string      `json:"fingerprint"`
	Tenancy     string      `json:"tenancy"`
	User        string      `json:"user"`
	Role        ocisig.Role `json:"role"`
	Description string      `json:"description"`
	Created     time.Time   `json:"created"`
	FirstStart  bool        `json:"first_start"` // made by the first start, which wrote it to a file
}

// CreatedOCIKey is a new key with its private half, which nothing tells again; one that was imported is without.
type CreatedOCIKey struct {
	OCIKey
	PrivateKey string `json:"private_key,omitempty"` // PEM
}

func (a *API) listOCIKeys(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	list := []OCIKey{}
	for _, k := range a.o.OCIKeys.List() {
		list = append(list, OCIKey(k))
	}
	return http.StatusOK, list, nil
}

// createOCIKey makes a key, or takes one whose public half the request has.
func (a *API) createOCIKey(w http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	var owner ocikeys.Owner
	var role, public string
	err := readFields(w, r, smallBodyBytesMax, field{"description", &owner.Description, false}, field{"public_key", &public, false},
		field{"role", &role, true}, field{"tenancy", &owner.Tenancy, false}, field{"user", &owner.User, false})
	if err != nil {
		return 0, nil, err
	}
	owner.Role = ocisig.Role(role)
	if public != "" {
		taken, failed := a.o.OCIKeys.Import(r.Context(), owner, []byte(public))
		return http.StatusCreated, CreatedOCIKey{OCIKey: OCIKey(taken)}, failed
	}
	key, private, err := a.o.OCIKeys.Create(r.Context(), owner)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, CreatedOCIKey{OCIKey(key), private.Reveal()}, nil
}

func (a *API) revokeOCIKey(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.o.OCIKeys.Revoke(r.Context(), r.PathValue("fingerprint"))
}
