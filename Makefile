# 'make' alone lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage test-slow properties torture check format bench reference model lock build clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

setup: $(INSTALLED)  ## make the virtual environment with the locked dependencies

$(VENV)/locked: requirements-dev.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

# setuptools warns of what is well; it is shown only if the installation fails.
$(INSTALLED): $(VENV)/locked pyproject.toml
	{ $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	    --no-build-isolation -e . && \
	  $(BIN)/python -m compileall -q imgvet flows tasks reports deployments; \
	} > $(VENV)/install.log 2>&1 || { cat $(VENV)/install.log >&2; exit 1; }
	@touch $@

demo: $(INSTALLED)  ## run the main job on a made-up set with known problems
	$(BIN)/imgvet demo --work-dir demo

check: $(INSTALLED)  ## formatting, lint, types, import direction
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache > /dev/null || $(BIN)/lint-imports --no-cache

# One more than there are cores, as many tests wait for a server or a browser.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# pytest's rewritten assertions are kept between runs, also where the environment keeps no bytecode.
test: export PYTHONDONTWRITEBYTECODE :=
test: check  ## all checks and the tests
	$(BIN)/python -m pytest -m 'not slow' -n $(WORKERS) --dist worksteal

# Of its own, because following every line makes the flows' tests half as slow again.
coverage: $(INSTALLED)  ## the tests that need no flow, with their coverage
	$(BIN)/python -m pytest -m 'not slow' -n auto --cov --cov-report=term:skip-covered \
	  --ignore=tests/flows --ignore=tests/deployments --ignore=tests/browser --ignore=tests/cli tests

test-slow: $(INSTALLED)  ## the tests that take minutes; TESTS=tests/cli for some of them
	$(BIN)/python -m pytest -m slow $(TESTS)

properties: $(INSTALLED)  ## search for examples that break what must always hold
	$(BIN)/python -m pytest -m 'hypothesis and not slow' -n $(WORKERS) --hypothesis-profile=search

COUNT := 3
MINUTES := 1
torture: $(INSTALLED)  ## kill, starve and disturb runs; COUNT=500 MINUTES=60 for long, ONLY=killed for some
	$(BIN)/python -m pytest tests/torture -k '$(ONLY)' --count $(COUNT) --minutes $(MINUTES)

bench: $(INSTALLED)  ## print the numbers to meet, measured on this machine
	$(BIN)/python -m benchmarks

format: $(VENV)/locked  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: $(INSTALLED)  ## write REFERENCE.md from the code
	$(BIN)/python -m imgvet.cli.reference > REFERENCE.md

model:  ## build the built-in model from the public weights
	$(PYTHON) -m venv .venv-model
	.venv-model/bin/python -m pip install --quiet -r benchmarks/model/requirements.txt
	.venv-model/bin/python benchmarks/model/build_builtin.py

lock: $(VENV)/locked  ## resolve the dependencies again
	$(BIN)/pip-compile --quiet --extra dev --all-build-deps --allow-unsafe --strip-extras \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements-dev.lock pyproject.toml
	sed -i -e '/^imgvet @ /,/^    # via file/d' -e 's# file://.*# imgvet (pyproject.toml)#' requirements-dev.lock

build: $(INSTALLED)  ## build the wheel
	$(BIN)/python -m build --wheel --no-isolation

clean:  ## remove everything that was made
	rm -rf $(VENV) .venv-model build dist demo .bench *.egg-info
