# Needs python3 and make; all else goes into .venv (and, on Debian as root, system libraries by apt).
PYTHON ?= python3
PYTHON_VERSION ?= 3.12
VENV   := .venv
READERS := $(VENV)-readers
PACKAGES := $(VENV)-packages
RULES  := $(VENV)-rules
SYSTEM := $(shell uname -s 2>/dev/null || echo Windows)
BIN    := $(if $(wildcard $(VENV)/Scripts),$(VENV)/Scripts,$(VENV)/bin)
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
XVFB   := $(if $(filter Linux,$(SYSTEM)),xvfb-run --auto-servernum)

.PHONY: help install demo napari test slow readers packages rules lint screenshots bench wheels clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: $(VENV)/.installed-all ## the environment, with every extra

demo: $(VENV)/.installed ## fine-tune, segment and export the sample movie into demo-out/
	$(BIN)/napari-unet demo --out demo-out --overwrite

napari: $(VENV)/.installed-all ## napari with the sample movie and the docks
	$(BIN)/python examples/open_sample.py

# Tests run side by side, so each has one thread of its own.
PYTEST := OMP_NUM_THREADS=1 $(XVFB) $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test: $(VENV)/.installed-all $(VENV)/.system ## the tests, without those that take long
	$(PYTEST) -m "not slow"

slow: $(VENV)/.installed-all $(VENV)/.system ## the tests that take long: signals, odd files, every network, random users
	$(PYTEST) -m slow

READ_BACK := $(addprefix tests/engine/,export/test_read_back.py export/test_imagej.py export/formats/test_ctc.py labels/test_scores.py)
readers: $(READERS)/.system ## exports read back by other programs' readers, in an environment of their own
	$(XVFB) $(subst $(VENV),$(READERS),$(BIN))/python -m pytest -rs $(READ_BACK)

packages: $(PACKAGES)/.installed ## packages of models, tested by bioimage.io's own program in an environment of its own
	$(subst $(VENV),$(PACKAGES),$(BIN))/python -m pytest tests/engine/network/exchange/test_bioimageio_core.py

rules: $(VENV)/.installed-all $(VENV)/.system $(RULES)/.installed ## the rule of docs/cluster.md, run by Snakemake, which has an environment of its own
	PATH="$(abspath $(RULES)/bin):$$PATH" $(XVFB) $(BIN)/python -m pytest -rs -m "slow or not slow" tests/cli/test_cluster_page.py

lint: $(VENV)/.installed-all ## style, types, layers, manifest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/npe2 validate src/napari_unet/napari.yaml

screenshots: $(VENV)/.installed-all $(VENV)/.system ## the pictures of the documentation
	$(XVFB) $(BIN)/python scripts/screenshots.py
	$(BIN)/python scripts/contact_sheet.py

bench: $(VENV)/.installed-all ## every benchmark, as ratios within one run
	@set -e; for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script; done

wheels: $(VENV)/.created ## wheels of the engine's dependencies, without torch, for a GPU server without a network
	sh scripts/wheels.sh $(BIN)/python $(PYTHON_VERSION) wheels

clean: ## what make made
	rm -rf $(VENV) $(READERS) $(PACKAGES) $(RULES) wheels demo-out build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

$(VENV)/.created:
	PYTHON="$(PYTHON)" sh scripts/create_venv.sh $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-all: $(VENV)/.created pyproject.toml constraints.txt
	$(PIP) --editable '.[all,dev]'
	@touch $(VENV)/.installed $@

$(READERS)/.installed: pyproject.toml constraints.txt
	PYTHON="$(PYTHON)" sh scripts/create_venv.sh $(READERS)
	$(subst $(VENV),$(READERS),$(PIP)) --editable '.[all,dev,readers]'
	$(subst $(VENV),$(READERS),$(PIP)) --no-deps 'geff>=1.3' 'geff-spec>=1.3' # what it says of numcodecs is read as "below 0.16" by some versions of pip
	@touch $@

$(READERS)/.system: $(READERS)/.installed scripts/system_packages.sh
	sh scripts/system_packages.sh readers
	@touch $@

$(PACKAGES)/.installed: pyproject.toml constraints.txt
	PYTHON="$(PYTHON)" sh scripts/create_venv.sh $(PACKAGES)
	grep -v '^pydantic' constraints.txt > $(PACKAGES)/constraints.txt
	$(subst $(VENV),$(PACKAGES),$(BIN))/python -m pip install --quiet --constraint $(PACKAGES)/constraints.txt --editable '.[all,dev]' 'bioimageio.core>=0.11' 'pydantic>=2.12,<2.13' onnxruntime
	@touch $@

$(RULES)/.installed:
	PYTHON="$(PYTHON)" sh scripts/create_venv.sh $(RULES)
	$(subst $(VENV),$(RULES),$(BIN))/python -m pip install --quiet --disable-pip-version-check 'snakemake>=9'
	@touch $@

$(VENV)/.system: $(VENV)/.created scripts/system_packages.sh
	sh scripts/system_packages.sh
	@touch $@
