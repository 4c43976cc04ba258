package awselb

import (
	"context"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
)

// Runtime is what puts plans in force, and what is known of what runs.
type Runtime interface {
	// Change makes these all the load balancers of the API. Once they run it calls commit, if there is one; if that fails, what ran
	// before runs again. On an error nothing has changed; *plan.NameTaken says that another front door has one of the names.
	Change(balancers []*plan.LoadBalancer, commit func() error) error
	Plan() *plan.Plan
	// Backend returns what is known of a backend: one of the plan in force, or one that has left it and still has connections.
	Backend(key plan.BackendKey) (t BackendState, found bool)
}

// BackendState is what is known of a backend.
type BackendState struct {
	Key    plan.BackendKey
	Up     bool   // as health checks see it
	Proven bool   // it has been up once since it came
	Detail string // why it is not up
	Active int64  // TCP: open back-end connections; HTTP: exchanges under way
	Conns  int64  // open back-end connections, pooled ones included
}

// Instances tells where instances are. Ids that are addresses are not looked up.
type Instances interface {
	// Lookup returns the host (IP literal or DNS name) and the zone (maybe empty: in every zone) of an instance.
	Lookup(id string) (host, zone string, found bool)
}

// Certificates tells which certificate an ARN names.
type Certificates interface {
	// Holder returns the same holder each time for an ARN: what is in it may be replaced.
	Holder(arn string) (h *certs.Holder, found bool)
}

// AccessLogs takes the access logs of load balancers elsewhere.
type AccessLogs interface {
	// Check tries a destination before it is put in force. Its error is shown to the client.
	Check(ctx context.Context, t LogTarget) error
	// SetTargets tells which load balancers are logged, by their name in the plan. It does not block.
	SetTargets(targets map[string]LogTarget)
}

// LogTarget is where the access logs of a load balancer go.
type LogTarget struct {
	Name            string // of the load balancer
	Bucket, Prefix  string
	IntervalMinutes int // 5 or 60
}
