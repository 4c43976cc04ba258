package awselb

import (
	"reflect"
	"testing"

	"lull/internal/control/awselb/query"
)

func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName=vpc"+httpListener+"&Subnets.member.1=subnet-1")
	if got := r.described("vpc").SourceSecurityGroup; *got != (query.SourceSecurityGroup{OwnerAlias: rigAccount, GroupName: "default"}) {
		t.Errorf("got %+v for a load balancer in a subnet and without a group", got)
	}
	for _, name := range []string{"web", "vpc"} {
		form := "Action=ApplySecurityGroupsToLoadBalancer&LoadBalancerName=" + name
		for _, c := range []struct{ groups, want []string }{
			{[]string{"sg-53fae93f"}, []string{"sg-53fae93f"}},
			{[]string{"sg-53fae93f"}, []string{"sg-53fae93f"}},
			{[]string{"sg-fc448899", "sg-a61988c3", "sg-fc448899"}, []string{"sg-a61988c3", "sg-fc448899"}}, // all are replaced
			{[]string{"sg-1", "sg-2", "sg-3", "sg-4", "sg-5", "sg-5"}, []string{"sg-1", "sg-2", "sg-3", "sg-4", "sg-5"}},
		} {
			got := made[query.SecurityGroupsResult](r, form+listOf("SecurityGroups", c.groups...)).SecurityGroups
			d := r.described(name)
			if !reflect.DeepEqual(got, c.want) || !reflect.DeepEqual(d.SecurityGroups, c.want) {
				t.Errorf("%s: got %q and then %q, want %q", name, got, d.SecurityGroups, c.want)
			}
			if want := (query.SourceSecurityGroup{OwnerAlias: rigAccount, GroupName: c.want[0]}); *d.SourceSecurityGroup != want {
				t.Errorf("%s: got %+v, want %+v", name, d.SourceSecurityGroup, want)
			}
		}
		r.checkWrong([]wrongForm{
			{"none", form, query.MissingParameter, "…"},
			{"empty", form + "&SecurityGroups=", query.ValidationError, "SecurityGroups cannot be empty"},
			{"name", form + listOf("SecurityGroups", "sg-1", "my-elb-sg"), query.InvalidSecurityGroup, "The security group 'my-elb-sg' does not exist: …"},
			{"too-many", form + listOf("SecurityGroups", "sg-1", "sg-2", "sg-3", "sg-4", "sg-5", "sg-6"), query.InvalidConfigurationRequest,
				"A load balancer has at most 5 security groups, and these are 6"},
		})
	}
	r.checkStored()
}
