# Everything a person or a machine does with this repository. `make help` lists it.
# Every recipe reads scripts/env.sh, so that all of them share one build outside the checkout.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
ENV := . scripts/env.sh &&

# `release` is quick to make; `dist`, optimised as a whole, takes seven minutes and is what to ship.
PROFILE ?= release

.PHONY: help setup build dist run check test format lint deny bench bench-peer soak chaos campaign ledger sim fuzz planted schema

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what the machine lacks and compile RocksDB once (a quarter of an hour the first time)
	@scripts/setup.sh

build: setup ## Build the program and link it as bin/keelson (PROFILE=release)
	@$(ENV) cargo build --profile $(PROFILE) --locked -p keelson
	@$(ENV) ! grep -q keelson-carries-faults-for-tests "$$CARGO_TARGET_DIR/$(PROFILE)/keelson" \
		|| { echo "this build carries failpoints or planted bugs: it must not be used" >&2; exit 1; }
	@$(ENV) mkdir -p bin && ln -sfn "$$CARGO_TARGET_DIR/$(PROFILE)/keelson" bin/keelson
	@echo "bin/keelson is ready" >&2

dist: ## Build the program to ship, optimised as a whole, as bin/keelson (seven minutes)
	@$(MAKE) build PROFILE=dist

run: build ## Run a cluster of three members on this machine (ARGS are flags of `keelson dev`)
	@bin/keelson dev $(ARGS)

check: setup ## Type-check everything, quickly
	$(ENV) cargo check --workspace --all-targets --features keelson/faults --locked

format: setup ## Formatting
	$(ENV) cargo fmt --all --check

lint: format ## Formatting and lints, without tests
	$(ENV) cargo clippy --workspace --all-targets --features keelson/faults --locked -- -D warnings

deny: ## Licences, sources and advisories of the dependencies
	@scripts/deny.sh

test: format deny ## All tests and all lints: what CI runs
	@scripts/test.sh

bench: build ## Measure a cluster of three members of our own (WORKLOADS="put txn ...", DURATION=10s)
	@scripts/bench.sh

bench-peer: build ## Measure against a real etcd in interleaved rounds (ROUNDS=3, WORKLOADS, DURATION, OUT)
	@scripts/bench-peer.sh

soak: build ## 10 M puts under compaction, then all workloads (PUTS, DURATION): memory and disk stay bounded
	@scripts/soak.sh

chaos: setup ## A campaign of faults against real processes (TIME=60s NODES=3 SEED=1 WORKLOAD=... NEMESIS=... SERVER=etcd)
	@scripts/chaos.sh

campaign: setup ## Campaigns of faults for hours, added to jepsen/ledger.jsonl (TIME=1h RUN=60s LANES=1 RATE=20 SERVER=etcd)
	@scripts/campaign.sh

ledger: setup ## Writes into docs/reliability.md what the campaigns in jepsen/ledger.jsonl have shown
	@. scripts/env.sh && cargo run --quiet --locked -p keelson-jepsen -- ledger jepsen/ledger.jsonl jepsen/sim-ledger.jsonl --write docs/reliability.md

sim: setup ## Simulate clusters from seeds (SEEDS=100, FROM=0, JOBS, PLANT=bug, LEDGER=file): docs/simulation.md
	@$(ENV) cargo build --locked -p keelson-sim
	@$(ENV) "$$CARGO_TARGET_DIR/debug/keelson-sim" --seeds "$${SEEDS:-100}" --from "$${FROM:-0}" \
		--jobs "$${JOBS:-$$(nproc)}" $${PLANT:+--plant "$$PLANT"} $${LEDGER:+--ledger "$$LEDGER"} \
		--label "$$(git rev-parse --short HEAD)$$(git diff --quiet HEAD -- . ':!*.jsonl' ':!docs' || echo ', changed')"

fuzz: setup ## Feed code with inputs that nobody meant (TARGET=wal TIME=60s; KEEP=40): docs/fuzzing.md
	@scripts/fuzz.sh

planted: setup ## Make each planted bug, and demand that it is caught (ONLY=names, TIME=5m, OUT=dir)
	@scripts/planted.sh

schema: ## Make the table of Kubernetes' built-in kinds anew (needs Go and Python)
	@scripts/schema.sh make
