package wire

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// listenerWith returns a listener's document with other or further fields.
func listenerWith(more string) string {
	return `{"defaultBackendSetName":"bs","port":80,` + more + `}`
}

// setWith returns a backend set's document with further fields.
func setWith(more string) string {
	return `{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"},"backends":[],` + more + `}`
}

// checkerWith returns a backend set's document with further fields of its health checker.
func checkerWith(more string) string {
	return `{"policy":"ROUND_ROBIN","backends":[],"healthChecker":{` + more + `}}`
}

// ruleWith returns a rule set's document with one rule.
func ruleWith(rule string) string { return `{"items":[{` + rule + `}]}` }

// loadBalancerWith returns a load balancer's document with other or further fields.
func loadBalancerWith(more string) string {
	return `{"compartmentId":"c","displayName":"lb","subnetIds":["s"],` + more + `}`
}

// fixed is a shape that needs nothing else.
const fixed = `"shapeName":"100Mbps"`

// repeated returns a list of JSON values.
func repeated(n int, format string) string {
	var values []string
	for i := range n {
		values = append(values, strings.ReplaceAll(format, "%d", fmt.Sprint(i)))
	}
	return strings.Join(values, ",")
}

// decodeAs decodes a body for the operation of a name.
func decodeAs(t testing.TB, name, body string) (any, error) {
	t.Helper()
	for _, o := range operations {
		if o.Name == name {
			r, err := Decode(Route{Operation: o}, "", http.Header{"Content-Type": {"application/json; charset=utf-8"}}, []byte(body))
			if err != nil {
				return nil, err
			}
			return r.Body, nil
		}
	}
	t.Fatalf("there is no operation %s", name)
	return nil, errors.New("no operation")
}

// TestRefused has every rule that needs no state, by the ids of the checklist. message is a part of the message, or with
// an equals sign before it all of it.
func TestRefused(t *testing.T) {
	t.Parallel()
	const (
		listener = "UpdateListener"
		set      = "UpdateBackendSet"
		rules    = "UpdateRuleSet"
		lb       = "CreateLoadBalancer"
	)
	tcp, plain := `"protocol":"TCP"`, `"protocol":"HTTP"`
	for _, c := range []struct {
		id, operation, body string
		code                Code
		field, message      string
	}{
		{"API-06-empty", listener, ``, CannotParseRequest, "", "not a JSON document"},
		{"API-06-cut", listener, `{"port":80`, CannotParseRequest, "", "not a JSON document"},
		{"API-06-more", listener, listenerWith(tcp) + `{}`, CannotParseRequest, "", "not a JSON document"},
		{"API-06-comma", listener, listenerWith(tcp + `,`), CannotParseRequest, "", "not a JSON document"},
		{"API-06-list", listener, `[]`, CannotParseRequest, "", "must be a JSON object"},
		{"API-06-null", listener, `null`, CannotParseRequest, "", "must be a JSON object"},
		{"API-06-utf8", listener, listenerWith(`"protocol":"` + "\xff" + `"`), CannotParseRequest, "", "UTF-8"},
		{"API-06-missing", listener, `{"port":80,"protocol":"TCP"}`, MissingParameter, "defaultBackendSetName", "is required"},
		{"API-06-null-required", listener, `{"defaultBackendSetName":null,"port":80,"protocol":"TCP"}`, MissingParameter, "defaultBackendSetName", "is required"},
		{"API-06-twice", listener, listenerWith(tcp + `,"port":81`), CannotParseRequest, "port", "more than once"},
		{"API-06-twice-null", listener, `{"port":null,"port":80,"protocol":"TCP","defaultBackendSetName":"bs"}`, CannotParseRequest, "port", "more than once"},
		{"API-06-twice-in-map", lb, loadBalancerWith(fixed + `,"freeformTags":{"a":"b","a":"c"}`), CannotParseRequest, "freeformTags.a", "more than once"},
		{"API-06-string-for-int", listener, `{"defaultBackendSetName":"bs","port":"80","protocol":"TCP"}`, InvalidParameter, "port", "port must be a whole number and is the string '80': allowed is 1 to 65535"},
		{"API-06-fraction", listener, `{"defaultBackendSetName":"bs","port":80.5,"protocol":"TCP"}`, InvalidParameter, "port", "whole number and is 80.5"},
		{"API-06-exponent", listener, `{"defaultBackendSetName":"bs","port":8e1,"protocol":"TCP"}`, InvalidParameter, "port", "whole number and is 8e1"},
		{"API-06-huge", listener, `{"defaultBackendSetName":"bs","port":99999999999999999999,"protocol":"TCP"}`, InvalidParameter, "port", "1 to 65535"},
		{"API-06-int-for-string", listener, `{"defaultBackendSetName":1,"port":80,"protocol":"TCP"}`, InvalidParameter, "defaultBackendSetName", "must be a string and is 1"},
		{"API-06-string-for-bool", "UpdateBackend", `{"weight":1,"backup":"true","drain":false,"offline":false}`, InvalidParameter, "backup", "must be true or false"},
		{"API-06-list-for-object", listener, listenerWith(tcp + `,"connectionConfiguration":[]`), InvalidParameter, "connectionConfiguration", "must be an object and is a list"},
		{"API-06-object-for-list", listener, listenerWith(plain + `,"ruleSetNames":{}`), InvalidParameter, "ruleSetNames", "must be a list and is an object"},
		{"API-06-null-in-list", listener, listenerWith(plain + `,"ruleSetNames":[null]`), InvalidParameter, "ruleSetNames[0]", "must be a string and is null"},
		{"API-06-null-in-map", lb, loadBalancerWith(fixed + `,"backendSets":{"bs":null}`), InvalidParameter, "backendSets.bs", "must be an object and is null"},
		{"API-06-control", listener, listenerWith(`"protocol":"T\u0000P"`), InvalidParameter, "protocol", "control characters"},
		{"API-06-control-name", lb, loadBalancerWith(fixed + `,"freeformTags":{"a\u0000":"b"}`), InvalidParameter, "a name in freeformTags", "control characters"},
		{"API-06-control-tag", lb, loadBalancerWith(fixed + `,"definedTags":{"n":{"a":"\u007f"}}`), InvalidParameter, "definedTags.n.a", "control characters"},
		{"API-06-object-tag", lb, loadBalancerWith(fixed + `,"definedTags":{"n":{"a":{}}}`), InvalidParameter, "definedTags.n.a", "is an object"},
		{"API-06-deep", listener, listenerWith(tcp + `,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)), CannotParseRequest, "", "nested too deeply"},
		{"API-06-many", listener, listenerWith(tcp + `,"x":[` + strings.Repeat("0,", valuesMax) + `0]`), CannotParseRequest, "", "too many names and values"},
		{"API-06-nested", lb, loadBalancerWith(fixed + `,"listeners":{"l":` + listenerWith(`"protocol":"UDP"`) + `}`), InvalidParameter, "listeners.l.protocol", "'UDP'"},

		{"API-19-name", "CreateHostname", `{"name":"","hostname":"a"}`, InvalidParameter, "name", "=[name may not be empty]"},
		{"API-19-hostname", "UpdateHostname", `{"hostname":""}`, InvalidParameter, "hostname", "=[hostname may not be empty]"},
		{"API-19-optional", listener, listenerWith(plain + `,"routingPolicyName":""`), InvalidParameter, "routingPolicyName", "size must be between 1 and 255"},
		{"API-19-enum", lb, loadBalancerWith(fixed + `,"ipMode":""`), InvalidParameter, "ipMode", "allowed is IPV4, IPV6"},
		{"API-19-display-name", "UpdateLoadBalancer", `{"displayName":""}`, InvalidParameter, "displayName", "size must be between 1 and 1024"},

		{"OP-08-default-set-empty", listener, `{"defaultBackendSetName":"","port":80,"protocol":"TCP"}`, InvalidParameter, "defaultBackendSetName", "=defaultBackendSetName size must be between 1 and 32"},
		{"OP-08-default-set-long", listener, `{"defaultBackendSetName":"` + strings.Repeat("a", 33) + `","port":80,"protocol":"TCP"}`, InvalidParameter, "defaultBackendSetName", "=defaultBackendSetName size must be between 1 and 32"},
		{"OP-08-set", "CreateBackendSet", `{"name":"a.b","policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"}}`, InvalidParameter, "name", "letters, digits, hyphens and underscores"},
		{"OP-08-set-key", lb, loadBalancerWith(fixed + `,"backendSets":{"` + strings.Repeat("b", 33) + `":{}}`), InvalidParameter, "a name in backendSets", "1 and 32"},
		{"OP-08-set-key-letters", lb, loadBalancerWith(fixed + `,"backendSets":{"b s":{}}`), InvalidParameter, "a name in backendSets", "'b s'"},
		{"OP-08-other-name", lb, loadBalancerWith(fixed + `,"hostnames":{"a":{"name":"b","hostname":"c"}}`), InvalidParameter, "hostnames.a.name", "must be 'a'"},
		{"OP-08-other-certificate", lb, loadBalancerWith(fixed + `,"certificates":{"a":{"certificateName":"b"}}`), InvalidParameter, "certificates.a.certificateName", "must be 'a'"},
		{"OP-09", set, setWith(`"sessionPersistenceConfiguration":{"cookieName":"*"},"lbCookieSessionPersistenceConfiguration":{}`), InvalidParameter, "lbCookieSessionPersistenceConfiguration", "cannot be given together"},
		{"OP-09-cookie", set, setWith(`"sessionPersistenceConfiguration":{"cookieName":"a b"}`), InvalidParameter, "sessionPersistenceConfiguration.cookieName", "'a b'"},
		{"OP-09-path", set, setWith(`"lbCookieSessionPersistenceConfiguration":{"path":"a"}`), InvalidParameter, "lbCookieSessionPersistenceConfiguration.path", "beginning with a slash"},
		{"OP-09-path-splits", set, setWith(`"lbCookieSessionPersistenceConfiguration":{"path":"/a; Secure"}`), InvalidParameter, "lbCookieSessionPersistenceConfiguration.path", "visible ASCII"},
		{"OP-09-domain", set, setWith(`"lbCookieSessionPersistenceConfiguration":{"domain":"a;b"}`), InvalidParameter, "lbCookieSessionPersistenceConfiguration.domain", "a domain name"},
		{"OP-09-age", set, setWith(`"lbCookieSessionPersistenceConfiguration":{"maxAgeInSeconds":0}`), InvalidParameter, "lbCookieSessionPersistenceConfiguration.maxAgeInSeconds", "1 to"},
		{"OP-10", set, `{"policy":"IP_HASH","healthChecker":{"protocol":"TCP"},"backends":[{"ipAddress":"10.0.0.3","port":1},{"ipAddress":"10.0.0.4","port":1,"backup":true}]}`, InvalidParameter, "backends[1].backup", "IP_HASH"},
		{"OP-11", set, checkerWith(`"protocol":"HTTP"`), InvalidParameter, "healthChecker.urlPath", "=URL path must be provided for HTTP health checks"},
		{"OP-11-empty", set, checkerWith(`"protocol":"HTTP","urlPath":""`), InvalidParameter, "healthChecker.urlPath", "=URL path must be provided for HTTP health checks"},
		{"OP-11-put", "UpdateHealthChecker", `{"protocol":"HTTP","port":0,"returnCode":200,"retries":3,"timeoutInMillis":1,"intervalInMillis":1000,"responseBodyRegex":".*"}`, InvalidParameter, "urlPath", "=URL path must be provided for HTTP health checks"},
		{"HLT-put-missing", "UpdateHealthChecker", `{"protocol":"TCP","port":0}`, MissingParameter, "intervalInMillis", "is required"},
		{"HLT-protocol", set, checkerWith(`"protocol":"UDP"`), InvalidParameter, "healthChecker.protocol", "HTTP, TCP"},
		{"HLT-path", set, checkerWith(`"protocol":"HTTP","urlPath":"a"`), InvalidParameter, "healthChecker.urlPath", "beginning with a slash"},
		{"HLT-path-splits", set, checkerWith(`"protocol":"HTTP","urlPath":"/ HTTP/1.1\r\nX: y"`), InvalidParameter, "healthChecker.urlPath", "visible ASCII"},
		{"HLT-regex-empty", set, checkerWith(`"protocol":"TCP","responseBodyRegex":""`), InvalidParameter, "healthChecker.responseBodyRegex", "size must be"},
		{"OP-16-set", set, setWith(`"backendMaxConnections":255`), InvalidParameter, "backendMaxConnections", "0 or 256 to 65535"},
		{"OP-16-set-high", set, setWith(`"backendMaxConnections":65536`), InvalidParameter, "backendMaxConnections", "0 or 256 to 65535"},
		{"OP-16-backend", "CreateBackend", `{"ipAddress":"10.0.0.3","port":1,"maxConnections":1}`, InvalidParameter, "maxConnections", "0 or 256 to 65535"},
		{"OP-16-negative", "CreateBackend", `{"ipAddress":"10.0.0.3","port":1,"maxConnections":-1}`, InvalidParameter, "maxConnections", "0 or 256 to 65535"},
		{"OP-17-weight", "CreateBackend", `{"ipAddress":"10.0.0.3","port":1,"weight":0}`, InvalidParameter, "weight", "weight 0 is not allowed: allowed is 1 to 100"},
		{"OP-17-weight-high", "UpdateBackend", `{"weight":101,"backup":false,"drain":false,"offline":false}`, InvalidParameter, "weight", "1 to 100"},
		{"OP-17-port", "CreateBackend", `{"ipAddress":"10.0.0.3","port":0}`, InvalidParameter, "port", "1 to 65535"},
		{"OP-17-listener-port", listener, `{"defaultBackendSetName":"bs","port":65536,"protocol":"TCP"}`, InvalidParameter, "port", "1 to 65535"},
		{"OP-17-health-port", set, checkerWith(`"protocol":"TCP","port":65536`), InvalidParameter, "healthChecker.port", "0 to 65535"},
		{"OP-17-interval", set, checkerWith(`"protocol":"TCP","intervalInMillis":999`), InvalidParameter, "healthChecker.intervalInMillis", "1000 to 1800000"},
		{"OP-17-interval-high", set, checkerWith(`"protocol":"TCP","intervalInMillis":1800001`), InvalidParameter, "healthChecker.intervalInMillis", "1000 to 1800000"},
		{"POL-policy", set, `{"policy":"RANDOM","healthChecker":{"protocol":"TCP"},"backends":[]}`, InvalidParameter, "policy", "ROUND_ROBIN, LEAST_CONNECTIONS, IP_HASH"},
		{"POL-address", "CreateBackend", `{"ipAddress":"a.example","port":1}`, InvalidParameter, "ipAddress", "'a.example'"},
		{"POL-address-6", "CreateBackend", `{"ipAddress":"::1","port":1}`, InvalidParameter, "ipAddress", "IPv4"},
		{"POL-address-zeros", "CreateBackend", `{"ipAddress":"10.0.0.03","port":1}`, InvalidParameter, "ipAddress", "'10.0.0.03'"},
		{"POL-twice", set, `{"policy":"IP_HASH","healthChecker":{"protocol":"TCP"},"backends":[{"ipAddress":"10.0.0.3","port":1},{"ipAddress":"10.0.0.3","port":1}]}`, InvalidParameter, "backends[1]", "10.0.0.3:1"},
		{"OP-02-put-needs-backends", set, `{"policy":"IP_HASH","healthChecker":{"protocol":"TCP"}}`, MissingParameter, "backends", "is required"},
		{"OP-02-put-needs-flags", "UpdateBackend", `{"weight":1,"backup":false,"drain":false}`, MissingParameter, "offline", "is required"},
		{"OP-19-low", lb, loadBalancerWith(`"shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":9,"maximumBandwidthInMbps":10}`), InvalidParameter, "shapeDetails.minimumBandwidthInMbps", "10 to 8000"},
		{"OP-19-high", lb, loadBalancerWith(`"shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":8001}`), InvalidParameter, "shapeDetails.maximumBandwidthInMbps", "10 to 8000"},
		{"OP-19-crossed", "UpdateLoadBalancerShape", `{"shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":20,"maximumBandwidthInMbps":10}}`, InvalidParameter, "shapeDetails.maximumBandwidthInMbps", "20 to 8000"},
		{"OP-19-missing", lb, loadBalancerWith(`"shapeName":"FLEXIBLE"`), MissingParameter, "shapeDetails", "is required when shapeName is flexible"},
		{"OP-19-shape", lb, loadBalancerWith(`"shapeName":"1Mbps"`), InvalidParameter, "shapeName", "'1Mbps'"},
		{"OP-20-reserved", "CreateSSLCipherSuite", `{"name":"oci-modern-ssl-cipher-suite-v1","ciphers":["AES128-SHA"]}`, InvalidParameter, "name", "reserved"},
		{"OP-20-customized", "CreateSSLCipherSuite", `{"name":"oci-customized-ssl-cipher-suite","ciphers":["AES128-SHA"]}`, InvalidParameter, "name", "reserved"},
		{"OP-20-use-customized", listener, listenerWith(plain + `,"sslConfiguration":{"certificateName":"c","cipherSuiteName":"oci-customized-ssl-cipher-suite"}`), InvalidParameter, "sslConfiguration.cipherSuiteName", "not allowed"},
		{"OP-20-no-cipher", "UpdateSSLCipherSuite", `{"ciphers":[]}`, InvalidParameter, "ciphers", "size must be"},
		{"OP-20-cipher", "UpdateSSLCipherSuite", `{"ciphers":["NULL-SHA"]}`, InvalidParameter, "ciphers", "ciphers[0] 'NULL-SHA'"},
		{"OP-21", "UpdateNetworkSecurityGroups", `{"networkSecurityGroupIds":[` + repeated(6, `"%d"`) + `]}`, InvalidParameter, "networkSecurityGroupIds", "0 and 5"},
		{"OP-22-sets", lb, loadBalancerWith(fixed + `,"backendSets":{` + repeated(17, `"b%d":`+setWith(`"x":0`)) + `}`), InvalidParameter, "backendSets", "0 and 16"},
		{"OP-22-hostnames", listener, listenerWith(plain + `,"hostnameNames":[` + repeated(17, `"h%d"`) + `]`), InvalidParameter, "hostnameNames", "0 and 16"},
		{"OP-22-backends", set, `{"policy":"IP_HASH","healthChecker":{"protocol":"TCP"},"backends":[` + repeated(513, `{"ipAddress":"10.0.0.3","port":1%d}`) + `]}`, InvalidParameter, "backends", "0 and 512"},
		{"OP-22-rules", rules, `{"items":[` + repeated(21, `{"action":"HTTP_HEADER"}`) + `]}`, InvalidParameter, "items", "1 and 20"},
		{"OP-22-path-rules", "UpdatePathRouteSet", `{"pathRoutes":[` + repeated(21, `{"path":"/%d","backendSetName":"b","pathMatchType":{"matchType":"EXACT_MATCH"}}`) + `]}`, InvalidParameter, "pathRoutes", "0 and 20"},
		{"OP-22-ip", rules, ruleWith(`"action":"IP_BASED_MAX_CONNECTIONS","ipMaxConnections":[` + repeated(4, `{"ipAddresses":["10.0.0.0/8"],"maxConnections":1}`) + `]`), InvalidParameter, "items[0].ipMaxConnections", "0 and 3"},
		{"OP-23-https", listener, listenerWith(`"protocol":"HTTPS"`), InvalidParameter, "protocol", "use HTTP with sslConfiguration"},
		{"OP-23-http2", listener, listenerWith(`"protocol":"HTTP2"`), MissingParameter, "sslConfiguration", "HTTP2"},
		{"OP-23-grpc", listener, listenerWith(`"protocol":"GRPC"`), MissingParameter, "sslConfiguration", "GRPC"},
		{"OP-23-two-routes", listener, listenerWith(plain + `,"pathRouteSetName":"a","routingPolicyName":"b"`), InvalidParameter, "routingPolicyName", "use one of them"},
		{"OP-23-no-certificate", listener, listenerWith(plain + `,"sslConfiguration":{}`), MissingParameter, "sslConfiguration.certificateName", "certificateIds"},
		{"TLS-02-protocol", listener, listenerWith(plain + `,"sslConfiguration":{"certificateName":"c","protocols":["SSLv3"]}`), InvalidParameter, "sslConfiguration.protocols[0]", "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"},
		{"TLS-04-order", listener, listenerWith(plain + `,"sslConfiguration":{"certificateName":"c","serverOrderPreference":"YES"}`), InvalidParameter, "sslConfiguration.serverOrderPreference", "ENABLED, DISABLED"},
		{"OP-24", lb, loadBalancerWith(fixed + `,"requestIdHeader":"Cookie"`), InvalidParameter, "requestIdHeader", "begin with X-"},
		{"OP-24-only", lb, loadBalancerWith(fixed + `,"requestIdHeader":"X-"`), InvalidParameter, "requestIdHeader", "begin with X-"},
		{"OP-24-update", "UpdateLoadBalancer", `{"requestIdHeader":"X-A\r\nB: c"}`, InvalidParameter, "requestIdHeader", "letters, digits"},

		{"TMO-01-zero", listener, listenerWith(tcp + `,"connectionConfiguration":{"idleTimeout":0}`), InvalidParameter, "connectionConfiguration.idleTimeout", "1 to 7200"},
		{"TMO-01-negative", listener, listenerWith(tcp + `,"connectionConfiguration":{"idleTimeout":-1}`), InvalidParameter, "connectionConfiguration.idleTimeout", "1 to 7200"},
		{"TMO-01-high", listener, listenerWith(plain + `,"connectionConfiguration":{"idleTimeout":7201}`), InvalidParameter, "connectionConfiguration.idleTimeout", "1 to 7200"},
		{"TMO-01-text", listener, listenerWith(plain + `,"connectionConfiguration":{"idleTimeout":"60"}`), InvalidParameter, "connectionConfiguration.idleTimeout", "1 to 7200"},
		{"TMO-01-missing", listener, listenerWith(tcp + `,"connectionConfiguration":{"backendTcpProxyProtocolVersion":1}`), MissingParameter, "connectionConfiguration.idleTimeout", "is required"},
		{"TMO-01-null", listener, listenerWith(tcp + `,"connectionConfiguration":{"idleTimeout":null}`), MissingParameter, "connectionConfiguration.idleTimeout", "is required"},
		{"TLS-10-version", listener, listenerWith(tcp + `,"connectionConfiguration":{"idleTimeout":1,"backendTcpProxyProtocolVersion":3}`), InvalidParameter, "connectionConfiguration.backendTcpProxyProtocolVersion", "1 to 2"},
		{"TLS-10-http", listener, listenerWith(plain + `,"connectionConfiguration":{"idleTimeout":1,"backendTcpProxyProtocolVersion":1}`), InvalidParameter, "connectionConfiguration.backendTcpProxyProtocolVersion", "it is for TCP"},
		{"TLS-10-option", listener, listenerWith(tcp + `,"connectionConfiguration":{"idleTimeout":1,"backendTcpProxyProtocolVersion":1,"backendTcpProxyProtocolOptions":["PP2_TYPE_AUTHORITY"]}`), InvalidParameter, "connectionConfiguration.backendTcpProxyProtocolOptions", "is 2"},

		{"RUL-01-nothing", rules, ruleWith(`"action":"EXTEND_HTTP_REQUEST_HEADER_VALUE","header":"a"`), MissingParameter, "items[0].prefix", "prefix or suffix"},
		{"RUL-01-no-value", rules, ruleWith(`"action":"ADD_HTTP_RESPONSE_HEADER","header":"a"`), MissingParameter, "items[0].value", "is required when action is"},
		{"RUL-01-header", rules, ruleWith(`"action":"REMOVE_HTTP_REQUEST_HEADER","header":"a b"`), InvalidParameter, "items[0].header", "'a b'"},
		{"RUL-01-action", rules, ruleWith(`"action":"DROP"`), InvalidParameter, "items[0].action", "'DROP'"},
		{"RUL-02-dollar", rules, ruleWith(`"action":"ADD_HTTP_REQUEST_HEADER","header":"a","value":"$x"`), InvalidParameter, "items[0].value", "dollar"},
		{"RUL-02-braces", rules, ruleWith(`"action":"ADD_HTTP_REQUEST_HEADER","header":"a","value":"b{x}c"`), InvalidParameter, "items[0].value", "braces"},
		{"RUL-02-suffix", rules, ruleWith(`"action":"EXTEND_HTTP_RESPONSE_HEADER_VALUE","header":"a","suffix":"{x}"`), InvalidParameter, "items[0].suffix", "braces"},
		{"RUL-02-newline", rules, ruleWith(`"action":"ADD_HTTP_REQUEST_HEADER","header":"a","value":"b\r\nc: d"`), InvalidParameter, "items[0].value", "visible ASCII"},
		{"RUL-03-cidr", rules, ruleWith(`"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"10.0.0.1"}]`), InvalidParameter, "items[0].conditions[0].attributeValue", "CIDR"},
		{"RUL-03-vcn-6", rules, ruleWith(`"action":"ALLOW","conditions":[{"attributeName":"SOURCE_VCN_ID","attributeValue":"v"},{"attributeName":"SOURCE_VCN_IP_ADDRESS","attributeValue":"::/0"}]`), InvalidParameter, "items[0].conditions[1].attributeValue", "IPv4 CIDR"},
		{"RUL-03-vcn-address-alone", rules, ruleWith(`"action":"ALLOW","conditions":[{"attributeName":"SOURCE_VCN_IP_ADDRESS","attributeValue":"10.0.0.0/8"}]`), InvalidParameter, "items[0].conditions", "together"},
		{"RUL-03-two-addresses", rules, ruleWith(`"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"10.0.0.0/8"},{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"11.0.0.0/8"}]`), InvalidParameter, "items[0].conditions", "together"},
		{"RUL-03-path", rules, ruleWith(`"action":"ALLOW","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}]`), InvalidParameter, "items[0].conditions[0].attributeName", "ALLOW"},
		{"RUL-03-none", rules, ruleWith(`"action":"ALLOW","conditions":[]`), InvalidParameter, "items[0].conditions", "1 and 2"},
		{"RUL-04-none", rules, ruleWith(`"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":[]`), InvalidParameter, "items[0].allowedMethods", "size must be"},
		{"RUL-04-method", rules, ruleWith(`"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET POST"]`), InvalidParameter, "items[0].allowedMethods[0]", "'GET POST'"},
		{"RUL-05-code", rules, ruleWith(`"action":"REDIRECT","responseCode":300,"conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}]`), InvalidParameter, "items[0].responseCode", "301, 302, 303, 307, 308"},
		{"RUL-05-operator", rules, ruleWith(`"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/"}]`), MissingParameter, "items[0].conditions[0].operator", "is required"},
		{"RUL-05-address", rules, ruleWith(`"action":"REDIRECT","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"::/0"}]`), InvalidParameter, "items[0].conditions[0].attributeName", "REDIRECT"},
		{"RUL-06-size", rules, ruleWith(`"action":"HTTP_HEADER","httpLargeHeaderSizeInKB":12`), InvalidParameter, "items[0].httpLargeHeaderSizeInKB", "8, 16, 32, 64"},
		{"RUL-07-nothing", rules, ruleWith(`"action":"IP_BASED_MAX_CONNECTIONS"`), MissingParameter, "items[0].defaultMaxConnections", "or ipMaxConnections"},
		{"RUL-07-address", rules, ruleWith(`"action":"IP_BASED_MAX_CONNECTIONS","ipMaxConnections":[{"ipAddresses":["x"],"maxConnections":1}]`), InvalidParameter, "items[0].ipMaxConnections[0].ipAddresses[0]", "CIDR"},
		{"RUL-09", listener, listenerWith(tcp + `,"ruleSetNames":["r"]`), InvalidParameter, "ruleSetNames", "TCP"},
		{"RUL-09-hostnames", listener, listenerWith(tcp + `,"hostnameNames":["r"]`), InvalidParameter, "hostnameNames", "TCP"},
		{"RTE-01-wildcard", "UpdatePathRouteSet", `{"pathRoutes":[{"path":"/*","backendSetName":"b","pathMatchType":{"matchType":"EXACT_MATCH"}}]}`, InvalidParameter, "pathRoutes[0].path", "wildcards"},
		{"RTE-01-type", "UpdatePathRouteSet", `{"pathRoutes":[{"path":"/","backendSetName":"b","pathMatchType":{"matchType":"REGEX"}}]}`, InvalidParameter, "pathRoutes[0].pathMatchType.matchType", "'REGEX'"},
		{"RTE-04-actions", "UpdateRoutingPolicy", `{"rules":[{"name":"R","condition":"x","actions":[]}]}`, InvalidParameter, "rules[0].actions", "1 and 1"},
		{"RTE-04-twice", "UpdateRoutingPolicy", `{"rules":[` + sampleRoutingRule + `,` + sampleRoutingRule + `]}`, InvalidParameter, "rules[1].name", "another rule"},
		{"RTE-04-version", "CreateRoutingPolicy", `{"name":"P","rules":[` + sampleRoutingRule + `]}`, MissingParameter, "conditionLanguageVersion", "is required"},
		{"RTE-04-version-2", "UpdateRoutingPolicy", `{"conditionLanguageVersion":"V2","rules":[` + sampleRoutingRule + `]}`, InvalidParameter, "conditionLanguageVersion", "V1"},
		{"HST-01-middle", "UpdateHostname", `{"hostname":"a.*.b"}`, InvalidParameter, "hostname", "'a.*.b'"},
		{"HST-01-both", "UpdateHostname", `{"hostname":"*.a.*"}`, InvalidParameter, "hostname", "'*.a.*'"},
		{"HST-01-star", "UpdateHostname", `{"hostname":"*"}`, InvalidParameter, "hostname", "'*'"},
		{"HST-01-part", "UpdateHostname", `{"hostname":"a*.b"}`, InvalidParameter, "hostname", "'a*.b'"},
		{"HST-01-port", "UpdateHostname", `{"hostname":"a.b:80"}`, InvalidParameter, "hostname", "'a.b:80'"},
	} {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			_, err := decodeAs(t, c.operation, c.body)
			refusal := refusalOf(err)
			whole, exact := strings.CutPrefix(c.message, "=")
			if refusal.Code != c.code || refusal.Field != c.field || !strings.Contains(refusal.Message, whole) || exact && refusal.Message != whole {
				t.Errorf("%.300s:\ngot  %v (field %q)\nwant %s (field %q) with %q", c.body, err, refusal.Field, c.code, c.field, whole)
			}
		})
	}
}

// TestRUL05 has the templates of redirects.
func TestRUL05(t *testing.T) {
	t.Parallel()
	for uri, ok := range map[string]bool{
		`{}`: true, `{"protocol":null}`: true, `{"protocol":"{protocol}"}`: true, `{"protocol":"FTP"}`: false, `{"protocol":""}`: false,
		`{"host":"in{host}"}`: true, `{"host":"{port}{host}"}`: true, `{"host":"[::1]"}`: true, `{"host":"a{b}"}`: false, `{"host":"a}"}`: false,
		`{"host":"a/b"}`: false, `{"host":"a\\{"}`: false, `{"host":""}`: false, `{"port":0}`: false, `{"port":65535}`: true,
		`{"path":""}`: true, `{"path":"/example{path}123\\{path\\}"}`: true, `{"path":"{path}/123"}`: true, `{"path":"a"}`: false, `{"path":"{host}"}`: false,
		`{"path":"/{PATH}"}`: false, `{"path":"/{path"}`: false, `{"path":"/\\x"}`: false, `{"path":"/\\"}`: false, `{"path":"/\\\\"}`: true,
		`{"path":"/a\r\nb"}`: false, `{"path":"/a b"}`: false,
		`{"query":""}`: true, `{"query":"?lang=en&{query}"}`: true, `{"query":"lang=en"}`: true, `{"query":"{query}"}`: true, `{"query":"?}"}`: false,
	} {
		_, err := decodeAs(t, "UpdateRuleSet", ruleWith(`"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":`+uri))
		if (err == nil) != ok {
			t.Errorf("%s: got %v", uri, err)
		}
	}
}

// TestAPI20 tolerates what a newer client says, also where it is an object with names of its own.
func TestAPI20(t *testing.T) {
	t.Parallel()
	body, err := decodeAs(t, "UpdateListener", listenerWith(`"new":{"port":[1,{"port":null}],"a":1,"a":2},"Port":"x","protocol":"http","sslConfiguration":null`))
	if err != nil {
		t.Fatal(err)
	}
	want := &ListenerDetails{DefaultBackendSetName: "bs", Port: 80, Protocol: "HTTP", ConnectionConfiguration: &ConnectionConfiguration{IdleTimeout: 60}}
	if !reflect.DeepEqual(body, want) {
		t.Errorf("got %+v, want %+v", body, want)
	}
}

// TestSamples decodes every sample, and checks what stands where nothing was said.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, o := range operations {
		if !o.HasBody() {
			continue
		}
		if _, err := decodeAs(t, o.Name, sampleBodies[o.Name]); err != nil {
			t.Errorf("%s: %v", o.Name, err)
		}
	}
	lb, _ := decodeAs(t, "CreateLoadBalancer", sampleBodies["CreateLoadBalancer"])
	details, ok := lb.(*CreateLoadBalancerDetails)
	if !ok || details.ShapeName != "flexible" || details.IPMode != "IPV4" || details.RequestIDHeader != nil {
		t.Fatalf("got %+v", lb)
	}
	if text := fmt.Sprintf("%+v %#v", details.Certificates, *details.Certificates["c"].PrivateKey); strings.Contains(text, "hush") {
		t.Errorf("a printed document shows its secrets: %s", text)
	}
}

// TestDefaults has what stands where nothing was said, and the edges that are allowed.
func TestDefaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ id, operation, body, want string }{
		{"OP-03", "UpdateBackendSet", sampleBodies["UpdateBackendSet"],
			`{"backends":[],"healthChecker":{"intervalInMillis":10000,"isForcePlainText":false,"port":0,"protocol":"HTTP","responseBodyRegex":".*","retries":3,"returnCode":200,"timeoutInMillis":3000,"urlPath":"/"},"policy":"IP_HASH"}`},
		{"OP-05-tcp", "CreateListener", sampleBodies["CreateListener"],
			`{"connectionConfiguration":{"idleTimeout":300},"defaultBackendSetName":"bs","hostnameNames":[],"name":"l","port":80,"protocol":"TCP","ruleSetNames":[]}`},
		{"OP-04", "UpdateListener", listenerWith(`"protocol":"GRPC","sslConfiguration":{"certificateName":"c"}`),
			`{"connectionConfiguration":{"idleTimeout":60},"defaultBackendSetName":"bs","hostnameNames":[],"port":80,"protocol":"GRPC","ruleSetNames":[],"sslConfiguration":{"certificateIds":[],"certificateName":"c","cipherSuiteName":"oci-default-ssl-cipher-suite-v1","protocols":["TLSv1.2"],"trustedCertificateAuthorityIds":[],"verifyDepth":1,"verifyPeerCertificate":false}}`},
		{"OP-07", "UpdateLoadBalancer", `{"requestIdHeader":"","displayName":null}`,
			`{"definedTags":{},"freeformTags":{},"requestIdHeader":"X-Request-Id","reservedIps":[],"securityAttributes":{}}`},
		{"OP-17", "CreateBackend", `{"ipAddress":"10.0.0.3","port":65535,"maxConnections":0}`,
			`{"backup":false,"drain":false,"ipAddress":"10.0.0.3","maxConnections":0,"offline":false,"port":65535,"weight":1}`},
		{"TMO-01-least", "UpdateListener", listenerWith(`"protocol":"TCP","connectionConfiguration":{"idleTimeout":1}`),
			`{"connectionConfiguration":{"idleTimeout":1},"defaultBackendSetName":"bs","hostnameNames":[],"port":80,"protocol":"TCP","ruleSetNames":[]}`},
		{"TMO-01-most", "UpdateListener", listenerWith(`"protocol":"TCP","connectionConfiguration":{"idleTimeout":7200,"backendTcpProxyProtocolVersion":2,"backendTcpProxyProtocolOptions":["PP2_TYPE_AUTHORITY"]}`),
			`{"connectionConfiguration":{"backendTcpProxyProtocolOptions":["PP2_TYPE_AUTHORITY"],"backendTcpProxyProtocolVersion":2,"idleTimeout":7200},"defaultBackendSetName":"bs","hostnameNames":[],"port":80,"protocol":"TCP","ruleSetNames":[]}`},
		{"STK-03", "UpdateBackendSet", `{"policy":"IP_HASH","healthChecker":{"protocol":"TCP","responseBodyRegex":"x"},"backends":[],"lbCookieSessionPersistenceConfiguration":{}}`,
			`{"backends":[],"healthChecker":{"intervalInMillis":10000,"isForcePlainText":false,"port":0,"protocol":"TCP","responseBodyRegex":"x","retries":3,"returnCode":200,"timeoutInMillis":3000},"lbCookieSessionPersistenceConfiguration":{"cookieName":"X-Oracle-BMC-LBS-Route","disableFallback":false,"path":"/"},"policy":"IP_HASH"}`},
		{"RUL-04", "UpdateRuleSet", ruleWith(`"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET"],"header":"x"`),
			`{"items":[{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET"],"statusCode":405}]}`},
		{"RUL-06", "UpdateRuleSet", ruleWith(`"action":"HTTP_HEADER"`),
			`{"items":[{"action":"HTTP_HEADER","areInvalidCharactersAllowed":false,"httpLargeHeaderSizeInKB":8}]}`},
		{"RTE-04", "UpdateRoutingPolicy", `{"rules":[` + sampleRoutingRule + `]}`,
			`{"conditionLanguageVersion":"V1","rules":[{"actions":[{"backendSetName":"bs","name":"FORWARD_TO_BACKENDSET"}],"condition":"any(http.request.url.path eq (i '/documents'))","name":"R"}]}`},
	} {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			body, err := decodeAs(t, c.operation, c.body)
			if err != nil {
				t.Fatal(err)
			}
			v := reflect.ValueOf(body).Elem()
			if got := string(encode(v, schemaOf(v.Type()), true)); got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", c.body, got, c.want)
			}
		})
	}
}

// TestOP21 tells an empty list from none.
func TestOP21(t *testing.T) {
	t.Parallel()
	for body, empty := range map[string]bool{`{"networkSecurityGroupIds":[]}`: true, `{}`: false, `{"networkSecurityGroupIds":null}`: false} {
		got, err := decodeAs(t, "UpdateNetworkSecurityGroups", body)
		details, ok := got.(*UpdateNetworkSecurityGroupsDetails)
		if err != nil || !ok || (details.NetworkSecurityGroupIDs != nil) != empty {
			t.Errorf("%s: got %#v, %v", body, got, err)
		}
	}
}

// FuzzDecode holds that what is taken is what comes back: a document that has been decoded and encoded says the same
// when it is decoded again.
func FuzzDecode(f *testing.F) {
	for i, o := range operations {
		if o.HasBody() {
			f.Add(i, []byte(sampleBodies[o.Name]))
		}
	}
	f.Add(7, []byte(`{"networkSecurityGroupIds":["\ud800"]}`))
	f.Fuzz(func(t *testing.T, i int, body []byte) {
		o := operations[uint(i)%uint(len(operations))]
		if !o.HasBody() || strings.Contains(string(body), "rivateKey") || strings.Contains(string(body), "assphrase") {
			return
		}
		got, err := decodeBody(o.body, body)
		if err != nil {
			if refusal := refusalOf(err); refusal.Code == "" || !utf8.ValidString(refusal.Message) || refusal.StatusCode() != 400 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		text := encode(reflect.ValueOf(got).Elem(), o.body, false)
		again, err := decodeBody(o.body, text)
		if err != nil {
			t.Fatalf("%s came back as %s, which is refused: %v", body, text, err)
		}
		if once, twice := text, encode(reflect.ValueOf(again).Elem(), o.body, false); string(once) != string(twice) {
			t.Fatalf("%s came back as\n%s and then as\n%s", body, once, twice)
		}
	})
}
