# make demo   everything on an emulated board, in about six minutes
# make gui    the desktop window, on an emulated board
# make test   all checks that a change must pass
# make bench  the kernels against the plain product, as ratios
# All do their own set-up: a virtual environment in .venv with the versions of constraints.txt.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo gui test test-all lint types contracts bench install libraries clean

demo: install
	$(BIN)/labctl demo

gui: install
	$(BIN)/labctl gui --demo

test: install lint types contracts
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest

test-all: install lint types contracts
	QT_QPA_PLATFORM=offscreen $(BIN)/python -m pytest -m "slow or not slow"

bench: install
	$(BIN)/labctl bench
	$(BIN)/python -m pytest tests/benchmarks --benchmark-enable --benchmark-only -p no:timeout

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

contracts: install
	$(BIN)/lint-imports

install: libraries $(STAMP)

libraries:
	@sh .ci/libraries

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[gui,test]"
	@touch $(STAMP)

clean:
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
