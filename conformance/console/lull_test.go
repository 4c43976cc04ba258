package console

import (
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"lull/internal/lulltest/program"
)

// patience is how long something may take that follows by itself.
const patience = 15 * time.Second

// lull is a running program in a directory of its own.
type lull struct {
	*program.Dir
	t       testing.TB
	process *program.Process
	node    string // the address of load balancers
	api     string // the console's address and port
}

// config is a lull.yaml with addresses of its own.
const config = `admin: {socket: lull.sock}
api:
  address: {api}
  data: lull-data
  region: us-west-2
  addresses: [{net}.16-{net}.250]
`

// serve starts lull and returns when it is ready. It skips the test where no program is named.
func serve(t testing.TB) *lull {
	t.Helper()
	d := program.Built(t)
	l := &lull{Dir: d, t: t, node: d.Net(0) + ".16", api: d.At(8440).String()}
	l.process = d.Serve(strings.NewReplacer("{api}", l.api, "{net}", d.Net(0)).Replace(config))
	return l
}

// url returns the address of a page of the console.
func (l *lull) url(page string) string { return "http://" + l.api + "/console/" + page }

// key returns the id and the other half of the access key that the first start wrote.
func (l *lull) key() (id, secret string) {
	l.t.Helper()
	for line := range strings.Lines(l.Read("lull-data/aws/credentials")) {
		switch name, value, _ := strings.Cut(strings.TrimSpace(line), " = "); name {
		case "aws_access_key_id":
			id = value
		case "aws_secret_access_key":
			secret = value
		}
	}
	return id, secret
}

// link returns the link that opens the console once.
func (l *lull) link() string {
	l.t.Helper()
	found := regexp.MustCompile(`(?m)^console: (\S+) \(once`).FindStringSubmatch(l.process.Said())
	if found == nil {
		l.t.Fatalf("no link in %s", l.process.Said())
	}
	return found[1]
}

// serving is a backend on 127.0.0.1 that does the same with every connection, and then closes it. It returns its port.
func serving(t testing.TB, each func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				each(conn)
			}()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// echo is a backend that gives back what it gets and never closes first.
func echo(t testing.TB) string {
	t.Helper()
	return serving(t, func(conn net.Conn) { _, _ = io.Copy(conn, conn) })
}
