# Everything a person does with a checkout. Needs Python 3.11 (with venv) and make; `make` alone says what there is.

PYTHON ?= python3.11
PORT ?= 8000
VENV := .venv
PY := $(VENV)/bin/python
# Packages are installed anew only when the list of them changed.
INSTALLED := $(VENV)/installed

# Tests of the database stand first and take longest: a process that is done takes over from the one that is not.
PYTEST := $(PY) -m pytest -n 2 --dist worksteal --cov --cov-report=term:skip-covered --cov-fail-under=100

# Compiled modules are kept whatever the environment says: without them each process of a test run, a worker or a
# command compiles four hundred modules before it begins.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-services soak lint docs bench faults clean

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED)  ## make .venv and install the pinned packages

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "This needs Python 3.11 or newer. Name yours: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv $(VENV) || \
		{ echo "Python has no venv; on Debian and Ubuntu: apt-get install python3.11-venv"; rm -rf $(VENV); exit 1; }
	@echo "Installing packages into $(VENV) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

demo: $(INSTALLED)  ## from nothing: load the library, import a made-up registry, match it through a worker, show it
	@$(PY) -m config.local run -- $(PY) manage.py demo

serve: $(INSTALLED)  ## web and worker on this machine; says where, and with which login
	@$(PY) -m config.local serve --port $(PORT)

test: $(INSTALLED)  ## every test that needs no outside server
	@$(PYTEST) -m "not services"

test-services: $(INSTALLED)  ## the same tests on PostgreSQL and Redis: DATABASE_URL and REDIS_URL, or throwaway ones
	@.ci/services $(PYTEST)

soak: $(INSTALLED)  ## compare the two engines on made-up rules, trials and patients until stopped, or for MINUTES
	@$(PY) -m tests.generative.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ONLY),--only $(ONLY))

lint: $(INSTALLED)  ## style, types, import rules, migrations, API schema
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports
	@$(PY) manage.py makemigrations --check --dry-run
	@$(PY) manage.py spectacular --validate --fail-on-warn --file /dev/null

docs: $(INSTALLED)  ## write the generated pages anew
	@for page in docs/build_*.py; do $(PY) $$page || exit 1; done

bench: $(INSTALLED)  ## measure: import and matching beside peers, the evaluators, the shelf (with DATABASE_URL on PostgreSQL too)
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement bench/requirements-bench.txt
	@$(PY) -m bench

faults: $(INSTALLED)  ## kill workers, Redis and PostgreSQL while registries are matched, and compare with an undisturbed one
	@.ci/services $(PY) -m bench.faults $(if $(SEED),--seed $(SEED))

clean:  ## forget the packages and everything the system wrote on this machine
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
	rm -rf $(VENV) var .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis .coverage .coverage.*
