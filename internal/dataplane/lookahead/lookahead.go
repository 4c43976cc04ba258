// Package lookahead provides regular expressions as package regexp has them, and with (?=…) and (?!…) besides.
//
// Front doors compile the expressions that the bodies of health checks must match; probes match with them, on any goroutine. The OCI API's own
// sample of such an expression says what must not occur, ^((?!false).|\s)*$, which RE2 leaves out and people copy.
//
// An expression that package regexp takes is that package's. Of any other the lookaheads are cut out and compiled by themselves, and what is
// left is compiled with a mark in each one's place, by package regexp/syntax. The text is then read backwards: from
// what matches behind a character follows what matches before it, for every instruction of every part, those of a
// lookahead before those of what it stands in (machine.go). So the time is the text's length times the number of instructions,
// whatever they are. A backtracking matcher is shorter, and takes exponential time over expressions that look as harmless
// as the one above, on bodies that a backend chooses.
//
// An Expr never changes after Compile. It owns nothing and locks nothing; Match allocates in proportion to the text.
//
// Limits: 500 instructions in all, of lookaheads within lookaheads too, which over the 64 KiB of a body that a probe looks at take a tenth of a
// second or two at the worst; the sample above takes 20 ms, and 10 us over a body of the usual size. Of what Perl has, lookbehind and back references are not to be had, and flags that begin the expression count in its
// lookaheads, but those that begin a group do not.
//
// Follows the syntax of package regexp/syntax.
package lookahead

import (
	"regexp"
	"regexp/syntax"
)

// instructionsMax bounds an expression.
const instructionsMax = 500

// Expr is a regular expression.
type Expr struct {
	text  string
	plain *regexp.Regexp // nil: there are lookaheads
	outer *machine
}

// Compile returns an expression, or an error in the words of package regexp.
func Compile(text string) (*Expr, error) {
	plain, err := regexp.Compile(text)
	if err == nil {
		return &Expr{text: text, plain: plain}, nil
	}
	outer, size, failed := compile(text, flags(text), instructionsMax)
	switch {
	case failed != nil && !holdsLookahead(text):
		return nil, err // package regexp sees all of it
	case failed != nil:
		return nil, failed
	case size > instructionsMax:
		return nil, &syntax.Error{Code: syntax.ErrLarge, Expr: text}
	}
	return &Expr{text: text, outer: outer}, nil
}

// String returns the text it was made of.
func (e *Expr) String() string { return e.text }

// Match says whether it matches somewhere in b.
func (e *Expr) Match(b []byte) bool {
	if e.plain != nil {
		return e.plain.Match(b)
	}
	return e.outer.search([]rune(string(b)))
}

// flags returns the flags that a text begins with, as "(?i)".
func flags(text string) string {
	return leadingFlags.FindString(text)
}

//nolint:gochecknoglobals // a constant in all but syntax
var leadingFlags = regexp.MustCompile(`^\(\?[imsU]+\)`)
