# Everything runs in a local environment (.venv). Outside of this folder are caches alone: compiled kernels, in
# ~/.cache/astromap or NUMBA_CACHE_DIR, and that of pip.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.astromap-installed
DOCS_STAMP := $(VENV)/.astromap-docs-installed
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# setuptools says in a box that a folder may hide an editable package, of all but the simplest layouts.
EDITABLE := PYTHONWARNINGS='ignore:Editable installation' $(BIN)/python -m pip install --quiet --editable

.PHONY: help demo test lint package truth benchmark coverage docs install clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(STAMP) ## create .venv and install astromap with its tools for tests and lint

$(STAMP): setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "astromap needs Python 3.11 or newer: install it or run 'make PYTHON=/path/to/python'" >&2; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "this Python cannot make environments: install its venv package (Debian: python3-venv)" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(EDITABLE) '.[test,dev]'
	@touch $@

demo: $(STAMP) ## install, simulate frames of three cameras, run the main commands, check the products, write report pages
	$(BIN)/python examples/demo.py demo

test: $(STAMP) ## install, then run the tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup tests

lint: $(STAMP) ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

package: $(STAMP) ## build the wheel through the sdist and try it in a clean environment
	$(BIN)/python tests/packaging/check_wheel.py

truth: $(STAMP) ## rerun every accuracy measurement at full size and write docs/accuracy.md
	$(BIN)/python benchmarks/truth.py
	$(BIN)/python benchmarks/calibrate.py
	$(BIN)/python benchmarks/prime.py

benchmark: $(STAMP) ## time the stages against their yardsticks, table in build/benchmarks.md; BENCHMARK="--full"
	$(BIN)/python benchmarks/run.py $(BENCHMARK)

coverage: $(STAMP) ## measure which lines the tests run, compiled kernels included
	$(BIN)/python benchmarks/linecoverage.py

docs: $(DOCS_STAMP) ## regenerate the references and build the site, build/site/docs/index.html; broken links fail
	$(BIN)/python docs/generate.py
	$(BIN)/sphinx-build -b html -W --keep-going -q -c docs -d build/doctrees . build/site
	@echo "open build/site/docs/index.html"

$(DOCS_STAMP): $(STAMP)
	$(EDITABLE) '.[docs]'
	@touch $@

clean: ## remove the environment and everything built
	rm -rf $(VENV) build dist *.egg-info demo
