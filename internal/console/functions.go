package console

import (
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lull/internal/control/admin"
)

// functions are what templates may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"span":    admin.Span,
		"setting": admin.Setting,
		"number":  number[uint64],
		"whole":   number[int],
		"integer": number[int64],
		"counted": counted,
		"text":    func(id uint64) string { return strconv.FormatUint(id, 10) },
		"rate":    rate,
		"to":      to,
		"quoted":  func(text string) []string { return strings.Split(text, "`") }, // every second part is a name of lull's
		"odd":     func(n int) bool { return n%2 == 1 },
		"millis":  func(d time.Duration) int64 { return d.Milliseconds() },
		"instant": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	}
}

// number writes a whole number with commas.
func number[T int | int64 | uint64](n T) string {
	if n < 0 {
		return "−" + number(uint64(-n))
	}
	digits := strconv.FormatUint(uint64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// counted writes how many there are of something.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return number(n) + " " + what + "s"
}

// rate writes how often something happens in a second.
func rate(perSecond float64) string {
	switch {
	case perSecond <= 0:
		return "0"
	case perSecond < 0.1:
		return "< 0.1"
	case perSecond < 100:
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return number(uint64(perSecond + 0.5))
}

// to returns the address of a page with names and values for its query, in turn; empty values are left out.
func to(page string, pairs ...string) string {
	query := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return link(page, query)
}
