package record

import "time"

// HealthChange is a backend that health checks have taken out of service or brought back.
type HealthChange struct {
	LoadBalancer string
	Set          string
	Backend      string // "host:port"
	Up           bool
	Detail       string // in a few words, what the check has found
	At           time.Time
}
