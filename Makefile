# Everything a developer or a newcomer runs; each target makes the environment it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1

.PHONY: demo test bench lint docs clean python verify-hapi

demo: $(VENV)/run.stamp
	$(BIN)/vo-server demo --folder demo-node $(if $(filter 0,$(SERVE)),--no-serve,)

test: $(VENV)/test.stamp lint docs
	$(BIN)/python -m pytest

lint: $(VENV)/test.stamp
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo

docs: $(VENV)/test.stamp
	$(BIN)/python -m sphinx -q -W -n --keep-going -b html docs docs/_build/html

bench: $(VENV)/peers.stamp
	$(BIN)/python -m tests.benchmarks
	$(BIN)/python -m tests.benchmarks.core
	$(BIN)/python -m tests.benchmarks.out_of_core
	$(BIN)/python -m tests.benchmarks.votable
	$(BIN)/python -m tests.benchmarks.spase

# A peer whose import name is one of ours has an environment of its own.
$(VENV)/peers.stamp: $(VENV)/test.stamp
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(PYTHON) -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  interpolation==2.2.7 packaging || echo "econforge interpolation is left out"
	@touch $@

clean:
	rm -rf $(VENV) docs/_build demo-node */kernels/__pycache__ */*/kernels/__pycache__

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "vo-server needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }

$(VENV)/run.stamp: pyproject.toml constraints.txt | python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[test]'
	@touch $@

verify-hapi: $(VENV)/test.stamp
	@test -f "$(VERIFIER_DIR)/verify.js" || { echo "make verify-hapi VERIFIER_DIR=clone of hapi-server/verifier-nodejs"; exit 1; }
	$(BIN)/python -m tests.conformance.verify_hapi "$(VERIFIER_DIR)"
