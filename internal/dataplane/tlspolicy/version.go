package tlspolicy

import "crypto/tls"

// versions of TLS, oldest first.
//
//nolint:gochecknoglobals // a constant
var allVersions = []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13}

// deadVersions are those that the clouds' policies may name and crypto/tls does not have, oldest first.
//
//nolint:gochecknoglobals // a constant
var deadVersions = []string{"SSLv2", "SSLv3"}

// VersionName returns the name of a protocol version as the clouds and OpenSSL write it, for example "TLSv1.2".
func VersionName(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return ""
}

// versionByName is the reverse of VersionName.
func versionByName(name string) (version uint16, ok bool) {
	for _, v := range allVersions {
		if VersionName(v) == name {
			return v, true
		}
	}
	return 0, false
}

// versionNames returns the names of versions.
func versionNames(versions []uint16) []string {
	names := make([]string, 0, len(versions))
	for _, v := range versions {
		names = append(names, VersionName(v))
	}
	return names
}
