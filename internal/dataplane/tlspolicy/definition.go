package tlspolicy

import (
	"slices"
	"strings"
)

// Origin is whose policy it is.
type Origin string

// Where policies come from. The zero value is for those composed by a user.
const (
	Lull Origin = "lull"
	AWS  Origin = "AWS"
	OCI  Origin = "OCI"
)

// Definition is what a policy asks for, whether lull can do it or not.
type Definition struct {
	Name        string
	Origin      Origin
	Versions    []string // oldest first, for example "SSLv3", "TLSv1.2"
	Ciphers     []string // as the origin spells and orders them: OpenSSL's names
	ServerOrder bool     // AWS's Server-Defined-Cipher-Order; it has no effect in lull, where crypto/tls decides
	Note        string   // where this comes from, if not from the origin's own table
}

// DefinitionOf returns the definition of the predefined policy of that name; found is false if there is none.
func DefinitionOf(name string) (d Definition, found bool) {
	for _, d := range definitions {
		if d.Name == name {
			d.Versions, d.Ciphers = slices.Clone(d.Versions), slices.Clone(d.Ciphers)
			return d, true
		}
	}
	return Definition{}, false
}

// definitions are all that are predefined, in the order of Names.
//
//nolint:gochecknoglobals // a table
var definitions = slices.Concat([]Definition{{
	Name: "default", Origin: Lull, Versions: []string{"TLSv1.2", "TLSv1.3"},
	Ciphers: slices.Concat(namesOf(suitesTLS13), []string{
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
		"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
		"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
	}),
}}, awsDefinitions(), ociDefinitions())

// words splits the text of a table.
func words(text string) []string { return strings.Fields(text) }
