# make run                     open the window on a sample picture (without a display: print and write to out/)
# make run INPUT=photo.jpg     the same with your photo
# make test                    all checks
# make screenshots             the pictures of the documentation anew
# make clean                   remove the environment and what was built

PYTHON ?= $(firstword $(shell command -v python3.11 || command -v python3 || echo python3))
INPUT ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

export PIP_CONSTRAINT = constraints.txt

.PHONY: run test setup screenshots clean
.DELETE_ON_ERROR:

run: $(VENV)/.ready-to-run
	@$(BIN)/python main.py $(if $(INPUT),"$(INPUT)")

test: $(VENV)/.ready-to-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	.ci/run-tests $(BIN)/python

screenshots: $(VENV)/.ready-to-test
	xvfb-run -a -s "-screen 0 1920x1200x24" $(BIN)/python docs/make_screenshots.py

setup: $(VENV)/.ready-to-test

# The stamps are newer than what they were made from, so a second run starts at once.
$(BIN)/python:
	@PYTHON=$(PYTHON) .ci/system-libraries run
	@echo "Creating $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.ready-to-run: pyproject.toml constraints.txt .ci/system-libraries resources/system-libraries.txt | $(BIN)/python
	@PYTHON=$(PYTHON) .ci/system-libraries run
	@echo "Installing the tested versions (this takes some minutes the first time)"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.ready-to-test: pyproject.toml constraints.txt .ci/system-libraries resources/system-libraries.txt | $(BIN)/python
	@PYTHON=$(PYTHON) .ci/system-libraries test
	@echo "Installing the tested versions (this takes some minutes the first time)"
	@$(PIP) install --editable '.[render,dev]'
	@touch $@ $(VENV)/.ready-to-run

clean:
	rm -rf $(VENV) build dist out .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
