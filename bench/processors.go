package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// processors returns on which processors a setup's balancer runs and on which its client and its backend do; nil means all
// of them. The balancer gets the last ones, since the first tend to have the interrupts.
func (s setup) processors() (balancer, others *unix.CPUSet) {
	var all unix.CPUSet
	if !s.Alone || unix.SchedGetaffinity(0, &all) != nil || all.Count() <= s.Threads {
		return nil, nil
	}
	return divide(all, s.Threads)
}

// divide takes the last n processors out of all.
func divide(all unix.CPUSet, n int) (last, others *unix.CPUSet) {
	last, others = new(unix.CPUSet), new(unix.CPUSet)
	first := all.Count() - n // in the order of their numbers
	for cpu, seen := 0, 0; seen < all.Count(); cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		if seen < first {
			others.Set(cpu)
		} else {
			last.Set(cpu)
		}
		seen++
	}
	return last, others
}

// onProcessors calls start on a thread that may run on cpus alone, which is what a process started by it inherits. A
// balancer that counts its processors (nginx, and every Go program) then sees what it would in a container.
func onProcessors(cpus *unix.CPUSet, start func() error) error {
	if cpus == nil {
		return start()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("read processors: %w", err)
	}
	if err := unix.SchedSetaffinity(0, cpus); err != nil {
		return fmt.Errorf("set processors: %w", err)
	}
	err := start()
	if back := unix.SchedSetaffinity(0, &before); back != nil {
		return fmt.Errorf("set processors back: %w", back)
	}
	return err
}
