# Everything runs in .venv, which the first target that needs it creates.
PYTHON ?= python3
# Torch as the package index serves it by default is a CUDA build of several gigabytes on Linux. To
# get the CPU build instead, point pip at PyTorch's CPU index (see README.md, "Installing").
VENV := .venv
BIN := $(VENV)/bin
CORES ?= 2
READY := $(VENV)/ready

.PHONY: study test lint format clean-state

# The embedded study, from task data to tables and figures.
study: $(READY)
	$(BIN)/snakemake --cores $(CORES) --quiet reason host
	@cat results/embedded/studies/main/tables/master.txt
	@echo
	@echo "Tables:  results/embedded/studies/main/tables"
	@echo "Figures: results/embedded/studies/main/figures"

test: $(READY)
	$(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile

# What CI checks besides the tests.
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

# Finished cells and token arrays kept beside the results; results stay, a rerun trains again.
clean-state:
	rm -rf results/*/state

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	touch $@
