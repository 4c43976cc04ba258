package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
)

// ociTool is how the oci command calls a request: "listener update", and what is in the request's path beside the load balancer.
type ociTool struct {
	does  string
	names []kept
	raw   bool // that command has no option for something
}

// ociFlat is the objects of a body that have an option for each member, and how those begin.
//
//nolint:gochecknoglobals // a constant in all but syntax
var ociFlat = map[string]string{
	"connectionConfiguration": "connection-configuration-", "sslConfiguration": "ssl-", "healthChecker": "health-checker-",
	"sessionPersistenceConfiguration": "session-persistence-",
}

// ociOptions is the options that are not called like the member. Those that are empty do not exist.
//
//nolint:gochecknoglobals // a constant in all but syntax
var ociOptions = map[string]string{
	"connection-configuration-backend-tcp-proxy-protocol-options": "",
	"ssl-protocols":                         "protocols",
	"ssl-cipher-suite-name":                 "cipher-suite-name",
	"ssl-server-order-preference":           "server-order-preference",
	"ssl-has-session-resumption":            "ssl-session-resumption",
	"ssl-trusted-certificate-authority-ids": "",
	"health-checker-interval-in-millis":     "health-checker-interval-in-ms",
	"health-checker-timeout-in-millis":      "health-checker-timeout-in-ms",
	"health-checker-is-force-plain-text":    "",
}

// ociCommand returns the line of the oci command that makes a request. The endpoint is said, because without one the command would
// change what is at Oracle. What its options cannot say is said in a request of its own making.
func ociCommand(endpoint string, tool ociTool, q *ociapi.Question, body map[string]any) string {
	options, sayable := ociArguments(body)
	if tool.raw || !sayable {
		return ociRaw(endpoint, q)
	}
	words := []string{"oci lb " + tool.does}
	for _, name := range tool.names {
		words = append(words, "--"+name.Name+" "+shellWord(name.Value))
	}
	words = append(words, options...)
	if q.Method != http.MethodPost {
		words = append(words, "--force")
	}
	return strings.Join(append(words, "--endpoint "+shellWord(endpoint+wire.BasePath)), " ")
}

// ociArguments writes the members of a body as options; sayable is false if there is none for one of them.
func ociArguments(body map[string]any) (options []string, sayable bool) {
	for _, member := range slices.Sorted(maps.Keys(body)) {
		inner, object := body[member].(map[string]any)
		begin, flat := ociFlat[member]
		if !flat || !object {
			options = append(options, "--"+kebab(member)+" "+ociArgument(body[member]))
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(inner)) {
			option := begin + kebab(name)
			if other, known := ociOptions[option]; known {
				option = other
			}
			switch _, deep := inner[name].(map[string]any); {
			case option != "" && !deep:
				options = append(options, "--"+option+" "+ociArgument(inner[name]))
			case inner[name] != false:
				return nil, false
			}
		}
	}
	return options, true
}

// ociArgument writes the value of an option.
func ociArgument(value any) string {
	if text, ok := value.(string); ok {
		return shellWord(text)
	}
	text, _ := json.Marshal(value) // what is in a body always can be
	return singleQuoted(string(text))
}

// singleQuoted quotes JSON for a shell where that is needed.
func singleQuoted(text string) string {
	if strings.ContainsFunc(text, steers) {
		return printed(text)
	}
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// ociRaw returns the line that sends a request as it is.
func ociRaw(endpoint string, q *ociapi.Question) string {
	line := fmt.Sprintf("oci raw-request --http-method %s --target-uri %s", q.Method, shellWord(endpoint+wire.BasePath+q.Target))
	if q.Body != nil {
		line += " --request-body " + singleQuoted(string(q.Body))
	}
	return line
}

// ociCertificateCommand returns the line that makes a certificate of files: a private key is in no command.
func ociCertificateCommand(endpoint string, e *ociEdit) string {
	name := e.Form.field("certificateName").Value
	if name == "" {
		name = "NAME"
	}
	words := []string{"oci lb " + e.tool.does}
	for _, one := range e.tool.names {
		words = append(words, "--"+one.Name+" "+shellWord(one.Value))
	}
	return strings.Join(append(words, "--certificate-name "+shellWord(name), "--public-certificate-file certificate.pem --private-key-file key.pem",
		"--endpoint "+shellWord(endpoint+wire.BasePath)), " ")
}
