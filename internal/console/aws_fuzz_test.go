package console

import (
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// FuzzAWSForm sends anything to any form: there is an answer, which is never lull's own fault, and what was typed is never markup.
func FuzzAWSForm(f *testing.F) {
	var pages []string
	for page := range awsEdits() {
		pages = append(pages, page)
	}
	slices.Sort(pages)
	for i := range pages {
		f.Add(i, "load_balancer=web&port=443&policy=sticky&key=team&instance=i-1")
		f.Add(i, "load_balancer=web&port=-1&Instances=a,b%0Ac&PolicyAttributes=a%3Db%0A%3D&"+idleParam+"=%3Cb%3E")
	}
	r := awsEverything(f)
	b := r.loggedIn(adminID)
	token := b.csrf()
	f.Fuzz(func(t *testing.T, page int, text string) {
		r.t = t
		form, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		form.Set("csrf", token)
		path := pages[int(uint(page)%uint(len(pages)))]
		if path == "aws-delete" {
			form.Set("load_balancer", "none") // the others want it
		}
		for _, to := range []string{path, path + previewSuffix} {
			a := b.do(http.MethodPost, Root+to, form)
			if a.Code >= http.StatusInternalServerError || len(a.all("b")) != 0 {
				t.Fatalf("%s: got %d\n%s", to, a.Code, a.Body)
			}
		}
		b.get(Root + path + "?" + form.Encode())
	})
}

// TestShellWord: a shell reads each word as it was meant.
func TestShellWord(t *testing.T) {
	t.Parallel()
	words := []string{"web", "", "a b", `{"a":1}`, `it's`, "$(id)", "`id`", "!!", `back\slash`, "\n", `"`, `'"'`, "*", "~", "-n", "a;b", "é", "%s", "a\x03id\n", "\x1b[A'%s\\\t$(id)\"\n\n", "\u009b\x7f\r"}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = shellWord(word)
		if strings.ContainsFunc(quoted[i], steers) {
			t.Errorf("%q is written %q, which is not to be pasted", word, quoted[i])
		}
	}
	out, err := exec.Command("sh", "-c", "for word in "+strings.Join(quoted, " ")+`; do printf '%s|' "$word"; done`).CombinedOutput()
	if want := strings.Join(words, "|") + "|"; err != nil || string(out) != want {
		t.Errorf("got %q and %v, want %q", out, err, want)
	}
}
