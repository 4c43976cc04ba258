package plan

// Change is what has become of a load balancer from one plan to the next.
type Change struct {
	Old, New *LoadBalancer // nil: the plan has none of the name; never both
}

// Since returns what differs from an older plan. A front door that compiles a document keeps what came of it for as long as the
// document stays, so that the same pointer stands for the same content. Those who keep something for every backend look at nothing
// else but what Since returns: of a quarter of a million backends a change touches a few hundred.
func (p *Plan) Since(old *Plan) []Change {
	was, is := old.LoadBalancers, p.LoadBalancers
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
	}
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	before := make(map[string]*LoadBalancer, len(was))
	for _, lb := range was {
		before[lb.Name] = lb
	}
	var changes []Change
	for _, lb := range is {
		if o := before[lb.Name]; o != lb {
			changes = append(changes, Change{Old: o, New: lb})
		}
		delete(before, lb.Name)
	}
	for _, lb := range was {
		if before[lb.Name] != nil {
			changes = append(changes, Change{Old: lb})
		}
	}
	return changes
}

// Sets returns the backend sets that only the old load balancer has, and those that only the new one has. One that has been compiled
// anew is in both.
func (c Change) Sets() (left, come []*BackendSet) {
	var was, is []*BackendSet
	if c.Old != nil {
		was = c.Old.BackendSets
	}
	if c.New != nil {
		is = c.New.BackendSets
	}
	return without(was, is), without(is, was)
}

// without returns what is in list and not in other.
func without(list, other []*BackendSet) []*BackendSet {
	in := make(map[*BackendSet]struct{}, len(other))
	for _, set := range other {
		in[set] = struct{}{}
	}
	var only []*BackendSet
	for _, set := range list {
		if _, ok := in[set]; !ok {
			only = append(only, set)
		}
	}
	return only
}
