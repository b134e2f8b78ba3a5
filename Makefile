# `make demo` and `make test` do all their own set-up in .venv; they need Python 3.11+ and git, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INTEGRATIONS := .venv-integrations
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-integrations lint types imports tests bench docs format clean

demo: $(VENV)/.installed
	$(BIN)/goodfit demo --force --output runs/demo

test: lint types imports tests

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(VENV)/.installed-dev
	$(BIN)/mypy

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports --no-cache

# One thread a worker: two programs with many threads on few cores slow each other many times over.
tests: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto

# The callbacks in the real libraries, which live in an environment of their own.
test-integrations: $(INTEGRATIONS)/.installed
	cd tests/integrations && OMP_NUM_THREADS=1 KERAS_BACKEND=torch HF_HUB_OFFLINE=1 ../../$(INTEGRATIONS)/bin/python -m pytest -c pytest.ini .

$(INTEGRATIONS)/.installed: pyproject.toml constraints.txt tests/integrations/constraints.txt | $(BIN)/python
	$(BIN)/python -m venv $(INTEGRATIONS)
	$(INTEGRATIONS)/bin/python -m pip install --quiet --constraint constraints.txt --constraint tests/integrations/constraints.txt --editable . --requirement tests/integrations/requirements.txt
	@touch $@

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/speed.py

# Real runs with their pictures (some minutes), then the pages; the second alone after a change of words.
docs: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python docs/findings_runs.py
	$(BIN)/python docs/findings_pages.py

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "goodfit needs Python 3.11 or newer; give one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) $(INTEGRATIONS) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
