package console

import (
	"net/http"
	"net/url"

	"lull/internal/control/ociapi/wire"
)

// ociRefresh is after how many seconds a browser loads a work request again that is not done.
const ociRefresh = "2"

// ociWorkPage is one work request.
type ociWorkPage struct {
	Balancer string // as the plan calls it; empty while it is being made
	Back     string
	Again    string // where the same is shown later; empty: it is done
	State    string
	Facts    []fact
	Faults   []wire.WorkRequestError
}

// ociWorkRequest shows how far a work request has come, over and over until it is done.
func (v *visit) ociWorkRequest() error {
	if v.c.o.OCI == nil {
		return refusal(http.StatusNotFound, "this lull serves no OCI Load Balancer API")
	}
	q := v.r.URL.Query()
	answer, err := v.ociRead("/loadBalancerWorkRequests/"+url.PathEscape(q.Get("id")), nil)
	if err != nil {
		return err
	}
	w, _ := answer.Result.(wire.WorkRequest)
	p := ociWorkPage{Balancer: q.Get("load_balancer"), Back: link("", nil), State: string(w.LifecycleState), Faults: w.ErrorDetails}
	if p.Balancer != "" {
		p.Back = to("load-balancer", "load_balancer", p.Balancer, "tab", tabWorkRequests)
	}
	p.Facts = []fact{{"State", p.State}, {"Accepted", at(w.TimeAccepted)}, {"Load balancer", w.LoadBalancerID}, {"OCID", w.ID}}
	if w.TimeFinished != nil {
		p.Facts = append(p.Facts, fact{"Finished", at(*w.TimeFinished)})
	}
	if !ociEnded(&w) {
		p.Again = to("oci-work-request", "id", w.ID, "load_balancer", p.Balancer)
		v.w.Header().Set("Refresh", ociRefresh)
	}
	return v.show("ociwork", "overview", w.Type, p)
}

// ociWorkMax is how many work requests a tab shows, the newest first: more than anybody looks through.
const ociWorkMax = "100"

// ociWorkRequests is the tab Work requests.
func ociWorkRequests(v *visit, b *ociBalancer) ([]section, error) {
	answer, err := v.ociRead(b.path("workRequests")+"?limit="+ociWorkMax, nil)
	if err != nil {
		return nil, err
	}
	list, _ := answer.Result.([]wire.WorkRequest)
	t := &table{Caption: "Work requests", Head: []string{"Operation", "State", "Accepted", "Finished", "What went wrong"}}
	for i := range list {
		w := &list[i]
		finished := ""
		if w.TimeFinished != nil {
			finished = at(*w.TimeFinished)
		}
		t.Rows = append(t.Rows, tableRow{Cells: []string{w.Type, string(w.LifecycleState), at(w.TimeAccepted), finished, ociFaults(w)}})
	}
	return []section{{Heading: "Work requests", About: "The newest " + ociWorkMax + " of the last day. Each change is one.", Table: t}}, nil
}
