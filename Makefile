# Short names for the commands of README.md and CONTRIBUTING.md.
BIN := .venv/bin

.PHONY: help install test slow lint format types contracts docs ci schema pages remedies

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install:  ## virtual environment with the tested versions and the developer tools
	python3 -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e ".[dev]"

test:  ## the default tests
	$(BIN)/pytest -n 2 --dist loadfile

slow:  ## the slow tests
	$(BIN)/pytest -m slow

lint:  ## ruff, and whether the code is formatted
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format:  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types:  ## basedpyright
	$(BIN)/basedpyright --pythonpath $(BIN)/python

contracts:  ## who may import whom
	$(BIN)/lint-imports

schema:  ## rewrite studies/schema.json from the catalogue
	$(BIN)/ftr-study schema > studies/schema.json

pages:  ## rewrite the pages made from catalogues (interventions, checks, rules, next) and the findings
	$(BIN)/ftr-study pages
	$(BIN)/python -m website.findings

remedies: schema pages  ## the same, and the golden recipe texts: after a change of the catalogue
	$(BIN)/python -m tests.interventions.regenerate_golden

docs:  ## the documentation as a site, in site/; a broken link or anchor fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

ci:  ## everything, from an empty environment
	bash .ci/run
