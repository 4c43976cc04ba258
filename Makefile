# lull's gate. `make` prints the targets; continuous integration runs exactly these (.ci/run, .github/workflows/ci.yml).
# build, run and test need Go and git. lint and vuln build their tools once, from the versions that tools/go.mod pins.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Version control stamps are ours to make (VERSION); Go's own fail in a checkout that belongs to somebody else.
export GOFLAGS := -buildvcs=false $(GOFLAGS)

VERSION  ?= $(shell git -c safe.directory='*' describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   ?= $(shell git -c safe.directory='*' rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
TEST     ?= ./...
FUZZTIME ?= 5s
BIN      := bin
TOOLS    := $(BIN)/tools

.PHONY: help
help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/lull
	go build -trimpath -ldflags '-X lull/internal/cli.version=$(VERSION) -X lull/internal/cli.commit=$(COMMIT)' -o $(BIN)/lull ./cmd/lull

.PHONY: run
run: build ## build and start the demonstration: two load balancers, two backends, what to try next
	./$(BIN)/lull demo

.PHONY: check
check: format vet lint test ## format, vet, lint and test: what a change has to pass before it is sent

.PHONY: format
format: ## list files that gofmt would change, and fail if there are any
	@bad=$$(gofmt -l . | grep -v '^\.' || true); if [ -n "$$bad" ]; then echo "run gofmt -w on:"; echo "$$bad"; exit 1; fi

.PHONY: vet
vet: ## go vet, with and without the invariants tag
	go vet ./...
	go vet -tags invariants ./...

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## golangci-lint with .golangci.yml
	$(TOOLS)/golangci-lint run ./...

# What measures times gets the machine to itself: beside other packages, the race detector in all of them, it would measure those.
TIMED := dataplane|lulltest/program

.PHONY: test
test: ## all tests with invariants, and with the race detector where there is a C compiler
ifeq ($(TEST),./...)
	go test $$(.ci/race-flag) -tags invariants -timeout 10m $$(go list ./... | grep -vxE 'lull/internal/($(TIMED))')
	go test $$(.ci/race-flag) -tags invariants -timeout 10m -p 1 $$(go list ./... | grep -xE 'lull/internal/($(TIMED))')
	@# What is too much for the race detector: the rules of connections over TLS as well (lulltest.OnWires).
	@[ -z "$$(.ci/race-flag 2>/dev/null)" ] || { set -x; go test -tags invariants -timeout 10m ./internal/dataplane; }
else
	go test $$(.ci/race-flag) -tags invariants -timeout 10m $(TEST)
endif

.PHONY: race
race: ## all tests under the race detector, several times; fails without a C compiler
	go test -race -tags invariants -timeout 30m -count 3 $(TEST)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (5s)
	.ci/fuzz $(FUZZTIME)

.PHONY: cover
cover: ## statement coverage of the tests, by function, into bin/cover.html too
	@mkdir -p $(BIN)
	go test -tags invariants -coverpkg ./internal/... -coverprofile $(BIN)/cover.out $(TEST)
	go tool cover -html $(BIN)/cover.out -o $(BIN)/cover.html
	go tool cover -func $(BIN)/cover.out | tail -1

.PHONY: bench
bench: build ## lull against HAProxy and nginx on this machine; installs them if it may
	.ci/need haproxy nginx :libnginx-mod-stream
	@mkdir -p bench/results
	go run ./bench -lull $(BIN)/lull -o bench/results/$$(date +%F).md -readme bench/README.md

.PHONY: bench-quick
bench-quick: build ## the same, briefly: shows that the benchmarks work, proves no figure
	.ci/need haproxy nginx :libnginx-mod-stream
	go run ./bench -lull $(BIN)/lull -quick

.PHONY: microbench
microbench: ## every Go benchmark once, so that none rots
	go test -run '^$$' -bench . -benchtime 1x $$(.ci/packages-with '^func Benchmark')

.PHONY: conformance
conformance: build ## every outside suite: conformance/*/run
	.ci/conformance

.PHONY: smoke
smoke: build ## start the demonstration and try what it tells people to try
	.ci/smoke

.PHONY: docs
docs: ## documents: generated ones are current, links lead somewhere, records have their parts
	go test -count 1 -run 'Docs|Reference' $$(.ci/packages-with '^func Test[[:alnum:]_]*(Docs|Reference)')

.PHONY: vuln
vuln: $(TOOLS)/govulncheck ## known vulnerabilities in what is called; needs the network
	$(TOOLS)/govulncheck ./...

.PHONY: tidy
tidy: ## fail if go.mod or go.sum want tidying, in either module
	go mod tidy -diff
	go -C tools mod tidy -diff

.PHONY: asserts
asserts: $(TOOLS)/gcassert ## the compiler holds what //gcassert comments say (inlined, no bounds check, does not escape)
	$(TOOLS)/gcassert ./internal/...

.PHONY: benchstat
benchstat: $(TOOLS)/benchstat ## build bin/tools/benchstat, to compare two runs of go test -bench

.PHONY: clean
clean: ## remove bin
	rm -rf $(BIN)

# The tools live in a module of their own so that their dependencies are not lull's.
$(TOOLS)/golangci-lint: TOOL := github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/govulncheck:   TOOL := golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/benchstat:     TOOL := golang.org/x/perf/cmd/benchstat
$(TOOLS)/gcassert:      TOOL := github.com/jordanlewis/gcassert/cmd/gcassert
$(TOOLS)/golangci-lint $(TOOLS)/govulncheck $(TOOLS)/benchstat $(TOOLS)/gcassert: tools/go.mod tools/go.sum
	@mkdir -p $(TOOLS)
	go build -C tools -o ../$@ $(TOOL)
	@touch $@
