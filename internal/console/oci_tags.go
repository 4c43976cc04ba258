package console

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The members that have a load balancer's tags.
const (
	freeformTags = "freeformTags"
	definedTags  = "definedTags"
)

// tagFields is the fields for tags. A request has all of them.
func tagFields(freeform map[string]string, defined map[string]map[string]any) []*field {
	return []*field{
		{Name: freeformTags, Label: "Tags", Kind: "textarea", Optional: true, Value: strings.Join(tagLines(freeform), "\n"), Hint: "Free-form tags: one in a line, as key=value."},
		{
			Name: definedTags, Label: "Defined tags", Kind: "textarea", Optional: true, Value: strings.Join(definedTagLines(defined), "\n"),
			Hint: "One in a line: namespace.key value. lull takes any. Values are text; numbers and truth values that are there stay what they are while they are not typed over.",
		},
	}
}

// tagsRead returns how tags are read, of which some are there.
func tagsRead(defined map[string]map[string]any) map[string]func(text string) any {
	return map[string]func(string) any{freeformTags: readTags, definedTags: func(text string) any { return readDefinedTags(text, defined) }}
}

func tagLines(tags map[string]string) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		lines = append(lines, key+"="+tags[key])
	}
	return lines
}

func readTags(text string) any {
	tags := map[string]any{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			key, value, _ := strings.Cut(line, "=")
			tags[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return tags
}

// definedTagLines writes defined tags, one in a line.
func definedTagLines(tags map[string]map[string]any) (lines []string) {
	for _, namespace := range slices.Sorted(maps.Keys(tags)) {
		for _, key := range slices.Sorted(maps.Keys(tags[namespace])) {
			lines = append(lines, tagWord(namespace, ".")+"."+tagWord(key, "")+" "+tagValue(tags[namespace][key]))
		}
	}
	return lines
}

// tagWord writes a name of a defined tag: as JSON has it if it could be taken for something else in its place.
func tagWord(name, end string) string {
	if name == "" || name[0] == '"' || strings.ContainsAny(name, " \t\r\n"+end) || strings.TrimSpace(name) != name {
		return quoted(name)
	}
	return name
}

// tagValue writes a value of a defined tag, which is a text, a number or a truth value.
func tagValue(value any) string {
	text, is := value.(string)
	if !is {
		return fmt.Sprint(value)
	}
	if strings.HasPrefix(text, `"`) || strings.ContainsAny(text, "\r\n") || strings.TrimSpace(text) != text {
		return quoted(text)
	}
	return text
}

// readDefinedTags reads defined tags as definedTagLines writes them. A line that says what is there is what is there, of whatever type.
// Nothing is no member where there are none: to say so would change nothing.
func readDefinedTags(text string, there map[string]map[string]any) any {
	if text == strings.Join(definedTagLines(there), "\n") {
		if len(there) == 0 {
			return absent{}
		}
		return there
	}
	tags := map[string]map[string]any{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		namespace, rest := nextTagWord(line, ".")
		key, rest := nextTagWord(strings.TrimPrefix(rest, "."), " \t")
		rest = strings.TrimSpace(rest)
		var value any = unquoted(rest)
		if now, is := there[namespace][key]; is && tagValue(now) == rest {
			value = now
		}
		if tags[namespace] == nil {
			tags[namespace] = map[string]any{}
		}
		tags[namespace][key] = value
	}
	return tags
}

// nextTagWord returns the word that a line begins with, and the rest from the character on that ends it. One in quotes is JSON. A
// namespace without a key has all of its line but the value.
func nextTagWord(line, ends string) (word, rest string) {
	if d := json.NewDecoder(strings.NewReader(line)); strings.HasPrefix(line, `"`) && d.Decode(&word) == nil {
		return word, line[d.InputOffset():]
	}
	i := strings.IndexAny(line, ends+" \t")
	if i < 0 {
		return line, ""
	}
	return line[:i], line[i:]
}

// unquoted returns what a value stands for that may be in quotes.
func unquoted(text string) string {
	var inner string
	if strings.HasPrefix(text, `"`) && json.Unmarshal([]byte(text), &inner) == nil {
		return inner
	}
	return text
}
