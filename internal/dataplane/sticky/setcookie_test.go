package sticky_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
)

const (
	line1 = "Set-Cookie: AWSELB=" + value1
	end   = "\r\n"
)

func TestOwnAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		s    plan.Stickiness
		want string
	}{
		{"browser", plan.Stickiness{}, ";PATH=/"},
		{"duration", plan.Stickiness{Duration: time.Minute}, ";PATH=/;MAX-AGE=60"},
		{"longest", plan.Stickiness{Duration: 400 * 24 * time.Hour}, ";PATH=/;MAX-AGE=34560000"},
		{"part-of-a-second", plan.Stickiness{Duration: time.Millisecond}, ";PATH=/;MAX-AGE=1"},
		{"whole-second", plan.Stickiness{Duration: time.Second}, ";PATH=/;MAX-AGE=1"},
		{"path", plan.Stickiness{Path: "/my_app"}, ";PATH=/my_app"},
		{"domain", plan.Stickiness{Domain: "example.com"}, ";PATH=/;DOMAIN=example.com"},
		{"secure", plan.Stickiness{Secure: true}, ";PATH=/;SECURE"},
		{"http-only", plan.Stickiness{HTTPOnly: true}, ";PATH=/;HTTPONLY"},
		{"all", plan.Stickiness{Path: "/a", Domain: "b.c", Duration: time.Hour, Secure: true, HTTPOnly: true}, ";PATH=/a;DOMAIN=b.c;MAX-AGE=3600;SECURE;HTTPONLY"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, b := response(t)
			c.s.Cookie = "AWSELB"
			if got, want := string(table(c.s).AppendSetCookie(nil, 1, -1, h, b)), line1+c.want+end; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestOwn shows when the client of a session that lull begins is given a cookie, and that the application's do not matter.
func TestOwn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		found, index int
		want         string
	}{
		{"new", -1, 1, line1 + ";PATH=/;MAX-AGE=60" + end},
		{"right", 1, 1, ""},
		{"moved", 0, 1, line1 + ";PATH=/;MAX-AGE=60" + end},
		{"first-backend", -1, 0, "Set-Cookie: AWSELB=" + value0 + ";PATH=/;MAX-AGE=60" + end},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, lines := range [][]string{nil, {"Set-Cookie: SID=1; Path=/x"}, {"Set-Cookie: SID=; Max-Age=0"}, {"Set-Cookie: =x", "Set-Cookie:"}} {
				h, b := response(t, lines...)
				if got := string(table(ownPlan).AppendSetCookie([]byte("A: b\r\n"), c.index, c.found, h, b)); got != "A: b\r\n"+c.want {
					t.Errorf("%q: got %q, want %q behind what was there", lines, got, c.want)
				}
			}
		})
	}
}

// TestFollow shows when lull's cookie accompanies the application's, and with which attributes.
func TestFollow(t *testing.T) {
	t.Parallel()
	const gone = "; Max-Age=0"
	for _, c := range []struct {
		name  string
		found int // by a response of backend 1
		lines []string
		want  string
	}{
		{"not-set", -1, nil, ""},
		{"another-set", -1, []string{"Set-Cookie: lang=en", "X: SID=1"}, ""},
		{"other-known-field", -1, []string{"Server: SID=1", "Set-Cookie: lang=en"}, ""},
		{"name-case", -1, []string{"Set-Cookie: sid=1"}, ""},
		{"no-pair", -1, []string{"Set-Cookie: SID", "Set-Cookie: ;SID=1", "Set-Cookie: =SID"}, ""},
		{"set", -1, []string{"Set-Cookie: SID=1"}, line1 + end},
		{"set-by-odd-name", -1, []string{"set-cookie:  SID  = 1"}, line1 + end},
		{"attributes", -1, []string{"Set-Cookie: SID=1; Path=/a_b; Max-Age=60; HttpOnly"}, line1 + ";Path=/a_b;Max-Age=60;HttpOnly" + end},
		{"all-attributes", -1, []string{"Set-Cookie: SID=1;path=/;Domain=a.b;SECURE;Expires=Wed, 21 Oct 2037 07:28:00 GMT;SameSite=None;Partitioned;Version=1;Comment=\"x\""},
			line1 + ";path=/;Domain=a.b;SECURE;Expires=Wed, 21 Oct 2037 07:28:00 GMT;SameSite=None;Partitioned;Version=1;Comment=\"x\"" + end},
		{"semicolon-last", -1, []string{"Set-Cookie: SID=1; Path=/;"}, line1 + ";Path=/" + end},
		{"semicolons", -1, []string{"Set-Cookie: SID=1;; ;\tPath = /  ;;"}, line1 + ";Path = /" + end},
		{"semicolon-in-quotes", -1, []string{`Set-Cookie: SID="a;b"; Path=/`}, line1 + `;b";Path=/` + end},
		{"second-line", -1, []string{"Set-Cookie: lang=en; Path=/l", "Set-Cookie: SID=1; Path=/a", "Set-Cookie: z=1; Path=/z"}, line1 + ";Path=/a" + end},
		{"set-again", 1, []string{"Set-Cookie: SID=2; Path=/"}, line1 + ";Path=/" + end},
		{"set-elsewhere", 0, []string{"Set-Cookie: SID=2; Path=/a"}, line1 + ";Path=/a" + end},
		{"nothing-new", 1, nil, ""},
		{"moved", 0, nil, line1 + ";PATH=/" + end},
		{"moved-another-set", 0, []string{"Set-Cookie: lang=en; Path=/l"}, line1 + ";PATH=/" + end},
		{"deleted", 1, []string{"Set-Cookie: SID=; Path=/a; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, line1 + ";Path=/a;Expires=Thu, 01 Jan 1970 00:00:00 GMT" + end},
		{"deleted-elsewhere", 0, []string{"Set-Cookie: SID=x; Max-Age=-1"}, line1 + ";Max-Age=-1" + end},
		{"last-of-two", -1, []string{"Set-Cookie: SID=1; Path=/a", "Set-Cookie: SID=2; Path=/b"}, line1 + ";Path=/b" + end},
		{"last-deletion", 1, []string{"Set-Cookie: SID=; Path=/a" + gone, "Set-Cookie: SID=; Path=/b" + gone}, line1 + ";Path=/b;Max-Age=0" + end},
		{"deleted-and-set", 1, []string{"Set-Cookie: SID=; Path=/a" + gone, "Set-Cookie: SID=2; Path=/b"}, line1 + ";Path=/b" + end},
		{"set-and-deleted", 1, []string{"Set-Cookie: SID=2; Path=/b", "Set-Cookie: SID=; Path=/a" + gone}, line1 + ";Path=/b" + end},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, b := response(t, c.lines...)
			if got := string(table(followPlan).AppendSetCookie(nil, 1, c.found, h, b)); got != c.want {
				t.Errorf("%q: got %q, want %q", c.lines, got, c.want)
			}
		})
	}
}

// TestFollowAny shows that with "*" any cookie begins a session, and that lull's keeps attributes of its own.
func TestFollowAny(t *testing.T) {
	t.Parallel()
	s := anyPlan
	s.Path, s.HTTPOnly = "/p", true
	const own = line1 + ";PATH=/p;HTTPONLY" + end
	for _, c := range []struct {
		name  string
		found int // by a response of backend 1
		lines []string
		want  string
	}{
		{"not-set", -1, nil, ""},
		{"set", -1, []string{"Set-Cookie: SID=1; Path=/a; Max-Age=5"}, own},
		{"set-again", 1, []string{"Set-Cookie: SID=1"}, ""},
		{"moved", 0, nil, own},
		{"moved-and-set", 0, []string{"Set-Cookie: SID=1"}, own},
		{"moved-and-deleted", 0, []string{"Set-Cookie: SID=; Max-Age=0"}, own},
		{"deleted", -1, []string{"Set-Cookie: SID=; Max-Age=0"}, ""},
		{"deleted-in-session", 1, []string{"Set-Cookie: SID=; Max-Age=0"}, ""},
		{"deleted-and-set", -1, []string{"Set-Cookie: SID=; Max-Age=0", "Set-Cookie: x=y", "Set-Cookie: z=; Max-Age=0"}, own},
		{"own-name", -1, []string{"Set-Cookie: AWSELB=1"}, ""},
		{"no-name", -1, []string{"Set-Cookie: =1", "Set-Cookie: x", "Set-Cookie:"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, b := response(t, c.lines...)
			if got := string(table(s).AppendSetCookie(nil, 1, c.found, h, b)); got != c.want {
				t.Errorf("%q: got %q, want %q", c.lines, got, c.want)
			}
		})
	}
}

// TestDeletion tells cookies that are set from those that are deleted, by whether a session begins with them.
func TestDeletion(t *testing.T) {
	t.Parallel()
	h, b := response(t)
	begins := string(table(anyPlan).AppendSetCookie(nil, 1, 0, h, b))
	for attributes, deletion := range map[string]bool{
		"":                                      false,
		"Max-Age":                               false,
		"Max-Age=":                              false,
		"Max-Age=-":                             false,
		"Max-Age=0":                             true,
		"max-AGE = 000":                         true,
		"Max-Age=-1":                            true,
		"Max-Age=-99999999999999999999999999":   true,
		"Max-Age=1":                             false,
		"Max-Age=10":                            false,
		"Max-Age=99999999999999999999999999":    false,
		"Max-Age=0x":                            false,
		"Max-Age=+0":                            false,
		"Max-Agf=0":                             false,
		"Max-Age0=0":                            false,
		"Max-Age=0; Max-Age=5":                  false,
		"Max-Age=5; Max-Age=0":                  true,
		"Max-Age=0; Max-Age=x":                  true,
		"Expires=Thu, 01 Jan 1970 00:00:00 GMT": true,
		"expires=Thursday, 01-Jan-1970 00:00:10 GMT; Path=/":          true,
		"Expires=Thu Jan  1 00:00:00 1970":                            true,
		"Expires=Fri, 31 Dec 1999 23:59:59 GMT":                       true,
		"Expires=Sat, 01 Jan 2000 00:00:00 GMT":                       false,
		"Expires=Wed, 21 Oct 2037 07:28:00 GMT":                       false,
		"Expires=01 Jan 19700 00:00:00":                               false,
		"Expires=01 Jan 12345 1970":                                   true,
		"Expires=0":                                                   false,
		"Expires":                                                     false,
		"Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5":            false,
		"Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT":            false,
		"Max-Age=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT":            true,
		"Max-Age=0; Expires=Wed, 21 Oct 2037 07:28:00 GMT":            true,
		"Expires=Wed, 21 Oct 2037 07:28:00 GMT; Max-Age=0":            true,
		"Expires=Thu, 01 Jan 1970 00:00:00 GMT; Expires=1 Jan 2037":   false,
		"Path=/; Secure; HttpOnly; SameSite=Lax; Domain=1970.example": false,
		"Path=/Max-Age=0":                                             false,
	} {
		want := begins
		if deletion {
			want = ""
		}
		h, b := response(t, "Set-Cookie: x=y; "+attributes)
		if got := string(table(anyPlan).AppendSetCookie(nil, 1, -1, h, b)); got != want {
			t.Errorf("%q: got %q, want %q", attributes, got, want)
		}
	}
}

// TestReference keeps the sample in the reference true.
func TestReference(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/reference/stickiness.md")
	if err != nil {
		t.Fatal(err)
	}
	s := ownPlan
	s.Duration = time.Hour
	h, b := response(t)
	sample := bytes.ReplaceAll(table(s).AppendSetCookie([]byte("\n```\n"), 0, -1, h, b), []byte("\r\n"), []byte("\n```\n"))
	if !bytes.Contains(text, sample) {
		t.Errorf("got a reference without %q, which is what lull writes", sample)
	}
}

// TestOtherName uses OCI's name, which is longer.
func TestOtherName(t *testing.T) {
	t.Parallel()
	s := plan.Stickiness{Cookie: "X-Oracle-BMC-LBS-Route", Follow: "SID"}
	h, b := response(t, "Set-Cookie: SID=1; Path=/")
	if got, want := string(table(s).AppendSetCookie(nil, 0, -1, h, b)), "Set-Cookie: X-Oracle-BMC-LBS-Route="+value0+";Path=/"+end; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	h, b = request(t, "Cookie: SID=1; X-Oracle-BMC-LBS-Route="+value0)
	if got := table(s).Find(h, b); got != 0 {
		t.Errorf("got %d, want 0", got)
	}
}
