package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"lull/bench/load"
	"lull/internal/clock"
)

var consolePages = scenario{
	name: "console-pages",
	about: "How long a page of the web console takes, from sending the request to the first and to the last byte of the answer: 200 loads of each page in all " +
		"rounds, one after the other over one connection, by somebody who has logged in. First with 1,000 load balancers, each with one listener and " +
		"two backends, none of which is asked for its health; then with one load balancer and 9,000 open connections, all of TCP and idle, each with " +
		"one to a backend. HAProxy's column is its page of statistics (`stats enable`) with as many proxies and the same connections. That page is no peer in what it " +
		"shows: it has all proxies on one page, four rows for each of them where lull's has one and 50 of these, it lists no connections, and " +
		"nobody has to log in. What HAProxy has for a list of connections is `show sess` on its socket, which gives all of them as text; it is asked 50 times. There is no ratio for " +
		"these reasons. lull samples its counters once a second at most, so that few of the loads have a sample made for them; they are among the slowest. Two threads.",
	suite:  suiteConsole,
	rivals: consoleRivals,
	run:    runConsolePages,
}

// What lull's pages have at most.
const overviewRows, connectionsRows = 50, 100

// showSessEvery is for how many loads of a page HAProxy lists its connections once: a list takes longer than any page, and is no page.
const showSessEvery = 4

// pageMs is what a page may take.
const pageMs = 100

// consolePage is a row of the table.
type consolePage struct {
	name  string
	paths map[string]string // by the balancer's kind; who has none has no such page
	mark  string            // what each row of lull's has
	rows  int               // of lull's
}

// balancerPages are those that are loaded with many load balancers.
func balancerPages(n int) []consolePage {
	const mark = `<tr data-key="`
	last := (n + overviewRows - 1) / overviewRows
	return []consolePage{
		{"the first page", map[string]string{"lull": "/console/", toHAProxy: statsPath}, mark, min(n, overviewRows)},
		{"the last page", map[string]string{"lull": fmt.Sprintf("/console/?page_number=%d", last)}, mark, n - (last-1)*overviewRows},
		{"searched for one name", map[string]string{"lull": "/console/?name=bench"}, mark, 1},
	}
}

// connectionPages are those that are loaded with many connections, which have been spread over the backends: by each loop in turn, so that
// no backend has less than half of its share.
func connectionPages(n int, backend load.Address) []consolePage {
	const mark = `<tr data-key="`
	const list = "/console/connections?"
	last := (n + connectionsRows - 1) / connectionsRows
	return []consolePage{
		{"the first page", map[string]string{"lull": list, toHAProxy: statsPath}, mark, min(n, connectionsRows)},
		{"the last page", map[string]string{"lull": fmt.Sprintf(list+"page_number=%d", last)}, mark, n - (last-1)*connectionsRows},
		{"those of one backend of eight", map[string]string{"lull": list + "backend=" + backend.String()}, mark, min(n/backendHosts/2, connectionsRows)},
		{"first who ends first", map[string]string{"lull": list + "order=soonest"}, mark, min(n, connectionsRows)},
	}
}

// pageFigures are the figures of one page, and what they are made of.
type pageFigures struct {
	first50, first99, last50, last99, slowest, size *figure

	loads map[string][]loaded // by column
}

func newPageFigures(x *session, variant string, most aim) *pageFigures {
	row := func(name string, a aim) *figure {
		return x.figure(figure{variant: variant, name: name, unit: "ms", digits: 1, alone: true, aim: a})
	}
	f := &pageFigures{loads: map[string][]loaded{}}
	f.first50, f.first99 = row("first byte, p50", aim{}), row("first byte, p99", aim{})
	f.last50, f.last99 = row("last byte, p50", aim{}), row("last byte, p99", most)
	f.slowest = row("last byte, the slowest", aim{})
	f.size = x.figure(figure{variant: variant, name: "size", unit: "KiB", digits: 0, alone: true})
	return f
}

// sum makes the figures.
func (f *pageFigures) sum() {
	for column, loads := range f.loads {
		var first, last []int64
		for _, l := range loads {
			first, last = append(first, l.first), append(last, l.last)
		}
		slices.Sort(first)
		slices.Sort(last)
		f.first50.add(column, millis(percentile(first, 0.5)))
		f.first99.add(column, millis(percentile(first, 0.99)))
		f.last50.add(column, millis(percentile(last, 0.5)))
		f.last99.add(column, millis(percentile(last, 0.99)))
		f.slowest.add(column, millis(last[len(last)-1]))
		f.size.add(column, float64(loads[0].bytes)/1024)
	}
}

// pageTable is the figures of all pages, by their variant.
type pageTable struct {
	x      *session
	byName map[string]*pageFigures
	order  []*pageFigures
}

// of returns a page's figures, of which lull's last byte has an aim.
func (p *pageTable) of(variant string, most aim) *pageFigures {
	f := p.byName[variant]
	if f == nil {
		f = newPageFigures(p.x, variant, most)
		p.byName[variant] = f
		p.order = append(p.order, f)
	}
	return f
}

func runConsolePages(x *session) error {
	p := &pageTable{x: x, byName: map[string]*pageFigures{}}
	err := x.fewRounds(func(c contender, rounds int) error {
		n := share(x.size.consoleLoads, rounds)
		if err := p.balancers(c, n); err != nil {
			return fmt.Errorf("%d load balancers: %w", x.size.consoleBalancers, err)
		}
		if err := p.connections(c, n); err != nil {
			return fmt.Errorf("%d connections: %w", x.size.idlePairs, err)
		}
		return nil
	})
	for _, f := range p.order {
		f.sum()
	}
	return err
}

// balancers loads pages of many load balancers.
func (p *pageTable) balancers(c contender, loads int) error {
	n := p.x.size.consoleBalancers
	return p.x.tryConsole(c, setup{Others: n - 1}, load.Options{Role: "echo"}, func(t *trial) error {
		return p.loadAll(t, c, "1,000 load balancers: ", balancerPages(n), loads)
	})
}

// connections loads pages of many connections.
func (p *pageTable) connections(c contender, loads int) error {
	return p.x.tryConsole(c, setup{}, load.Options{Role: "echo"}, func(t *trial) error {
		n := p.x.size.idlePairs
		client, err := t.hold(n, messageBytes)
		if err != nil {
			return err
		}
		defer client.finish()
		const variant = "9,000 connections: "
		if err = p.loadAll(t, c, variant, connectionPages(n, t.setup.Backends[0]), loads); err != nil {
			return err
		}
		if c.kind.name == toHAProxy {
			if err = p.showSess(t, c.name, variant+"all, as text", n, share(loads, showSessEvery)); err != nil {
				return err
			}
		}
		r, err := client.ask()
		if err == nil && r.Errors > 0 {
			err = fmt.Errorf("%d of %d connections were ended meanwhile", r.Errors, n)
		}
		return err
	})
}

// loadAll loads each page so many times.
func (p *pageTable) loadAll(t *trial, c contender, variant string, pages []consolePage, loads int) error {
	v, err := t.visitor()
	if err != nil {
		return err
	}
	defer v.close()
	for _, page := range pages {
		path, ok := page.paths[c.kind.name]
		f := p.of(variant+page.name, aim{atMost: limit(pageMs)})
		for range loads {
			if !ok {
				break
			}
			l, err := v.load(path)
			if err != nil {
				return err
			}
			if rows := bytes.Count(l.text, []byte(page.mark)); c.kind.name == "lull" && rows < page.rows {
				return fmt.Errorf("%s: %d rows, want %d or more", path, rows, page.rows)
			}
			l.text = nil
			f.loads[c.name] = append(f.loads[c.name], l)
		}
	}
	return nil
}

// showSess has HAProxy list all connections.
func (p *pageTable) showSess(t *trial, column, variant string, conns, loads int) error {
	f := p.of(variant, aim{})
	for range loads {
		l, err := askSocket(filepath.Join(t.balancer.dir, "haproxy.sock"), "show sess\n")
		if err != nil {
			return err
		}
		if n := strings.Count(string(l.text), "fe=bench"); n < conns {
			return fmt.Errorf("show sess: %d connections, want %d", n, conns)
		}
		l.text = nil
		f.loads[column] = append(f.loads[column], l)
	}
	return nil
}

// askSocket asks a control socket, and times the answer as load does that of a page.
func askSocket(socket, question string) (l loaded, err error) {
	c, err := net.DialTimeout("unix", socket, askMax)
	if err != nil {
		return l, err
	}
	defer c.Close()
	if err = c.SetDeadline(wallTime().Add(askMax)); err != nil {
		return l, err
	}
	began := clock.Now()
	if _, err = io.WriteString(c, question); err != nil {
		return l, err
	}
	one := make([]byte, 1)
	if _, err = io.ReadFull(c, one); err != nil {
		return l, err
	}
	l.first = clock.Now() - began
	rest, err := io.ReadAll(io.LimitReader(c, pageMax))
	l.last = clock.Now() - began
	l.text = append(one, rest...)
	l.bytes = len(l.text)
	return l, err
}
