package main

import "time"

// sizes is how much load each scenario makes. A proxied pair takes two of the balancer's 20,000 descriptors, so none
// asks for more than 9,000 pairs.
type sizes struct {
	memoryPairs   int
	idlePairs     int
	idleFor       time.Duration
	expiringPairs int
	expiryTimeout time.Duration // must leave time to open the pairs beside the second over which they are touched
	exchangesWarm int
	exchanges     int
	connects      int
	bulkBytes     int64 // in all, over one connection or bulkConns
	balanceTrials int   // in each round
	benchtime     string
}

const (
	// busyConns is how many connections the busy scenarios use at a time.
	busyConns = 64
	// bulkConns is the larger of the bulk scenario's two counts of connections.
	bulkConns = 8
	// messageBytes is the size of a request and of its answer.
	messageBytes = 128
	// longIdle is the idle timeout where none may expire.
	longIdle = time.Hour
)

var fullSizes = sizes{
	memoryPairs:   4000,
	idlePairs:     9000,
	idleFor:       30 * time.Second,
	expiringPairs: 5000,
	expiryTimeout: 3 * time.Second,
	exchangesWarm: 20_000,
	exchanges:     300_000,
	connects:      20_000,
	bulkBytes:     1 << 30,
	balanceTrials: 20,
	benchtime:     "1s",
}

var quickSizes = sizes{
	memoryPairs:   300,
	idlePairs:     300,
	idleFor:       time.Second,
	expiringPairs: 200,
	expiryTimeout: 2 * time.Second,
	exchangesWarm: 500,
	exchanges:     5000,
	connects:      500,
	bulkBytes:     32 << 20,
	balanceTrials: 2,
	benchtime:     "20ms",
}
