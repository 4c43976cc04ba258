package handout_test

import (
	"os"
	"path/filepath"
	"testing"

	"lull/internal/control/handout"
)

// TestReplace: the file is there with its text and for its owner alone, the directory too, and nothing else; what a killed process left
// behind is gone.
func TestReplace(t *testing.T) {
	t.Parallel()
	d := handout.Dir(filepath.Join(t.TempDir(), "made", "here"))
	for _, text := range []string{"first", "second"} {
		if err := d.Replace("key", text); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(d.Path("key")); err != nil || string(got) != text {
			t.Errorf("got %q, %v; want %q", got, err, text)
		}
		if err := os.WriteFile(d.Path("key.new"), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Replace("key", "third"); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{string(d): 0o700 | os.ModeDir, d.Path("key"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: got %v, %v; want mode %v", path, info, err, mode)
		}
	}
	if entries, _ := os.ReadDir(string(d)); len(entries) != 1 {
		t.Errorf("got %v, want the file alone", entries)
	}
}

// TestMoveAside: a file that is there gets another name; one that is not is no error, and neither is its removal.
func TestMoveAside(t *testing.T) {
	t.Parallel()
	d := handout.Dir(t.TempDir())
	if aside, err := d.MoveAside("key", "then"); aside != "" || err != nil {
		t.Errorf("nothing there: got %q, %v; want nothing", aside, err)
	}
	if err := d.Replace("key", "old"); err != nil {
		t.Fatal(err)
	}
	aside, err := d.MoveAside("key", "then")
	if got, _ := os.ReadFile(aside); err != nil || aside != d.Path("key.before-then") || string(got) != "old" {
		t.Errorf("got %q with %q, %v; want the file under its other name", aside, got, err)
	}
	for range 2 {
		if err := d.Remove("key.before-then"); err != nil {
			t.Error(err)
		}
	}
}
