package console

import (
	"strconv"
	"strings"
)

// kindList is the kind of a field with names in it, commas between them. It is drawn as a line of text.
const kindList = "list"

// absent stands for a member that a body does not have.
type absent struct{}

// wireValue returns what a field stands for in a body. What is no number is left as it was typed: the API says what is wrong with it.
func (one *field) wireValue() any {
	switch {
	case one.Kind == "checkbox":
		return one.Value == "on"
	case one.Value == "" && (one.Optional || one.Kind == "number"):
		return absent{}
	case one.Kind == kindList:
		return namesIn(one.Value)
	case one.Kind == "number":
		if n, err := strconv.ParseInt(one.Value, 10, 64); err == nil {
			return n
		}
	}
	return one.Value
}

// namesIn reads names with commas or spaces between them.
func namesIn(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t' })
}

// put sets a member of a body by its path, such as connectionConfiguration.idleTimeout. Taking the last member out of an object takes
// that out, too.
func put(body map[string]any, path string, value any) {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		if _, none := value.(absent); none {
			delete(body, name)
			return
		}
		body[name] = value
		return
	}
	inner, _ := body[name].(map[string]any)
	if inner == nil {
		inner = map[string]any{}
	}
	put(inner, rest, value)
	if body[name] = inner; len(inner) == 0 {
		delete(body, name)
	}
}

// got returns a member of a body by its path as the text of a field; empty if there is none.
func got(body map[string]any, path string) string {
	name, rest, deeper := strings.Cut(path, ".")
	if deeper {
		inner, _ := body[name].(map[string]any)
		return got(inner, rest)
	}
	return textOf(body[name])
}

// textOf returns a value as the text of a field; empty if it is none.
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	case bool:
		return map[bool]string{true: "on"}[value]
	case []any:
		names := make([]string, len(value))
		for i, one := range value {
			names[i], _ = one.(string)
		}
		return strings.Join(names, ", ")
	}
	return ""
}

// cloned returns a copy of what JSON has decoded, without what it does not have.
func cloned(from map[string]any) map[string]any {
	to := make(map[string]any, len(from))
	for name, value := range from {
		switch value := value.(type) {
		case nil:
		case map[string]any:
			to[name] = cloned(value)
		case []any:
			to[name] = clonedList(value)
		default:
			to[name] = value
		}
	}
	return to
}

func clonedList(from []any) []any {
	to := make([]any, len(from))
	for i, value := range from {
		if inner, ok := value.(map[string]any); ok {
			value = cloned(inner)
		}
		to[i] = value
	}
	return to
}
