package lullapi

import (
	"net/http"

	"lull/internal/control/instances"
)

// Instance is an instance in a document.
type Instance struct {
	ID   string `json:"id"`
	Host string `json:"host"`
	Zone string `json:"zone"`           // "": in none
	File string `json:"file,omitempty"` // which defines it, so that it cannot be changed here
}

func instanceOf(l instances.Listed) Instance { return Instance{l.ID, l.Host, l.Zone, l.File} }

func (a *API) listInstances(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	list := []Instance{}
	for _, l := range a.o.Instances.List() {
		list = append(list, instanceOf(l))
	}
	return http.StatusOK, list, nil
}

func (a *API) instance(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	l, found := a.o.Instances.Get(r.PathValue("id"))
	if !found {
		return 0, nil, instances.NotFound(r.PathValue("id"))
	}
	return http.StatusOK, instanceOf(l), nil
}

func (a *API) setInstance(w http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	i := instances.Instance{ID: r.PathValue("id")}
	err := readFields(w, r, smallBodyBytesMax, field{"host", &i.Host, true}, field{"zone", &i.Zone, false})
	if err == nil {
		i, err = a.o.Instances.Set(r.Context(), i)
	}
	return http.StatusOK, Instance{ID: i.ID, Host: i.Host, Zone: i.Zone}, err
}

func (a *API) removeInstance(_ http.ResponseWriter, r *http.Request) (int, any, error) {
	if err := noParameters(r); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, a.o.Instances.Remove(r.Context(), r.PathValue("id"))
}
