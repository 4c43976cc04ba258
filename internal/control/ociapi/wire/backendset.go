package wire

import "strconv"

// policyIPHash is the policy that cannot have backup backends: a client's backend would change with their state.
const policyIPHash = "IP_HASH"

// BackendSetDetails is a backend set without its name.
type BackendSetDetails struct {
	Policy                string            `wire:"policy,required" enum:"ROUND_ROBIN LEAST_CONNECTIONS IP_HASH"`
	Backends              []BackendDetails  `wire:"backends"`
	HealthChecker         HealthChecker     `wire:"healthChecker,required"`
	BackendMaxConnections *int              `wire:"backendMaxConnections" range:"0,256-65535"`
	SSLConfiguration      *SSLConfiguration `wire:"sslConfiguration"`
	Persistence
}

// CreateBackendSetDetails asks for a backend set.
type CreateBackendSetDetails struct {
	Name string `wire:"name,required" range:"1-32" match:"name"`
	BackendSetDetails
}

// UpdateBackendSetDetails replaces all of a backend set, its backends included.
type UpdateBackendSetDetails struct{ BackendSetDetails }

// BackendSet is a backend set as reads show it.
type BackendSet struct {
	Name                  string            `wire:"name"`
	Policy                string            `wire:"policy"`
	Backends              []Backend         `wire:"backends"`
	HealthChecker         HealthChecker     `wire:"healthChecker"`
	BackendMaxConnections *int              `wire:"backendMaxConnections"`
	SSLConfiguration      *SSLConfiguration `wire:"sslConfiguration"`
	Persistence
}

func (d *BackendSetDetails) check(field string) error {
	if err := d.Persistence.check(field); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, b := range d.Backends {
		name := join(field, "backends") + "[" + strconv.Itoa(i) + "]"
		switch {
		case seen[b.Name()]:
			return invalid(name, "%s is the second with the address %s", name, b.Name())
		case b.Backup && d.Policy == policyIPHash:
			return invalid(name+".backup", "%s.backup true is not allowed when policy is %s", name, policyIPHash)
		}
		seen[b.Name()] = true
	}
	return nil
}

func (d *UpdateBackendSetDetails) check(field string) error {
	if d.Backends == nil {
		return missing(join(field, "backends"))
	}
	return d.BackendSetDetails.check(field)
}
