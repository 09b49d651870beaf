# Every target begins with `install`, which does nothing when the environment is up to date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Extra arguments for pip, for example an index with CPU-only builds of torch.
PIP_ARGS ?=

.PHONY: install bench test lint format clean lock lock-methods gate baseline dist nightly

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "bench needs Python 3.11 or newer, found " + sys.version.split()[0] + "; name one with: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --disable-pip-version-check --quiet $(PIP_ARGS) -r requirements.lock
	$(BIN)/pip install --disable-pip-version-check --quiet $(PIP_ARGS) --no-deps -e .
	@touch $@

bench: install
	@$(BIN)/bench suite smoke

test: install
	@$(BIN)/python -m pytest -n 2

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Re-pins the development environment from what is installed now.
lock: install
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu//' > requirements.lock

# Remembers the sources of every method, after a change and a new version in its card.
lock-methods: install
	PYTHONPATH=tests $(BIN)/python tests/method_sources.py

# Runs the gate's suite and compares it with results/baseline.json. The cache is a new one: what was
# prepared before would hide a fault in the preparation.
gate: build/gate/runs
	$(BIN)/bench check --results $< --markdown build/gate/summary.md --junit build/gate/junit.xml

# Makes the gate's numbers the new baseline: make baseline REASON='why they moved'
baseline: build/gate/runs
	$(BIN)/bench check --results $< --update --reason "$(REASON)"

.PHONY: build/gate/runs
build/gate/runs: install
	rm -rf build/gate
	BENCH_CACHE=build/gate/cache $(BIN)/bench suite gate --results $@ --device cpu --keep none

# What takes too long for every change: the tests on every Python version that is claimed.
nightly: install
	$(BIN)/python -m nox

# Wheel and source distribution.
dist: install
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
