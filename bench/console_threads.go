package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// threadTimes is the processor time of each thread of a process, by its id.
type threadTimes map[int]time.Duration

// threadsOf reads them. The kernel's clocks of other processes' threads cannot be read; schedstat has the same numbers.
func threadsOf(pid int) (threadTimes, error) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	entries, err := os.ReadDir(tasks)
	if err != nil {
		return nil, err
	}
	times := threadTimes{}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tasks, err)
		}
		text, err := os.ReadFile(filepath.Join(tasks, e.Name(), "schedstat"))
		if err != nil {
			continue // it has ended
		}
		if times[id], err = parseSchedstat(text); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// parseSchedstat returns the first number of proc(5) schedstat: nanoseconds on a processor.
func parseSchedstat(text []byte) (time.Duration, error) {
	fields := bytes.Fields(text)
	const want = 3
	if len(fields) != want {
		return 0, fmt.Errorf("parse schedstat: %q, want %d numbers", text, want)
	}
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("parse schedstat: %q, want a time in nanoseconds first", text)
	}
	return time.Duration(n), nil
}

// since returns what each thread has used after before.
func (t threadTimes) since(before threadTimes) threadTimes {
	d := threadTimes{}
	for id, now := range t {
		d[id] = now - before[id]
	}
	return d
}

// sum adds up what some of the threads have used; nil means all.
func (t threadTimes) sum(ids []int) (sum time.Duration) {
	for id, d := range t {
		if ids == nil || slices.Contains(ids, id) {
			sum += d
		}
	}
	return sum
}

// loopsMax bounds how long the loops may take to be seen waiting, which they do nearly always while there is no traffic.
const loopsMax = 10 * time.Second

// loopsOf returns the threads of a balancer's n event loops. lull's are those that wait in epoll_pwait2, which nothing else in it
// calls: a loop keeps its thread for itself, and whatever else the program does is done on others. Where there are no other
// threads, as in HAProxy, all are loops.
func (b *bench) loopsOf(pid, n int) (ids []int, err error) {
	err = b.until("find the loops' threads", loopsMax, func() (bool, error) {
		all, failed := threadsOf(pid)
		if failed != nil {
			return false, failed
		}
		if len(all) == n {
			ids = slices.Collect(maps.Keys(all))
			return true, nil
		}
		for id := range all {
			text, failed := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/syscall", pid, id))
			if errors.Is(failed, fs.ErrNotExist) {
				continue // it has ended
			}
			if failed != nil {
				return false, failed
			}
			if waitsForEvents(text) && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
		if len(ids) > n {
			return false, fmt.Errorf("find the loops' threads: %d wait in epoll_pwait2, want %d", len(ids), n)
		}
		return len(ids) == n, nil
	})
	return ids, err
}

// waitsForEvents tells whether proc(5) syscall is that of a thread in epoll_pwait2. A thread that runs is in no call.
func waitsForEvents(text []byte) bool {
	number, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte(" "))
	return string(number) == strconv.Itoa(unix.SYS_EPOLL_PWAIT2)
}
