package console

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// awsCommand returns the line of the aws command that makes a request. Options are the request's members, named as that command names
// them, and structures are JSON. The endpoint is said, because without one the command would change what is at AWS.
func awsCommand(endpoint, action string, request any) string {
	words := []string{"aws elb " + kebab(action)}
	r := reflect.ValueOf(request).Elem()
	for i := range r.NumField() {
		if text, given := awsOption(r.Field(i), wireName(r.Type().Field(i))); given {
			words = append(words, text)
		}
	}
	return strings.Join(append(words, "--endpoint-url "+shellWord(endpoint)), " ")
}

// awsOption writes one option; given is false for what the request does not have.
func awsOption(v reflect.Value, name string) (text string, given bool) {
	option := "--" + kebab(name) + " "
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "", false
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		return option + shellWord(jsonText(v)), true
	case reflect.Slice:
		if v.Len() == 0 && v.IsNil() {
			return "", false
		}
		if v.Len() == 0 || v.Type().Elem().Kind() == reflect.Struct {
			return option + shellWord(jsonText(v)), true
		}
		words := make([]string, v.Len())
		for i := range words {
			words[i] = shellWord(scalarText(v.Index(i)))
		}
		return option + strings.Join(words, " "), true
	}
	return option + shellWord(scalarText(v)), true
}

func scalarText(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return v.String()
	}
	return jsonText(v)
}

// jsonText writes a value with its members in the order in which the API's model has them.
func jsonText(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		return jsonText(v.Elem())
	case reflect.Struct:
		var members []string
		for i := range v.NumField() {
			f := v.Field(i)
			if (f.Kind() == reflect.Pointer || f.Kind() == reflect.Slice) && f.IsNil() {
				continue
			}
			members = append(members, quoted(wireName(v.Type().Field(i)))+":"+jsonText(f))
		}
		return "{" + strings.Join(members, ",") + "}"
	case reflect.Slice:
		list := make([]string, v.Len())
		for i := range list {
			list[i] = jsonText(v.Index(i))
		}
		return "[" + strings.Join(list, ",") + "]"
	case reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	}
	return quoted(v.String())
}

// quoted writes a string as JSON has it.
func quoted(s string) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can be
	return strings.TrimSuffix(out.String(), "\n")
}

// wireName returns a member's name in the API.
func wireName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("wire"), ",")
	return name
}

//nolint:gochecknoglobals // constants in all but type
var (
	wordBegins = regexp.MustCompile(`(.)([A-Z][a-z]+)`)
	wordEnds   = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	plainWord  = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)
)

// kebab writes a name of the API as the aws command does: SSLCertificateId is ssl-certificate-id.
func kebab(name string) string {
	return strings.ToLower(wordEnds.ReplaceAllString(wordBegins.ReplaceAllString(name, "$1-$2"), "$1-$2"))
}

// steers says whether a terminal, when it is pasted, takes a character for a command of its own: Ctrl-C would end the line, whose rest
// would be run by the next line end.
func steers(c rune) bool { return c != '\n' && unicode.IsControl(c) }

// printed returns a word that has the shell print what it must not be typed. The substitution takes line ends off the end, so they
// stand behind it.
func printed(s string) string {
	var out strings.Builder
	text := strings.TrimRight(s, "\n")
	for i := range len(text) {
		switch c := text[i]; {
		case c == '%':
			out.WriteString("%%")
		case c < ' ' || c >= 0x7f || c == '\'' || c == '\\':
			fmt.Fprintf(&out, `\%03o`, c)
		default:
			out.WriteByte(c)
		}
	}
	return `"$(printf '` + out.String() + `')` + s[len(text):] + `"`
}

// shellWord quotes a word for a POSIX shell. JSON is in double quotes, as the AWS documentation has it, unless something in it would mean
// something to the shell there.
func shellWord(s string) string {
	switch {
	case plainWord.MatchString(s):
		return s
	case strings.ContainsFunc(s, steers):
		return printed(s)
	case !strings.ContainsAny(s, "$`\\!'"):
		return `"` + strings.ReplaceAll(s, `"`, `\"`) + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
