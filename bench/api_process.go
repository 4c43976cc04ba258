package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"text/template"
	"time"

	"golang.org/x/sys/unix"

	"lull/bench/load"
	"lull/internal/clock"
)

// apiConfig is what lull runs by while its API is measured.
var apiConfig = template.Must(template.New("lull.yaml").Parse(`admin: {socket: {{.Dir}}/lull.sock}
loops: {{.Loops}}
api:
  address: {{.API}}
  data: {{.Dir}}/data
  addresses: [127.64.0.0/16]
  dns: {address: {{.DNS}}}
`))

// Ports of the load balancers: the one that each has, and the one of the listener that is added.
const apiPort, apiPortMore = 8080, 8081

// apiProcess is a lull that serves the Classic ELB API.
type apiProcess struct {
	bench   *bench
	kind    kind
	process *process
	cpus    *unix.CPUSet // on which it may run; nil = all
	dir     string
	client  *apiClient
	dns     load.Address
}

// startAPI starts lull without any load balancer, with two threads.
func (b *bench) startAPI(c contender) (*apiProcess, error) { return b.startAPIOn(c, 2, nil) }

// startAPIOn is startAPI with another number of threads, on some of the processors.
func (b *bench) startAPIOn(c contender, threads int, cpus *unix.CPUSet) (*apiProcess, error) {
	b.started++
	a := &apiProcess{bench: b, kind: c.kind, cpus: cpus, dir: filepath.Join(b.dir, fmt.Sprint(b.started))}
	if err := os.Mkdir(a.dir, 0o700); err != nil {
		return nil, err
	}
	api, err := freePort(balancerHost)
	if err != nil {
		return nil, err
	}
	if a.dns, err = freePort(balancerHost); err != nil {
		return nil, err
	}
	var text strings.Builder
	if err = apiConfig.Execute(&text, struct {
		Dir, API, DNS string
		Loops         int
	}{a.dir, api.String(), a.dns.String(), threads}); err != nil {
		return nil, err
	}
	if err = os.WriteFile(filepath.Join(a.dir, c.kind.file), []byte(text.String()), 0o600); err != nil {
		return nil, err
	}
	if err = a.begin(); err != nil {
		return nil, err
	}
	if err = a.connect(api.String()); err != nil {
		a.stop()
		return nil, err
	}
	return a, nil
}

// begin starts the process and waits until it is ready.
func (a *apiProcess) begin() error {
	a.process = newProcess(a.kind.binary, a.kind.args(a.dir, filepath.Join(a.dir, a.kind.file)))
	ready := &lineWatch{to: a.process, line: "\n" + a.kind.ready + "\n", tail: []byte("\n")}
	a.process.cmd.Stderr, a.process.cpus = ready, a.cpus
	if err := a.process.start(); err != nil {
		return err
	}
	err := a.bench.until("serve", startMax, func() (bool, error) { return ready.seen.Load(), a.process.ended() })
	if err != nil {
		a.stop()
		return fmt.Errorf("start lull: %w; it said: %s", err, a.process.lastSaid())
	}
	return nil
}

func (a *apiProcess) stop() { a.process.stop() }

// lineWatch passes on what a process says and watches for a line, which may come behind more than a process keeps: lull tells of each
// backend that came up.
type lineWatch struct {
	to   io.Writer
	line string // with a line feed on both sides
	tail []byte // of what was said: too short to have the line in it
	seen atomic.Bool
}

// Write is called by one goroutine.
func (w *lineWatch) Write(b []byte) (int, error) {
	w.tail = append(w.tail, b...)
	if strings.Contains(string(w.tail), w.line) {
		w.seen.Store(true)
	}
	w.tail = w.tail[max(0, len(w.tail)-len(w.line)+1):]
	return w.to.Write(b)
}

// restart stops lull and returns how long it takes to serve again.
func (a *apiProcess) restart() (nanos int64, err error) {
	a.client.http.CloseIdleConnections()
	a.stop()
	began := clock.Now()
	err = a.begin()
	return clock.Now() - began, err
}

// connect reads the credentials that the first start wrote.
func (a *apiProcess) connect(at string) error {
	settings := map[string]string{}
	for name, file := range map[string]string{"aws_access_key_id": "credentials", "aws_secret_access_key": "credentials", "region": "config"} {
		text, err := os.ReadFile(filepath.Join(a.dir, "data", "aws", file))
		if err != nil {
			return err
		}
		if settings[name], err = settingOf(string(text), name); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	a.client = newAPIClient(a.bench.ctx, at, settings["region"], settings["aws_access_key_id"], settings["aws_secret_access_key"])
	return nil
}

func apiName(i int) string { return fmt.Sprintf("lb-%04d", i) }

// makeBalancer makes a load balancer, whose health check is changed before it has an instance.
func (a *apiProcess) makeBalancer(i int, instances []load.Address) error {
	name, back := apiName(i), fmt.Sprint(instances[0].Port())
	const one = "Listeners.member.1."
	if _, err := a.client.do("CreateLoadBalancer", "LoadBalancerName", name, "AvailabilityZones.member.1", a.client.region+"a",
		one+"Protocol", "HTTP", one+"LoadBalancerPort", fmt.Sprint(apiPort), one+"InstanceProtocol", "HTTP", one+"InstancePort", back); err != nil {
		return err
	}
	if _, err := a.client.do("ConfigureHealthCheck", "LoadBalancerName", name, "HealthCheck.Target", "TCP:"+back, "HealthCheck.Interval", "300",
		"HealthCheck.Timeout", "5", "HealthCheck.UnhealthyThreshold", "2", "HealthCheck.HealthyThreshold", "2"); err != nil {
		return err
	}
	register := []string{"LoadBalancerName", name}
	for n, address := range instances {
		register = append(register, fmt.Sprintf("Instances.member.%d.InstanceId", n+1), address.Addr().String())
	}
	_, err := a.client.do("RegisterInstancesWithLoadBalancer", register...)
	return err
}

// weigh returns the memory, once it stands still, and the number of descriptors.
func (a *apiProcess) weigh() (bytes int64, descriptors int, err error) {
	t := &trial{bench: a.bench}
	pid := a.process.pid()
	if bytes, err = t.settledPss([]int{pid}); err != nil {
		return 0, 0, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return bytes, len(open), err
}

// keepChanging changes one load balancer after the other from a connection of its own until the function that it returns is called.
func (a *apiProcess) keepChanging() (finish func() error) {
	c := a.client.another()
	ctx, cancel := context.WithCancel(a.bench.ctx)
	done := make(chan error, 1)
	go func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := c.setIdle(apiName(i%a.bench.size.apiBalancers), 61+i/a.bench.size.apiBalancers); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return func() error {
		cancel()
		return <-done
	}
}

func (c *apiClient) setIdle(name string, seconds int) error {
	_, err := c.do("ModifyLoadBalancerAttributes", "LoadBalancerName", name, "LoadBalancerAttributes.ConnectionSettings.IdleTimeout", strconv.Itoa(seconds))
	return err
}

// newListeners gives the last load balancers one listener more each, and returns how long it took until that had answered a request.
func (a *apiProcess) newListeners(n int) ([]int64, error) {
	var took []int64
	const one = "Listeners.member.1."
	for i := range n {
		name := apiName(a.bench.size.apiBalancers - 1 - i)
		at, back, err := a.find(name)
		if err != nil {
			return nil, err
		}
		began := clock.Now()
		if _, err = a.client.do("CreateLoadBalancerListeners", "LoadBalancerName", name, one+"Protocol", "HTTP",
			one+"LoadBalancerPort", fmt.Sprint(apiPortMore), one+"InstanceProtocol", "HTTP", one+"InstancePort", back); err != nil {
			return nil, err
		}
		if err = a.answers(netip.AddrPortFrom(at, apiPortMore)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		took = append(took, clock.Now()-began)
	}
	return took, nil
}

// answers asks a listener until it has answered a request as its backends do: they are asked for their health anew for it, and until
// the first has answered that there is nobody to send a request to.
func (a *apiProcess) answers(at netip.AddrPort) error {
	var err error
	for end := clock.Now() + int64(askMax); clock.Now() < end; {
		var c net.Conn
		if c, err = askOnce(at); err == nil {
			return c.Close()
		}
	}
	return err
}

// shorterIdle leaves connections idle for longer than a second, then sets the idle timeouts of their load balancers to a second, and
// returns how long it took until each was ended.
func (a *apiProcess) shorterIdle(n int) ([]int64, error) {
	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			_ = c.Close() // it has ended, or the error is told
		}
	}()
	for i := range n {
		at, _, err := a.find(apiName(i))
		if err != nil {
			return nil, err
		}
		c, err := askOnce(netip.AddrPortFrom(at, apiPort))
		if err != nil {
			return nil, err
		}
		conns = append(conns, c)
	}
	if err := a.bench.pause(time.Second + 100*time.Millisecond); err != nil {
		return nil, err
	}
	var took []int64
	for i, c := range conns {
		began := clock.Now()
		if err := a.client.setIdle(apiName(i), 1); err != nil {
			return nil, err
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: an idle connection got %d bytes, %w, want its end", apiName(i), n, err)
		}
		took = append(took, clock.Now()-began)
	}
	return took, nil
}

// askOnce makes a connection and has one exchange on it.
func askOnce(at netip.AddrPort) (net.Conn, error) {
	c, err := net.DialTimeout("tcp4", at.String(), askMax)
	if err != nil {
		return nil, err
	}
	if err = exchangeOn(c); err != nil {
		_ = c.Close() // the error is told
		return nil, err
	}
	return c, nil
}

func exchangeOn(c net.Conn) error {
	if err := c.SetDeadline(wallTime().Add(askMax)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET /bytes HTTP/1.1\r\nHost: bench.example\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err = io.Copy(io.Discard, answer.Body); err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("a request got %s", answer.Status)
	}
	return err
}

// find returns where a load balancer is, by its DNS name, and the port of its instances.
func (a *apiProcess) find(name string) (at netip.Addr, back string, err error) {
	body, _, err := a.client.call(url.Values{"Action": {"DescribeLoadBalancers"}, "LoadBalancerNames.member.1": {name}})
	if err != nil {
		return at, "", err
	}
	dns := regexp.MustCompile(`<DNSName>([^<]+)</DNSName>`).FindStringSubmatch(body)
	port := regexp.MustCompile(`<InstancePort>(\d+)</InstancePort>`).FindStringSubmatch(body)
	if dns == nil || port == nil {
		return at, "", fmt.Errorf("%s: no name and port in %.300s", name, body)
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, a.dns.String())
	}}
	all, err := resolver.LookupNetIP(a.bench.ctx, "ip4", dns[1]+".")
	if err != nil {
		return at, "", err
	}
	return all[0], port[1], nil
}

// check wants every load balancer to be there and the first and the last to serve.
func (a *apiProcess) check(balancers int) error {
	for _, i := range []int{0, balancers - 1} {
		at, _, err := a.find(apiName(i))
		if err != nil {
			return err
		}
		if err = a.answers(netip.AddrPortFrom(at, apiPort)); err != nil {
			return fmt.Errorf("%s: %w", apiName(i), err)
		}
	}
	return nil
}
