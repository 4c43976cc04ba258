package tlspolicy

import "slices"

// awsCiphers are the names that SSLNegotiationPolicyType has attributes for, in the order in which AWS lists them. That is also
// the order of preference of every policy of the Classic Load Balancer.
const awsCiphers = `
ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256
ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA DHE-RSA-AES128-SHA ECDHE-ECDSA-AES256-GCM-SHA384
ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 ECDHE-RSA-AES256-SHA
ECDHE-ECDSA-AES256-SHA AES128-GCM-SHA256 AES128-SHA256 AES128-SHA AES256-GCM-SHA384 AES256-SHA256 AES256-SHA
DHE-DSS-AES128-SHA CAMELLIA128-SHA EDH-RSA-DES-CBC3-SHA DES-CBC3-SHA ECDHE-RSA-RC4-SHA RC4-SHA ECDHE-ECDSA-RC4-SHA
DHE-DSS-AES256-GCM-SHA384 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES256-SHA256 DHE-DSS-AES256-SHA256 DHE-RSA-AES256-SHA
DHE-DSS-AES256-SHA DHE-RSA-CAMELLIA256-SHA DHE-DSS-CAMELLIA256-SHA CAMELLIA256-SHA EDH-DSS-DES-CBC3-SHA
DHE-DSS-AES128-GCM-SHA256 DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES128-SHA256 DHE-DSS-AES128-SHA256
DHE-RSA-CAMELLIA128-SHA DHE-DSS-CAMELLIA128-SHA ADH-AES128-GCM-SHA256 ADH-AES128-SHA ADH-AES128-SHA256
ADH-AES256-GCM-SHA384 ADH-AES256-SHA ADH-AES256-SHA256 ADH-CAMELLIA128-SHA ADH-CAMELLIA256-SHA ADH-DES-CBC3-SHA
ADH-DES-CBC-SHA ADH-RC4-MD5 ADH-SEED-SHA DES-CBC-SHA DHE-DSS-SEED-SHA DHE-RSA-SEED-SHA EDH-DSS-DES-CBC-SHA
EDH-RSA-DES-CBC-SHA IDEA-CBC-SHA RC4-MD5 SEED-SHA DES-CBC3-MD5 DES-CBC-MD5 RC2-CBC-MD5 PSK-AES256-CBC-SHA
PSK-3DES-EDE-CBC-SHA KRB5-DES-CBC3-SHA KRB5-DES-CBC3-MD5 PSK-AES128-CBC-SHA PSK-RC4-SHA KRB5-RC4-SHA KRB5-RC4-MD5
KRB5-DES-CBC-SHA KRB5-DES-CBC-MD5 EXP-EDH-RSA-DES-CBC-SHA EXP-EDH-DSS-DES-CBC-SHA EXP-ADH-DES-CBC-SHA
EXP-DES-CBC-SHA EXP-RC2-CBC-MD5 EXP-KRB5-RC2-CBC-SHA EXP-KRB5-DES-CBC-SHA EXP-KRB5-RC2-CBC-MD5
EXP-KRB5-DES-CBC-MD5 EXP-ADH-RC4-MD5 EXP-RC4-MD5 EXP-KRB5-RC4-SHA EXP-KRB5-RC4-MD5`

// AWSCiphers returns the names that a Classic Load Balancer's SSL negotiation policies have attributes for, whether lull can do them
// or not, in AWS's order, which is that of preference too.
func AWSCiphers() []string { return words(awsCiphers) }

// The groups of ciphers that AWS's policies are made of.
const (
	awsTLS12 = `
ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256
ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384
AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256 `
	awsECDHESHA = `ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA `
	awsRSASHA   = `AES128-SHA AES256-SHA `
	awsDHE      = `DHE-RSA-AES128-SHA DHE-DSS-AES128-SHA `
	aws3DES     = `DES-CBC3-SHA `
	awsRC4      = `ECDHE-RSA-RC4-SHA RC4-SHA `
	aws2011     = `
RC4-SHA CAMELLIA128-SHA CAMELLIA256-SHA DHE-RSA-CAMELLIA128-SHA DHE-RSA-CAMELLIA256-SHA DHE-DSS-CAMELLIA128-SHA
DHE-DSS-CAMELLIA256-SHA DHE-RSA-AES256-SHA DHE-DSS-AES256-SHA EDH-RSA-DES-CBC3-SHA EDH-DSS-DES-CBC3-SHA `

	aws2016 = awsTLS12 + awsECDHESHA + awsRSASHA
)

// awsOld is said of the policies that AWS's guide lists no more.
const awsOld = "AWS's guide lists it no more; the ciphers are those that the service and a clone of its API have been seen to answer."

// awsDefinitions returns the predefined policies of the Classic Load Balancer. None of them has TLS 1.3.
func awsDefinitions() []Definition {
	list := []struct{ name, versions, ciphers, note string }{
		{"2016-08", "TLSv1 TLSv1.1 TLSv1.2", aws2016, ""},
		{"TLS-1-1-2017-01", "TLSv1.1 TLSv1.2", aws2016, ""},
		{"TLS-1-2-2017-01", "TLSv1.2", awsTLS12, ""},
		{"2015-05", "TLSv1 TLSv1.1 TLSv1.2", aws2016 + aws3DES, ""},
		{"2015-03", "TLSv1 TLSv1.1 TLSv1.2", aws2016 + awsDHE + aws3DES, ""},
		{"2015-02", "TLSv1 TLSv1.1 TLSv1.2", aws2016 + awsDHE, ""},
		{"2014-10", "TLSv1 TLSv1.1 TLSv1.2", aws2016 + awsDHE + awsRC4, awsOld},
		{"2014-01", "SSLv3 TLSv1 TLSv1.1 TLSv1.2", aws2016 + awsDHE + awsRC4, awsOld},
		{"2011-08", "SSLv3 TLSv1", awsRSASHA + awsDHE + aws3DES + aws2011, awsOld},
	}
	defs := make([]Definition, 0, len(list))
	for _, l := range list {
		defs = append(defs, Definition{
			Name: "ELBSecurityPolicy-" + l.name, Origin: AWS, Versions: words(l.versions), Ciphers: inAWSOrder(l.ciphers),
			ServerOrder: l.name != "2011-08", Note: l.note,
		})
	}
	return defs
}

// inAWSOrder returns the ciphers in the order of awsCiphers.
func inAWSOrder(ciphers string) []string {
	chosen := words(ciphers)
	return slices.DeleteFunc(words(awsCiphers), func(c string) bool { return !slices.Contains(chosen, c) })
}
