package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// profileHertz is the rate of samples: not a divisor of the kernel's, so that they do not fall on its ticks.
const profileHertz = "997"

// profile starts perf on the balancer's processes, if the options ask for it; the function ends it. Each profile is a
// file of its own, numbered like the balancers.
func (t *trial) profile() (stop func(), err error) {
	if t.o.profiles == "" {
		return func() {}, nil
	}
	if err = os.MkdirAll(t.o.profiles, 0o755); err != nil {
		return nil, err
	}
	var pids []string
	for _, pid := range t.balancer.pids {
		pids = append(pids, strconv.Itoa(pid))
	}
	file := filepath.Join(t.o.profiles, fmt.Sprintf("%03d-%s.perf", t.started, t.balancer.name))
	binary, err := exec.LookPath("perf")
	if err != nil {
		return nil, err
	}
	p := newProcess(binary, []string{"record", "-q", "-g", "-F", profileHertz, "-o", file, "-p", strings.Join(pids, ",")})
	return p.stop, p.start()
}
