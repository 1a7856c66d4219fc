# All builds go to bin/, which git ignores. Tools are Go modules at fixed versions, so that a clone needs
# only Go, make and a C compiler (for the race detector and runc).
SHELL        := bash
.SHELLFLAGS  := -euo pipefail -c
.DEFAULT_GOAL := help

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS  = -s -w $(if $(VERSION),-X main.version=$(VERSION))
# Builds and lint use the same flags, so that they share the build cache; so do psc-local's build.sh, lint and tests.
PSC_ENV   = CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false"
LOCAL_ENV = GOFLAGS="-trimpath -buildvcs=false -tags=no_btrfs,no_zfs,no_devmapper"

GOLANGCI_VERSION  = v2.15.0
GOTESTSUM_VERSION = v1.13.0
GOLANGCI  = $(CURDIR)/bin/tools/$(GOLANGCI_VERSION)/golangci-lint
GOTESTSUM = $(CURDIR)/bin/tools/$(GOTESTSUM_VERSION)/gotestsum

PACKAGES   = ./... ./testdata/apps/...
SCRIPTS    = .ci/run testdata/demo.sh cmd/psc-local/build.sh
TESTFLAGS ?=
COUNT     ?= 1

.PHONY: help demo test build lint generate check man bench install local clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Start a Kubernetes on this machine and show psc at work
	@testdata/demo.sh

test: build local $(GOTESTSUM) ## Run all tests, including those against a real Kubernetes
	cd cmd/psc-local && $(LOCAL_ENV) $(GOTESTSUM) --format pkgname-and-test-fails -- -shuffle=on -timeout 20m $(TESTFLAGS) ./...
	$(GOTESTSUM) --format pkgname-and-test-fails -- -race -shuffle=on -parallel 4 -timeout 25m $(TESTFLAGS) $(PACKAGES)

build: ## Build bin/psc
	$(PSC_ENV) $(GO) build -ldflags '$(LDFLAGS)' -o bin/psc ./cmd/psc

lint: $(GOLANGCI) ## Lint the modules and the scripts
	$(PSC_ENV) $(GOLANGCI) run $(PACKAGES)
	cd cmd/psc-local && $(LOCAL_ENV) $(GOLANGCI) run --config ../../.golangci.yaml --disable exhaustive ./... # exhaustive would read all of Kubernetes
	cd testdata/issuer && $(PSC_ENV) $(GOLANGCI) run --config ../../.golangci.yaml ./...
	@if command -v shellcheck >/dev/null; then shellcheck --severity=warning $(SCRIPTS); else echo 'skipped lint of the scripts: shellcheck is not installed'; fi

generate: ## Regenerate docs/cli, docs/schema, docs/resources.md and completions
	$(PSC_ENV) $(GO) generate ./...

check: lint ## Lint, and check that generated files and each go.mod are up to date
	$(GO) mod tidy -diff
	cd cmd/psc-local && $(GO) mod tidy -diff
	cd testdata/issuer && $(GO) mod tidy -diff
	@rm -rf bin/.committed && mkdir -p bin/.committed docs completions && cp -R docs completions bin/.committed
	@$(MAKE) --no-print-directory generate
	@for dir in docs completions; do diff -ru bin/.committed/$$dir $$dir || stale=1; done; \
		if [ -n "$${stale:-}" ]; then echo 'regenerated files that were out of date: commit them' >&2; exit 1; fi

man: ## Write the man pages to bin/man
	$(PSC_ENV) $(GO) run ./internal/gen man bin/man

bench: local ## Measure psc, and kubectl on the same objects
	$(PSC_ENV) $(GO) test -run '^$$' -bench . -count $(COUNT) -timeout 60m $(TESTFLAGS) ./...

install: ## Install psc into Go's bin folder
	$(PSC_ENV) $(GO) install -ldflags '$(LDFLAGS)' ./cmd/psc

local: ## Build psc-local, a Kubernetes for this machine (six minutes the first time)
	@mkdir -p bin
	@dist=$$(cmd/psc-local/build.sh | tail -n 1) && printf '#!/bin/sh\nexec "%s/psc-local" "$$@"\n' "$$dist" > bin/psc-local && chmod +x bin/psc-local

clean: ## Stop the demo's cluster, and remove bin and dist
	@if [ -x bin/demo/psc-local ]; then bin/demo/psc-local --name demo down; fi
	rm -rf bin dist

$(GOLANGCI):
	GOBIN=$(@D) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
$(GOTESTSUM):
	GOBIN=$(@D) GOFLAGS= $(GO) install gotest.tools/gotestsum@$(GOTESTSUM_VERSION)
