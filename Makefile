# Every target works on a fresh machine with Python 3.11+ and git: the first one that runs makes
# .venv and installs what uv.lock names. `make PYTHON=/path/to/python3.12 test` chooses a Python.
.DEFAULT_GOAL := help
.PHONY: help demo serve test chaos check check-web format format-web docs site bench bench-short
.PHONY: integrations properties fuzz proxies kills deployment container secrets release screenshots clean

BIN := .venv/bin
READY := .venv/.ready
CHECKED := src tests bench chaos scripts

# Tests that need Node, Chromium, Prometheus or curl skip where there is none;
# REELGATE_TEST_REQUIRE=1 turns every skip into a failure. PYTEST_ARGS is for more arguments.
# Five on two processors, for most tests wait for something; more are no faster. Work is stolen: the
# longest tests are many times the mean, and a process may get several of them.
PYTEST_ARGS ?= -n 5 --dist worksteal

# The examples in tests and pages have passwords in addresses and beside words such as "secret".
# What looks like a random key is told, but for digests and these keys of nobody's.
NO_SECRETS := --disable-plugin KeywordDetector --disable-plugin BasicAuthDetector \
	--exclude-files '(^|/)(uv\.lock|package-lock\.json|tests/domain/test_fingerprint\.py)$$' \
	--exclude-secrets '^whsec_(MfKQ9r8G|AAECAwQF)' --exclude-secrets '^5c7d5dc6dd8bf75c'

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory check-web; \
		else echo "There is no npm: the playground's JavaScript was not checked."; fi

check-web: node_modules/.package-lock.json ## Lint, format and types of the playground's JavaScript
	npm run --silent check

node_modules/.package-lock.json: package-lock.json
	npm ci --no-audit --no-fund --silent
	@touch $@

format: $(READY) ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory format-web; fi

format-web: node_modules/.package-lock.json
	npm run --silent format

docs: $(READY) ## Write from the code what the pages list: settings, errors, commands, ...
	$(BIN)/python -m scripts.settings_docs
	$(BIN)/python -m scripts.metrics_docs
	$(BIN)/python -m scripts.dashboard
	$(BIN)/python -m scripts.providers_docs
	$(BIN)/python -m scripts.errors_docs
	$(BIN)/python -m scripts.cli_docs

site: $(READY) ## Build the documentation as a site, with every link checked
	$(BIN)/uv run --quiet --isolated --frozen --only-group docs \
		sphinx-build --quiet --fail-on-warning --keep-going -b html docs build/site

deployment: $(READY) ## Check the Dockerfile and the Kubernetes manifests against their rules
	$(BIN)/uv run --quiet --isolated --frozen --only-group deploy hadolint Dockerfile
	$(BIN)/uv run --quiet --isolated --frozen --only-group deploy \
		kubernetes-validate --strict deploy/kubernetes/*.yaml

container: $(READY) ## Run the Dockerfile's steps and what they make, without a container engine
	$(BIN)/python -m scripts.container

properties: $(READY) ## Try the tests of properties with a thousand new examples each
	$(BIN)/pytest $(PYTEST_ARGS) -m hypothesis --hypothesis-profile=further

fuzz: $(READY) ## Made-up input: to every route once, to the parsers for a minute; FUZZ_ARGS="--seconds 3600"
	$(BIN)/pytest tests/http/test_openapi.py -m slow -q
	$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

secrets: $(READY) ## Look for secrets in what the repository holds
	git ls-files -z | xargs -0 $(BIN)/uv run --quiet --isolated --frozen --only-group secrets \
		detect-secrets-hook $(NO_SECRETS)
	! git grep -nIE '\brg_[A-Za-z0-9_-]{40}'

release: $(READY) ## Build, check and install what a release consists of, in dist/
	scripts/release

bench: $(READY) ## Measure, side by side with peers; BENCH_ARGS="--full", or the names of some
	$(BIN)/python bench/run.py $(BENCH_ARGS)

bench-short: $(READY) ## Run each benchmark with a few callers, so that none rots
	$(BIN)/pytest tests/bench -m slow -q

proxies: $(READY) ## Wait 90 s for a video behind a real nginx and a real Caddy
	$(BIN)/pytest tests/deploy/test_proxies.py -m slow -q -n 2

kills: $(READY) ## Kill a gateway inside a submit to every provider, on SQLite and on Postgres
	$(BIN)/pytest tests/providers/contract/test_kill.py -m 'slow or not slow' -q

integrations: $(READY) ## Test with programs too large for every run, installed apart: LiteLLM, vendors' clients
	$(BIN)/pytest tests/e2e/integrations -m slow -q

screenshots: $(READY) ## Take the pictures of the playground that the documentation shows
	$(BIN)/python -m scripts.screenshots

clean: ## Remove what was built, installed and made here
	rm -rf .venv out .reelgate dist build node_modules examples/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(CHECKED) examples -name __pycache__ -prune -exec rm -rf {} +

$(READY): uv.lock pyproject.toml scripts/bootstrap
	@PYTHON="$(PYTHON)" scripts/bootstrap
	@touch $@
