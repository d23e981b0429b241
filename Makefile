# Two commands do everything on a fresh machine: `make run` and `make test`.
# `make help` lists the rest.

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
BATON  := $(TARGET)/release/baton

# What `make run` starts, and where its database lives (git-ignored, safe to delete).
WORKFLOW ?= release
DATA_DIR ?= $(CURDIR)/.make-run/data

# Pinned, so that a new release of it cannot turn a green tree red.
DENY_VERSION := 0.20.2
DENY := $(TARGET)/tools/cargo-deny-$(DENY_VERSION)/bin/cargo-deny

# Names (or parts of names) of the long tests to soak; empty runs every ignored test.
SOAK ?=

# The same for the tests with the real agents.
AGENTS ?=

# The same for the end-to-end tests of the web app.
E2E ?=

# And for the fuzz targets.
FUZZ ?=

.PHONY: help run build web test web-test browser lint fmt tidy deny deps unit bench soak test-agents fuzz clean

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build Baton and run a sample workflow (WORKFLOW=release) on a database of its own
	@mkdir -p "$(DATA_DIR)"
	cd samples && BATON_DATA_DIR="$(DATA_DIR)" "$(BATON)" run $(WORKFLOW)

build: deps web ## build the web app and the optimised binary, target/release/baton
	cargo build --locked --release --package baton

# cargo itself never runs npm. Without Node.js the binary is built without the app, and says so.
web: # the web app, in web/dist, which is built into the binary
	@if [ ! -e web/package.json ]; then exit 0; \
	elif ! command -v npm >/dev/null; then echo "npm is missing: building without the web app" >&2; \
	elif [ ! -e web/dist/index.html ] || [ -n "$$(find web -newer web/dist/index.html -type f \
		-not -path 'web/node_modules/*' -not -path 'web/dist/*' -print -quit)" ]; then \
		(cd web && npm ci --no-audit --no-fund && npm run build); touch web/dist/index.html; \
		touch crates/app/src/server/ui.rs; # cargo does not notice files that are new in a folder \
	fi

test: deps browser fmt lint deny web-test unit ## install what the tests need, then run every check and every test

fmt: ## check the formatting (repair it with `cargo fmt`)
	cargo fmt --all --check

lint: ## run clippy over everything; a warning fails
	cargo clippy --locked --workspace --all-targets -- -D warnings

tidy: ## check the rules of this repository: layers, sizes, names, leaks
	cargo test --locked --package baton-tidy

deny: $(DENY) ## check licences, banned crates and sources of the dependencies (deny.toml)
	"$(DENY)" --locked check licenses bans sources

unit: ## run every test of the workspace (tidy included); none at all is a failure
	@.ci/tests

web-test: web ## check the web app: types, imports, models, and end to end in Chromium; E2E="words" picks
	@.ci/web $(E2E)

bench: ## run the benches of the workspace, optimised; one line of JSON per result on stdout
	@cargo bench --quiet --locked --workspace --bench '*'

soak: ## run the long tests, those marked #[ignore]; SOAK="name name" picks some
	@BATON_TESTS=ignored .ci/tests $(SOAK)

test-agents: ## run Baton and its drivers with the real agents (from npm) and scripted models; AGENTS="name" picks
	@.ci/agents $(AGENTS)

fuzz: ## run the fuzz targets, ten minutes each; FUZZ="name name" picks some, FUZZ_SECONDS shortens
	@.ci/fuzz $(FUZZ)

clean: ## delete what `make run` stored
	rm -rf .make-run

deps: # what cargo does not bring: a C compiler for SQLite, git for checkpoints, Node.js for the web app
	@.ci/deps

browser: # what the end-to-end tests of the web app drive
	@.ci/deps chromium:chromium

# Unoptimised: it builds in about 80 seconds on two cores, and checks this tree in under one.
$(DENY):
	CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
	cargo install --quiet --locked --root "$(TARGET)/tools/cargo-deny-$(DENY_VERSION)" \
		cargo-deny --version $(DENY_VERSION)
