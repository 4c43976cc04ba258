package query

import (
	"slices"
	"strings"
)

// Attributes is the settings of a load balancer in their groups. A group that is nil is not part of a request, or not
// of an answer.
type Attributes struct {
	CrossZoneLoadBalancing *CrossZoneLoadBalancing `wire:"CrossZoneLoadBalancing"`
	AccessLog              *AccessLog              `wire:"AccessLog"`
	ConnectionDraining     *ConnectionDraining     `wire:"ConnectionDraining"`
	ConnectionSettings     *ConnectionSettings     `wire:"ConnectionSettings"`
	AdditionalAttributes   []AdditionalAttribute   `wire:"AdditionalAttributes,omitempty" range:"0-10"`
}

// ConnectionSettings holds the idle timeout in seconds. The API's model says at most 3600; the service takes 4000.
type ConnectionSettings struct {
	IdleTimeout int32 `wire:"IdleTimeout,required" range:"1-4000"`
}

// ConnectionDraining says whether open exchanges may end, and in how many seconds, when an instance goes.
type ConnectionDraining struct {
	Enabled bool   `wire:"Enabled,required"`
	Timeout *int32 `wire:"Timeout" range:"1-3600"`
}

// CrossZoneLoadBalancing says whether a zone's address sends to the instances of all zones.
type CrossZoneLoadBalancing struct {
	Enabled bool `wire:"Enabled,required"`
}

// AccessLog says where access logs go; EmitInterval is in minutes.
type AccessLog struct {
	Enabled        bool    `wire:"Enabled,required"`
	S3BucketName   *string `wire:"S3BucketName" range:"0-255"`
	EmitInterval   *int32  `wire:"EmitInterval"`
	S3BucketPrefix *string `wire:"S3BucketPrefix" range:"0-1024"`
}

// prefixReserved is the directory that the log's own file names begin with.
const prefixReserved = "AWSLogs"

func (a *AccessLog) check(field string) error {
	if a.EmitInterval != nil && *a.EmitInterval != 5 && *a.EmitInterval != 60 {
		return refuse(ValidationError, join(field, "EmitInterval"), "%s.EmitInterval %d is not allowed: use 5 or 60", field, *a.EmitInterval)
	}
	if a.S3BucketPrefix != nil && strings.Contains(*a.S3BucketPrefix, prefixReserved) {
		return refuse(ValidationError, join(field, "S3BucketPrefix"), "%s.S3BucketPrefix '%s' is not allowed: it must not contain %s", field, shown(*a.S3BucketPrefix), prefixReserved)
	}
	return nil
}

// AdditionalAttribute is a setting for which the API has no member of its own.
type AdditionalAttribute struct {
	Key   *string `wire:"Key" range:"0-256" match:"attribute"`
	Value *string `wire:"Value" range:"0-256" match:"attribute"`
}

// DesyncMitigationMode is the key of the one AdditionalAttribute there is.
const DesyncMitigationMode = "elb.http.desyncmitigationmode"

// desyncModes are the values of DesyncMitigationMode.
//
//nolint:gochecknoglobals // a constant in all but type
var desyncModes = []string{"monitor", "defensive", "strictest"}

func (a *AdditionalAttribute) check(field string) error {
	switch {
	case a.Key == nil:
		return refuse(MissingParameter, join(field, "Key"), "the parameter %s.Key is required", field)
	case *a.Key != DesyncMitigationMode:
		return refuse(LoadBalancerAttributeNotFound, join(field, "Key"), "there is no attribute named '%s': the only additional one is %s", shown(*a.Key), DesyncMitigationMode)
	case a.Value == nil:
		return refuse(MissingParameter, join(field, "Value"), "the parameter %s.Value is required", field)
	case !slices.Contains(desyncModes, *a.Value):
		return refuse(ValidationError, join(field, "Value"), "%s '%s' is not allowed: use monitor, defensive or strictest", DesyncMitigationMode, shown(*a.Value))
	}
	return nil
}

// ModifyLoadBalancerAttributesRequest asks for other values in the groups that it has.
type ModifyLoadBalancerAttributesRequest struct {
	LoadBalancerName       string     `wire:"LoadBalancerName,required"`
	LoadBalancerAttributes Attributes `wire:"LoadBalancerAttributes,required"`
}

// ModifyLoadBalancerAttributesResult repeats the groups that were asked for, with all that is in force in them.
type ModifyLoadBalancerAttributesResult struct {
	LoadBalancerName       string     `wire:"LoadBalancerName"`
	LoadBalancerAttributes Attributes `wire:"LoadBalancerAttributes"`
}

// DescribeLoadBalancerAttributesRequest asks for all attributes of a load balancer.
type DescribeLoadBalancerAttributesRequest struct {
	LoadBalancerName string `wire:"LoadBalancerName,required"`
}

// DescribeLoadBalancerAttributesResult is all attributes of a load balancer.
type DescribeLoadBalancerAttributesResult struct {
	LoadBalancerAttributes Attributes `wire:"LoadBalancerAttributes"`
}
