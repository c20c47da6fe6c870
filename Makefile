# `make demo` and `make test` need Python 3.11+ and make, nothing else: the first call sets up .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := $(VENV)/.demo

# PyTorch's CPU build saves gigabytes where there is no GPU. pip takes it by itself where the index
# offers it; TORCH_INDEX names another index, such as the one of CPU wheels that PyTorch's "Get
# Started" page tells. It is not asked on a machine with a GPU.
TORCH_INDEX ?=
GPU := $(shell command -v nvidia-smi 2>/dev/null)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	$(if $(GPU),,$(addprefix --extra-index-url=,$(TORCH_INDEX)))

.PHONY: help demo test lint wheel clean

help:
	@echo "make demo    install into $(VENV) what it takes to sparsify an embedded graph and draw it"
	@echo "make test    install into $(VENV) with the developers' tools, run the tests"
	@echo "make lint    ruff and mypy"
	@echo "make wheel   build dist/*.whl and dist/*.tar.gz"
	@echo "make clean   remove $(VENV) and everything built"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, $(PYTHON) is older: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[plot]'
	@touch $@

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[dev]'
	@touch $@ $(DEMO)

demo: $(DEMO)
	@mkdir -p demo
	$(BIN)/wis sparsify karate --remove 50% -o demo/karate-sparse.pt --plot demo/karate.png --force
	@echo "The sparser graph is demo/karate-sparse.pt, the picture demo/karate.png"

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: $(READY)
	$(BIN)/python -m build --outdir dist .

clean:
	rm -rf $(VENV) build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
