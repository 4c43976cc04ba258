package sticky_test

import (
	"testing"
)

const browserCookies = "Cookie: wp_visits=2; wp_visit_lasttime=xxxxxxxxxx; __utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; " +
	"__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.example.com|utmcct=/reader/view/|utmcmd=referral; SID=1; AWSELB=" + value1

const followedLine = "Set-Cookie: SID=1; Path=/; Expires=Wed, 21 Oct 2037 07:28:00 GMT; HttpOnly; SameSite=Lax"

func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	dst := make([]byte, 0, 512)
	h, b := request(t, browserCookies)
	down, db := response(t, "Set-Cookie: x=y; Max-Age=0", followedLine)
	for name, p := range map[string]struct {
		plan  int
		found int
	}{"own": {0, -1}, "own-right": {0, 1}, "follow": {1, 1}, "any": {2, 1}, "any-new": {2, -1}} {
		tb := table(fuzzPlans[p.plan])
		if got := testing.AllocsPerRun(50, func() {
			if tb.Find(h, b) != 1 {
				t.Errorf("%s: not found", name)
			}
			tb.AppendSetCookie(dst, 1, p.found, down, db)
		}); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, got)
		}
	}
}

func BenchmarkFind(b *testing.B) {
	for name, line := range map[string]string{"alone": "Cookie: SID=1; AWSELB=" + value1, "browser": browserCookies, "none": "Accept: */*"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			h, raw := request(b, line)
			tb := table(followPlan)
			for b.Loop() {
				tb.Find(h, raw)
			}
		})
	}
}

func BenchmarkAppendSetCookie(b *testing.B) {
	h, raw := response(b, followedLine)
	dst := make([]byte, 0, 512)
	for i, name := range []string{"own", "follow", "any"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			tb := table(fuzzPlans[i])
			for b.Loop() {
				tb.AppendSetCookie(dst, 1, -1, h, raw)
			}
		})
	}
}
