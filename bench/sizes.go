package main

import "time"

// sizes is how much load each scenario makes. A proxied pair takes two of the balancer's 20,000 descriptors, so none
// asks for more than 9,000 pairs. Of HTTP connections none has more than 8,500: from 90 % of its limit on, which is 9,616 pairs
// here, lull ends connections that wait for a request to have room for others.
type sizes struct {
	memoryPairs   int
	settledFor    time.Duration // for which memory has to stand still
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

	requestsWarm    int
	requests        int // with small bodies
	requestsLarge   int // with large ones
	requestsCounted int // while lull's allocations are counted
	requestsGo      int // for the Go programs, which take several times as long
	paceFor         time.Duration
	heldConns       int
	requestConnects int

	requestsSealed    int // in TLS, with large bodies
	handshakes        int // full ones, with ECDSA
	handshakesRSA     int
	handshakesResumed int

	apiBalancers int
	apiReads     int // of each kind
	apiChanges   int // of each kind, each of a load balancer of its own
	apiStarts    int
	ociBalancers int

	consoleBalancers int
	consoleLoads     int // of each page, in all rounds
	consoleIdle      int // connections beside those under load while pages are live
	consoleRate      int // requests a second meanwhile
	consoleTurns     int // in all rounds
	consoleTurn      time.Duration
}

const (
	// busyConns is how many connections the busy scenarios use at a time.
	busyConns = 64
	// bulkConns is the larger of the bulk scenario's two counts of connections.
	bulkConns = 8
	// messageBytes is the size of a request and of its answer.
	messageBytes = 128
	// manyConns is the larger of the HTTP request scenario's two counts of connections.
	manyConns = 512
	// smallBody and largeBody are the sizes of HTTP responses.
	smallBody, largeBody = 128, 64 << 10
	// longIdle is the idle timeout where none may expire.
	longIdle = time.Hour
)

var fullSizes = sizes{
	memoryPairs:   4000,
	settledFor:    1500 * time.Millisecond, // lull tidies up a second after a storm of handshakes at the latest
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

	requestsWarm:    5000,
	requests:        100_000,
	requestsLarge:   40_000,
	requestsCounted: 300_000,
	requestsGo:      30_000,
	paceFor:         3 * time.Second,
	heldConns:       8500,
	requestConnects: 20_000,

	requestsSealed:    20_000,
	handshakes:        5000,
	handshakesRSA:     2000,
	handshakesResumed: 10_000,

	apiBalancers: 1000,
	apiReads:     200,
	apiChanges:   50,
	apiStarts:    3,
	ociBalancers: 500,

	consoleBalancers: 1000,
	consoleLoads:     200,
	consoleIdle:      8000,
	consoleRate:      4000,
	consoleTurns:     4,
	consoleTurn:      2 * time.Second, // the console looks at the open connections once in it
}

var quickSizes = sizes{
	memoryPairs:   300,
	settledFor:    200 * time.Millisecond,
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

	requestsWarm:    600,
	requests:        4000,
	requestsLarge:   2000,
	requestsCounted: 4000,
	requestsGo:      1000,
	paceFor:         100 * time.Millisecond,
	heldConns:       300,
	requestConnects: 500,

	requestsSealed:    500,
	handshakes:        200,
	handshakesRSA:     200,
	handshakesResumed: 400,

	apiBalancers: 20,
	apiReads:     20,
	apiChanges:   3,
	apiStarts:    1,
	ociBalancers: 5,

	consoleBalancers: 20,
	consoleLoads:     10,
	consoleIdle:      200,
	consoleRate:      1000,
	consoleTurns:     1,
	consoleTurn:      200 * time.Millisecond,
}
