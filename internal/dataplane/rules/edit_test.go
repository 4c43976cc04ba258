package rules_test

import (
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/rules"
)

func set(name, value string) rules.HeaderEdit {
	return rules.HeaderEdit{Kind: rules.SetField, Name: name, Value: value}
}

func remove(name string) rules.HeaderEdit {
	return rules.HeaderEdit{Kind: rules.RemoveField, Name: name}
}

func extend(name, prefix, suffix string) rules.HeaderEdit {
	return rules.HeaderEdit{Kind: rules.ExtendField, Name: name, Prefix: prefix, Suffix: suffix}
}

func TestEdits_RUL_01_HDR_02(t *testing.T) {
	t.Parallel()
	protected := []string{"X-Forwarded-For", "X-Real-IP"}
	for _, c := range []struct {
		name  string
		edits []rules.HeaderEdit
		lines string
		want  string
	}{
		{"none", nil, "A: 1|B: 2", "A: 1|B: 2"},
		{"add", []rules.HeaderEdit{set("X", " y ")}, "A: 1", "A: 1|X: y"},
		{"add-replaces-all", []rules.HeaderEdit{set("X-a", "y")}, "x-A: 1|A: 1|X_A: 2", "A: 1|X-a: y"},
		{"add-known", []rules.HeaderEdit{set("User-Agent", "y")}, "user-agent: 1|A: 1|User_Agent: 2", "A: 1|User-Agent: y"},
		{"add-twice", []rules.HeaderEdit{set("X", "1"), set("x", "2")}, "", "x: 2"},
		{"remove-all", []rules.HeaderEdit{remove("x_a")}, "X-A: 1|B: 1|x_a: 2", "B: 1"},
		{"remove-absent", []rules.HeaderEdit{remove("x_a")}, "B: 1", "B: 1"},
		{"extend", []rules.HeaderEdit{extend("x-a", "<", ">")}, "X_A: 1|B: 1", "B: 1|X_A: <1>"},
		{"extend-first", []rules.HeaderEdit{extend("x-a", "<", "")}, "X-A: 1|B: 1|X-A: 2", "B: 1|X-A: <1|X-A: 2"},
		{"extend-absent", []rules.HeaderEdit{extend("x-a", "<", "")}, "B: 1", "B: 1"},
		{"extend-twice", []rules.HeaderEdit{extend("a", "1", "2"), extend("a", "3", "4")}, "A: x", "A: 31x24"},
		{"extend-added", []rules.HeaderEdit{set("a", "x"), extend("a", "1", "2")}, "A: y", "a: 1x2"},
		{"extend-removed", []rules.HeaderEdit{remove("a"), extend("a", "1", "2")}, "A: y", ""},
		{"add-extended", []rules.HeaderEdit{extend("a", "1", "2"), set("a", "x")}, "A: y", "a: x"},
		{"remove-added", []rules.HeaderEdit{set("a", "x"), remove("A")}, "A: y", ""},
		{"remove-extended", []rules.HeaderEdit{extend("a", "1", "2"), remove("A")}, "A: y", ""},
		{"add-removed", []rules.HeaderEdit{remove("A"), set("a", "x")}, "A: y", "a: x"},
		{"several", []rules.HeaderEdit{remove("Cookie"), set("Via", "1.1 a"), set("X", "1")}, "Cookie: a=b|X: 0|Via: 1.0 b|Cookie: c=d", "Via: 1.1 a|X: 1"},
		{"protected-remove", []rules.HeaderEdit{remove("x_real_ip"), remove("X-Forwarded-For")}, "X-Real-IP: 1|X-Forwarded-For: 2", "X-Real-IP: 1|X-Forwarded-For: 2"},
		{"protected-add", []rules.HeaderEdit{set("x_real_ip", "2")}, "X-Real-IP: 1", "X-Real-IP: 1|x_real_ip: 2"},
		{"protected-extend", []rules.HeaderEdit{extend("x-real-ip", "2", "")}, "X-Real-IP: 1", "X-Real-IP: 1"},
		{"host", []rules.HeaderEdit{set("Host", "b"), remove("host"), extend("HOST", "c", "")}, "A: 1", "A: 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e, err := rules.NewEdits(c.edits, protected)
			if err != nil {
				t.Fatal(err)
			}
			r := raw(t, "GET / HTTP/1.1\r\nHost: a\r\n"+lines(c.lines)+"\r\n")
			edit := edited(e, nil, r.Head, r.Bytes)
			want := "GET / HTTP/1.1\r\nHost: a\r\n" + lines(c.want) + "\r\n"
			if got := string(r.Head.AppendRequest(nil, r.Bytes, &edit)); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func lines(joined string) string {
	if joined == "" {
		return ""
	}
	return strings.ReplaceAll(joined, "|", "\r\n") + "\r\n"
}

func TestEditsOfResponse_RUL_01(t *testing.T) {
	t.Parallel()
	e, err := rules.NewEdits([]rules.HeaderEdit{remove("server"), set("X-Frame-Options", "DENY")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := []byte("HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 0\r\nx-frame-options: y\r\n\r\n")
	h, s := new(http1.Head), http1.Scan{}
	if _, f := h.ReadResponse(b, &s, &http1.ResponseLimits); f != http1.NoFault {
		t.Fatal(f)
	}
	edit := edited(e, []byte("Via: l\r\n"), h, b)
	const want = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVia: l\r\nX-Frame-Options: DENY\r\n\r\n"
	if got := string(h.AppendResponse(nil, b, &edit)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// edited returns the edit of a head by which the edits are made, behind lines that are there.
func edited(e *rules.Edits, lines []byte, h *http1.Head, b []byte) http1.Edit {
	return http1.Edit{Drop: http1.IDs(e.Dropped()), DropNames: e.Dropped(), Lines: e.Append(lines, h, b)}
}

func TestEditsDropped(t *testing.T) {
	t.Parallel()
	e, err := rules.NewEdits([]rules.HeaderEdit{remove("X_A"), remove("via"), extend("x-d", "a", ""), set("X-C", "1"), remove("Date")}, []string{"date"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := e.Dropped(), []string{"x-a", "via", "x-d", "x-c"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestEditErrors_RUL_02(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		edit rules.HeaderEdit
		want string
	}{
		{set("", "x"), `name "" is no token`},
		{set("a b", "x"), `name "a b" is no token`},
		{set("a:", "x"), "no token"},
		{set("X", "a\r\nSet-Cookie: b=c"), "character 2 of the value is a control character"},
		{set("X", "a\x00"), "control character"},
		{extend("X", "a\n", ""), "control character"},
		{extend("X", "", "a\x7f"), "control character"},
		{extend("X", "", ""), "set a prefix, a suffix, or both"},
		{set("Content_Length", "1"), "belongs to the connection"},
		{set("Content.Length", "1"), "belongs to the connection"},
		{set("~TransferEncoding", "chunked"), "belongs to the connection"},
		{remove("transfer-encoding"), "belongs to the connection"},
		{set("connection", "close"), "belongs to the connection"},
		{set("X", strings.Repeat("a", 8193)), "8193 bytes, at most 8192"},
		{rules.HeaderEdit{Kind: 3, Name: "X"}, "kind 3"},
	} {
		_, err := rules.NewEdits([]rules.HeaderEdit{c.edit}, nil)
		wantError(t, err, c.want)
	}
	for value, want := range map[string]string{
		"$x": "character 1", "a$": "character 2", "a{b}": "character 2", "{{b}": "character 1", "{}{b}": "character 3",
		"": "", "{}": "", "}{": "", "{ b": "", "a b": "",
	} {
		if err := rules.CheckPlain(value); want == "" && err != nil {
			t.Errorf("%q: got %v", value, err)
		} else if want != "" {
			wantError(t, err, want)
		}
	}
}
