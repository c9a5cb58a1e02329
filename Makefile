# Beamcat from a checkout. `make help` says what there is.
#
# The virtual environment is .venv/, filled from the hash-locked requirement files and brought up to date whenever
# one of them changes. PYTHON=/path/to/python chooses the interpreter (3.11 or newer).

PORT ?= 8080
BEAMCAT_HOME ?= .beamcat
WORKERS ?= 3
export PORT BEAMCAT_HOME
# Beamcat starts processes: they need not compile it each time anew, whatever the environment says.
export PYTHONDONTWRITEBYTECODE =

BIN := .venv/bin
BUILT := src/beamcat/portal/static/built/portal.js
CODE := src tests bench scripts
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: help demo test bench lint screenshots docs lock clean

help: ## This list
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

# exec, and nothing after it: make hands SIGTERM to the server itself, and waits for it.
demo: .venv/.runtime $(BUILT) ## A complete facility with example data, on PORT (8080), kept in BEAMCAT_HOME (.beamcat/)
	@exec $(BIN)/beamcat demo

test: .venv/.development $(BUILT) ## Everything that can go wrong: style, types, tests (ARGS="-k rules" goes to pytest; WORKERS=3 at a time)
	@scripts/debian-packages
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	@scripts/tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: .venv/.development $(BUILT) ## What it costs, next to what one would use instead (ONLY=name runs one)
	@exec $(BIN)/python -m bench $(ONLY)

lint: .venv/.development ## Style and types only
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

screenshots: .venv/.development $(BUILT) ## Pictures of every page of the portal, into screenshots/
	@scripts/debian-packages
	@exec $(BIN)/python scripts/screenshots.py

docs: .venv/.development ## The documentation, into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir site
	@echo "Open site/index.html"

lock: .venv/.development ## Lock the newest versions that pyproject.toml allows
	$(LOCK) --upgrade pyproject.toml -o requirements.lock
	$(LOCK) --upgrade pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
	printf 'editables\nhatchling\n' | $(LOCK) --no-annotate - -c requirements-dev.lock -o requirements-build.lock

clean: ## Remove what make made; the home of the demo (.beamcat/) stays
	rm -rf .venv site dist build frontend/node_modules src/beamcat/portal/static/built .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis bench/.home
	find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +

$(BUILT): frontend/package-lock.json frontend/build.mjs $(wildcard frontend/src/* frontend/src/*/*) scripts/frontend
	@echo "Building the portal's scripts"
	@scripts/frontend

.venv/.runtime: requirements.lock requirements-build.lock pyproject.toml scripts/environment
	@scripts/environment requirements.lock requirements-build.lock
	@touch $@

.venv/.development: requirements-dev.lock requirements.lock pyproject.toml scripts/environment
	@scripts/environment requirements-dev.lock
	@touch .venv/.runtime $@
