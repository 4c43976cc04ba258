package query

// HealthCheck is how back-ends are probed. All durations are in seconds. A decoded Target satisfies ParseTarget and is
// kept as it was sent.
type HealthCheck struct {
	Target             string `wire:"Target,required"`
	Interval           int32  `wire:"Interval,required" range:"5-300"`
	Timeout            int32  `wire:"Timeout,required" range:"2-60"`
	UnhealthyThreshold int32  `wire:"UnhealthyThreshold,required" range:"2-10"`
	HealthyThreshold   int32  `wire:"HealthyThreshold,required" range:"2-10"`
}

func (h *HealthCheck) check(field string) error {
	if _, err := ParseTarget(h.Target); err != nil {
		return err
	}
	if h.Timeout >= h.Interval {
		return refuse(ValidationError, join(field, "Timeout"), "HealthCheck Timeout %d must be less than the Interval, which is %d", h.Timeout, h.Interval)
	}
	return nil
}

// ConfigureHealthCheckRequest asks for another health check in place of the old one.
type ConfigureHealthCheckRequest struct {
	LoadBalancerName string      `wire:"LoadBalancerName,required"`
	HealthCheck      HealthCheck `wire:"HealthCheck,required"`
}

// ConfigureHealthCheckResult repeats the health check that is in force now.
type ConfigureHealthCheckResult struct {
	HealthCheck HealthCheck `wire:"HealthCheck"`
}
