package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Each writer of a process has these documents. Every transaction writes the same number into all of them, one of them large enough for pages of
// its own, and into a log of one document for each number.
const (
	crashWriters = 4
	crashParts   = 3
)

// crashValue is a number, padded to a size that depends on it.
func crashValue(part, n int) string {
	size := 10
	if part == 0 {
		size = n * 977 % 9000
	}
	return fmt.Sprint(n, " ", strings.Repeat("x", size))
}

// crashNumber reads it back.
func crashNumber(part int, value []byte) (int, error) {
	number, _, _ := strings.Cut(string(value), " ")
	n, err := strconv.Atoi(number)
	if err == nil && string(value) != crashValue(part, n) {
		err = fmt.Errorf("the value of number %d is not what was written", n)
	}
	return n, err
}

// crashTxn is a writer's transaction number n. It drops an old number, so that pages are freed and used again.
func crashTxn(writer, n int) Txn {
	txn := Txn{Deletes: []string{fmt.Sprintf("log/%d/%08d", writer, n-50)}}
	for part := range crashParts {
		txn.Puts = append(txn.Puts, Put{fmt.Sprintf("now/%d/%d", writer, part), []byte(crashValue(part, n))})
	}
	txn.Puts = append(txn.Puts, Put{fmt.Sprintf("log/%d/%08d", writer, n), nil})
	return txn
}

// commitUntilKilled opens a store, continues where it stands, and writes each acknowledged number to its output.
func commitUntilKilled(args []string) error {
	s, err := Open(args[0], Options{})
	if err != nil {
		return err
	}
	fmt.Println("open")
	failed := make(chan error)
	for writer := range crashWriters {
		n := 0
		if e, ok := s.Get(fmt.Sprintf("now/%d/0", writer)); ok {
			if n, err = crashNumber(0, e.Value); err != nil {
				return err
			}
		}
		go func() {
			for {
				n++
				r, err := s.Commit(context.Background(), crashTxn(writer, n))
				if err == nil {
					_, err = fmt.Println(writer, n, r) // one write to the pipe, which outlives the process
				}
				if err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	return <-failed
}

// acknowledged is what a killed process has told.
type acknowledged struct {
	numbers  [crashWriters]int
	revision Revision
}

// killWhileCommitting starts a process, reads some of what it acknowledges, kills it after a random time, and reads the rest.
func killWhileCommitting(t *testing.T, path string, random *rand.Rand, told *acknowledged) {
	t.Helper()
	cmd := otherProcess(t, "commit", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	kill := sync.OnceFunc(func() { _ = cmd.Process.Kill() })
	watchdog := time.AfterFunc(20*time.Second, kill)
	defer watchdog.Stop()
	for at := 1 + random.IntN(60); lines.Scan(); at-- {
		if at == 0 {
			// Not at once: this is when a commit has just ended, and others have not.
			timer := time.AfterFunc(time.Duration(random.IntN(3000))*time.Microsecond, kill)
			defer timer.Stop()
		}
		if lines.Text() == "open" {
			continue
		}
		var writer, n int
		var r Revision
		if _, err := fmt.Sscan(lines.Text(), &writer, &n, &r); err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if n != told.numbers[writer]+1 && n != told.numbers[writer]+2 { // one may have been committed and not told
			t.Errorf("writer %d: acknowledged %d after %d", writer, n, told.numbers[writer])
		}
		told.numbers[writer], told.revision = n, max(told.revision, r)
	}
	var exit interface{ ExitCode() int }
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the process ended by itself: %v", err)
	}
}

// checkCrashed opens a store after a crash: what was acknowledged is there, at most one more of each writer, and nothing by halves.
func checkCrashed(t *testing.T, path string, told *acknowledged) {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatalf("open after a crash: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	sum := 0
	for writer := range crashWriters {
		entries, r := s.List(fmt.Sprintf("now/%d/", writer))
		if r < told.revision {
			t.Errorf("it is at revision %d, %d was acknowledged", r, told.revision)
		}
		numbers := map[int]bool{}
		for part, e := range entries {
			n, err := crashNumber(part, e.Value)
			if err != nil {
				t.Error(err)
			}
			numbers[n] = true
			if n < told.numbers[writer] || n > told.numbers[writer]+1 {
				t.Errorf("writer %d: has %d, %d was acknowledged", writer, n, told.numbers[writer])
			}
			if part == 0 {
				sum += n
			}
			if log, _ := s.List(fmt.Sprintf("log/%d/", writer)); len(log) != min(n, 50) {
				t.Errorf("writer %d: has %d numbers in its log at %d", writer, len(log), n)
			}
		}
		if told.numbers[writer] > 0 && (len(numbers) != 1 || len(entries) != crashParts) {
			t.Errorf("writer %d: half a transaction: %d documents, numbers %v", writer, len(entries), numbers)
		}
	}
	if _, r := s.List(""); r != Revision(sum) {
		t.Errorf("it is at revision %d, and has %d transactions", r, sum)
	}
}

func TestKilledWhileCommitting(t *testing.T) {
	t.Parallel()
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	path := filepath.Join(t.TempDir(), "store", "store.db")
	var told acknowledged
	for range rounds {
		killWhileCommitting(t, path, random, &told)
		checkCrashed(t, path, &told)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d revisions acknowledged in %d rounds", told.revision, rounds)
}

// TestKilledWhileCreating kills at random moments from the very start: there is either no store or a whole one.
func TestKilledWhileCreating(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 4 {
		path := filepath.Join(t.TempDir(), "store", "store.db")
		cmd := otherProcess(t, "commit", path)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(random.IntN(30_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed
		timer.Stop()
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		files, _ := filepath.Glob(path + tempMark + "*")
		if len(files) > 0 {
			t.Errorf("left behind: %v", files)
		}
	}
}
