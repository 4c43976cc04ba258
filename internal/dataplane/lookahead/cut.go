package lookahead

import (
	"strconv"
	"strings"
)

// ahead is a lookahead that has been cut out of an expression.
type ahead struct {
	text string // what stands in its parentheses, behind (?= or (?!
	not  bool
}

// mark returns the group that stands for a lookahead: one that is empty, which the compiler leaves where it is, and whose name nobody else
// would think of.
func mark(n int) string { return "(?P<" + markName(n) + ">)" }

func markName(n int) string { return "lull_lookahead_" + strconv.Itoa(n) }

// cut cuts out the lookaheads of a text, but those within others, and puts marks into their places. A text whose parentheses do not match is left for the parser
// to complain about.
func cut(text string) (rest string, aheads []ahead) {
	var out strings.Builder
	for at := 0; at < len(text); {
		size := token(text[at:])
		if !opens(text[at:]) {
			out.WriteString(text[at : at+size])
			at += size
			continue
		}
		end := closing(text, at+len("(?="))
		if end < 0 {
			out.WriteString(text[at:])
			break
		}
		out.WriteString(mark(len(aheads)))
		aheads = append(aheads, ahead{text[at+len("(?=") : end], text[at+2] == '!'})
		at = end + 1
	}
	return out.String(), aheads
}

// holdsLookahead says whether there is one in a text.
func holdsLookahead(text string) bool {
	_, aheads := cut(text)
	return len(aheads) > 0
}

func opens(text string) bool { return strings.HasPrefix(text, "(?=") || strings.HasPrefix(text, "(?!") }

// closing returns where the parenthesis stands that closes the group whose content begins at a place; -1 if none does.
func closing(text string, at int) int {
	for depth := 0; at < len(text); at += token(text[at:]) {
		switch text[at] {
		case '(':
			depth++
		case ')':
			if depth == 0 {
				return at
			}
			depth--
		}
	}
	return -1
}

// token returns the length of what stands at the beginning of a text, as far as parentheses in it would be none: of an escape, a quotation, a
// class; of anything else it is one byte.
func token(text string) int {
	switch {
	case strings.HasPrefix(text, `\Q`):
		if i := strings.Index(text, `\E`); i >= 0 {
			return i + len(`\E`)
		}
		return len(text)
	case text[0] == '\\':
		return min(2, len(text))
	case text[0] == '[':
		return class(text)
	}
	return 1
}

// class returns the length of a class of characters. A bracket that comes first in it is a member, and so are those of names such as [:alpha:].
func class(text string) int {
	at := 1
	if strings.HasPrefix(text[at:], "^") {
		at++
	}
	for first := true; at < len(text); first = false {
		switch {
		case text[at] == ']' && !first:
			return at + 1
		case text[at] == '\\':
			at += 2
		case strings.HasPrefix(text[at:], "[:") && strings.Contains(text[at:], ":]"):
			at += strings.Index(text[at:], ":]") + 2
		default:
			at++
		}
	}
	return len(text)
}
