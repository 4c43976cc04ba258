package fault

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"lull/internal/control/store"
)

// triesMax bounds how often a change is tried when others change the same documents: each time one of them was done.
const triesMax = 10

// shownMax is how many bytes a message repeats of a value that somebody else made up.
const shownMax = 64

// Change commits the transaction that build makes of what the store holds. When somebody else was faster it is built anew. An error of
// build's is returned as it is, one of the store's as Commit has it; what says the change.
func Change(ctx context.Context, s *store.Store, what string, build func() (store.Txn, error)) (store.Revision, error) {
	for try := 1; ; try++ {
		txn, err := build()
		if err != nil {
			return 0, err
		}
		revision, err := s.Commit(ctx, txn)
		var conflict *store.Conflict
		switch {
		case err == nil:
			return revision, nil
		case !errors.As(err, &conflict) || try == triesMax:
			return 0, Commit(what, err)
		}
	}
}

// Shortened cuts a value for a message.
func Shortened(s string) string {
	if len(s) > shownMax {
		return strings.ToValidUTF8(s[:shownMax], "") + "…"
	}
	return s
}

// Line refuses a description that is not one line that can be printed, or is too long.
func Line(field, text string, bytesMax int) error {
	if len(text) > bytesMax {
		return Field(field, "has %d bytes, at most %d are allowed", len(text), bytesMax)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return Field(field, "%q: must be printable text in UTF-8 on one line", Shortened(text))
	}
	return nil
}
