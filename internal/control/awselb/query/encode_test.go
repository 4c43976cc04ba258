package query

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// indent puts every element on a line of its own, so that a golden file can be read.
func indent(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	depth := 0
	var begun bool // the last thing written was the start of an element
	for _, token := range regexp.MustCompile(`<[^>]*>|[^<]+`).FindAllString(strings.TrimSuffix(text, "\n"), -1) {
		shut, leaf := strings.HasPrefix(token, "</"), strings.HasSuffix(token, "/>")
		if shut {
			depth--
		}
		isTag := token[0] == '<'
		if isTag && (!shut || !begun) && out.Len() > 0 {
			out.WriteString("\n" + strings.Repeat("  ", depth))
		}
		out.WriteString(token)
		if isTag {
			begun = !shut && !leaf
		}
		if isTag && !shut && !leaf {
			depth++
		}
	}
	return out.String() + "\n"
}

var update = flag.Bool("update", false, "write the golden files of this package")

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, result := range sampleResults() {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			t.Parallel()
			action, _, _ := strings.Cut(name, "/")
			response, err := EncodeResult(action, sampleRequestID, result)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.ReplaceAll(name, "/", "_"), response.Body)
		})
	}
	golden(t, "error", encodeError(&Error{Code: LoadBalancerNotFound, Message: "There is no ACTIVE Load Balancer named 'x'"}, sampleRequestID))
}

// golden compares an answer with the file that holds it.
func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name+".xml")
	got := indent(t, string(body))
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%swant\n%s", file, got, want)
	}
}

// The two envelopes of the reference, byte for byte but for the space between elements.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	result := &ModifyLoadBalancerAttributesResult{"my-loadbalancer", Attributes{ConnectionSettings: &ConnectionSettings{30}}}
	response, err := EncodeResult("ModifyLoadBalancerAttributes", sampleRequestID, result)
	if err != nil {
		t.Fatal(err)
	}
	want := `<ModifyLoadBalancerAttributesResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/">` +
		`<ModifyLoadBalancerAttributesResult><LoadBalancerName>my-loadbalancer</LoadBalancerName><LoadBalancerAttributes>` +
		`<ConnectionSettings><IdleTimeout>30</IdleTimeout></ConnectionSettings></LoadBalancerAttributes>` +
		`</ModifyLoadBalancerAttributesResult><ResponseMetadata><RequestId>` + sampleRequestID + `</RequestId></ResponseMetadata>` +
		"</ModifyLoadBalancerAttributesResponse>\n"
	if got := string(response.Body); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = `<ErrorResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/"><Error><Type>Sender</Type>` +
		`<Code>LoadBalancerNotFound</Code><Message>There is no ACTIVE Load Balancer named 'x'</Message></Error>` +
		"<RequestId>id</RequestId></ErrorResponse>\n"
	if got := string(encodeError(&Error{Code: LoadBalancerNotFound, Message: "There is no ACTIVE Load Balancer named 'x'"}, "id")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestEncodeUnsafe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"markup", `</member><x a="b">&amp;]]>`, `</member><x a="b">&amp;]]>`},
		{"space", "a\tb\nc\rd ", "a\tb\nc\rd "},
		{"control", "a\x00b\x1bc", "a\ufffdb\ufffdc"},
		{"bytes", "a\xffb", "a\ufffdb"},
		{"noncharacter", "a\ufffeb", "a\ufffdb"},
		{"astral", "𐐷", "𐐷"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			body, err := encodeResult("AttachLoadBalancerToSubnets", c.text, SubnetsResult{[]string{c.text}})
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Subnets []string `xml:"AttachLoadBalancerToSubnetsResult>Subnets>member"`
				ID      string   `xml:"ResponseMetadata>RequestId"`
			}
			if err := xml.Unmarshal(body, &got); err != nil {
				t.Fatalf("%v in %s", err, body)
			}
			if len(got.Subnets) != 1 || got.Subnets[0] != c.want || got.ID != c.want {
				t.Errorf("got %q and %q, want %q", got.Subnets, got.ID, c.want)
			}
		})
	}
}

func TestEncodeMistaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, action string
		result       any
	}{
		{"action", "Nothing", Empty{}},
		{"result", "CreateLoadBalancer", Empty{}},
		{"nil", "CreateLoadBalancer", nil},
		{"pointer", "CreateLoadBalancer", (*CreateLoadBalancerResult)(nil)},
	} {
		if got, err := EncodeResult(c.action, "id", c.result); err == nil {
			t.Errorf("%s: got %s, want an error", c.name, got.Body)
		}
	}
}

func TestEncodeError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		err       error
		status    int
		has, lack string
	}{
		{"sender", refuse(InvalidConfigurationRequest, "", "no <b>"), 409, "<Type>Sender</Type><Code>InvalidConfigurationRequest</Code><Message>no &lt;b&gt;</Message>", ""},
		{"receiver", &Error{Code: ServiceUnavailable, Message: "later", Err: io.ErrUnexpectedEOF}, 503, "<Type>Receiver</Type><Code>ServiceUnavailable</Code><Message>later</Message>", "EOF"},
		{"wrapped", errors.Join(io.EOF, refuse(MalformedQueryString, "", "bad")), 404, "<Code>MalformedQueryString</Code>", "EOF"},
		{"unclassified", errors.New("disk secret"), 500, "<Type>Receiver</Type><Code>InternalFailure</Code><Message>An internal error occurred: the log tells more under the request id the-id</Message>", "secret"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			recorder := httptest.NewRecorder()
			if err := EncodeError(c.err, "the-id").Write(recorder); err != nil {
				t.Fatal(err)
			}
			body := recorder.Body.String()
			if recorder.Code != c.status || !strings.Contains(body, c.has) || c.lack != "" && strings.Contains(body, c.lack) {
				t.Errorf("got %d %s, want %d with %q and without %q", recorder.Code, body, c.status, c.has, c.lack)
			}
		})
	}
}

func TestResponseHeaders(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	if err := (Response{http.StatusOK, "the-id", []byte("<a/>")}).Write(recorder); err != nil {
		t.Fatal(err)
	}
	header := recorder.Header()
	if got := map[string][]string(header)["x-amzn-RequestId"]; len(got) != 1 || got[0] != "the-id" {
		t.Errorf("got x-amzn-RequestId %q, want the-id", got)
	}
	if header.Get("Content-Type") != "text/xml" || header.Get("Content-Length") != "4" {
		t.Errorf("got headers %v, want text/xml of 4 bytes", header)
	}
}

// documented is the statuses of the API reference that are not 400.
var documented = map[Code]int{
	AccessDenied: 403, ExpiredToken: 403, InternalFailure: 500, MalformedQueryString: 404, MissingAuthenticationToken: 403,
	NotAuthorized: 401, OptInRequired: 403, ServiceUnavailable: 503, SignatureDoesNotMatch: 403, UnrecognizedClient: 403,
	InvalidConfigurationRequest: 409, InvalidClientTokenID: 403, RequestEntityTooLarge: 413,
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	if len(statuses) != 22+22 {
		t.Errorf("got %d codes, want the 22 common ones and the 22 of the service", len(statuses))
	}
	for code, got := range statuses {
		want := http.StatusBadRequest
		if status, ok := documented[code]; ok {
			want = status
		}
		if got != want {
			t.Errorf("%s: got status %d, want %d", code, got, want)
		}
	}
	if got := Code("Unheard").Status(); got != http.StatusInternalServerError {
		t.Errorf("a code in no table: got status %d, want 500", got)
	}
}

func TestNewRequestID(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]bool{}
	for range 100 {
		id := NewRequestID()
		if !form.MatchString(id) || seen[id] {
			t.Fatalf("got %q, want a new UUID of version 4", id)
		}
		seen[id] = true
	}
}

// A page of 400 load balancers with 10 instances each is the largest answer there is.
func BenchmarkEncodePage(b *testing.B) {
	lb := sampleDescription()
	lb.Instances = instancesOf(10)
	page := DescribeLoadBalancersResult{LoadBalancerDescriptions: make([]LoadBalancerDescription, 400)}
	for i := range page.LoadBalancerDescriptions {
		page.LoadBalancerDescriptions[i] = lb
	}
	b.ReportAllocs()
	for b.Loop() {
		body, err := encodeResult("DescribeLoadBalancers", sampleRequestID, page)
		if err != nil || !bytes.Contains(body, []byte("<member>")) {
			b.Fatal(err)
		}
	}
}

// instancesOf returns some instances.
func instancesOf(n int) []Instance {
	instances := make([]Instance, n)
	for i := range instances {
		instances[i].InstanceID = "i-0123456789abcdef0"
	}
	return instances
}
