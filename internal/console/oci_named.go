package console

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The named things of a load balancer that are little more than a list.

func ociHostnameKind() *ociKind {
	return &ociKind{
		word: "hostname", member: "hostnames", naming: "name", option: "name", tool: "hostname", tab: tabHostnames, hint: plainNames,
		fields: func(_ *ociBalancer, body map[string]any) []*field {
			return filledIn([]*field{{Name: "hostname", Label: "Hostname", Hint: "Such as app.example.com, *.example.com or app.example.*"}}, body)
		},
	}
}

func ociCipherSuiteKind() *ociKind {
	return &ociKind{
		word: "cipher suite", member: "sslCipherSuites", naming: "name", option: "name", tool: "ssl-cipher-suite", tab: tabCipherSuites, hint: plainNames,
		fields: func(_ *ociBalancer, body map[string]any) []*field {
			return filledIn([]*field{{Name: "ciphers", Label: "Ciphers", Kind: kindList, Hint: "As OpenSSL names them, with commas between them: ECDHE-RSA-AES128-GCM-SHA256."}}, body)
		},
	}
}

// ociCertificateKind is certificates. There is no request to change one, and none that tells its key.
func ociCertificateKind() *ociKind {
	return &ociKind{
		word: "certificate", member: "certificates", naming: "certificateName", option: "certificate-name", tool: "certificate", tab: tabCertificates, hint: plainNames,
		fixed: true, quiet: true,
		fields: func(*ociBalancer, map[string]any) []*field {
			return []*field{
				{Name: "publicCertificate", Label: "Certificate", Kind: "textarea", Optional: true, Hint: "PEM, with what is between it and its root."},
				{Name: "privateKey", Label: "Private key", Kind: "textarea", Optional: true, Secret: true, Hint: "PEM. It is not shown again."},
				{Name: "passphrase", Label: "Passphrase", Optional: true, Secret: true, Hint: "Of the private key, if it has one."},
				{Name: "caCertificate", Label: "CA certificate", Kind: "textarea", Optional: true, Hint: "PEM, to verify others' certificates with."},
			}
		},
	}
}

func ociPathRouteSetKind() *ociKind {
	return &ociKind{
		word: "path route set", member: "pathRouteSets", naming: "name", option: "path-route-set-name", tool: "path-route-set", tab: tabRouting, hint: plainNames,
		read: map[string]func(string) any{"pathRoutes": readPathRoutes},
		fields: func(_ *ociBalancer, body map[string]any) []*field {
			return []*field{{
				Name: "pathRoutes", Label: "Path routes", Kind: "textarea", Optional: true, Value: pathRoutesText(body),
				Hint: "One in a line: how to match, path, backend set. Matches are EXACT_MATCH, FORCE_LONGEST_PREFIX_MATCH, PREFIX_MATCH and SUFFIX_MATCH.",
			}}
		},
	}
}

func pathRoutesText(body map[string]any) string {
	var lines []string
	for _, one := range listIn(body["pathRoutes"]) {
		lines = append(lines, strings.Join([]string{got(one, "pathMatchType.matchType"), got(one, "path"), got(one, "backendSetName")}, " "))
	}
	return strings.Join(lines, "\n")
}

func readPathRoutes(text string) any {
	list := []any{}
	for words := range rowsOf(text, 3) {
		list = append(list, map[string]any{"pathMatchType": map[string]any{"matchType": words[0]}, "path": words[1], "backendSetName": words[2]})
	}
	return list
}

func ociRoutingPolicyKind() *ociKind {
	return &ociKind{
		word: "routing policy", member: "routingPolicies", naming: "name", option: "routing-policy-name", tool: "routing-policy", tab: tabRouting, hint: plainNames,
		begin: map[string]any{"conditionLanguageVersion": "V1"},
		read:  map[string]func(string) any{"rules": readRoutingRules},
		fields: func(_ *ociBalancer, body map[string]any) []*field {
			return []*field{{
				Name: "rules", Label: "Rules", Kind: "textarea", Value: routingRulesText(body),
				Hint: "One in a line: name, backend set, condition. The first that is true counts. images app any(http.request.url.path sw '/images')",
			}}
		},
	}
}

func routingRulesText(body map[string]any) string {
	var lines []string
	for _, one := range listIn(body["rules"]) {
		set := ""
		for _, action := range listIn(one["actions"]) {
			set = got(action, "backendSetName")
		}
		lines = append(lines, strings.Join([]string{got(one, "name"), set, oneLine.Replace(got(one, "condition"))}, " "))
	}
	return strings.Join(lines, "\n")
}

// oneLine puts a text on one line. Spaces stay: they may be in quotes.
//
//nolint:gochecknoglobals // a constant in all but syntax
var oneLine = strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ")

func readRoutingRules(text string) any {
	list := []any{}
	for words := range rowsOf(text, 3) {
		list = append(list, map[string]any{"name": words[0], "condition": words[2], "actions": []any{map[string]any{"name": "FORWARD_TO_BACKENDSET", "backendSetName": words[1]}}})
	}
	return list
}

// rowsOf reads a table, a row in each line: so many words, of which the last may have spaces in it. What is missing is empty.
func rowsOf(text string, words int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(text) {
			rest := strings.TrimSpace(line)
			if rest == "" {
				continue
			}
			row := make([]string, words)
			for i := range words - 1 {
				row[i], rest, _ = strings.Cut(rest, " ")
				rest = strings.TrimLeft(rest, " \t")
			}
			row[words-1] = rest
			if !yield(row) {
				return
			}
		}
	}
}

func ociRuleSetKind() *ociKind {
	return &ociKind{
		word: "rule set", member: "ruleSets", naming: "name", option: "rule-set-name", tool: "rule-set", tab: tabRuleSets, hint: plainNames,
		read: map[string]func(string) any{"items": readJSON},
		fields: func(_ *ociBalancer, body map[string]any) []*field {
			items, _ := body["items"].([]any)
			return []*field{rulesField(clonedList(items))}
		},
	}
}

// readJSON reads JSON. What is none is left as it was typed: the API says that it has to be a list.
func readJSON(text string) any {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return text
	}
	return value
}

// summary tells of one of the named things what its table has room for.
func summary(k *ociKind, one map[string]any) string {
	switch k.member {
	case "hostnames":
		return got(one, "hostname")
	case "sslCipherSuites":
		return got(one, "ciphers")
	case "pathRouteSets":
		return strings.ReplaceAll(pathRoutesText(one), "\n", "; ")
	case "routingPolicies":
		return strings.ReplaceAll(routingRulesText(one), "\n", "; ")
	case "ruleSets":
		return strings.Join(rulesInWords(one["items"]), "; ")
	}
	return fmt.Sprintf("certificate: %s, CA certificate: %s", yesNo(one["publicCertificate"] != nil), yesNo(one["caCertificate"] != nil))
}
