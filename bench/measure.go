package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// wallTime is the time of day.
func wallTime() time.Time { return clock.Wall(clock.Now()) }

// usage is the processor time that processes have used since they started.
type usage struct {
	total  time.Duration // exact
	user   time.Duration // user and system in the kernel's ticks of 10 ms: good for a share, not for a sum
	system time.Duration
}

// since returns what was used after before.
func (u usage) since(before usage) usage {
	return usage{u.total - before.total, u.user - before.user, u.system - before.system}
}

// systemShare is the part of the time spent in the kernel, 0 to 1.
func (u usage) systemShare() float64 {
	if u.user+u.system == 0 {
		return 0
	}
	return float64(u.system) / float64(u.user+u.system)
}

// usageOf reads the processor clocks of processes. The total comes from the kernel's per-process clock, which counts
// nanoseconds on the processor over all threads, those that have ended included; /proc/PID/schedstat has the same
// numbers but forgets ended threads.
func usageOf(pids []int) (usage, error) {
	var u usage
	for _, pid := range pids {
		var ts unix.Timespec
		if err := unix.ClockGettime(processClock(pid), &ts); err != nil {
			return u, fmt.Errorf("read processor clock of %d: %w", pid, err)
		}
		u.total += time.Duration(ts.Nano())
		s, err := statOf(pid)
		if err != nil {
			return u, err
		}
		u.user += s.user
		u.system += s.system
	}
	return u, nil
}

// processClock is the id of a process's processor clock, as clock_getcpuclockid(3) makes it: the complement of the
// process id above three bits that say "scheduler's count, whole process".
func processClock(pid int) int32 { return int32(^pid)<<3 | 2 }

// stat is the part of /proc/PID/stat that is used here.
type stat struct {
	parent       int
	user, system time.Duration
}

func statOf(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// tick is USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// parseStat reads proc(5) stat. The command name may hold blanks and parentheses, so fields count from the last one.
func parseStat(text []byte) (stat, error) {
	const parentField, userField, systemField = 4 - 3, 14 - 3, 15 - 3 // numbered from the state, field 3
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) <= systemField {
		return stat{}, fmt.Errorf("parse stat: %d fields after the name, want more than %d", len(fields), systemField)
	}
	parent, err1 := strconv.Atoi(string(fields[parentField]))
	user, err2 := strconv.ParseInt(string(fields[userField]), 10, 64)
	system, err3 := strconv.ParseInt(string(fields[systemField]), 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return stat{}, fmt.Errorf("parse stat: %w", err)
	}
	return stat{parent, time.Duration(user) * tick, time.Duration(system) * tick}, nil
}

// family returns root and the processes that it started.
func family(root int) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	pids := []int{root}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A process that has ended since the listing is no member.
		if s, err := statOf(pid); err == nil && s.parent == root {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// pssOf returns the user memory of processes in bytes: every resident page, a shared one divided by its sharers.
func pssOf(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		n, err := parsePss(text)
		if err != nil {
			return 0, fmt.Errorf("memory of process %d: %w", pid, err)
		}
		sum += n
	}
	return sum, nil
}

// parsePss reads the Pss line of proc(5) smaps_rollup.
func parsePss(text []byte) (int64, error) {
	for line := range bytes.Lines(text) {
		rest, ok := bytes.CutPrefix(line, []byte("Pss:"))
		if !ok {
			continue
		}
		number, ok := bytes.CutSuffix(bytes.TrimSpace(rest), []byte(" kB"))
		if !ok {
			return 0, fmt.Errorf("parse smaps_rollup: %q, want a number of kB", bytes.TrimSpace(line))
		}
		kib, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse smaps_rollup: %w", err)
		}
		return kib << 10, nil
	}
	return 0, errors.New("parse smaps_rollup: no Pss line")
}

// parseMachineBusy reads the first line of proc(5) stat: the time that all processors together have not been idle, nor
// waited for a disk.
func parseMachineBusy(text []byte) (time.Duration, error) {
	const idleField, waitField, fieldsMin = 4, 5, 9 // the label is field 0; guest times after field 8 are in user already
	line, _, _ := bytes.Cut(text, []byte("\n"))
	f := bytes.Fields(line)
	if len(f) < fieldsMin || string(f[0]) != "cpu" {
		return 0, fmt.Errorf("parse stat: %q, want cpu and eight numbers", line)
	}
	var busy time.Duration
	for i := 1; i < fieldsMin; i++ {
		n, err := strconv.ParseInt(string(f[i]), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("parse stat: %w", err)
		}
		if i != idleField && i != waitField {
			busy += time.Duration(n) * tick
		}
	}
	return busy, nil
}

// machineLoad is what the machine has done so far, and what of it was for this program and those children that have ended.
type machineLoad struct {
	at        time.Time
	busy, own time.Duration
}

func machineLoadNow() (machineLoad, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machineLoad{}, err
	}
	l := machineLoad{at: wallTime()}
	if l.busy, err = parseMachineBusy(text); err != nil {
		return l, err
	}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		if err := unix.Getrusage(who, &u); err != nil {
			return l, fmt.Errorf("read own usage: %w", err)
		}
		l.own += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return l, nil
}

// foreign is the share of the machine, 0 to 1, that others used since before.
func (l machineLoad) foreign(before machineLoad) float64 {
	capacity := l.at.Sub(before.at).Seconds() * float64(runtime.NumCPU())
	if capacity <= 0 {
		return 0
	}
	return max(0, ((l.busy-before.busy)-(l.own-before.own)).Seconds()/capacity)
}

// Memory counts as settled when it has stayed within settledBytes for sizes.settledFor; a Go program gives pages back for
// a while after a burst, and all balancers get the same patience.
const (
	settledBytes = 64 << 10
	settleMax    = 8 * time.Second
	settleEvery  = 100 * time.Millisecond
)

// settledPss returns the user memory of processes once it has stopped moving, or after settleMax.
func (b *bench) settledPss(pids []int) (int64, error) {
	ref, err := pssOf(pids)
	if err != nil {
		return 0, err
	}
	still := time.Duration(0)
	for waited := time.Duration(0); still < b.size.settledFor && waited < settleMax; waited += settleEvery {
		if err := b.pause(settleEvery); err != nil {
			return 0, err
		}
		now, err := pssOf(pids)
		if err != nil {
			return 0, err
		}
		if d := now - ref; d > settledBytes || d < -settledBytes {
			ref, still = now, 0
			continue
		}
		still += settleEvery
	}
	return pssOf(pids)
}

// openFiles counts the descriptors of a process.
func openFiles(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("process %d has ended", pid)
	}
	return len(entries), err
}
