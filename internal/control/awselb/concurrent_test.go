package awselb

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"sync"
	"testing"

	"lull/internal/control/awselb/query"
)

// TestConcurrentChanges has many clients create, delete, change and read a few load balancers at once. Afterwards, what is shown
// is what is stored and what runs, no two have an address or a DNS name in common, and a restart tells the same.
func TestConcurrentChanges(t *testing.T) {
	t.Parallel()
	const clients, rounds, seed = 8, 60, 5
	r := newRig(t)
	var all sync.WaitGroup
	for client := range uint64(clients) {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, client))
			for range rounds {
				form := randomForm(random)
				_, err := r.doForm(form)
				var refusal *query.Error
				if err != nil && !errors.As(err, &refusal) {
					t.Errorf("%s: %v", form, err)
				}
				r.checkConsistent()
			}
		})
	}
	all.Wait()
	r.checkStored()
	before := []any{r.do(&query.DescribeLoadBalancersRequest{}), r.Summaries()}
	r.reopen()
	if after := []any{r.do(&query.DescribeLoadBalancersRequest{}), r.Summaries()}; !reflect.DeepEqual(after, before) {
		t.Errorf("got after a restart\n%+v, want\n%+v", after, before)
	}
}

// randomForm returns a request about one of three load balancers.
func randomForm(random *rand.Rand) string {
	name := fmt.Sprintf("lb-%d", random.IntN(3))
	of := "LoadBalancerName=" + name
	zone := listOf("AvailabilityZones", fmt.Sprintf("us-west-2%c", 'a'+random.IntN(3)))
	port := fmt.Sprint(90 + random.IntN(3))
	forms := []string{
		create(name), create(name),
		"Action=DeleteLoadBalancer&" + of,
		"Action=EnableAvailabilityZonesForLoadBalancer&" + of + zone,
		"Action=DisableAvailabilityZonesForLoadBalancer&" + of + zone,
		"Action=CreateLoadBalancerListeners&" + of + oneListener("1", "tcp "+port+" - 80"),
		"Action=DeleteLoadBalancerListeners&" + of + listOf("LoadBalancerPorts", port),
		"Action=ApplySecurityGroupsToLoadBalancer&" + of + listOf("SecurityGroups", "sg-"+port),
		"Action=AddTags&LoadBalancerNames.member.1=" + name + tags("k"+port+"=v"),
		"Action=RemoveTags&LoadBalancerNames.member.1=" + name + tags("k"+port),
		"Action=DescribeLoadBalancers",
		"Action=DescribeTags&LoadBalancerNames.member.1=" + name,
	}
	return forms[random.IntN(len(forms))]
}

// checkConsistent looks at one state: whatever is under way, it is whole.
func (r *rig) checkConsistent() {
	state := r.state.Load()
	addresses, names := map[netip.Addr]string{}, map[string]bool{}
	for _, name := range state.names {
		b := state.balancers[name]
		if b == nil || len(b.Nodes) == 0 || names[b.DNSName] {
			r.t.Errorf("%s is %+v", name, b)
			return
		}
		names[b.DNSName] = true
		for _, n := range b.Nodes {
			if other := addresses[n.Address]; other != "" || !n.Address.IsValid() {
				r.t.Errorf("%s has the address %s, which %q has", name, n.Address, other)
			}
			addresses[n.Address] = name
		}
	}
	if len(state.names) != len(state.balancers) || len(state.names) != len(state.byDNSName) {
		r.t.Errorf("%d names, %d load balancers and %d DNS names", len(state.names), len(state.balancers), len(state.byDNSName))
	}
}

// TestConcurrentCreation has many clients want one name at once: all of them are told the same, and there is one.
func TestConcurrentCreation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var all sync.WaitGroup
	answers := make([]any, 8)
	for i := range answers {
		all.Go(func() {
			var err error
			if answers[i], err = r.doForm(create("web")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, answer := range answers {
		if answer != answers[0] {
			t.Errorf("got %v and %v", answer, answers[0])
		}
	}
	if got := r.document("web").Nodes[0].Address; got != netip.MustParseAddr("127.0.0.16") {
		t.Errorf("got the address %s", got)
	}
}
