package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"lull/bench/load"
)

// stopMax is how long a process may take to end when asked; then it is killed. Nothing is measured any more by then.
const stopMax = 2 * time.Second

// saidMax bounds what is kept of a process's standard error.
const saidMax = 16 << 10

// process is a child of this one. It dies with it.
type process struct {
	// Fixed after start.
	cmd  *exec.Cmd
	cpus *unix.CPUSet  // on which it may run; nil = all
	done chan struct{} // closed when it has ended

	// Guarded by mu.
	mu   sync.Mutex
	text []byte
	err  error
}

// Write keeps the first saidMax bytes of standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = append(p.text, b[:min(len(b), saidMax-len(p.text))]...)
	return len(b), nil
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.text)
}

// oneTimeToken is what opens lull's console once: nothing for an error's text.
var oneTimeToken = regexp.MustCompile(`token=[^\s"&]*`)

// lastSaid is the end of what the process said, for an error's text.
func (p *process) lastSaid() string {
	const most = 400
	text := oneTimeToken.ReplaceAllString(p.said(), "token=…")
	return text[max(0, len(text)-most):]
}

// ended returns how the process ended, or nil while it runs.
func (p *process) ended() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		return errors.New("the process ended")
	}
	return p.err
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func newProcess(binary string, args []string) *process {
	p := &process{cmd: exec.Command(binary, args...), done: make(chan struct{})}
	p.cmd.Stderr = p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return p
}

func (p *process) start() error {
	if err := onProcessors(p.cpus, p.cmd.Start); err != nil {
		return err
	}
	go func() {
		err := p.cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(p.done)
	}()
	return nil
}

// stop asks the process to end, then insists.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	patience := time.NewTimer(stopMax)
	defer patience.Stop()
	select {
	case <-p.done:
	case <-patience.C:
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

func killProcess(pid int) { _ = syscall.Kill(pid, syscall.SIGKILL) }

// child is one end of the traffic: this program again, playing a role of bench/load.
type child struct {
	*process
	role string
	in   io.WriteCloser
	out  *json.Decoder
}

// stageMax bounds a stage of a child's work. The longest, 300,000 exchanges, takes some 10 s.
const stageMax = 3 * time.Minute

func (b *bench) startChild(o load.Options, cpus *unix.CPUSet) (*child, error) {
	p := newProcess(b.self, append([]string{loadCommand}, o.Args()...))
	p.cpus = cpus
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait would close that under the decoder's last read.
	out, outChild := io.Pipe()
	p.cmd.Stdout = outChild
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", o.Role, err)
	}
	go func() {
		<-p.done
		outChild.Close()
	}()
	return &child{process: p, role: o.Role, in: in, out: json.NewDecoder(out)}, nil
}

// next waits for the child's next report.
func (c *child) next() (load.Report, error) {
	late := time.AfterFunc(stageMax, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	var r load.Report
	if err := c.out.Decode(&r); err != nil {
		return r, fmt.Errorf("%s: %w; it said: %s", c.role, err, c.lastSaid())
	}
	return r, nil
}

// goOn sends the child to its next stage.
func (c *child) goOn() error {
	_, err := io.WriteString(c.in, "\n")
	return err
}

// ask is goOn and next.
func (c *child) ask() (load.Report, error) {
	if err := c.goOn(); err != nil {
		return load.Report{}, fmt.Errorf("%s: %w; it said: %s", c.role, err, c.lastSaid())
	}
	return c.next()
}

// finish ends the child by ending its input.
func (c *child) finish() {
	_ = c.in.Close() // it may have ended by itself
	c.process.stop()
}

// Ports are taken from below the kernel's ephemeral range, where thousands of connections come and go.
const portLow, portHigh = 20000, 30000

// freePort returns an address of host on which nobody listens.
func freePort(host netip.Addr) (load.Address, error) {
	const attempts = 100
	for range attempts {
		a := netip.AddrPortFrom(host, uint16(portLow+rand.IntN(portHigh-portLow)))
		l, err := net.Listen("tcp4", a.String())
		if err != nil {
			continue
		}
		return a, l.Close()
	}
	return load.Address{}, fmt.Errorf("no free port found on %v in %d attempts", host, attempts)
}

// accepts tells whether somebody accepts connections at a.
func accepts(a load.Address) bool {
	c, err := net.DialTimeout("tcp4", a.String(), time.Second)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
