# `make demo` and `make test` set up everything that they need; nothing has to be there first but Python and make.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo gate test lint docs tsc format compat versions wheel bench fuzz robustness samples why pages gpu clean

# `make gpu PYTHON=python` uses the interpreter that is given, as it is. The other targets only make the venv with it.
ifneq ($(origin PYTHON),undefined)
GPU_PYTHON := $(PYTHON)
GPU_SETUP :=
else
PYTHON := python3
GPU_PYTHON = $(BIN)/python
GPU_SETUP = $(STAMP)
endif

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.reproaudit-installed
NODE_MODULES := node_modules/.reproaudit-installed
DEMO := examples/graph_net/train.py
PYTEST_ARGS :=

# `make compat TORCH=2.14.1` has a venv of its own for each version of torch.
TORCH := 2.14.1
COMPAT_VENV := .venv-compat-$(TORCH)
COMPAT_STAMP = $(COMPAT_VENV)/.reproaudit-installed
# Whole audits, which the quick tests leave out: one that differs, its cause and repair, and every
# private name of torch missing in turn.
COMPAT_SLOW := tests/record/test_torch_private.py tests/experiment/test_audit.py tests/integrations/test_examples.py

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed: make PYTHON=python3.x")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt torch==2.13.0 -e '.[dev,docs]'
	@touch $@

# Exit code 1 is the tool's answer "a divergence was found", and the right one for this example.
demo: $(STAMP) ## audit an example whose runs differ, end to end
	@echo "+ reproaudit $(DEMO)"; \
	status=0; $(BIN)/reproaudit $(DEMO) || status=$$?; \
	if [ $$status -ne 1 ]; then \
	  echo "demo: exit code 1 (a divergence was found) was expected, not $$status" >&2; exit 1; \
	fi; \
	echo "demo: exit code 1, a divergence was found, as it should be"

gate: $(STAMP) ## reproaudit ci: audit our own examples against their baseline
	$(BIN)/reproaudit ci

lint: $(STAMP) ## ruff and mypy, and `make tsc` where npm is there
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if command -v npm > /dev/null; then $(MAKE) tsc; \
	elif [ "$$CI" = true ]; then echo "lint: npm is missing: apt-get install npm" >&2; exit 1; \
	else echo "lint: the scripts of the page were not checked, for npm is missing: apt-get install npm"; fi

docs: $(STAMP) ## the site of the documentation, into docs/_build; a warning is an error
	$(BIN)/python -m sphinx -q -W --keep-going -n -b html docs docs/_build

$(NODE_MODULES): package.json package-lock.json
	npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

tsc: $(NODE_MODULES) ## the scripts of the page, by TypeScript's compiler; needs npm
	node_modules/.bin/tsc --project .

format: $(STAMP) ## mend what ruff can mend, then format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Several hundred processes of the tests import the package. Where PYTHONDONTWRITEBYTECODE is set, each
# would compile it anew.
test: lint docs ## `make lint`, `make docs` and all tests that need no GPU; those that need a browser are skipped without one
	$(BIN)/python -m compileall -q -x '/test_' reproaudit tests
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not gpu" $(PYTEST_ARGS)

$(COMPAT_STAMP): pyproject.toml
	@test -x $(COMPAT_VENV)/bin/python || $(PYTHON) -m venv $(COMPAT_VENV)
	$(COMPAT_VENV)/bin/python -m pip install torch==$(TORCH) -e '.[dev]'
	@touch $@

compat: $(COMPAT_STAMP) ## the quick tests and whole audits with another torch, into reports/compatibility: TORCH=2.9.0; needs several GB
	$(COMPAT_VENV)/bin/python -c 'import torch; print("torch", torch.__version__)'
	$(COMPAT_VENV)/bin/python -m compileall -q -x '/test_' reproaudit tests
	$(COMPAT_VENV)/bin/python -m pytest -q -n 2 --dist worksteal -m "not slow and not gpu" --junitxml=$(COMPAT_VENV)/quick.xml $(PYTEST_ARGS)
	$(COMPAT_VENV)/bin/python -m pytest -q -n 2 --dist worksteal -m "slow and not gpu" --junitxml=$(COMPAT_VENV)/audits.xml $(PYTEST_ARGS) $(COMPAT_SLOW)
	$(COMPAT_VENV)/bin/python benchmarks/compatibility.py --only torch --environment $(COMPAT_VENV)/bin/python --suite $(COMPAT_VENV)/quick.xml $(COMPAT_VENV)/audits.xml

# Interpreters to try: all that are found, or paths. With a version of torch, each has an environment
# made for it and removed again, which takes several GB. Rows that are not made again are kept.
PYTHONS = $(foreach minor,10 11 12 13 14,$(shell python3.$(minor) -c 'import sys; print(sys.executable)' 2> /dev/null))
TORCHES :=

versions: $(STAMP) ## the command under other Pythons, NumPys and machines, into reports/compatibility: TORCHES="2.13.0" PYTHONS="python3.10 …"
	$(BIN)/python benchmarks/compatibility.py $(foreach python,$(PYTHONS),--python $(python)) $(foreach torch,$(TORCHES),--torch $(torch))

# Both are built as pip builds them, in environments of their own.
wheel: $(STAMP) ## build wheel and sdist into dist, check both, install each into an empty venv and use it
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[release]'
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python benchmarks/installed.py --dist dist

# What pip installs is compiled.
bench: $(STAMP) ## run the benchmarks that need no GPU, into reports/overhead
	$(BIN)/python -m compileall -q reproaudit
	$(BIN)/python benchmarks/bench.py

# `make fuzz MINUTES=5` for a look.
MINUTES := 30

fuzz: $(STAMP) ## give every reader of files from strangers what a fuzzer finds, into reports/robustness: MINUTES=30
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[fuzz]'
	$(BIN)/python benchmarks/fuzz.py --minutes $(MINUTES)

# `make robustness ONLY='--only files'` for one group.
ONLY :=

robustness: $(STAMP) ## try strange programs, machines, signals, command lines and files, into reports/robustness
	$(BIN)/python benchmarks/robustness.py $(ONLY)

samples: $(STAMP) ## audit the examples again, into reports/samples
	@for name in char_gpt graph_net vae five_sources; do \
	  folder=reports/samples/$$name; mkdir -p $$folder; echo "reproaudit examples/$$name/train.py" > $$folder/command; \
	  $(BIN)/reproaudit examples/$$name/train.py --report json=$$folder/result.json \
	    --report terminal=$$folder/terminal.txt || test $$? -eq 1 || exit 1; \
	done
	@for version in clean kernel drift; do \
	  folder=reports/samples/ddp_$$version; mkdir -p $$folder; \
	  command="torchrun --nproc-per-node 3 examples/ddp/train.py --version $$version"; \
	  echo "reproaudit -- $$command" > $$folder/command; \
	  PATH="$(abspath $(BIN)):$$PATH" $(BIN)/reproaudit --report json=$$folder/result.json \
	    --report terminal=$$folder/terminal.txt -- $$command || test $$? -eq 1 || exit 1; \
	done
	@for name in vary resume seeds batch; do \
	  folder=reports/samples/$$name; command=$$(sed 's/^reproaudit //' $$folder/command); \
	  $(BIN)/reproaudit $$command --report json=$$folder/result.json \
	    --report terminal=$$folder/terminal.txt || test $$? -eq 1 || exit 1; \
	done
	@for name in graph_net five_sources vary resume seeds batch; do \
	  folder=reports/samples/$$name; \
	  $(BIN)/reproaudit report $$folder/result.json --report junit=$$folder/junit.xml \
	    --report sarif=$$folder/report.sarif --report github=$$folder/annotations.txt \
	    --report markdown=$$folder/summary.md --report codequality=$$folder/codequality.json \
	    > /dev/null || test $$? -eq 1 || exit 1; \
	done

# `make why ONLY="RA401 RA402"` for some of them.
why: $(STAMP) ## audit the programs of "Why runs differ" again, into docs/why/programs: ONLY=RA401
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python docs/_programs.py $(ONLY)

pages: $(STAMP) ## pages of the samples into build/pages, pictures of them into reports/samples; needs Chromium
	$(BIN)/python benchmarks/screenshots.py

gpu: $(GPU_SETUP) ## tests and benchmarks that need CUDA, in eight minutes; PYTHON=... uses that interpreter as it is
	$(GPU_PYTHON) benchmarks/gpu.py

clean: ## remove everything that was made, the venv included
	rm -rf $(VENV) .venv-compat-* node_modules build dist docs/_build actual .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
