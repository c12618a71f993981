# The one door. Every target makes what it needs; `make help` lists them.

PYTHON ?= python3
VENV := .venv
ENVIRONMENT ?= $(VENV)
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# This pair fits together; other versions within pyproject's ranges work too.
TORCH := torch==2.14.1 torchvision==0.29.1

# A virtual environment that adds a library to the first one's, in which it would replace what others need.
beside = test -x $(VENV)-$(1)/bin/python || { $(BIN)/python -m venv $(VENV)-$(1) && \
	echo "import site; site.addsitedir('$(CURDIR)/$$(echo $(VENV)/lib/python3*/site-packages)')" >$(VENV)-$(1)/beside.txt && \
	cp $(VENV)-$(1)/beside.txt "$$(echo $(VENV)-$(1)/lib/python3*/site-packages)/beside.pth" && \
	$(VENV)-$(1)/bin/python -m pip install --quiet "$(2)"; } && $(VENV)-$(1)/bin/python
FLOWER ?= 1.42.0
RAY ?= 2.60.0
flower = $(call beside,flower-$(FLOWER),flwr==$(FLOWER))
syft = $(call beside,syft,syft-rds~=0.6.0)
ray = $(call beside,ray-$(RAY),ray==$(RAY))
without = -m pytest -p no:xdist -m slow tests/test_ablations.py -k

.PHONY: help demo platform test test-browser test-engines test-ray check threats threats-engines mutants vectors bench docs sbom clean
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -c "import torch, torchvision" 2>/dev/null || $(BIN)/python -m pip install --quiet --no-cache-dir $(TORCH)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

demo: $(STAMP) ## Paint an atelier, sign it privately, and print what a buyer gets
	@rm -rf build/demo
	$(BIN)/fedstyle demo --out build/demo

platform: $(STAMP) ## A platform and eight artists over TLS on this machine, until Ctrl-C (ONCE=1: ends itself)
	$(BIN)/python examples/live_platform.py build/platform $(if $(ONCE),--once)

test: $(STAMP) ## Run the fast tests
	$(BIN)/python -m pytest -n 2

test-browser: $(STAMP) ## Look at all pages with the Chromium of this machine
	$(BIN)/python -m pytest -m "browser and not slow" tests/browser

test-engines: $(STAMP) ## Run the tests of optional engines, whose libraries have environments of their own (FLOWER=1.41.0)
	$(flower) -m pytest -p no:xdist tests/engines
	$(syft) -m pytest -p no:xdist tests/engines tests/cli/test_research.py

test-ray: $(STAMP) ## Run the tests of Ray on a cluster of this machine, in an environment of its own
	$(ray) -m pytest -p no:xdist -m "slow or not slow" tests/experiments/test_ray.py

check: $(STAMP) ## Lint, types, import rules, generated docs, and the tests against the built wheel
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.wheel

threats: $(STAMP) ## Attack every claim; remove each defense and see its test go red (EFFORT=--slow: harder, with all slow tests)
	OMP_NUM_THREADS=1 $(BIN)/python -m threat_models run --all $(EFFORT)
	$(BIN)/python -m threat_models.symbolic
	$(BIN)/python -m pytest -n 2 -m slow $(if $(EFFORT),,tests/test_ablations.py)

threats-engines: $(STAMP) ## Remove each defense of an optional engine, where its library is, and see its test go red; lie over syft
	$(flower) $(without) flower:
	$(syft) $(without) syft:
	$(syft) -m pytest -p no:xdist -m slow tests/threat_models/test_over_syft.py
	$(ray) $(without) ray:

mutants: $(STAMP) ## Change the protocol in a thousand small ways and see which changes no test notices (hours)
	$(BIN)/python -m pip install --quiet --editable ".[mutants]"
	$(BIN)/mutmut run --max-children 2 || $(BIN)/mutmut results

vectors: $(STAMP) ## Write the test vectors in vectors/ again
	$(BIN)/python -m tests.vectors

bench: $(STAMP) ## Measure against a limit taken in the same run, then 100 to 10,000 clients
	$(BIN)/python -m benchmarks.secagg
	$(BIN)/python -m benchmarks.scale

docs: $(STAMP) ## Regenerate what is generated in docs/
	$(BIN)/python -m tests.documents

sbom: $(STAMP) ## List all that is installed, as CycloneDX in build/sbom.json (ENVIRONMENT=DIR: of a machine that serves)
	@mkdir -p build
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-format JSON --output-file build/sbom.json $(ENVIRONMENT)

clean: ## Remove what was built, but not the virtual environment
	rm -rf build dist mutants *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
