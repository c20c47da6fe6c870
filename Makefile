# `make demo` and `make test` need Python 3.11+ and make, nothing else: the first call sets up .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test lint wheel clean

help:
	@echo "make demo    install into $(VENV), sparsify an embedded graph, draw it"
	@echo "make test    install into $(VENV), run the tests"
	@echo "make lint    ruff and mypy"
	@echo "make wheel   build dist/*.whl and dist/*.tar.gz"
	@echo "make clean   remove $(VENV) and everything built"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, $(PYTHON) is older: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)
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
