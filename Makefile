# Two commands do everything on a fresh machine: `make demo` and `make test`.
# The others: build, lint, fuzz, sanitize, soak, bench, bench-compare, clean.

SHELL := /bin/bash
BINARY := .build/release/passerelle
DEMO_DATA ?= demo-data
PORT ?= 8080
ADMIN_PORT ?= 8081
PYTHON ?= python3
# Traits whose libraries are installed. Asked when a command needs it: by then .ci/install has run.
TRAITS = $(if $(wildcard /usr/include/yaml.h),--traits YAML)
# Of `make fuzz`: for each parser, and which (all).
FUZZ_SECONDS ?= 10
FUZZ_TARGETS ?=
SOAK_MINUTES ?= 10

.PHONY: demo build test test-swift test-python clients lint fuzz fuzz-merge sanitize soak bench bench-compare clean dependencies test-dependencies bench-dependencies \
	bench-compare-dependencies

demo: build
	@echo "Passerelle: http://127.0.0.1:$(PORT)/ shows where to begin. Stop it with Ctrl-C; it keeps its data in $(DEMO_DATA)/."
	$(BINARY) demo --data $(DEMO_DATA) --port $(PORT) --admin-port $(ADMIN_PORT)

build: dependencies
	swift build -c release --product passerelle $(TRAITS)

test: test-swift test-python

test-swift: dependencies
	swift build $(TRAITS)
	swift test --no-parallel $(TRAITS)

# Real clients, a real browser, raw sockets: against the release build.
test-python: build test-dependencies
	@if ! command -v $(PYTHON) >/dev/null; then echo "python3 is not there: the end-to-end tests are skipped"; exit 0; fi; \
	$(MAKE) --no-print-directory clients && \
	.venv/bin/python -m pytest -q Tests/EndToEnd Tests/Attacks

# What acts as applications and backends do, in tests and measurements.
clients: test-dependencies
	@$(PYTHON) -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check -r Tests/requirements.txt

lint:
	swift format lint --strict --recursive --parallel --configuration .swift-format Package.swift Sources Tests

# Looks for bytes that break a parser; the corpora are in Tests/Fuzz.
fuzz: dependencies
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_TARGETS="$(FUZZ_TARGETS)" Tests/Fuzz/run fuzz

# Adds what `make fuzz` found to the corpora, as far as it leads anywhere new.
fuzz-merge: dependencies
	FUZZ_TARGETS="$(FUZZ_TARGETS)" Tests/Fuzz/run merge

# All Swift tests and some end-to-end tests, with the sanitizers of threads and of addresses.
sanitize: dependencies test-dependencies
	Tests/Sanitizers/run thread
	Tests/Sanitizers/run address

soak: build bench-dependencies
	$(PYTHON) Benchmarks/soak.py --minutes $(SOAK_MINUTES)

bench: build bench-dependencies clients
	swift run -c release measure-parsers Tests/Fuzz
	$(PYTHON) Benchmarks/hot_path.py
	$(PYTHON) Benchmarks/tls.py
	$(PYTHON) Benchmarks/tokens.py
	$(PYTHON) Benchmarks/withdrawal.py
	.venv/bin/python Benchmarks/events.py
	.venv/bin/python Benchmarks/events.py --sinks 50 --tls
	$(PYTHON) Benchmarks/kill9.py
	$(PYTHON) Benchmarks/consents.py --counts 10000,100000

# Passerelle beside HAProxy, nginx and Envoy; below ten minutes.
bench-compare: build bench-compare-dependencies
	$(PYTHON) Benchmarks/compare.py

clean:
	rm -rf .build .venv $(DEMO_DATA)

dependencies:
	@.ci/install build

test-dependencies:
	@.ci/install test

bench-dependencies:
	@.ci/install bench

bench-compare-dependencies:
	@.ci/install bench-compare
