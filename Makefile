# `make demo` and `make test` need Python 3.11+ and make, nothing else: the first call sets up .venv.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := $(VENV)/.demo
DOCS := $(VENV)/.docs
SITE := docs/_build/html
# The tests of Spark need `make test EXTRAS=dev,spark` and Java; pyspark has 400 MB.
EXTRAS ?= dev

# PyTorch's CPU build saves gigabytes where there is no GPU. pip takes it by itself where the index
# offers it; TORCH_INDEX names another index, such as the one of CPU wheels on PyTorch's "Get
# Started" page. It is not used on a machine with a GPU.
TORCH_INDEX ?=
GPU := $(shell command -v nvidia-smi 2>/dev/null)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	$(if $(GPU),,$(addprefix --extra-index-url=,$(TORCH_INDEX)))

.PHONY: help demo test test-newest lint docs docs-check wheel clean

help:
	@echo "make demo         install into $(VENV), sparsify an embedded graph and draw it"
	@echo "make test         install into $(VENV) with the developers' tools, run the tests"
	@echo "make test-newest  the tests on the newest Python that torch has wheels for (needs uv)"
	@echo "make lint         ruff and mypy"
	@echo "make docs         build the site: open $(SITE)/index.html"
	@echo "make docs-check   build it and check links, pictures and widths in headless Chromium"
	@echo "make wheel        build and check dist/*.whl and dist/*.tar.gz"
	@echo "make clean        remove $(VENV) and everything built"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, $(PYTHON) is older: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(DEMO): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[plot]'
	@touch $@

$(READY): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[$(EXTRAS)]'
	@touch $@ $(DEMO)

$(DOCS): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -e '.[docs]'
	@touch $@ $(DEMO)

demo: $(DEMO)
	@mkdir -p demo
	$(BIN)/wis sparsify karate --remove 50% -o demo/karate-sparse.pt --plot demo/karate.png --force
	@echo "The sparser graph is demo/karate-sparse.pt, the picture demo/karate.png"

test: $(READY)
	$(BIN)/python -m pytest

test-newest:
	uvx --with tox-uv tox run -e newest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(DOCS)
	$(BIN)/python -m sphinx -W --keep-going -b html docs $(SITE)
	@echo "The site is $(SITE)/index.html"

docs-check: docs
	$(BIN)/python docs/tools/check_site.py $(SITE)

wheel: $(READY)
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl

clean:
	rm -rf $(VENV) build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf .tox docs/_build docs/_generated docs/auto_examples
