# make demo · make test · make serve · make bench
# Everything is set up in .venv; nothing else on the machine changes.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
SOURCES := pyproject.toml clients/python/pyproject.toml constraints.txt
BUILD_CONSOLE := $(BIN)/python clients/console/build.py

.PHONY: help demo serve console test lint bench clean

help:
	@sed -n '1,2p' Makefile

demo: $(VENV)/.installed
	$(BUILD_CONSOLE) --if-possible
	$(BIN)/python clients/examples/demo.py

serve: $(VENV)/.installed
	$(BUILD_CONSOLE) --if-possible
	$(BIN)/elitscope-server $(ARGS)

console: $(VENV)/.installed
	$(BUILD_CONSOLE)

test: lint
	$(BUILD_CONSOLE) --if-possible
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks $(ARGS)

clean:
	rm -rf $(VENV) demo-report

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "elitscope needs Python 3.11 or newer: none was found (set PYTHON=/path/to/python)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(SOURCES) | $(VENV)/bin/python
	$(INSTALL) -e ./clients/python -e .
	touch $@

$(VENV)/.installed-dev: $(SOURCES) | $(VENV)/bin/python
	$(INSTALL) -e './clients/python[files]' -e '.[train,ray,dev]'
	touch $(VENV)/.installed $@
