package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// machine says what the figures were measured on.
func machine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		model = cpuModel(text)
	}
	kernel := "unknown kernel"
	var u unix.Utsname
	if err := unix.Uname(&u); err == nil {
		kernel = fmt.Sprintf("%s %s", unix.ByteSliceToString(u.Sysname[:]), unix.ByteSliceToString(u.Release[:]))
	}
	var l unix.Rlimit
	files := "unknown"
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err == nil {
		files = fmt.Sprint(l.Max)
	}
	return fmt.Sprintf("%s, %d cores, %s, %s descriptors for each process, built with %s",
		model, runtime.NumCPU(), kernel, files, runtime.Version())
}

// cpuModel reads the first model name of /proc/cpuinfo. Some architectures have none.
func cpuModel(text []byte) string {
	for line := range bytes.Lines(text) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && string(bytes.TrimSpace(key)) == "model name" {
			return string(bytes.TrimSpace(value))
		}
	}
	return runtime.GOARCH
}
