# Everything a newcomer needs: Python >= 3.11 with pip, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo lab test check bench pictures soak clean

help:
	@echo "make demo   run a queue of simulated plans, from nothing to its history"
	@echo "make lab    open the first notebook in JupyterLab, with a manager; Ctrl-C ends all"
	@echo "make test   check and test everything"
	@echo "make check  format, lint, types and import contracts only"
	@echo "make pictures take the screenshots of the documentation anew"
	@echo "make bench  measure speed and memory"
	@echo "make soak   long campaigns: random operations, kills, outages"
	@echo "make clean  remove what the other targets made"

$(VENV)/runtime.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/test.stamp: $(VENV)/runtime.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	@touch $@

demo: $(VENV)/runtime.stamp
	$(BIN)/python -m qs_jupyter demo

$(VENV)/lab.stamp: $(VENV)/runtime.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[lab]"
	@touch $@

# LAB_OPTIONS go to JupyterLab: make lab LAB_OPTIONS="--no-browser --port 8889"
lab: $(VENV)/lab.stamp
	$(BIN)/python -m qs_jupyter lab notebooks/00-first-queue.ipynb $(LAB_OPTIONS)

check: $(VENV)/test.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)-clients/stamp: tests/clients/requirements.txt $(VENV)/test.stamp
	$(BIN)/python -m tests.clients.environment

test: check $(VENV)-clients/stamp
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup -rs

pictures: $(VENV)/test.stamp
	rm -rf build/pictures
	QS_SCREENSHOTS=build/pictures $(BIN)/python -m pytest tests/browser/test_pictures.py \
		tests/browser/test_magics.py -q
	cp build/pictures/*.png docs/img/panel/

bench: $(VENV)/test.stamp
	$(BIN)/python -m tests.benchmarks

soak: $(VENV)/test.stamp
	$(BIN)/python -m pytest tests/soak -p no:cacheprovider --timeout 3600

clean:
	rm -rf $(VENV) $(VENV)-clients .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
