package certstore

import (
	"regexp"
	"strings"

	"lull/internal/control/fault"
	"lull/internal/control/store"
)

const (
	// arnBytesMax is what a key of the store leaves. The longest that IAM makes has some 700 bytes, 512 of them a path that nobody uses.
	arnBytesMax = store.KeyBytesMax - len(prefix)
)

//nolint:gochecknoglobals // compiled once
var (
	accountChars = regexp.MustCompile(`^[0-9]{12}$`)
	nameChars    = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,128}$`)
	// The partition is aws, aws-cn, aws-us-gov and the like. A path is a number of segments, each as a name.
	iamARN = regexp.MustCompile(`^arn:aws(-[a-z]+)*:iam::[0-9]{12}:server-certificate(/[A-Za-z0-9_+=,.@-]{1,128})+$`)
	acmARN = regexp.MustCompile(`^arn:aws(-[a-z]+)*:acm:[a-z0-9-]{1,64}:[0-9]{12}:certificate/[A-Za-z0-9-]{1,128}$`)
)

// ARN returns an ARN as it is and a bare name as the ARN of a server certificate of IAM. Other texts are refused.
func (c *Store) ARN(arnOrName string) (string, error) {
	const allowed = "arn:aws:iam::123456789012:server-certificate/NAME, arn:aws:acm:REGION:123456789012:certificate/ID, " +
		"or a name of 1 to 128 letters, digits and characters of +=,.@_-"
	if len(arnOrName) > arnBytesMax {
		return "", fault.Field("arn", "has %d bytes, 1 to %d are allowed", len(arnOrName), arnBytesMax)
	}
	switch {
	case strings.HasPrefix(arnOrName, "arn:"):
		if iamARN.MatchString(arnOrName) || acmARN.MatchString(arnOrName) {
			return arnOrName, nil
		}
	case nameChars.MatchString(arnOrName):
		return "arn:aws:iam::" + c.o.Account + ":server-certificate/" + arnOrName, nil
	}
	return "", fault.Field("arn", "%q: must be %s", fault.Shortened(arnOrName), allowed)
}
