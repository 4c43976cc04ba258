package wire

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// sampleBodies is a document for every operation that reads one.
//
//nolint:gochecknoglobals // a table
var sampleBodies = map[string]string{
	"CreateLoadBalancer": `{"compartmentId":"ocid1.compartment.oc1..x","displayName":"lb","shapeName":"Flexible",
		"shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":100},"subnetIds":["ocid1.subnet.oc1.phx.x"],
		"backendSets":{"bs":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"HTTP","urlPath":"/hc"},
			"backends":[{"ipAddress":"10.0.0.3","port":8080,"weight":3}]}},
		"listeners":{"l":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":120}}},
		"hostnames":{"h":{"name":"h","hostname":"*.example.com"}},
		"certificates":{"c":{"certificateName":"c","publicCertificate":"pem","privateKey":"hush","passphrase":"hush"}},
		"sslCipherSuites":{"s":{"name":"s","ciphers":["AES128-SHA"]}},
		"ruleSets":{"r":{"items":[{"action":"HTTP_HEADER"}]}},"pathRouteSets":{"p":{"pathRoutes":[]}},
		"definedTags":{"ns":{"a":"b","c":1.5,"d":true}},"freeformTags":{"e":""}}`,
	"UpdateLoadBalancer":            `{"displayName":"other"}`,
	"ChangeLoadBalancerCompartment": `{"compartmentId":"ocid1.compartment.oc1..y"}`,
	"UpdateLoadBalancerShape":       `{"shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":8000,"maximumBandwidthInMbps":8000}}`,
	"UpdateNetworkSecurityGroups":   `{"networkSecurityGroupIds":[]}`,
	"CreateBackendSet":              `{"name":"bs","policy":"LEAST_CONNECTIONS","healthChecker":{"protocol":"TCP"},"backendMaxConnections":256}`,
	"UpdateBackendSet":              `{"policy":"IP_HASH","healthChecker":{"protocol":"HTTP","urlPath":"/"},"backends":[]}`,
	"UpdateHealthChecker": `{"protocol":"HTTP","urlPath":"/","port":0,"returnCode":200,"retries":3,"timeoutInMillis":3000,
		"intervalInMillis":10000,"responseBodyRegex":"^((?!false).|\\s)*$"}`,
	"CreateBackend":       `{"ipAddress":"10.0.0.3","port":8080}`,
	"UpdateBackend":       `{"weight":2,"backup":false,"drain":true,"offline":false}`,
	"CreateListener":      `{"name":"l","defaultBackendSetName":"bs","port":80,"protocol":"TCP"}`,
	"UpdateListener":      `{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":1200}}`,
	"CreateCertificate":   `{"certificateName":"c","publicCertificate":"pem","privateKey":"hush"}`,
	"CreateHostname":      `{"name":"h","hostname":"app.example.com"}`,
	"UpdateHostname":      `{"hostname":"app.example.*"}`,
	"CreatePathRouteSet":  `{"name":"prs","pathRoutes":[{"path":"/video","pathMatchType":{"matchType":"PREFIX_MATCH"},"backendSetName":"bs"}]}`,
	"UpdatePathRouteSet":  `{"pathRoutes":[{"path":".html","pathMatchType":{"matchType":"SUFFIX_MATCH"},"backendSetName":"bs"}]}`,
	"CreateRoutingPolicy": `{"name":"P","conditionLanguageVersion":"V1","rules":[` + sampleRoutingRule + `]}`,
	"UpdateRoutingPolicy": `{"rules":[` + sampleRoutingRule + `]}`,
	"CreateRuleSet": `{"name":"rs","items":[{"action":"REDIRECT","responseCode":301,
		"conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"FORCE_LONGEST_PREFIX_MATCH"}],"redirectUri":{"protocol":"HTTPS","port":443}}]}`,
	"UpdateRuleSet":        `{"items":[{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"10.0.0.0/8"}]}]}`,
	"CreateSSLCipherSuite": `{"name":"mine","ciphers":["AES128-SHA","TLS_AES_128_CCM_8_SHA256"]}`,
	"UpdateSSLCipherSuite": `{"ciphers":["AES128-SHA"]}`,
}

const sampleRoutingRule = `{"name":"R","condition":"any(http.request.url.path eq (i '/documents'))","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"bs"}]}`

// sampleTime has more than milliseconds, and is not in UTC.
//
//nolint:gochecknoglobals // a constant in all but type
var sampleTime = time.Date(2018, 7, 11, 19, 11, 8, 832_999_999, time.FixedZone("", 2*3600))

// refusalOf returns the refusal that an error is, or an empty one.
func refusalOf(err error) *Error {
	var refusal *Error
	if !errors.As(err, &refusal) {
		return &Error{}
	}
	return refusal
}

// filled sets everything in a value of a schema to something that tells it from the rest, so that a field which is lost
// or changed places is seen. An enumeration gets one of its own values, and a rule the fields of one action.
func filled(s *schema, counter *int) reflect.Value {
	*counter++
	v := reflect.New(s.typ).Elem()
	switch s.kind {
	case kindString:
		v.SetString("v" + strconv.Itoa(*counter) + "<\"é\\>")
	case kindInt:
		v.SetInt(int64(*counter))
	case kindBool:
		v.SetBool(*counter%2 == 0)
	case kindTime:
		v.Set(reflect.ValueOf(sampleTime))
	case kindScalar:
		v.Set(reflect.ValueOf(json.Number("1.5")))
	case kindList:
		v.Set(reflect.Append(v, filled(s.elem, counter), filled(s.elem, counter)))
	case kindMap:
		v.Set(reflect.MakeMap(s.typ))
		for _, key := range []string{"b", "a"} {
			v.SetMapIndex(reflect.ValueOf(key), filled(s.elem, counter))
		}
	case kindStruct:
		fillMembers(v, s, counter)
	}
	return v
}

// fillMembers is filled for a struct.
func fillMembers(v reflect.Value, s *schema, counter *int) {
	for _, m := range s.members {
		value := filled(m.schema, counter)
		if n := len(m.rule.enum); n > 0 && m.schema.kind == kindString {
			value.SetString(m.rule.enum[*counter%n])
		}
		field := v.FieldByIndex(m.index)
		if m.optional {
			field.Set(reflect.New(m.schema.typ))
			field = field.Elem()
		}
		field.Set(value)
	}
	switch value := v.Addr().Interface().(type) {
	case *Rule:
		keep := ruleKinds[value.Action]
		for _, m := range s.members {
			if names := strings.Join(append(append([]string{"action"}, keep.required...), keep.optional...), " "); !strings.Contains(" "+names+" ", " "+m.name+" ") {
				v.FieldByIndex(m.index).SetZero()
			}
		}
	case *RuleCondition:
		if value.AttributeName != AttributePath {
			value.Operator = nil
		}
	}
}
