package logdelivery

import (
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The two intervals that there are.
const (
	FiveMinutes = 5 * time.Minute
	Hour        = time.Hour
)

const (
	nameMax    = 32   // bytes of a load balancer's name
	regionMax  = 63   // bytes of a region's
	segmentMax = 255  // bytes of one name between slashes: what file systems allow
	prefixMax  = 512  // bytes of a prefix; with all that follows it a key stays below S3's 1,024
	keyMax     = 1024 // bytes of a key, S3's limit
)

// Target says where the access log of one load balancer goes.
type Target struct {
	Name     string        // the load balancer's, as its users know it: lines and names of files have it
	Bucket   string        // of S3, or the directory below the root
	Prefix   string        // in the bucket, without slashes at its ends; empty: none
	Interval time.Duration // FiveMinutes or Hour
	// Nodes has the node's address, as names of files have it, by the listener's address. A listener that is missing is a
	// node of its own, as it is where every node has an address for itself.
	Nodes map[netip.Addr]netip.Addr
}

// InvalidError is a target that cannot be: Error names field, value and what is allowed.
type InvalidError struct {
	Field string // "name", "bucket", "prefix" or "interval"
	Value string
	Want  string
}

// Error returns the three in a sentence.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("access log %s %q: must be %s", e.Field, e.Value, e.Want)
}

// Validate reports whether there can be such a target; an error is an *InvalidError.
func (t Target) Validate() error {
	if !validName(t.Name) {
		return &InvalidError{"name", shown(t.Name), "1 to 32 letters, digits and hyphens"}
	}
	if !validBucket(t.Bucket) {
		return &InvalidError{"bucket", shown(t.Bucket), "3 to 63 small letters, digits, dots and hyphens, beginning and ending with a letter or digit"}
	}
	if t.Prefix != "" && (len(t.Prefix) > prefixMax || !validKey(t.Prefix) || strings.Contains(t.Prefix, "AWSLogs")) {
		return &InvalidError{"prefix", shown(t.Prefix), "at most 512 letters, digits, slashes and " + keyMarks +
			", without AWSLogs, without a slash at either end, and without empty names, . and .. between slashes"}
	}
	if t.Interval != FiveMinutes && t.Interval != Hour {
		return &InvalidError{"interval", t.Interval.String(), "5 or 60 minutes"}
	}
	return nil
}

// shown bounds what a message repeats.
func shown(s string) string { return s[:min(len(s), 100)] }

// A destination is the part of a Target that says which file a line goes to.
type destination struct {
	name, bucket, prefix string
	interval             time.Duration
}

func (t Target) destination() destination {
	return destination{t.Name, t.Bucket, t.Prefix, t.Interval}
}

// node returns the address of the node that a listener belongs to.
func (t Target) node(listener netip.Addr) netip.Addr {
	if node, ok := t.Nodes[listener]; ok {
		return node
	}
	return listener
}

// clone returns a copy that shares nothing with what the caller may go on changing.
func (t Target) clone() Target {
	t.Nodes = maps.Clone(t.Nodes)
	return t
}

// An owner is whose logs they are: the first part of every name.
type owner struct{ account, region string }

// testKey returns the key of the file that shows that a bucket can be written.
func (o owner) testKey(prefix string) string {
	return o.below(prefix) + "ELBAccessLogTestFile"
}

// key returns the key of the file of a destination's node whose interval ends at an instant. The date in it is that of the
// delivery, which is the interval's end.
func (o owner) key(d destination, node netip.Addr, end time.Time, random string) string {
	end = end.UTC()
	return fmt.Sprintf("%selasticloadbalancing/%s/%s/%s_elasticloadbalancing_%s_%s_%s_%s_%s.log", o.below(d.prefix), o.region,
		end.Format("2006/01/02"), o.account, o.region, d.name, end.Format("20060102T1504Z"), nodeName(node), random)
}

func (o owner) below(prefix string) string {
	if prefix != "" {
		prefix += "/"
	}
	return prefix + "AWSLogs/" + o.account + "/"
}

// nodeName returns an address as names have it: a zone of IPv6 could hold anything.
func nodeName(node netip.Addr) string { return node.Unmap().WithZone("").String() }

// randomName returns 8 small letters and digits. They keep apart what would have the same name, and keep nothing secret.
func randomName(random io.Reader) (string, error) {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b[:]), nil
}

// endOf returns the end of the interval whose file takes what ended at an instant. That is the interval in which it ended,
// as long as that one's file may still be open; otherwise the present one, also where the clocks disagree.
func endOf(ended, now time.Time, interval time.Duration) time.Time {
	end, present := ended.Truncate(interval).Add(interval), now.Truncate(interval).Add(interval)
	if end.Add(interval).Equal(present) && now.Before(end.Add(shutAfter)) {
		return end
	}
	return present
}

// validName accepts the names of Classic Load Balancers.
func validName(s string) bool {
	return s != "" && len(s) <= nameMax && only(s, "-", true)
}

// validBucket accepts what S3 does for new buckets. No such name is a path: it has no slash and no two dots in a row.
func validBucket(s string) bool {
	return len(s) >= 3 && len(s) <= 63 && only(s, ".-", false) && !strings.Contains(s, "..") &&
		only(s[:1], "", false) && only(s[len(s)-1:], "", false)
}

// keyMarks are the characters besides letters and digits in a key. Left out is what a shell, a URL or a console may take for
// something else.
const keyMarks = `! - _ . * ' ( ) + = , @ : ~ $ &`

// validKey accepts a relative path that stays below where it begins, in a file system as well as in a URL.
func validKey(s string) bool {
	if len(s) > keyMax {
		return false
	}
	return !slices.ContainsFunc(strings.Split(s, "/"), func(segment string) bool {
		return segment == "" || segment == "." || segment == ".." || len(segment) > segmentMax ||
			!only(segment, strings.ReplaceAll(keyMarks, " ", ""), true)
	})
}

// only reports whether a text has nothing but digits, small letters, capitals where they are allowed, and some marks.
func only(s, marks string, capitals bool) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', capitals && r >= 'A' && r <= 'Z':
			return false
		}
		return !strings.ContainsRune(marks, r)
	})
}
