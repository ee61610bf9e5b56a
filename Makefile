# Everything sets itself up: a virtual environment in .venv, bertwright installed in it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
TOOLS  := $(VENV)/.tools-installed
# A demo of one's own text has a folder of its own; names may hold blanks.
OUT    ?= $(if $(CORPUS),$(shell name=$$(basename '$(CORPUS)'); echo "$${name%.*}-demo"),demo-output)

.PHONY: demo test test-slow check bench clean help

help: ## what can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.txt
	$(BIN)/pip install --quiet --editable .
	@touch $(STAMP)

# What it is developed, tested and compared with; the demo needs none of it.
$(TOOLS): $(STAMP)
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $(TOOLS)

demo: $(STAMP) ## the whole story on text that is already on this machine (CORPUS=path for your own)
	$(BIN)/bertwright demo --output '$(OUT)' $(if $(CORPUS),--corpus '$(CORPUS)') $(ARGS)

test: $(TOOLS) ## the tests, with a random sample of the slow ones
	$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-slow: $(TOOLS) ## all tests: kill loops, fuzzing, soak
	$(BIN)/python -m pytest -n auto --dist loadfile --slow all $(ARGS)

check: $(TOOLS) ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(TOOLS) ## the benchmarks against the peers
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove what was made
	rm -rf $(VENV) '$(OUT)' .mypy_cache .ruff_cache .pytest_cache
