# Needs Python 3.10 or newer and make; everything else goes into .venv.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= runs/demo

BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed

.PHONY: help demo test lint format install

help:
	@echo "make demo     train, sample and validate a small generator (12 to 25 minutes on 2 cores)"
	@echo "make test     run all tests, on all cores; ARGS=-n0: on one"
	@echo "make lint     ruff and the import contract"
	@echo "make format   let ruff format the code"

demo: $(INSTALLED)
	rm -rf $(DEMO)
	$(BIN)/pointcalo train geometry=hgcal trainer.minutes=8 output=$(DEMO)/train
	$(BIN)/pointcalo simulate geometry=hgcal particle=photon showers=2000 seed=2 output=$(DEMO)/showers.h5
	$(BIN)/pointcalo sample run=$(DEMO)/train like=$(DEMO)/showers.h5 output=$(DEMO)/generated.h5
	$(BIN)/pointcalo validate reference=$(DEMO)/showers.h5 generated=$(DEMO)/generated.h5 output=$(DEMO)/report
	@echo "The report lies in $(DEMO)/report/report.html"

test: $(INSTALLED)
	$(BIN)/pytest --numprocesses auto --dist loadfile $(ARGS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || \
	  { echo "pointcalo needs Python 3.10 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@echo "installing into $(VENV): a minute or more"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[dev]'
	touch $@
