package console

import (
	"net/http"
	"net/url"
)

// livePages is the pages with a part that moves, by their directory below ui.
func livePages() map[string]livePage {
	return map[string]livePage{
		"overview":    {data: overviewData},
		"balancer":    {data: balancerData},
		"listener":    {data: listenerData},
		"backend":     {data: backendData},
		"connections": {data: connectionsData, wants: connectionsWanted},
		"connection":  {data: connectionData, wants: connectionWanted},
		"requests":    {data: requestsData, wants: requestsWanted},
		"reasons":     {data: reasonsData},
		"keepalive":   {data: keepaliveData},
	}
}

// moving answers with a page of which a part moves. Its content is given the same data as that part.
func (v *visit) moving(name, section, title string) error {
	page, query := livePages()[name], v.r.URL.Query()
	s := v.c.sampler.look()
	var found finder
	if page.wants != nil {
		var err error
		if found, err = page.wants(query); err != nil {
			return err
		}
		if found != nil {
			if err = v.c.walk(found); err != nil {
				return err
			}
		}
	}
	data, err := page.data(v.c, s, query, found)
	if err != nil {
		return err
	}
	stream := url.Values{}
	for key := range query {
		stream.Set(key, query.Get(key))
	}
	stream.Set("page", name)
	return v.showWith(http.StatusOK, frame{Page: name, Section: section, Title: title, Data: data, Live: link("live", stream)})
}
