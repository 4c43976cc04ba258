package ociapi

import (
	"strings"

	"lull/internal/control/ociapi/wire"
)

// shapeFlexible is the one shape with a bandwidth of its own.
const shapeFlexible = "flexible"

// catalogueReads are the lists of what there is to choose from, which are the same in every compartment.
//
//nolint:gochecknoglobals // a table
var catalogueReads = map[string]read{
	"ListShapes": catalogue(func(name string) wire.LoadBalancerShape { return wire.LoadBalancerShape{Name: name} },
		"100Mbps", "10Mbps", "10Mbps-Micro", "400Mbps", "8000Mbps", shapeFlexible),
	"ListPolicies": catalogue(func(name string) wire.LoadBalancerPolicy { return wire.LoadBalancerPolicy{Name: name} },
		"IP_HASH", "LEAST_CONNECTIONS", "ROUND_ROBIN"),
	"ListProtocols": catalogue(func(name string) wire.LoadBalancerProtocol { return wire.LoadBalancerProtocol{Name: name} },
		wire.ProtocolGRPC, wire.ProtocolHTTP, wire.ProtocolHTTP2, wire.ProtocolTCP),
}

// catalogue makes a read of a list that does not change. REQUIRES: names are sorted.
func catalogue[T any](view func(name string) T, names ...string) read {
	return func(_ *Service, r *wire.Request) (Answer, error) {
		order := wire.Order[string]{Scope: r.Operation.Name, Key: func(name string) string { return name }, Compare: strings.Compare}
		page, next, err := wire.Paginate(order, names, r.Query.(*wire.CompartmentQuery).PageQuery)
		if err != nil {
			return Answer{}, err
		}
		list := make([]T, len(page))
		for i, name := range page {
			list[i] = view(name)
		}
		return Answer{Result: list, NextPage: next}, nil
	}
}
