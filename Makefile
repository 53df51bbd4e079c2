# Every command that people and CI use. Figures come from bench, quality and soak.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
LDFLAGS := -s -w -X chaperone/internal/cli.version=$(VERSION)

.PHONY: build demo test race lint bench bench-detect quality fuzz soak witness check clean

build: ## one static binary, bin/chaperone
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/chaperone ./cmd/chaperone

demo: build ## start Chaperone on the practice chat and print its address
	./bin/chaperone demo

test: ## all tests; those that need Chromium or PostgreSQL say so where it is missing
	$(GO) test -timeout 20m ./...

race: ## the tests that run things side by side, with the race detector
	$(GO) test -race -timeout 15m ./bots/... ./internal/engine ./internal/store ./internal/detect

lint: ## formatting and vet
	@test -z "$$(gofmt -l .)" || { echo "not gofmt'ed:"; gofmt -l .; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags failpoint ./...

bench: build ## figures, side by side in one run
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./cmd/chaperone
	$(GO) test -run '^$$' -bench . -timeout 60m ./internal/detect ./internal/engine ./internal/exports
	$(MAKE) bench-detect

bench-detect: ## detection beside other engines, on BENCH_BYTES of messages, into rules/SPEED.md
	cd internal/detect/bench && $(GO) run $$(pkg-config --exists libhs 2>/dev/null && echo "-tags hyperscan") . -bytes $${BENCH_BYTES:-200000000} -write ../../../rules/SPEED.md
	$(GO) test -run '^$$' -bench 'Scan|Report' -benchtime 1x -timeout 60m ./internal/cli

quality: ## how well the rules find, by category
	$(GO) test -run 'TestQuality|TestDisguised|TestReplay|TestBareTen|TestLife' -count=1 -v ./internal/detect

# One run of ten million: make fuzz PKG=./internal/exports FUZZ=FuzzSlack FUZZTIME=10000000x
PKG  ?= ./...
FUZZ ?= ^Fuzz

# Only this module is instrumented: with every dependency, as "go test -fuzz"
# has it, there are a fifth of the executions a second.
fuzz: ## every parser, for a while each (FUZZTIME=30s or 10000000x, PKG=./one/package, FUZZ=one, PARALLEL=1)
	@dir=$$(mktemp -d) && trap 'rm -rf $$dir' EXIT && for p in $$($(GO) list $(PKG)); do \
		found=$$($(GO) test -list '$(FUZZ)' $$p 2>/dev/null | grep '^Fuzz') || continue; \
		$(GO) test -c -gcflags='chaperone/...=-d=libfuzzer' -o $$dir/test $$p || exit 1; \
		for f in $$found; do \
			echo "== $$p $$f"; \
			(cd $$($(GO) list -f '{{.Dir}}' $$p) && $$dir/test -test.run '^$$' -test.fuzz "^$$f$$" -test.fuzztime $${FUZZTIME:-30s} \
				-test.fuzzminimizetime 10x -test.parallel $${PARALLEL:-1} -test.timeout 0 -test.fuzzcachedir "$$($(GO) env GOCACHE)/fuzz/$$p") || exit 1; \
		done; \
	done

soak: ## the long form of the tests that have one; holds: 1,000,000 games in memory, 1,000,000 on SQLite, 100,000 on PostgreSQL
	CHAPERONE_SOAK=1 $(GO) test -timeout 12h -count=1 -v -run 'Crash|Kills|Soak|Canary|Fenced|Tamper|VerifyMillion|BrokenDirectories' ./cmd/chaperone ./internal/...
	CHAPERONE_SOAK=1 $(GO) test -timeout 1h -count=1 -v -run 'Cuts|NoCut|Tier|Fortnight' ./bots/slack ./bots/discord ./bots/whatsapp

witness: ## the platforms' own clients from npm run against the test servers (needs npm and a registry)
	CHAPERONE_WITNESS=1 $(GO) test -count=1 -v -run Witness ./bots/...

check: lint build ## all that CI runs beside the tests
	./bin/chaperone rules test
	$(GO) mod verify >/dev/null

clean:
	rm -rf bin
