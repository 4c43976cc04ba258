package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"text/template"

	"lull/bench/load"
)

// consoleRoundsMax bounds the rounds of these scenarios: turns within a round, and many loads of a page, take the place of more of them.
const consoleRoundsMax = 2

// consolePort is that of the load balancers that nobody uses.
const consolePort = 8080

// consoleBackends is how many backends each of those has.
const consoleBackends = 2

// statsPath is where HAProxy has its page of statistics.
const statsPath = "/stats"

// neighbour is a load balancer that nobody uses.
type neighbour struct {
	Name string
	At   netip.AddrPort
}

// Neighbours are the load balancers beside the one under load.
func (s setup) Neighbours() []neighbour {
	all := make([]neighbour, s.Others)
	for i := range all {
		all[i] = neighbour{fmt.Sprintf("lb-%04d", i), netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 65, byte(i / 250), byte(1 + i%250)}), consolePort)}
	}
	return all
}

// FewBackends are those that a load balancer has which nobody uses.
func (s setup) FewBackends() []load.Address {
	return s.Backends[:min(consoleBackends, len(s.Backends))]
}

// MaxConns is what HAProxy may have at a time: each listener takes from the same descriptors.
func (s setup) MaxConns() int {
	if s.Others > 0 {
		return 1000
	}
	return 9200
}

// lullConsole is lullConfig, or lullHTTP, with the console and neighbours.
var lullConsole = template.Must(template.New("lull.yaml").Parse(`admin: {socket: {{.Dir}}/lull.sock}
loops: {{.Threads}}
api: {address: {{.Console}}, data: {{.Dir}}/data, addresses: [127.66.0.0/24]}
load_balancers:
  - name: bench
    address: {{.Listen.Addr}}
    timeouts: {model: shared, idle: {{.Idle}}}
    listeners:
      - {name: main, protocol: {{if .HTTP}}http{{else}}tcp{{end}}, port: {{.Listen.Port}}, backend_set: app}
    backend_sets:
      - name: app
        policy: round_robin
        backends:
{{- range .Backends}}
          - {address: {{.Addr}}, port: {{.Port}}}
{{- end}}
{{- range .Neighbours}}
  - name: {{.Name}}
    address: {{.At.Addr}}
    listeners:
      - {name: main, protocol: tcp, port: {{.At.Port}}, backend_set: app}
    backend_sets:
      - name: app
        backends:
{{- range $.FewBackends}}
          - {address: {{.Addr}}, port: {{.Port}}}
{{- end}}
{{- end}}
`))

// haproxyConsole is haproxyConfig, or haproxyHTTP, with statistics and neighbours. As shipped it keeps no back-end connections while more
// than a quarter of its descriptors are in use, which idle clients alone take here; it would make a new one for each request.
var haproxyConsole = template.Must(template.New("haproxy.cfg").Parse(`global
    nbthread {{.Threads}}
    maxconn {{.MaxConns}}
    maxpipes 500
    stats socket {{.Dir}}/haproxy.sock
{{- if .HTTP}}
    tune.pool-low-fd-ratio 90
    tune.pool-high-fd-ratio 95
{{- end}}
defaults
    mode {{if .HTTP}}http{{else}}tcp{{end}}
    option splice-auto
{{- if .HTTP}}
    option http-keep-alive
    option forwardfor
    http-reuse always
{{- end}}
    timeout connect 10s
    timeout client {{.IdleMillis}}ms
    timeout server {{.IdleMillis}}ms
frontend stats
    mode http
    bind {{.Console}}
    stats enable
    stats uri ` + statsPath + `
frontend bench
    bind {{.Listen}}
{{- if .HTTP}}
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Port %[dst_port]
{{- end}}
    default_backend app
backend app
    balance roundrobin
{{- range $i, $b := .Backends}}
    server b{{$i}} {{$b}}
{{- end}}
{{- range .Neighbours}}
listen {{.Name}}
    mode tcp
    bind {{.At}}
    balance roundrobin
{{- range $i, $b := $.FewBackends}}
    server b{{$i}} {{$b}}
{{- end}}
{{- end}}
`))

// consoleExample stands for the console's address in the configurations that the report shows.
var consoleExample = netip.AddrPortFrom(balancerHost, 20002)

// withConsole returns a balancer's program with a console, and whether it can have one.
func withConsole(c contender) (contender, bool) {
	switch c.kind.name {
	case "lull":
		c.kind.tcp, c.kind.http = lullConsole, lullConsole
	case toHAProxy:
		c.kind.tcp, c.kind.http = haproxyConsole, haproxyConsole
	default:
		return c, false
	}
	return c, true
}

// consoleRivals are lull, and HAProxy where it is there.
func consoleRivals(b *bench) []contender {
	var cs []contender
	for _, c := range b.contenders {
		if one, ok := withConsole(c); ok {
			cs = append(cs, one)
		}
	}
	return cs
}

// fewRounds runs f for every balancer in no more than consoleRoundsMax rounds. It is told how many there are.
func (x *session) fewRounds(f func(c contender, rounds int) error) error {
	asked := x.o.rounds
	defer func() { x.o.rounds = asked }()
	x.o.rounds = min(asked, consoleRoundsMax)
	return x.eachRound(func(c contender) error { return f(c, x.o.rounds) })
}

// share is one of parts equal parts of all, or a little more.
func share(all, parts int) int { return (all + parts - 1) / parts }

// tryConsole is try with an address for the console.
func (x *session) tryConsole(c contender, s setup, backend load.Options, f func(*trial) error) error {
	var err error
	if s.Console, err = freePort(balancerHost); err != nil {
		return err
	}
	s.Threads, s.Idle = 2, longIdle
	return x.try(c, s, backend, f)
}

// visitor returns who looks at a balancer's pages: of lull's somebody who has logged in with the access key of the first start.
func (t *trial) visitor() (*visitor, error) {
	v := &visitor{at: t.setup.Console}
	text, err := os.ReadFile(filepath.Join(t.balancer.dir, "data", "aws", "credentials"))
	if errors.Is(err, fs.ErrNotExist) {
		return v, nil // HAProxy asks nobody who he is
	}
	if err != nil {
		return nil, err
	}
	id, err := settingOf(string(text), "aws_access_key_id")
	if err != nil {
		return nil, err
	}
	secret, err := settingOf(string(text), "aws_secret_access_key")
	if err != nil {
		return nil, err
	}
	return v, v.login(t.ctx, id, secret)
}
