# The menu. `make help` prints it; `make demo` and `make test` need only Python 3.11+ and make.

VENV ?= .venv
PEERS ?= .venv-peers
DEMO ?= demo-release
BENCHMARK ?= benchmarks/results
STUDY ?= study
DATA ?= data
WORKERS ?= 2
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	"$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo "$$python"; break; }; done)

bin := $(VENV)/bin
pip := $(bin)/python -m pip --disable-pip-version-check install -qq
pytest := $(bin)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types docs-test statistical engines neural audit peers benchmark-adult benchmark-attacks benchmark-audits benchmark-wide benchmark-dense benchmark-planner benchmark-aim benchmark-anonymeter benchmark-purposes benchmark-evaluation benchmark-large benchmark-learners benchmark-steps study-thesis study-tabsyn study-nist study-short all clean

help: ## print this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ------------------------------------------------------------------------- environments

$(bin)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later (with venv) is needed and was not found"; exit 1; }
	@echo "creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(bin)/python
	@echo "installing understudy with its demo data (once)"
	@$(pip) -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(bin)/python
	@echo "installing understudy with what its tests need (once)"
	@$(pip) -c constraints.txt -e '.[demo,dev,sql]'
	@touch $@ $(VENV)/.demo

$(VENV)/.engines: $(VENV)/.dev
	@echo "installing what the tests of databases and clusters need (once)"
	@$(pip) -c constraints.txt -e '.[demo,dev,sql,spark]'
	@touch $@

$(VENV)/.neural: $(VENV)/.dev
	@echo "installing PyTorch for the tests of networks (once)"
	@$(pip) -c constraints.txt -e '.[demo,dev,sql,neural]'
	@touch $@

$(PEERS)/.peers: pyproject.toml constraints-peers.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later (with venv) is needed and was not found"; exit 1; }
	@echo "creating $(PEERS) with the reference implementations (once)"
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip --disable-pip-version-check install -qq \
		-c constraints-peers.txt -e '.[demo,dev,peers]'
	@touch $@

# -------------------------------------------------------------------------------- a user

demo: $(VENV)/.demo ## the job itself on a real survey, and the release it leaves verified
	@rm -rf $(DEMO)
	$(bin)/understudy demo -o $(DEMO)
	$(bin)/understudy verify $(DEMO)

# --------------------------------------------------------------------------- a developer

test: $(VENV)/.dev ## the default suite, doctests included, on all cores
	$(pytest) -n auto --dist loadfile

lint: $(VENV)/.dev ## style, formatting and the layers
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/lint-imports

format: $(VENV)/.dev ## let ruff mend what it can
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

types: $(VENV)/.dev ## mypy, strict
	$(bin)/mypy

docs-test: $(VENV)/.dev ## run the README, the documentation and every doctest
	$(pytest) src $(wildcard tests/docs)

statistical: $(VENV)/.dev ## many draws against stated alphas, and what takes minutes
	$(pytest) tests -m "statistical or slow" -n auto --dist loadfile

engines: $(VENV)/.engines ## PostgreSQL, DuckDB and Spark, started on this machine
	$(pytest) tests -m engines

neural: $(VENV)/.neural ## synthesizers that are networks, with PyTorch
	$(pytest) tests/neural -n auto --dist loadfile

audit: $(VENV)/.dev ## lower bounds on epsilon from many small fits
	$(pytest) tests -m audit

peers: $(PEERS)/.peers ## compare with sdmetrics and mbi, in their own environment
	$(PEERS)/bin/python -m pytest tests -m peers

benchmark-adult: $(VENV)/.dev ## ours beside dpmm and mbi on half of Adult (hours)
	$(bin)/python -m benchmarks.adult_half --out $(BENCHMARK)

benchmark-attacks: $(VENV)/.dev ## exact nearest rows: ours, the plain formula, a ball tree (a minute)
	$(bin)/python -m benchmarks.attacks --page docs/benchmarks/attacks.md

benchmark-audits: $(VENV)/.dev ## DataSynthesizer's noise, too small and mended, under the black-box audit (a quarter of an hour)
	$(bin)/python -m benchmarks.audits --out $(BENCHMARK)/audits

benchmark-planner: $(VENV)/.dev ## the planner's predictions beside what then happened (half an hour)
	$(bin)/python -m benchmarks.planner --out $(BENCHMARK)

benchmark-aim: $(VENV)/.dev ## AIM beside OpenDP, mbi and dpmm on eight tables (a day)
	$(bin)/python -m benchmarks.aim --out $(BENCHMARK)/aim --page docs/benchmarks/aim.md

benchmark-evaluation: $(VENV)/.dev ## our evaluation beside SDMetrics, as a whole on Adult, as rows grow (minutes)
	$(bin)/python -m benchmarks.evaluation --out $(BENCHMARK)/evaluation --page docs/benchmarks/evaluation.md

benchmark-anonymeter: $(VENV)/.dev ## singling out, linkability, inference beside Anonymeter (half an hour)
	$(bin)/python -m benchmarks.anonymeter --out $(BENCHMARK)/anonymeter --page docs/benchmarks/anonymeter.md

benchmark-learners: $(VENV)/.dev ## private learners beside a synthetic table and beside diffprivlib (half an hour)
	$(bin)/python -m benchmarks.learners --out $(BENCHMARK)/learners --page docs/benchmarks/learners.md

benchmark-steps: $(VENV)/.neural ## a step of DP-SGD beside Opacus and torch.func (two minutes)
	$(bin)/python -m benchmarks.steps --page docs/benchmarks/steps.md

benchmark-large: $(VENV)/.dev ## files larger than memory: pairs beside other engines, mst on 100 million rows
	$(bin)/python -m benchmarks.large --out $(BENCHMARK)/large --page docs/benchmarks/large.md

benchmark-dense: $(VENV)/.dev ## margnet, aim, residual and mst where most columns depend on most others (an hour)
	$(bin)/python -m benchmarks.dense --out $(BENCHMARK)/dense --page docs/benchmarks/dense.md

benchmark-wide: $(VENV)/.dev ## residual, mst, privbayes and independent on 100 to 500 columns (an hour)
	$(bin)/python -m benchmarks.wide --out $(BENCHMARK)

benchmark-purposes: $(VENV)/.dev ## does a contract of purposes help the purposes? (half an hour)
	$(bin)/python -m benchmarks.purposes --out $(BENCHMARK) --page docs/benchmarks/purposes.md

study-thesis: $(VENV)/.neural ## the literature's comparison on two data sets; goes on where it stopped (hours)
	$(bin)/understudy study studies/thesis.yaml -o $(STUDY)/thesis --workers $(WORKERS)

study-tabsyn: $(VENV)/.neural ## the protocol of TabSyn on files in DATA=folder (an hour)
	$(bin)/understudy study studies/tabsyn.yaml -o $(STUDY)/tabsyn --data $(DATA) --workers $(WORKERS)

study-nist: $(VENV)/.neural ## k-marginal on NIST's excerpt in DATA=folder
	$(bin)/understudy study studies/nist.yaml -o $(STUDY)/nist --data $(DATA) --workers $(WORKERS)

study-short: $(VENV)/.neural ## a study in small: whole, interrupted, with two workers (minutes)
	$(pytest) tests/studies -m studies

all: lint types test neural study-short engines statistical audit peers ## everything but the benchmarks

clean: ## remove environments, caches and outputs
	rm -rf $(VENV) $(PEERS) $(DEMO) benchmarks/.venvs .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis build dist
