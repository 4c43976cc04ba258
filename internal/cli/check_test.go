package cli

import (
	"bytes"
	"errors"
	"testing"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		code int
	}{
		{"shared", exitFine},
		{"directional", exitFine},
		{"warnings", exitFine},
		{"faulty", exitWrong},
		{"http-shared", exitFine},
		{"http-directional", exitFine},
		{"http-faulty", exitWrong},
		{"api", exitFine},
		{"api-more", exitFine},
		{"api-faulty", exitWrong},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := run("check", "testdata/"+c.name+".yaml")
			if code != c.code {
				t.Errorf("exit code: got %d, want %d", code, c.code)
			}
			golden(t, "check-"+c.name, "--- standard output\n"+stdout+"--- standard error\n"+stderr)
		})
	}
}

// closed is an output that nobody reads any more.
type closed struct{}

var errClosed = errors.New("broken pipe")

func (closed) Write([]byte) (int, error) { return 0, errClosed }

func TestCheckOutputClosed(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	if code := Main([]string{"check", "testdata/shared.yaml"}, closed{}, &stderr); code != exitFailed {
		t.Errorf("exit code: got %d, want %d", code, exitFailed)
	}
	if got, want := stderr.String(), "lull check: broken pipe\n"; got != want {
		t.Errorf("standard error: got %q, want %q", got, want)
	}
}
