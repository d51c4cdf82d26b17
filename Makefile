# Every target sets the project up first; nothing has to be installed by hand but Python and make.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ENV ?= bike_hourly,local
UV_VERSION := 0.13.9

export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV
# Without compiled files every command imports twice as long.
unexport PYTHONDONTWRITEBYTECODE
# One native thread per fit: two on busy cores are slower than one.
export OMP_NUM_THREADS ?= 1
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup run demo check test test-cluster coverage lint secrets audit sbom newest lowest format tables outputs \
  pictures cluster docs viz ui evidently clean
.DEFAULT_GOAL := help

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## Install everything into .venv, in the versions of uv.lock

$(READY): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  "Python 3.11, 3.12 or 3.13 is needed and %s is %d.%d; try: make PYTHON=python3.12 run" % (("$(PYTHON)",) + v))'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(BIN)/uv sync --locked --quiet
	@touch $@

run: setup  ## Run the full cycle (ENV=bike_daily for another table)
	$(BIN)/kedro run --env=$(ENV)

# It goes on where it was stopped; `make clean` removes it.
demo: setup  ## Replay three months of the example in data/demo, and open the page
	$(BIN)/kedro tick --env=bike_hourly,demo --from=2011-01-29 --as-of=2011-04-30
	@$(BIN)/python scripts/end_demo.py

# In one process: a second one would import and collect everything once more.
check: setup  ## Run the linters and the fast tests
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -q -m "not slow"

# Mypy takes one core, and as long as the scan takes another.
test: setup  ## Run the linters, the secret scan and the whole test suite
	$(MAKE) --no-print-directory -j 2 lint secrets
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

test-cluster: setup  ## Run what needs clusters: Spark and Dask on this machine
	$(BIN)/uv sync --locked --quiet --inexact --extra spark --extra dask
	$(BIN)/python -m pytest -m cluster

# Apart from the tests, since counting lines makes them slower.
coverage: setup  ## Run the test suite and show which lines it does not reach
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder --cov --cov-report=term

lint: setup  ## Ruff, mypy, the import contract, workflows and the files of the deployment
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --persona=pedantic .
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml
	$(BIN)/hadolint deploy/Dockerfile

# Half a minute, and so not part of lint; the pre-commit hook reads only what is committed.
secrets: setup  ## Look for keys and passwords in every file that git knows
	scripts/find_secrets.sh

# The optional libraries too, and on every system. pyproject.toml says how to ignore an advisory.
audit: setup  ## Look for known weaknesses of the locked runtime versions (needs the network)
	$(BIN)/uv audit --locked --no-default-groups --preview-features audit-command

sbom: setup  ## Write build/sbom.cdx.json: the locked runtime versions as CycloneDX
	@mkdir -p build
	$(BIN)/uv export --locked --quiet --no-default-groups --all-extras --format cyclonedx1.5 \
	  --preview-features sbom-export --output-file build/sbom.cdx.json

# Both change uv.lock and .venv; back again: git checkout uv.lock && make setup
newest: setup  ## Run the whole test suite with the newest versions that pyproject.toml allows
	$(BIN)/uv sync --upgrade --all-extras
	@touch $(READY)
	$(MAKE) --no-print-directory test

lowest: setup  ## Run the whole test suite with the lowest versions that pyproject.toml allows
	$(BIN)/uv sync --resolution lowest-direct --all-extras
	@touch $(READY)
	$(BIN)/python -m pytest -n 2 --dist loadgroup --no-loadscope-reorder

format: setup  ## Let Ruff format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

tables: setup  ## Write the tables of the docs and the schema of conf/, which repeat what the code knows
	$(BIN)/python -m scripts.write_tables
	$(BIN)/python scripts/write_schemas.py

cluster: setup  ## Start Spark and Dask on this machine, each with two workers
	$(BIN)/uv sync --locked --quiet --inexact --extra spark --extra dask
	@$(BIN)/python scripts/start_cluster.py

# Sphinx is installed by this target alone. Warnings are errors: a link that leads nowhere, a page that
# is in no list. Notebooks run if there is a finished project, in half a minute.
docs: setup  ## Build the documentation as a site: build/site/index.html
	$(BIN)/uv sync --locked --quiet --inexact --group docs
	rm -rf build/site
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --conf-dir docs/site \
	  --doctree-dir build/doctrees . build/site

# Each page has a project of its own, so that yours stays as it is.
outputs: setup  ## Run the commands of README and tutorial, and write what they print into them
	$(BIN)/python scripts/write_outputs.py

pictures: demo  ## Take the pictures of the README from the run of make demo (needs Chromium)
	$(BIN)/python scripts/take_pictures.py

viz: setup  ## Open Kedro-Viz on http://127.0.0.1:4141
	$(BIN)/kedro viz run --env=$(ENV) --include-hooks

# Two processes and half a gigabyte; MLflow's own default is fifteen and three.
ui: setup  ## Open the MLflow UI on http://127.0.0.1:5000
	@$(BIN)/python scripts/print_mlflow_addresses.py http://127.0.0.1:5000 \
	  "$$($(BIN)/kedro config --env=$(ENV) mlflow.server.mlflow_tracking_uri)" \
	  "$$($(BIN)/kedro config --env=$(ENV) globals.model_name)"
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false $(BIN)/mlflow server --workers 1 --host 127.0.0.1 --port 5000 \
	  --backend-store-uri "$$($(BIN)/kedro config --env=$(ENV) mlflow.server.mlflow_tracking_uri)"

evidently: setup  ## Open Evidently's UI over the monitored windows on http://127.0.0.1:8000
	$(BIN)/evidently ui --host 127.0.0.1 --port 8000 \
	  --workspace "$$($(BIN)/kedro config --env=$(ENV) catalog.evidently_workspace.path)"

clean:  ## Remove everything that runs have written (not .venv, not the raw data)
	@# Every run leaves a lock in its workspace; what has none was put there by somebody else.
	find data -mindepth 2 -maxdepth 3 -name .lock ! -path 'data/01_raw/*' -exec dirname {} \; | \
	  xargs rm -rf data/index.html data/demo/index.html
	@rmdir data/demo 2>/dev/null || true
