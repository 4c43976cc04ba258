package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"lull/internal/control/admin"
	"lull/internal/control/awselb/query"
	"lull/internal/demo"
)

func newDemo(e *env) *cobra.Command {
	var printConfig bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run two load balancers before two sample backends, and print what to try",
		Long: "Runs two sample backends and, before them, one load balancer that closes connections as AWS Classic does and\n" +
			"one that does it as OCI does, each for HTTP and for TCP, with short idle timeouts so that closes can be watched.\n" +
			"Prints where they listen and what to try next, in a browser and in a terminal. Everything is in this process and\n" +
			"listens on 127.0.0.1 only; Ctrl-C ends it.",
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
	return serve(e, s.config, func(i *instance) {
		s.addClassic(i)
		s.addConsole(i)
		s.addOCI(i)
		s.announce(e, programName(os.Args[0]), os.Getpid())
	})
}

// stage is what a demonstration needs besides lull.
type stage struct {
	layout   demo.Layout
	dir      string // temporary
	config   string // the file served, in dir
	classic  string // URL of the load balancer that was made through the API; empty if that failed
	ociURL   string // the same, made through the OCI API
	ociID    string // its OCID
	ociPort  int
	console  string // a link that opens the console once; empty if there is none
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
	l := &s.layout
	for _, port := range []*uint16{&l.AWS.HTTP, &l.OCI.HTTP, &l.AWS.TCP, &l.OCI.TCP, &l.API} {
		if *port, err = demo.FreePort(*port); err != nil {
			return err
		}
	}
	l.Data = filepath.Join(s.dir, "data")
	if !canOwn(l.Socket) {
		l.Socket = filepath.Join(s.dir, "lull.sock")
	}
	for i, ports := range []*demo.Ports{&l.First, &l.Second} {
		if err := s.startBackend(fmt.Sprintf("backend-%d", i+1), ports); err != nil {
			return err
		}
	}
	s.config = filepath.Join(s.dir, "lull.yaml")
	return os.WriteFile(s.config, demo.Config(s.layout), 0o600)
}

// startBackend starts a backend at these ports, or at others if they are taken.
func (s *stage) startBackend(name string, ports *demo.Ports) error {
	tcp, err := demo.Listen(ports.TCP)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	http, err := demo.Listen(ports.HTTP)
	if err != nil {
		_ = tcp.Close()
		return fmt.Errorf("start %s: %w", name, err)
	}
	*ports = demo.Ports{TCP: demo.Port(tcp), HTTP: demo.Port(http)}
	guide := demo.Guide{AWS: s.layout.AWS.HTTP, OCI: s.layout.OCI.HTTP, Command: programName(os.Args[0]), Flags: s.flags()}
	s.backends = append(s.backends, demo.Serve(tcp, http, name, guide))
	return nil
}

// flags returns what the commands that ask this process need to find it.
func (s *stage) flags() string {
	if s.layout.Socket == demo.Wanted().Socket {
		return ""
	}
	return " --socket " + s.layout.Socket
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

// announce prints what runs and what to try: in two lines each, so that all of it fits a terminal. A command has a line to
// itself, without a comment behind it, so that it can be pasted into any shell in this directory.
func (s *stage) announce(e *env, program string, pid int) {
	l, flags := s.layout, s.flags()
	var p page
	p.head(0, "Two load balancers before two sample backends, all in this one process:")
	p.head(2, "aws, closing as AWS Classic does  http://127.0.0.1:%d/  and TCP at port %d", l.AWS.HTTP, l.AWS.TCP)
	p.head(2, "oci, closing as OCI does          http://127.0.0.1:%d/  and TCP at port %d", l.OCI.HTTP, l.OCI.TCP)
	if s.console != "" {
		p.head(0, "Both in the web console, with every connection, live; this link opens it once, within an hour:")
		p.head(2, "%s", s.console)
	}
	p.head(0, "Idle times are short: 5 s for HTTP, 10 s and 20 s for TCP. Open one of the two")
	p.head(0, "pages in a browser, or try these in a second terminal, in the same directory:")
	p.head(0, "")
	try := func(effect, format string, args ...any) {
		p.head(2, "%s:", effect)
		p.head(4, format, args...)
	}
	try("A backend is silent for 9 s, so after 5 s aws answers in its place", "curl -i '127.0.0.1:%d/slow?s=9'", l.AWS.HTTP)
	try("Why? The story of connection 1; each line below has such a number", "%s explain 1%s", program, flags)
	try("Which backend, what it is told, and a cookie to come back to it", "curl -i 127.0.0.1:%d/", l.OCI.HTTP)
	try("A line each second: aws lets that run, and this one, oci, cuts it after 5 s", "curl -N 127.0.0.1:%d/stream", l.OCI.HTTP)
	try("A WebSocket, closed after 5 s of silence; the page has one to talk to",
		"curl -iN -H Upgrade:websocket -H Connection:Upgrade -H Sec-WebSocket-Version:13 -H Sec-WebSocket-Key:bHVsbGx1bGxsdWxsbHVsbA== 127.0.0.1:%d/ws",
		l.AWS.HTTP)
	try("Keep-alive: an answer, and after 5 s without another request the end",
		`printf 'GET / HTTP/1.1\r\nHost: lull\r\n\r\n' | nc 127.0.0.1 %d`, l.AWS.HTTP)
	try("TCP: say something to a backend, then say nothing for 10 s", "nc 127.0.0.1 %d", l.AWS.TCP)
	try("What is open, and when will it close", "%s conns%s", program, flags)
	try("What goes wrong or ends, as it happens", "%s events%s", program, flags)
	if s.classic != "" {
		try("The Classic ELB API on a third one, "+s.classic+", with the aws command", "%s", s.awsCommand())
	}
	if s.ociURL != "" {
		try("The OCI Load Balancer API on a fourth one, "+s.ociURL+", with the oci command", "%s", s.ociCommand())
	}
	try("Give HTTP 30 s, connections that are open included",
		"sed -i 's/idle: 5s/idle: 30s/' %s && kill -HUP %d", s.config, pid)
	p.head(0, "")
	p.head(0, "Ctrl-C ends it. %s demo --print-config prints its configuration.", program)
	p.head(0, "Below: a line for each exchange that ends, and for each connection.")
	p.head(0, "")
	_, _ = e.stdout.Write(p.Bytes()) // a reader who has left misses nothing else
}

// classicName is the load balancer that is made through the API. AWS's own examples call theirs that.
const classicName = "my-loadbalancer"

// addClassic makes a load balancer through the API, as its users do, so that there is one to change with the aws command. Without
// it there is less to try, which is no reason to stop.
func (s *stage) addClassic(i *instance) {
	elb := i.cloud.elb.Load()
	back := int32(s.layout.First.HTTP)
	for _, port := range []int32{8080, 8088, 18080} { // others may run a demonstration, too
		_, err := elb.Do(context.Background(), &query.CreateLoadBalancerRequest{
			LoadBalancerName: classicName, AvailabilityZones: i.config.API.Zones[:1],
			Listeners: []query.Listener{{Protocol: "HTTP", LoadBalancerPort: port, InstanceProtocol: new("HTTP"), InstancePort: back}},
		})
		if err != nil {
			i.logger.Info("no load balancer made through the API", "error", err)
			continue
		}
		_, err = elb.Do(context.Background(), &query.ConfigureHealthCheckRequest{LoadBalancerName: classicName, HealthCheck: query.HealthCheck{
			Target: fmt.Sprintf("HTTP:%d/healthz", back), Interval: 5, Timeout: 2, UnhealthyThreshold: 2, HealthyThreshold: 2,
		}})
		if err == nil {
			_, err = elb.Do(context.Background(), &query.RegisterInstancesWithLoadBalancerRequest{
				LoadBalancerName: classicName, Instances: []query.Instance{{InstanceID: "127.0.0.1"}},
			})
		}
		if err != nil {
			i.logger.Warn("the load balancer made through the API has no backend", "error", err)
			return
		}
		for _, l := range i.applier.Plan().LoadBalancers {
			if l.Name == classicName {
				s.classic = "http://" + l.Listeners[0].Address.String() + "/"
			}
		}
		return
	}
}

// awsCommand returns the command that changes that load balancer's idle timeout.
func (s *stage) awsCommand() string {
	files := filepath.Join(s.layout.Data, "aws")
	return fmt.Sprintf("AWS_CONFIG_FILE=%s/config AWS_SHARED_CREDENTIALS_FILE=%s/credentials aws --endpoint-url http://127.0.0.1:%d elb "+
		"modify-load-balancer-attributes --load-balancer-name %s --load-balancer-attributes '{\"ConnectionSettings\":{\"IdleTimeout\":30}}'",
		files, files, s.layout.API, classicName)
}

// programName returns how to call this program again from the same directory.
func programName(arg0 string) string {
	if clean := filepath.Clean(arg0); strings.ContainsRune(clean, filepath.Separator) {
		return clean
	}
	return arg0
}
