package metrics

import (
	"strings"
	"time"
	"unicode/utf8"
)

// A Certificate is one that is in force.
type Certificate struct {
	File     string    // from which it was read, or what else its owner knows it by
	Names    []string  // that it is for; the first stands for all
	NotAfter time.Time // when it expires, or its chain if that is sooner
}

// Certificates is who knows them. Its method may be called from any goroutine.
type Certificates interface {
	Certificates() []Certificate
}

const (
	// certificatesMost bounds the series: more than anybody configures by hand, less than a scrape has trouble with.
	certificatesMost = 10000
	// nameMax is where a name is cut: DNS has none of more than 253 bytes, but a certificate may say anything.
	nameMax = 255
)

// certificates sends when each expires. Two that would have the same labels, such as one file for several listeners, are one
// series, with the time that comes first. There are no labels but these: what changes when a certificate is replaced would
// leave a series behind for every one that ever was.
func (w writer) certificates(list []Certificate) {
	type labels struct{ file, name string }
	soonest := make(map[labels]time.Time)
	for _, c := range list[:min(len(list), certificatesMost)] {
		key := labels{valid(c.File), valid(firstName(c.Names))}
		if at, known := soonest[key]; !known || c.NotAfter.Before(at) {
			soonest[key] = c.NotAfter
		}
	}
	for key, at := range soonest {
		w.put(certificateExpiry, float64(at.Unix()), key.file, key.name)
	}
}

func firstName(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0][:min(len(names[0]), nameMax)]
}

// valid makes a text one that a label may have, before it is compared with others.
func valid(text string) string { return strings.ToValidUTF8(text, string(utf8.RuneError)) }
