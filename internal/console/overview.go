package console

// overviewPage is the list of the load balancers.
type overviewPage struct {
	Balancers []balancerRow
}

// balancerRow is a load balancer in the list.
type balancerRow struct {
	Name, Origin string
}

// overview lists the load balancers.
func (v *visit) overview() error {
	var p overviewPage
	for _, lb := range v.c.o.Plan().LoadBalancers {
		p.Balancers = append(p.Balancers, balancerRow{Name: lb.Name, Origin: lb.Origin})
	}
	return v.show("overview", "overview", "Load Balancers", p)
}
