package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"lull/internal/control/admin"
	"lull/internal/demo"
)

func newDemo(e *env) *cobra.Command {
	var printConfig bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run two load balancers before two sample backends, and print what to try",
		Long: "Runs two sample backends and, before them, one load balancer that closes connections as AWS Classic does and\n" +
			"one that does it as OCI does, with short idle timeouts so that closes can be watched. Prints where they listen\n" +
			"and what to try next. Everything is in this process and listens on 127.0.0.1 only; Ctrl-C ends it.",
		Args: between(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if printConfig {
				_, err := e.stdout.Write(demo.Config(demo.Wanted()))
				return err
			}
			return runDemo(e)
		},
	}
	cmd.Flags().BoolVar(&printConfig, "print-config", false, "print the lull.yaml that the demonstration runs, and run nothing")
	return cmd
}

// startsMax is how often a demonstration tries to start when others take the ports that it has found free.
const startsMax = 5

// runDemo runs a demonstration until a signal ends it.
func runDemo(e *env) (err error) {
	for range startsMax {
		if err = runStage(e); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return err
}

// runStage starts the backends and serves a configuration file made for them until a signal ends it.
func runStage(e *env) error {
	s, err := setStage()
	if err != nil {
		return err
	}
	defer s.clear()
	return serve(e, s.config, func() { s.announce(e, programName(os.Args[0]), os.Getpid()) })
}

// stage is what a demonstration needs besides lull.
type stage struct {
	layout   demo.Layout
	dir      string // temporary
	config   string // the file served, in dir
	backends []*demo.Backend
}

// setStage starts the backends and writes the configuration. On an error nothing is left behind.
func setStage() (*stage, error) {
	s := &stage{layout: demo.Wanted()}
	if err := s.set(); err != nil {
		s.clear()
		return nil, err
	}
	return s, nil
}

func (s *stage) set() (err error) {
	if s.dir, err = os.MkdirTemp("", "lull-demo-"); err != nil {
		return fmt.Errorf("make a directory for the configuration: %w", err)
	}
	for i, port := range []*uint16{&s.layout.First, &s.layout.Second} {
		l, failed := demo.Listen(*port)
		if failed != nil {
			return fmt.Errorf("start backend %d: %w", i+1, failed)
		}
		*port = demo.Port(l)
		s.backends = append(s.backends, demo.Serve(l, fmt.Sprintf("backend-%d", i+1)))
	}
	for _, port := range []*uint16{&s.layout.AWS, &s.layout.OCI} {
		if *port, err = demo.FreePort(*port); err != nil {
			return err
		}
	}
	if !canOwn(s.layout.Socket) {
		s.layout.Socket = filepath.Join(s.dir, "lull.sock")
	}
	s.config = filepath.Join(s.dir, "lull.yaml")
	return os.WriteFile(s.config, demo.Config(s.layout), 0o600)
}

// canOwn reports whether a control socket can be made at path: its directory can be written to, and no other lull
// answers there. One that a killed lull left behind is in nobody's way.
func canOwn(path string) bool {
	probe, err := os.CreateTemp(filepath.Dir(path), ".lull-demo-*")
	if err != nil {
		return false
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	info, err := os.Lstat(path)
	if err != nil {
		return os.IsNotExist(err)
	}
	other, err := admin.Dial(path)
	if err == nil {
		other.Close()
	}
	return err != nil && info.Mode()&os.ModeSocket != 0
}

// clear ends the backends and removes the configuration.
func (s *stage) clear() {
	for _, b := range s.backends {
		b.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir) // a temporary directory: whatever keeps it is no fault of the demonstration
	}
}

// announce prints what runs and what to try. Each command has a line to itself, without a comment behind it, so that it
// can be pasted into any shell in this directory.
func (s *stage) announce(e *env, program string, pid int) {
	l := s.layout
	with := "" // for the commands that ask this process
	if l.Socket != demo.Wanted().Socket {
		with = " --socket " + l.Socket
	}
	var p page
	p.head(0, "Two load balancers before two echo backends, all in this process and on 127.0.0.1 only:")
	p.head(2, "127.0.0.1:%d is aws and closes as AWS Classic does, here after 10 s without a byte", l.AWS)
	p.head(2, "127.0.0.1:%d is oci and closes as OCI does, here after 20 s without a byte", l.OCI)
	p.head(2, "127.0.0.1:%d is backend-1, 127.0.0.1:%d is backend-2", l.First, l.Second)
	p.head(0, "")
	p.head(0, "Try these in a second terminal, in the same directory:")
	try := func(effect, format string, args ...any) {
		p.head(0, "")
		p.head(2, "%s:", effect)
		p.head(4, format, args...)
	}
	try("Say something to a backend, then say nothing for 10 s", "nc 127.0.0.1 %d", l.AWS)
	try("The other load balancer, with nothing but bash", "bash -c 'cat < /dev/tcp/127.0.0.1/%d'", l.OCI)
	try("What is open, and when will it close", "%s conns%s", program, with)
	try("The story of connection 1, whether it is open or has ended", "%s explain 1%s", program, with)
	try("What ends, as it happens", "%s events%s", program, with)
	try("Give all connections of aws 30 s, those that are open included",
		"sed -i 's/idle: 10s/idle: 30s/' %s && kill -HUP %d", s.config, pid)
	p.head(0, "")
	p.head(0, "Ctrl-C ends it. %s demo --print-config prints its configuration. Below: a line for each connection that ends.", program)
	p.head(0, "")
	_, _ = e.stdout.Write(p.Bytes()) // a reader who has left misses nothing else
}

// programName returns how to call this program again from the same directory.
func programName(arg0 string) string {
	if clean := filepath.Clean(arg0); strings.ContainsRune(clean, filepath.Separator) {
		return clean
	}
	return arg0
}
