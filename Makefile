# Every target begins with `install`, which does nothing when the environment is up to date.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Extra arguments for pip, for example an index with CPU-only builds of torch.
PIP_ARGS ?=
# anomalib brings another torch and several gigabytes, so it gets an environment of its own.
ANOMALIB := .venv-anomalib
# The site is built in an environment of its own, too: none of its packages is needed to run bench.
DOCS := .venv-docs

.PHONY: install bench test test-anomalib test-slurm test-ray lint docs site format clean lock lock-anomalib lock-docs lock-methods gate baseline dist nightly mutation coverage gpu

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
	@if [ "$$BENCH_REQUIRE_ALL" = 1 ] || [ -e $(ANOMALIB)/.installed ]; then \
		$(MAKE) --no-print-directory test-anomalib; \
	else \
		echo "the models of anomalib were not tested: make test-anomalib installs them (6 GB) and does"; \
	fi

# The methods of the extra `anomalib`; each is tested by one worker, so that it is fitted once.
test-anomalib: $(ANOMALIB)/.installed
	@$(ANOMALIB)/bin/python -c 'import anomalib'
	@$(ANOMALIB)/bin/python -m pytest -n 2 --dist loadgroup tests/methods/test_anomalib_*.py

# Cells on a real Slurm of one node: its daemons are started on loopback, in a folder of their own,
# and stopped. It needs root; Debian's packages are installed where they are missing.
SLURM := slurmctld slurmd slurm-client munge
CLUSTER_TESTS := $(BIN)/python -m pytest -o addopts="-q --strict-markers -p no:cacheprovider"

test-slurm: install
	@dpkg -s $(SLURM) >/dev/null 2>&1 || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $(SLURM) >/dev/null; }
	@$(CLUSTER_TESTS) tests/clusters/test_slurm.py

# The same on a real Ray of two workers on loopback.
test-ray: install
	@$(CLUSTER_TESTS) tests/clusters/test_ray.py

$(ANOMALIB)/.installed: pyproject.toml requirements-anomalib.lock
	test -x $(ANOMALIB)/bin/python || $(PYTHON) -m venv $(ANOMALIB)
	$(ANOMALIB)/bin/pip install --disable-pip-version-check --quiet $(PIP_ARGS) -r requirements-anomalib.lock
	$(ANOMALIB)/bin/pip install --disable-pip-version-check --quiet $(PIP_ARGS) --no-deps -e .
	@touch $@

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python docs/generate.py --check

# Renews the tables of README.md and docs/ that repeat the code; `make lint` fails where one is stale.
docs: install
	$(BIN)/python docs/generate.py

# The documentation as a site below build/site/html; it opens from disk. A broken link is an error, and so is
# anything that a page would fetch from elsewhere.
site: install $(DOCS)/.installed
	$(BIN)/python docs/pages.py
	PYTHONPATH=$(CURDIR):$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		$(DOCS)/bin/python docs/notebooks.py
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/python -m mkdocs build --strict --quiet
	@echo "the site is in build/site/html; open build/site/html/index.html"

$(DOCS)/.installed: requirements-docs.lock
	test -x $(DOCS)/bin/python || $(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/pip install --disable-pip-version-check --quiet -r requirements-docs.lock
	@touch $@

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Re-pins the development environment from what is installed now.
lock: install
	$(BIN)/pip freeze --exclude-editable | sed 's/+cpu//' > requirements.lock

# Re-pins anomalib's; what torch itself pins (CUDA) is left to it.
lock-anomalib: $(ANOMALIB)/.installed
	$(ANOMALIB)/bin/pip freeze --exclude-editable | grep -vE '^(nvidia-|cuda-|triton==)' | sed 's/+cu[0-9]*//' > requirements-anomalib.lock

lock-docs: $(DOCS)/.installed
	$(DOCS)/bin/pip freeze > requirements-docs.lock

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

# All contracts of every method that needs no extra, and the line-up on the embedded phantom, on a GPU.
# Where there is none, it says so and ends well.
gpu: install
	@if $(BIN)/python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then \
		$(BIN)/python -c 'from bench import registry; print(*(n for n, c in registry.load_methods().items() if not c.extras))' | \
			xargs -n 1 $(BIN)/bench test-method --device cuda && \
		$(BIN)/bench suite lineup --device cuda --results build/gpu/runs; \
	else \
		echo "torch finds no GPU here, so nothing was run; tests/methods/test_second_device.py walks its paths"; \
	fi

# What takes too long for every change: 100,000 damaged files over all boundaries, 200 kills, and the
# tests on every Python version that is claimed. Files and kills take 6 minutes of processor time.
nightly: install
	BENCH_FUZZ_CASES=3050 BENCH_KILLS=200 $(BIN)/python -m pytest -n 2 tests/faults
	$(BIN)/python -m nox
	$(MAKE) --no-print-directory mutation

# Small faults, one at a time, in the rooms whose numbers everything rests on, against the tests of these
# rooms; hours. One module: make mutation ONLY='bench.stats.holm.*'. tests/README.md explains what survives.
ONLY ?=
mutation: install
	$(BIN)/mutmut run $(if $(ONLY),'$(ONLY)')
	$(BIN)/mutmut results > mutants/survivors.txt
	$(BIN)/mutmut export-cicd-stats >/dev/null
	@$(BIN)/python -c 'import json, sys; s = json.load(open("mutants/mutmut-cicd-stats.json")); \
		share = s["killed"] / max(s["killed"] + s["survived"], 1); \
		print(f"{share:.1%} of the faults that tests reach are found; the others: mutants/survivors.txt"); \
		sys.exit(share < 0.8)'

# Which lines of bench the tests run, in workers and commands of their own process too. One test is left
# out: its small limit on files stops what coverage.py itself writes.
coverage: install
	rm -rf build/coverage
	mkdir -p build/coverage
	$(BIN)/python -m coverage run -m pytest -n 2 \
		--deselect tests/cli/test_bad_input.py::test_a_full_disk_under_the_cache_is_said_and_loses_nothing
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --sort=cover --fail-under=90

# Wheel and source distribution.
dist: install
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

clean:
	rm -rf $(VENV) .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build mutants
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
