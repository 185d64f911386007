# Everything runs in .venv, which the first target that needs it creates.
PYTHON ?= python3
SHELL := bash
.SHELLFLAGS := -o pipefail -c
# Torch as the package index serves it by default is a CUDA build of several gigabytes on Linux. To
# get the CPU build instead, point pip at PyTorch's CPU index (see README.md, "Installing").
VENV := .venv
BIN := $(VENV)/bin
CORES ?= 2
READY := $(VENV)/ready

.PHONY: study test test-slow test-slurm lint format cancel recover clean-state

# The embedded study, from task data to tables, figures and the report.
study: $(READY)
	@$(BIN)/python -m mtkd.commands.progress --cores $(CORES)
	@cat results/embedded/studies/main/tables/master.txt
	@echo
	@echo "Tables:  results/embedded/studies/main/tables"
	@echo "Figures: results/embedded/studies/main/figures"
	@echo "Report:  results/embedded/studies/main/report.html"

# Files in this order, the long ones first: at the end no process waits for another's.
TEST = $(BIN)/python -m pytest --numprocesses $(CORES) --dist loadfile --no-loadscope-reorder \
	tests/workflow tests/unit

test: $(READY)
	$(TEST) -m "not slow"

# What is long and rare: full disks, hubs that stall.
test-slow: $(READY)
	$(TEST) -m slow

# On a real SLURM, which this starts on this machine and stops again: see tests/slurm/cluster.py.
test-slurm: $(READY)
	$(BIN)/python -m pytest --numprocesses 6 --dist load tests/slurm

# It calls shfmt, which stands beside it.
SNAKEFMT = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/snakefmt

# What CI checks besides the tests.
lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(SNAKEFMT) --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/snakemake --lint --configfile config/styles.yaml
	$(BIN)/snakemake --lint --configfile config/specialists.yaml

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(SNAKEFMT) Snakefile rules

# SLURM jobs of this folder, found by their name's beginning and their folder.
JOBS = squeue --me --noheader --format '%i|%j|%Z' | awk -F'|' -v here='$(CURDIR)' \
	'$$2 ~ /^mtkd/ && $$3 == here {print $$1}'

# Cancel what killed runs left in the queue, and wait until it is gone; trainings save their state.
# recover, after Snakemake itself was killed, takes its lock away too: the command that was running then
# goes on where it was. Both leave jobs and locks of a Snakemake that lives alone, wherever it runs.
cancel recover:
	@PYTHONPATH=src $(or $(wildcard $(BIN)/python),$(PYTHON)) -m mtkd.cluster $@

# Finished cells, token arrays and states of stopped trainings; results stay, a rerun trains again.
# Not under a job at work, which would find its claim on its output gone.
clean-state:
	@if [ -n "$$(ls .snakemake/locks 2>/dev/null)" ]; then \
		echo "error: Snakemake is at work here (if it was killed: make recover); nothing deleted" >&2; \
		exit 1; \
	elif [ -n "$$({ $(JOBS); } 2>/dev/null)" ]; then \
		echo "error: jobs of this folder are in the queue (make cancel ends them); nothing deleted" >&2; \
		exit 1; \
	fi
	rm -rf results/*/state

NEEDED = --constraint constraints.txt --editable ".[test]"
# What pip would do on one core, tests of libraries included; templates among their files are no Python.
COMPILE = $(BIN)/python -m compileall -qq -j 0 -x '/(tests?|testing)/' $(VENV)/lib >/dev/null
# The versions are those of constraints.txt, whoever installs them. uv is faster, but reads none of pip's
# settings: where these say where packages are (a mirror, PyTorch's CPU index), pip alone finds the same.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "Installing what it needs into $(VENV), a few minutes:"
	@if command -v uv >/dev/null && ! $(BIN)/python -m pip config list | grep -Eq 'index|find-links' && \
		{ uv pip install --python $(BIN)/python $(NEEDED) || { echo "  uv could not; pip will try"; false; }; }; then \
		:; \
	else \
		$(BIN)/python -m pip install --quiet --upgrade pip && \
		$(BIN)/python -m pip install --no-compile --progress-bar off $(NEEDED) 2>&1 | \
		awk '/^Collecting/ && ++n % 20 == 0 {print "  " n " are here"; fflush()}; /ERROR/; \
		/^Installing collected/ {print "  all are here, unpacking"; fflush()}' && \
		{ $(COMPILE) || true; }; \
	fi
	touch $@
