# make help lists what can be made.
SHELL = /bin/sh
VERSION := $(shell sed -n 's/^## \([0-9][^,]*\),.*/\1/p' packaging/CHANGELOG.md | head -n 1)
# Not that of a repository in which unpacked sources may lie.
COMMIT := $(shell git ls-files --error-unmatch Makefile >/dev/null 2>&1 && git describe --always --abbrev=12 --dirty --exclude='*' 2>/dev/null)
PREFIX = /usr/local
DESTDIR =
BINARY = pidbox
APPLETS = full
D = 10m
FUZZ = 20000
TAGS = urfave_cli_no_docs
LDFLAGS = -s -w -buildid= -X pidbox/lib/multicall.version=$(VERSION) -X pidbox/lib/multicall.commit=$(COMMIT)
GO = go
GOTEST = $(GO) test -count=1 -timeout 30m
LINTER = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
export CGO_ENABLED = 0

# APPLETS is full, core, or names of applets; http adds the checks by HTTP and TLS, which wait-healthy and fault-tester have anyway.
NAMES := $(shell sed -n 's/.*{Name: "\([^"]*\)".*/\1/p' applets/applets.go)
CORE := $(filter-out fault-agent fault-tester wait-healthy,$(NAMES))
CHOSEN := $(foreach a,$(APPLETS),$(if $(filter core,$a),$(CORE),$a))
COMMA := ,
TAGSOF = $(subst $() ,,$(patsubst %,$(COMMA)%,pidbox_some $(if $(filter http wait-healthy fault-tester,$1),pidbox_http) $(patsubst %,applet_%,$(subst -,_,$(filter-out http,$1)))))
ifneq ($(filter-out full http $(NAMES),$(CHOSEN)),)
$(error APPLETS: $(filter-out full http $(NAMES),$(CHOSEN)): no such applet; there are full, core, http and $(NAMES))
endif
ifeq ($(filter-out http,$(CHOSEN)),)
$(error APPLETS names no applet)
endif
ifeq ($(filter full,$(CHOSEN)),)
CHOSENTAGS := $(call TAGSOF,$(CHOSEN))
endif

build: ## the binary: static, stripped, the same bytes each time; APPLETS=core or APPLETS='NAME...' for fewer applets
	$(GO) build -trimpath -buildvcs=false -tags $(TAGS)$(CHOSENTAGS) -ldflags '$(LDFLAGS)' -o $(BINARY) .

demo: build ## a tour on real processes, in a few seconds
	packaging/demo ./$(BINARY)

picture: build ## packaging/docs/demo.svg, from what the tour prints
	packaging/demo-svg ./$(BINARY) >packaging/docs/demo.svg

test: vet ## everything that CI runs; make deps first, or what needs a program that is missing is skipped
	@packaging/deps --list
	$(GOTEST) -tags $(TAGS) -skip '^TestStorm' ./...
	$(GOTEST) -tags $(TAGS) -v -run '^TestStorm' ./testscripts
	$(GOTEST) -tags $(TAGS),pidbox_procdir ./lib/child ./lib/proc ./lib/pidfile ./lib/stop
	$(GOTEST) -tags $(TAGS),pidbox_bare ./lib/proc ./lib/pidfile ./lib/stop

suite-core: ## the scripts over the build core, but for those about what it leaves out
	$(GOTEST) -tags $(TAGS)$(call TAGSOF,$(CORE)) -run '^Test(Scripts|ShellScripts|Reuse|Core|SmallRoot)$$' ./testscripts

deps: ## install the programs that the tests run (root, Debian); elsewhere name those that are missing
	packaging/deps

# At each PLACE pidbox is put to the test at length:
#   supervisor  keep-alive in the numbers of its contract: 1,000 kills, 10,000 crashes, 200 at once; three minutes
#   cluster     real clusters of etcd, redis, NATS and PostgreSQL, broken in every way, and the report in a browser; 35 minutes, root, and the
#               Go module proxy; writes packaging/docs/etcd.md and verdicts.md
#   bound       pid-bound in 1,000 rounds of forks and kills for each scope, and killed at each of its system calls; two hours (root)
#   listen      haproxy and gunicorn under keep-alive --listen, killed in turn with it, under 1,000 connections a second; four minutes
#   systemd     a real systemd, in a container, runs a service through daemonize, and one through keep-alive; two minutes (root)
#   vm          a kernel of its own, with control groups of version 2 alone: the OOM killer, pid-bound; a minute (root)
#   arm64       the core of the tests, and the tour, on arm64 and armhf under qemu-user; three minutes
#   core        the build core on riscv64, mips, mipsel and i386 under qemu-user: the tour; five minutes
#   dropins     start-stop-daemon beside dpkg's, under the init scripts of sixteen services, and the functions for scripts; twenty minutes (root)
#   newcomer    what somebody new goes through on a fresh Debian, from the clone to make uninstall; half an hour (root); writes
#               packaging/docs/newcomer.md
#   packages    releases in a Debian made for that, and arm64; five minutes (root)
test-%: build ## PLACE: supervisor, cluster, bound, listen, systemd, vm, arm64, kernel, core, dropins, newcomer, packages; minutes each
	packaging/test-$* ./$(BINARY)

STORES = $${XDG_CACHE_HOME:-$$HOME/.cache}/pidbox-stores

test-supervisor test-cluster test-listen: test-%:
	packaging/deps $*
	$(if $(filter cluster,$*),testscripts/stores "$(STORES)")
	STORES="$(STORES)" TOY_RUNS=20 $(GOTEST) -timeout 2h -tags $(TAGS),$* -run '^Test($(TESTS-$*))' ./testscripts

TESTS-supervisor = Supervisor
TESTS-cluster = Fault(Cluster|ToyStore)
TESTS-listen = ListenServers

test-bound:
	BOUND_ROUNDS=1000 BOUND_ALL=1 $(GOTEST) -timeout 12h -v -tags $(TAGS) -run '^TestBound' ./testscripts

test-packages: test-arm64

vet: ## go vet for each system that is supported
	GOOS=linux $(GO) vet -tags $(TAGS) ./...
	GOOS=linux $(GO) vet -tags $(TAGS),supervisor,cluster,listen ./testscripts
	GOOS=linux GOARCH=arm $(GO) vet -tags $(TAGS) ./...
	GOOS=darwin $(GO) vet -tags $(TAGS) ./...
	GOOS=freebsd $(GO) vet -tags $(TAGS) ./...
	for os in linux darwin freebsd; do GOOS=$$os $(GO) vet -tags $(TAGS)$(call TAGSOF,$(CORE)) ./... || exit 1; done

check: lint vet fuzz ## formatting, linters, scripts, generated files and fuzzing, without the tests
	$(GO) mod tidy -diff
	@test -z "$$(gofmt -l .)" || { echo 'not formatted:'; gofmt -l .; exit 1; }
	scripts=$$(git ls-files -z packaging testscripts/bench .ci | xargs -0 grep -lE '^#!/bin/(ba)?sh') && shellcheck -e SC1091 $$scripts && shfmt -d $$scripts
	$(GOTEST) -tags $(TAGS) ./lib/manual ./applets

lint: ## golangci-lint, the layers of the packages among its rules
	$(GO) run $(LINTER) run --build-tags $(TAGS) ./...

race: ## the packages under the race detector
	CGO_ENABLED=1 $(GOTEST) -race -tags $(TAGS) ./lib/... ./applets/...

fuzz: ## each fuzz target, $(FUZZ) inputs
	@for package in $$($(GO) list -tags $(TAGS) ./...); do \
		for target in $$($(GO) test -tags $(TAGS) -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -tags $(TAGS) -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ)x $$package || exit 1; \
		done; \
	done

bench: build peers ## speed beside other tools, in interleaved runs; writes results.md and .svg there
	$(GO) run ./testscripts/bench -out testscripts/bench ./$(BINARY)

faults: build peers ## a table of faults, and who comes through; writes testscripts/faults/results.md
	$(GO) run ./testscripts/faults -out testscripts/faults/results.md ./$(BINARY)

peers: ## the tools that pidbox is measured against, from Debian
	testscripts/bench/peers

waits: build peers ## wait-healthy and its peers before the same services; writes packaging/docs/waiting.md (root)
	testscripts/waits/peers $${XDG_CACHE_HOME:-$$HOME/.cache}/pidbox-waits
	PATH="$${XDG_CACHE_HOME:-$$HOME/.cache}/pidbox-waits/bin:$$PATH" $(GO) run ./testscripts/waits -out packaging/docs/waiting.md ./$(BINARY)

escapes: build peers ## what a command leaves behind under pid-bound and its peers; writes packaging/docs/escapes.md (root)
	packaging/deps systemd
	packaging/debian-tree /var/tmp/pidbox-escapes systemd,systemd-sysv,dbus,tmux
	$(GO) run ./testscripts/escapes -systemd /var/tmp/pidbox-escapes -out packaging/docs/escapes.md ./$(BINARY)

soak: build ## random lives of processes for D, with a checker that knows who owns what
	$(GO) run ./testscripts/soak -for $(D) ./$(BINARY)

generate: ## man pages, completions and the README's tables, from the applets' descriptions
	packaging/generate

install: ## the binary, its links, pages and completions, under $(DESTDIR)$(PREFIX); without Go, the binary that is there
	@if command -v $(GO) >/dev/null || [ ! -x '$(BINARY)' ]; then $(MAKE) build; fi
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' VERSION='$(VERSION)' packaging/install '$(BINARY)'

uninstall: ## what install made
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' packaging/install --remove

dist: ## the packages of a release
	packaging/dist '$(VERSION)'

clean: ## what was built here
	rm -rf pidbox dist stage

help: ## this list
	@sed -n 's/^test-%/test-PLACE/; s/^\([A-Za-z-]*\):.*## /\1	/p' Makefile | expand -t 17

.PHONY: build demo picture test suite-core deps vet check lint race fuzz bench waits escapes faults peers soak generate install uninstall dist clean help
