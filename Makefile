# Every target works on a fresh machine with Python 3.11+ and git: the first one that runs makes
# .venv and installs what uv.lock names. `make PYTHON=/path/to/python3.12 test` chooses a Python.
.DEFAULT_GOAL := help
.PHONY: help demo serve test chaos check format docs bench clean

BIN := .venv/bin
READY := .venv/.ready
CHECKED := src tests bench chaos scripts

# Tests that need Node, Chromium or curl skip where there is none; REELGATE_TEST_REQUIRE=1 turns
# every skip into a failure. PYTEST_ARGS is for more arguments.
# Work is stolen: the longest tests are many times the mean, and a process may get several of them.
PYTEST_ARGS ?= -n 4 --dist worksteal

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## Make a real MP4 from a prompt, with no account
	@$(BIN)/python -m scripts.demo

serve: $(READY) ## Run the gateway on port 8000
	$(BIN)/reelgate serve

test: $(READY) ## Run the tests
	$(BIN)/pytest $(PYTEST_ARGS)

chaos: $(READY) ## Break a cluster on purpose and audit every promise; CHAOS_ARGS="--seed 7"
	$(BIN)/python -m chaos $(CHAOS_ARGS)

check: $(READY) ## Lint, format, strict types, import direction
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CHECKED)
	$(BIN)/mypy examples
	$(BIN)/lint-imports

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY) ## Write the settings into docs/configuration.md and .env.example
	$(BIN)/python -m scripts.settings_docs

bench: $(READY) ## Measure, side by side with peers; BENCH_ARGS="--full", or the names of some
	$(BIN)/python bench/run.py $(BENCH_ARGS)

clean: ## Remove what was built, installed and made here
	rm -rf .venv out .reelgate dist build node_modules examples/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CHECKED) examples -name __pycache__ -prune -exec rm -rf {} +

$(READY): uv.lock pyproject.toml scripts/bootstrap
	@PYTHON="$(PYTHON)" scripts/bootstrap
	@touch $@
