# Everything that is done to penstock is done from here; `make` alone lists it.
# All it needs is Python 3.11 or newer with venv: the rest is set up in .venv, from
# uv.lock, and again whenever that has changed.

PYTHON ?= python3
ARGS ?=
# The tests wait as much as they work; more than two find the machine's limits instead.
PROCESSES ?= 2

BIN := .venv/bin
READY := .venv/.ready
INFRA := .venv-infra/.ready
TYPESCRIPT := infra/cdk-typescript/node_modules/.package-lock.json
SANDBOX := .venv-sandbox/requirements.txt
BENCHMARKS := $(sort $(wildcard benchmarks/*.py))
# A tier of the tests is a folder of tests/ that holds any.
TIERS := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard tests/*/test_*.py)))))

export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
export UV_SYSTEM_CERTS ?= true
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help install run test long check lint format $(TIERS) crash simulate bench build clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile
	@printf 'make %-12s One tier of the tests: %s\n' TIER '$(TIERS)'

install: $(READY) ## Set up .venv, and nothing else

run: $(READY) ## Watch a simulated market; options: make run ARGS="--duration 1m"
	@$(BIN)/penstock run $(ARGS)

test: lint $(INFRA) $(SANDBOX) $(TYPESCRIPT) ## Run every check, and every test but the long ones
	@$(BIN)/pytest --numprocesses $(PROCESSES) --dist loadgroup $(ARGS)

long: $(INFRA) $(SANDBOX) ## Run the tests of minutes: infra/ deployed and destroyed on the emulator
	@$(BIN)/pytest -m long $(ARGS)

check: lint ## Run every check: format, lint, types, imports, lock file, docs
	@$(BIN)/pytest -q tests/docs $(ARGS)

lint: $(READY) ## Run the checks that start no test
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/uv lock --check --quiet

format: $(READY) ## Put the source into its form
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

$(TIERS): $(READY)
	@$(BIN)/pytest tests/$@ $(ARGS)

aws: $(SANDBOX)
infra: $(INFRA) $(SANDBOX) $(TYPESCRIPT)

crash: export PENSTOCK_KILLS ?= 100
crash: $(READY) ## Kill the program with kill -9, 100 times, and see what is left
	@$(BIN)/pytest tests/simulation/test_crash.py $(ARGS)

simulate: SEEDS ?= 10000
simulate: $(READY) ## Put the pipeline on AWS through its worst, from SEEDS=10000 seeds
	@$(BIN)/python -m tests.simulation.distributed --seeds $(SEEDS) $(ARGS)

soak: export PENSTOCK_MESSAGES ?= 10_000_000
soak: $(READY) ## Send 10 million messages through one driver: minutes, flat memory
	@$(BIN)/pytest tests/simulation/test_soak.py -s $(ARGS)

bench: $(READY) ## Measure: one table after another, in minutes
	@for script in $(BENCHMARKS); do $(BIN)/python $$script $(ARGS) || exit; done

build: $(READY) ## Build the wheel and the source archive into dist/
	$(BIN)/uv build

clean: ## Remove what make has made: .venv, caches, dist/
	rm -rf .venv .venv-infra .venv-sandbox infra/cdk-typescript/node_modules dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# uv comes with its hashes from .ci/uv.txt, everything else with theirs from uv.lock.
$(READY): pyproject.toml uv.lock .ci/uv.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit( \
	  "penstock needs Python 3.11 or newer; found %s at %s. Name another: make PYTHON=python3.12" \
	  % (sys.version.split()[0], sys.executable))'
	@test -x $(BIN)/python || { echo "Setting up .venv, once: this takes a minute"; $(PYTHON) -m venv .venv; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .ci/uv.txt
	@$(BIN)/uv sync --quiet --locked --all-extras --compile-bytecode
	@touch $@

# CDK, Node.js and the linters of templates: half a gigabyte that only infra/ needs.
$(INFRA): pyproject.toml uv.lock $(READY)
	@UV_PROJECT_ENVIRONMENT=.venv-infra $(BIN)/uv sync --quiet --locked --only-group infra
	@touch $@

# npm writes that file last; packages have no say in what is run while they come.
$(TYPESCRIPT): infra/cdk-typescript/package-lock.json | $(INFRA)
	@cd infra/cdk-typescript && PATH="$(CURDIR)/.venv-infra/bin:$$PATH" npm ci \
	  --ignore-scripts --no-audit --no-fund --loglevel=error

# The emulator of AWS, which tests/aws start: it pins botocore, and has its own pins.
$(SANDBOX): src/penstock/sandbox/requirements.txt $(READY)
	@PENSTOCK_SANDBOX=.venv-sandbox $(BIN)/penstock sandbox install
	@touch $@
