package lullapi

import "lull/internal/control/fault"

// StatusOf returns the status that goes with a kind; 0 if none does.
func StatusOf(k fault.Kind) int { return statuses[k] }

// ParseHostAndZone reads a body with two fields.
func ParseHostAndZone(body []byte) (host, zone string, err error) {
	err = parseFields(body, field{"host", &host, true}, field{"zone", &zone, false})
	return host, zone, err
}
