package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"lull/bench/load"
)

var acceptBalance = scenario{
	name: "accept-balance",
	about: "64 connections opened on a balancer of two threads: which share of them does the busier thread serve? 20 trials a " +
		"round; 50 % is even. Each balancer is asked in its own way: lull's stats, HAProxy's table of descriptors, the " +
		"descriptors of nginx's workers.",
	run: runAcceptBalance,
}

func runAcceptBalance(x *session) error {
	typical := x.figure(figure{name: "share of the busier thread, median", unit: "%", digits: 1, aim: aim{atMost: limit(60)}})
	p90 := x.figure(figure{name: "share of the busier thread, p90", unit: "%", digits: 1})
	most := x.figure(figure{name: "share of the busier thread, worst", unit: "%", digits: 1, take: takeMost, aim: aim{atMost: limit(60)}})
	return x.eachRound(func(c contender) error {
		s := setup{Threads: 2, Idle: longIdle}
		return x.try(c, s, load.Options{Role: "echo"}, func(t *trial) error {
			var permille []int64
			idle, err := t.settledThreads(c.kind.name)
			if err != nil {
				return err
			}
			for range x.size.balanceTrials {
				share, err := t.busierShare(c.kind.name, idle)
				if err != nil {
					return err
				}
				permille = append(permille, int64(1000*share))
			}
			slices.Sort(permille)
			typical.add(c.name, float64(percentile(permille, 0.5))/10)
			p90.add(c.name, float64(percentile(permille, 0.9))/10)
			most.add(c.name, float64(permille[len(permille)-1])/10)
			return nil
		})
	})
}

// busierShare opens connections, returns the part of them that the busier thread has, and waits until they are gone.
// idle is each thread's count without them.
func (t *trial) busierShare(kind string, idle []int) (float64, error) {
	c, err := t.hold(busyConns, messageBytes)
	if err != nil {
		return 0, err
	}
	defer c.finish()
	now, err := t.perThread(kind)
	if err != nil {
		return 0, err
	}
	share, err := busierShare(idle, now, busyConns)
	if err != nil {
		return 0, err
	}
	c.finish()
	return share, t.until("end the connections", pairsMax, func() (bool, error) {
		now, err := t.perThread(kind)
		return slices.Equal(now, idle), err
	})
}

// busierShare returns the greatest part that one thread has of what came since idle, which must be conns at least.
func busierShare(idle, now []int, conns int) (float64, error) {
	most, sum := 0, 0
	for i := range min(len(idle), len(now)) {
		n := now[i] - idle[i]
		most, sum = max(most, n), sum+n
	}
	if len(idle) != len(now) || sum < conns {
		return 0, fmt.Errorf("connections of each thread: %v, then %v with %d more", idle, now, conns)
	}
	return float64(most) / float64(sum), nil
}

// sameReadings is how many equal answers in a row, some milliseconds apart, mean that nothing is left to happen.
const sameReadings = 20

// settledThreads asks for each thread's count until it stands still: connections that have been closed leave it a moment
// later.
func (t *trial) settledThreads(kind string) ([]int, error) {
	var last []int
	same := 0
	err := t.until("settle the number of connections", pairsMax, func() (bool, error) {
		now, err := t.perThread(kind)
		if same++; !slices.Equal(now, last) {
			same = 0
		}
		last = now
		return same == sameReadings, err
	})
	return last, err
}

// perThread returns a number for each thread of the balancer that grows with the connections it has open.
func (t *trial) perThread(kind string) ([]int, error) {
	switch kind {
	case "haproxy":
		return haproxyThreads(filepath.Join(t.balancer.dir, "haproxy.sock"))
	case "nginx":
		return workerFiles(t.balancer.pids[1:]) // the first is the master
	default:
		return lullLoops(t.ctx, filepath.Join(t.balancer.dir, "lull.sock"))
	}
}

func workerFiles(pids []int) ([]int, error) {
	var counts []int
	for _, pid := range pids {
		n, err := openFiles(pid)
		if err != nil {
			return nil, err
		}
		counts = append(counts, n)
	}
	return counts, nil
}

// askMax bounds a question to a balancer's control socket.
const askMax = 5 * time.Second

// haproxyThreads asks HAProxy for its descriptors and counts the front-end connections of each of its threads. (The
// accepted counter of its show activity is of the threads that took them from the kernel, before spreading them.)
func haproxyThreads(socket string) ([]int, error) {
	c, err := net.DialTimeout("unix", socket, askMax)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err = c.SetDeadline(wallTime().Add(askMax)); err != nil {
		return nil, err
	}
	if _, err = io.WriteString(c, "show fd\n"); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(c, 1<<20))
	if err != nil {
		return nil, err
	}
	return parseShowFD(string(text))
}

// frontFD matches a front-end connection in HAProxy's show fd, with the mask of the one thread that owns it.
var frontFD = regexp.MustCompile(`(?m) tmask=0x([0-9a-f]+) .* back=0 .* fe=bench `)

// parseShowFD counts front-end connections by thread, for two threads.
func parseShowFD(text string) ([]int, error) {
	counts := make([]int, 2)
	for _, m := range frontFD.FindAllStringSubmatch(text, -1) {
		switch m[1] {
		case "1":
			counts[0]++
		case "2":
			counts[1]++
		default:
			return nil, fmt.Errorf("show fd: a connection of the threads 0x%s, want one of two", m[1])
		}
	}
	return counts, nil
}

// lullLoops reads lull's stats from its admin socket.
func lullLoops(ctx context.Context, socket string) ([]int, error) {
	client := http.Client{Timeout: askMax, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://lull/lull/v1/stats", nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("lull's stats: %s", answer.Status)
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	return parseLoops(text)
}

// parseLoops reads the open connections of each loop from lull's stats.
func parseLoops(text []byte) ([]int, error) {
	var stats struct {
		Loops []struct {
			Active *int `json:"active"`
		} `json:"loops"`
	}
	if err := json.Unmarshal(text, &stats); err != nil {
		return nil, fmt.Errorf("lull's stats: %w", err)
	}
	var counts []int
	for _, l := range stats.Loops {
		if l.Active == nil {
			return nil, errors.New("lull's stats: a loop without active")
		}
		counts = append(counts, *l.Active)
	}
	if len(counts) == 0 {
		return nil, errors.New("lull's stats: no loops")
	}
	return counts, nil
}
