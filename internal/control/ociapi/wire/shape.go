package wire

// LoadBalancerShape is the name of a shape that there is.
type LoadBalancerShape struct {
	Name string `wire:"name"`
}

// ShapeDetails is the bandwidth of a flexible load balancer.
type ShapeDetails struct {
	MinimumBandwidthInMbps int `wire:"minimumBandwidthInMbps,required" range:"10-8000"`
	MaximumBandwidthInMbps int `wire:"maximumBandwidthInMbps,required" range:"10-8000"`
}

func (d *ShapeDetails) check(field string) error {
	if d.MaximumBandwidthInMbps < d.MinimumBandwidthInMbps {
		field = join(field, "maximumBandwidthInMbps")
		return invalid(field, "%s %d is not allowed: allowed is %d to 8000, from minimumBandwidthInMbps on",
			field, d.MaximumBandwidthInMbps, d.MinimumBandwidthInMbps)
	}
	return nil
}

// UpdateLoadBalancerShapeDetails changes the shape.
type UpdateLoadBalancerShapeDetails struct {
	ShapeName    string        `wire:"shapeName,required" enum:"10Mbps-Micro 10Mbps 100Mbps 400Mbps 8000Mbps flexible"`
	ShapeDetails *ShapeDetails `wire:"shapeDetails"`
}

func (d *UpdateLoadBalancerShapeDetails) check(string) error {
	return checkShape(d.ShapeName, d.ShapeDetails)
}

// checkShape refuses a flexible shape without its bandwidth.
func checkShape(name string, details *ShapeDetails) error {
	if name == flexible && details == nil {
		return refuse(MissingParameter, "shapeDetails", "shapeDetails is required when shapeName is %s", flexible)
	}
	return nil
}
