package lullapi

import (
	"net/http"
	"time"

	"lull/internal/control/keys"
	"lull/internal/control/sigv4"
)

// Key is an access key in a document.
type Key struct {
	ID          string     `json:"id"`
	Role        sigv4.Role `json:"role"`
	Description string     `json:"description"`
	Created     time.Time  `json:"created"`
	FirstStart  bool       `json:"first_start"` // made by the first start, which wrote it to a file
}

// CreatedKey is a new key with its secret, which nothing tells again.
type CreatedKey struct {
	Key
	Secret string `json:"secret"`
}

func keyOf(k keys.Key) Key { return Key(k) }

func (a *API) listKeys(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	list := []Key{}
	for _, k := range a.o.Keys.List() {
		list = append(list, keyOf(k))
	}
	return http.StatusOK, list, nil
}

func (a *API) createKey(w http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	var role, description string
	err := readFields(w, r, smallBodyBytesMax, field{"description", &description, false}, field{"role", &role, true})
	if err != nil {
		return 0, nil, err
	}
	key, secret, err := a.o.Keys.Create(r.Context(), sigv4.Role(role), description)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, CreatedKey{keyOf(key), secret.Reveal()}, nil
}

func (a *API) revokeKey(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.o.Keys.Revoke(r.Context(), r.PathValue("id"))
}
