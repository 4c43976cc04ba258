package admin

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Span writes a measured duration for people, with about three digits: "0.41 ms", "12.4 s", "2 h 13 min".
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 10*time.Millisecond:
		return trimmed(float64(d)/float64(time.Millisecond), 2) + " ms"
	case d < 999500*time.Microsecond:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	case d < 100*time.Second-50*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	default:
		d = d.Round(time.Hour)
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	}
}

// Setting writes a configured duration as it would stand in lull.yaml: "60s", "1.5s".
func Setting(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "s"
}

// trimmed writes x with at most that many decimals.
func trimmed(x float64, decimals int) string {
	s := strconv.FormatFloat(x, 'f', decimals, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// count writes a number of things: "no bytes", "1 byte", "1,048,576 bytes".
func count(n uint64, thing string) string {
	switch n {
	case 0:
		return "no " + thing + "s"
	case 1:
		return "1 " + thing
	}
	digits := strconv.FormatUint(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + thing + "s"
}

// areMany writes a number of what was named before, with its verb: "1 is", "2 are".
func areMany(n int) string {
	if n == 1 {
		return "1 is"
	}
	return strconv.Itoa(n) + " are"
}

// upperFirst begins a sentence with an ASCII text.
func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
