# The commands of this repository. `make demo` shows the machine; `make check test` is what CI runs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
# Trainers want older clients of the Hub than the core's newest: an environment of their own.
TRAINERS ?= .venv-trainers
TRAINERS_STAMP = $(TRAINERS)/.installed
# The demo reads nothing from the user's environment: no key, no endpoint, no settings.
CLEAN = env -i PATH="$(PATH)" HOME="$(HOME)" TERM="$(TERM)" LANG=C.UTF-8

.PHONY: help setup system demo check test test-extras written clean
help:
	@echo "make demo    set up and run the whole machine offline: personas -> packed rows"
	@echo "make check   formatting, lint and types"
	@echo "make test    all tests of the core"
	@echo "make test-extras   tests that need heavy peers, a browser or a trainer"

setup: system
	@$(MAKE) --no-print-directory $(STAMP)
$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "kappa-data needs Python 3.11 or newer; say make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $(STAMP)

# bubblewrap isolates the tool calls. With root or sudo it is installed, else the command is said.
system:
	@sh scripts/system-packages.sh $(PYTHON)

demo: setup
	$(CLEAN) $(BIN)/kappa-data run --personas all --slots 240 --teacher embedded

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Three at a time, also on two cores: many tests wait for a server, a box or a pause. By files: what
# a file builds for its tests is built once.
test: setup
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "not extras"

test-extras: setup $(TRAINERS_STAMP)
	$(BIN)/python -m pytest -m extras --durations=0
	$(TRAINERS)/bin/python -m pytest -m extras --durations=0 tests/trainers tests/test_push_stores.py

$(TRAINERS_STAMP): pyproject.toml
	test -x $(TRAINERS)/bin/python || $(PYTHON) -m venv $(TRAINERS)
	$(TRAINERS)/bin/python -m pip install --quiet --disable-pip-version-check -e ".[trainers]"
	touch $(TRAINERS_STAMP)

# What is written out by the program itself: schemas of the records, help of the commands, pictures.
written: setup
	$(BIN)/kappa-data schemas schemas
	$(BIN)/python scripts/write_commands.py
	$(BIN)/python scripts/write_prompts.py
	$(BIN)/python scripts/write_images.py

clean:
	rm -rf $(VENV) $(TRAINERS) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
