# Everything that a person or a build server does with the project. `make help` lists it.
SHELL := bash
.DEFAULT_GOAL := help
# Another Python in an environment of its own: make test-unit PYTHON=python3.13 VENV=.venv-3.13
PYTHON ?=
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help setup demo up test test-unit fuzz screenshots lint format bench bench-law bench-uploads bench-pages bench-tools lock clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | awk -F'|' '{printf "make %-14s %s\n", $$1, $$2}'

setup: $(READY) ## Make .venv with everything in it (once; again when the lock file changes)

# The stamp is written last: a set-up that was cut short is done again. Hashes are checked for all that is not ours.
$(READY): requirements.lock pyproject.toml
	@set -e; \
	if [ ! -x $(BIN)/python ]; then \
	  for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14); do \
	    $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; python=; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "PAKN needs Python 3.11 or newer with venv: install it (Debian, Ubuntu: apt-get install python3 python3-venv)." >&2; exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$($$python --version) ..."; $$python -m venv $(VENV); \
	fi; \
	echo "Installing the libraries (a minute or two the first time) ..."; \
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock; \
	$(BIN)/python -m pip install --quiet --no-deps --editable .; \
	touch $@

demo: $(READY) ## Play weeks of feedback through the four services in about six minutes (KEEP=1 leaves them running, ARGS=... passes options)
	@$(BIN)/pakn demo $(if $(KEEP),--keep) $(ARGS)

up: $(READY) ## Run Kafka, MongoDB and the four services in the foreground; Ctrl-C ends them, the data stays in .pakn
	@$(BIN)/pakn up $(ARGS)

# What needs no server runs on all processors, a file at a time on each. The others wait more than they work: two at a time, each
# of both with servers of its own.
UNSERVED := tests/unit tests/contract tests/repository
SERVED := tests/integration tests/e2e tests/faults
ON_ALL := -n auto --dist loadfile
TWO := -n 2 --dist loadfile
test: $(READY) ## Run all tests on a real Kafka and the MongoDB found here (TEST_STACK=docker: on containers; ARGS=... for pytest)
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	@$(BIN)/python -m pytest $(UNSERVED) $(ON_ALL); first=$$?; $(BIN)/python -m pytest $(SERVED) $(TWO) && exit $$first
endif

test-unit: $(READY) ## Run the tests that need no server: seconds
	@$(BIN)/python -m pytest $(UNSERVED) $(ON_ALL) $(ARGS)

fuzz: $(READY) ## Send 10,000 odd, wrong and broken records among good ones to the four services (SEED=... repeats a run)
	@FUZZ_SEED=$(SEED) FUZZ_RECORDS=$(or $(RECORDS),10000) $(BIN)/python -m pytest tests/integration/test_fuzz.py $(ARGS)

screenshots: $(READY) ## Take a picture of each page for people, in both languages and two sizes, into docs/screenshots (needs Chromium, and chromium-l10n for its own words in Vietnamese)
	@SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest tests/e2e/test_pages_in_a_browser.py $(ARGS)

# The compose file is held against the specification's schema; where docker compose is there, it has the last word.
lint: $(READY) ## Check style, types, imports, dead code, alert rules and the compose file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/vulture
	@promtool=$$(command -v promtool || echo .tools/bin/promtool); \
	if [ -x "$$promtool" ]; then \
	  set -ex; "$$promtool" check rules deploy/prometheus/alerts.yml; "$$promtool" test rules deploy/prometheus/alerts_test.yml; \
	elif [ -n "$$CI" ]; then echo "promtool is missing: the alert rules cannot be checked." >&2; exit 1; \
	else echo "promtool is not on the PATH: the alert rules were NOT checked."; fi
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	@if docker compose version >/dev/null 2>&1; then set -x; docker compose config --no-interpolate --quiet; fi

format: $(READY) ## Put the code into its standard layout
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## Measure cases per second beside the bare floor (faster and fairer after make bench-tools)
	@$(BIN)/python -m tests.bench $(ARGS)

bench-law: $(READY) ## Measure how a corrected calendar is applied to 100,000 running clocks, beside the bare floor
	@$(BIN)/python -m tests.bench.recount $(ARGS)

bench-uploads: $(READY) ## Measure how fast people look up feedback while fifty others send photos, and the memory it takes
	@$(BIN)/python -m tests.bench.uploads $(ARGS)

bench-pages: $(READY) ## Measure what each page takes at 100,000 cases, beside the bare floor; writes docs/performance.md
	@$(BIN)/python -m tests.bench.pages $(ARGS)

bench-tools: .tools/bin/secantusd-rs ## Build the fast stand-in for MongoDB into .tools (needs cargo 1.95; five minutes)

# Its manifest asks for a newer compiler than it needs. Development only: never part of an image.
.tools/bin/secantusd-rs:
	cargo install --locked --ignore-rust-version secantus-mdb --version 0.5.3-beta.196 --root .tools

# What is locked already stays as it is unless ARGS=--upgrade. The image takes the versions that were tested, and its build tool.
COMPILE := $(BIN)/python -m uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate --quiet
lock: ## Resolve both requirements files and the locks of jars (after a change of pyproject.toml or jgo.toml; ARGS=--upgrade takes newer versions)
	$(BIN)/python -m pip install --quiet uv
	$(COMPILE) --all-extras --python-version 3.11 $(ARGS) -o requirements.lock
	echo 'hatchling' | $(COMPILE) - --python-version 3.13 --constraint requirements.lock -o requirements.image.lock
	$(BIN)/jgo -q --class-path-only lock
	cd tests/support/java && $(abspath $(BIN))/jgo -q --class-path-only lock

clean: ## Remove what runs and tests left behind (.venv and .tools stay)
	rm -rf .pakn .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist agency.db agency.txt answers.db answers.jsonl
	find pakn services schemas packs tests -name __pycache__ -prune -exec rm -rf {} +
