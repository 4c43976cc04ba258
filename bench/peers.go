package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"lull/bench/load"
)

// kind is a load balancer's program: how to configure and start it. All are asked for the same: one listener, round robin
// over the backends, one idle timeout, a given number of threads, no log, and everything else as the vendor ships it,
// except where the machine's 20,000 descriptors force a lower limit. For what HTTP asks more, see peers_http.go.
type kind struct {
	name        string
	binary      string
	versionArgs []string
	file        string             // name of the configuration file
	tcp         *template.Template // of the configuration as a TCP load balancer; nil = cannot be one
	http        *template.Template
	args        func(dir, file string) []string
	env         func(setup) []string // more for its environment; nil = nothing
	ready       string               // the line that it prints on standard error once it listens; empty = none
}

// kinds lists the programs in the order of the report's columns.
func kinds(lull string) []kind {
	return []kind{
		{
			name: "lull", binary: lull, versionArgs: []string{"version"}, file: "lull.yaml",
			tcp: lullConfig, http: lullHTTP,
			args:  func(_, file string) []string { return []string{"serve", file} },
			ready: "ready",
		},
		{
			name: "haproxy", binary: "/usr/sbin/haproxy", versionArgs: []string{"-v"}, file: "haproxy.cfg",
			tcp: haproxyConfig, http: haproxyHTTP,
			args: func(_, file string) []string { return []string{"-db", "-f", file} },
		},
		{
			name: "nginx", binary: "/usr/sbin/nginx", versionArgs: []string{"-v"}, file: "nginx.conf",
			tcp: nginxConfig, http: nginxHTTP,
			args: func(dir, file string) []string { return []string{"-p", dir, "-e", "stderr", "-c", file} },
		},
	}
}

// setup is what a scenario asks of a balancer.
type setup struct {
	HTTP     bool
	Upgrades bool   // HTTP: connections are to be upgraded
	Uploads  bool   // HTTP: requests have bodies
	TLS      string // HTTP: the version of TLS that clients speak, of those that load knows; empty = none
	RSA      bool   // TLS: the listener's certificate is one for RSA, otherwise for ECDSA
	BackTLS  bool   // HTTP: balancer and backends speak TLS 1.3
	Certs    certs
	Alone    bool // with as many processors as threads, which neither client nor backend use, where there are enough
	Threads  int
	Idle     time.Duration // idle timeout, both sides
	Backends []load.Address
	Listen   load.Address
	Metrics  load.Address // of lull; none where nobody asks
	Console  load.Address // of lull, or of HAProxy's statistics; none where nobody looks
	Others   int          // load balancers beside the one under load
	Dir      string       // for sockets and process files
}

// IdleMillis is the idle timeout in the unit that HAProxy and nginx are given it in.
func (s setup) IdleMillis() int64 { return s.Idle.Milliseconds() }

// StreamModule is the file of nginx's stream module where the package splits it off, or empty.
func (s setup) StreamModule() string {
	const debian = "/usr/lib/nginx/modules/ngx_stream_module.so"
	if _, err := os.Stat(debian); err != nil {
		return ""
	}
	return debian
}

var lullConfig = template.Must(template.New("lull.yaml").Parse(`admin: {socket: {{.Dir}}/lull.sock}
loops: {{.Threads}}
load_balancers:
  - name: bench
    address: {{.Listen.Addr}}
    timeouts: {model: shared, idle: {{.Idle}}}
    listeners:
      - {name: tcp, protocol: tcp, port: {{.Listen.Port}}, backend_set: echo}
    backend_sets:
      - name: echo
        policy: round_robin
        backends:
{{- range .Backends}}
          - {address: {{.Addr}}, port: {{.Port}}}
{{- end}}
`))

// haproxyConfig: maxconn and maxpipes are as high as 20,000 descriptors allow (two for a pair, two for a pipe).
var haproxyConfig = template.Must(template.New("haproxy.cfg").Parse(`global
    nbthread {{.Threads}}
    maxconn 9200
    maxpipes 500
    stats socket {{.Dir}}/haproxy.sock
defaults
    mode tcp
    option splice-auto
    timeout connect 10s
    timeout client {{.IdleMillis}}ms
    timeout server {{.IdleMillis}}ms
frontend bench
    bind {{.Listen}}
    default_backend echo
backend echo
    balance roundrobin
{{- range $i, $b := .Backends}}
    server b{{$i}} {{$b}}
{{- end}}
`))

// nginxConfig: worker_connections is the limit of descriptors; one connection is one of them here.
var nginxConfig = template.Must(template.New("nginx.conf").Parse(`daemon off;
pid {{.Dir}}/nginx.pid;
error_log stderr emerg;
{{with .StreamModule}}load_module {{.}};
{{end -}}
worker_processes {{.Threads}};
worker_rlimit_nofile 20000;
events {
    worker_connections 20000;
}
stream {
    access_log off;
    upstream echo {
{{- range .Backends}}
        server {{.}};
{{- end}}
    }
    server {
        listen {{.Listen}} reuseport;
        proxy_pass echo;
        proxy_connect_timeout 10s;
        proxy_timeout {{.IdleMillis}}ms;
    }
}
`))

// contender is a balancer's column in the report. The same kind may compete with itself under two names.
type contender struct {
	name string
	kind kind
}

// pick returns the contenders that names asks for. Asked for by name, one must be there; otherwise lull must, and a
// peer that is not installed is left out with a word about it.
func pick(names, lull string) (cs []contender, absent []string, err error) {
	known := kinds(lull)
	if names == "" {
		cs, absent = present(known)
		if len(cs) == 0 || cs[0].kind.name != "lull" {
			return nil, nil, fmt.Errorf("lull's binary %s is not there: build it, or name the balancers to compare with -balancers", lull)
		}
		return cs, absent, nil
	}
	seen := map[string]int{}
	for name := range strings.SplitSeq(names, ",") {
		k, err := find(known, name)
		if err != nil {
			return nil, nil, err
		}
		seen[name]++
		if seen[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, seen[name])
		}
		cs = append(cs, contender{name, k})
	}
	return cs, nil, nil
}

// present returns those that are installed, and a word about each that is not.
func present(known []kind) (cs []contender, absent []string) {
	for _, k := range known {
		if _, err := exec.LookPath(k.binary); err != nil {
			absent = append(absent, fmt.Sprintf("%s was left out: %v.", k.name, err))
			continue
		}
		cs = append(cs, contender{k.name, k})
	}
	return cs, absent
}

func find(known []kind, name string) (kind, error) {
	var names []string
	for _, k := range known {
		if k.name == name {
			_, err := exec.LookPath(k.binary)
			return k, err
		}
		names = append(names, k.name)
	}
	return kind{}, fmt.Errorf("balancer %q: unknown, allowed are %s", name, strings.Join(names, ", "))
}

// version returns the first line of what the program says about itself.
func (k kind) version() string {
	out, err := exec.Command(k.binary, k.versionArgs...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s: %v", k.name, err)
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line)
}

// render returns the configuration for a setup.
func (k kind) render(s setup) (string, error) {
	var text strings.Builder
	config := k.tcp
	if s.HTTP {
		config = k.http
	}
	if err := config.Execute(&text, s); err != nil {
		return "", fmt.Errorf("configure %s: %w", k.name, err)
	}
	return text.String(), nil
}

// balancer is a running load balancer.
type balancer struct {
	name    string
	process *process
	pids    []int // all of its processes
	listen  load.Address
	metrics load.Address // of lull, if asked for
	dir     string
}

// balancerHost is where balancers listen.
var balancerHost = netip.AddrFrom4([4]byte{127, 0, 2, 1})

// startMax bounds how long a balancer may take to accept connections.
const startMax = 10 * time.Second

// startBalancer starts a contender and returns once it accepts connections with all of its processes there.
func (b *bench) startBalancer(c contender, s setup) (*balancer, error) {
	b.started++
	s.Dir = filepath.Join(b.dir, fmt.Sprint(b.started))
	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if s.Listen, err = freePort(balancerHost); err != nil {
		return nil, err
	}
	text, err := c.kind.render(s)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.Dir, c.kind.file)
	if err = os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	p := newProcess(c.kind.binary, c.kind.args(s.Dir, file))
	if c.kind.env != nil {
		p.cmd.Env = append(os.Environ(), c.kind.env(s)...)
	}
	p.cpus, _ = s.processors()
	if err := p.start(); err != nil {
		return nil, err
	}
	r := &balancer{name: c.name, process: p, listen: s.Listen, metrics: s.Metrics, dir: s.Dir}
	if err := b.awaitBalancer(r, c.kind, s.Threads); err != nil {
		r.stop()
		return nil, fmt.Errorf("start %s: %w; it said: %s", c.kind.name, err, p.lastSaid())
	}
	return r, nil
}

func (b *bench) awaitBalancer(r *balancer, k kind, threads int) error {
	return b.until("accept connections", startMax, func() (bool, error) {
		if err := r.process.ended(); err != nil {
			return false, err
		}
		if k.ready != "" && !strings.Contains("\n"+r.process.said(), "\n"+k.ready+"\n") {
			return false, nil
		}
		if !accepts(r.listen) {
			return false, nil
		}
		var err error
		r.pids, err = family(r.process.pid())
		return k.name != "nginx" || len(r.pids) == 1+threads, err
	})
}

// usage reads the balancer's processor time.
func (r *balancer) usage() (usage, error) { return usageOf(r.pids) }

// stop ends the balancer, and any worker that outlives its master.
func (r *balancer) stop() {
	r.process.stop()
	for _, pid := range r.pids {
		if s, err := statOf(pid); err == nil && pid != r.process.pid() && s.parent <= 1 {
			killProcess(pid)
		}
	}
}
