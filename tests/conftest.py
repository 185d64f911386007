"""What all tests share: one thread a process, bytecode, a server of warm processes, a time budget.

One thread, as the jobs have it: numbers repeat, and parallel tests share the cores.
"""

import compileall
import gc
import os
import sys
from pathlib import Path
from py_compile import PycInvalidationMode
from shutil import disk_usage

import psutil
import pytest
import warm
import yaml
from _pytest.assertion import rewrite
from tiny_study import CHECKOUT, copy_project, search_less

os.environ.setdefault("OMP_NUM_THREADS", "1")
# A thread that waits for another would else try again and again, and take a core from other work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["HF_HUB_OFFLINE"] = "1"
# In memory, where there is room for some gigabytes: tests write tens of thousands of small files,
# and what is published waits for a disk.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and min(disk_usage(MEMORY).free, psutil.virtual_memory().available) > 8 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
# Python may be told to write none, and pytest would then rewrite all tests in every session, which
# takes it as long as to import what they test.
sys.dont_write_bytecode = False

# Read in C, where PyYAML has it: tests read suites again and again.
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

SERVER = pytest.StashKey[warm.Server]()
# Seconds of a test, or of its fixtures, by folder; SLURM's tests mostly wait.
BUDGET = {"unit": 2, "workflow": 15}


def pytest_configure(config):
    if hasattr(config, "workerinput"):
        _load_patient_profile()
        return
    server = config.stash[SERVER] = warm.Server()
    if workers := getattr(config.option, "tx", None):
        # It imports libraries first, beside what follows here.
        server.prepare()
        # Workers have then imported what the server has.
        config.option.tx = [f"{len(workers)}*popen//python={warm.python()}"]
    _load_patient_profile()
    # Once for a thousand processes, and for the copies of the project that they run in: Python may
    # be told to write none. By the sources' content, since tests edit copies within a second, and
    # forced, since what is there by time stamp would stay so.
    source, by_content = Path(__file__).parents[1] / "src", PycInvalidationMode.CHECKED_HASH
    compileall.compile_dir(source, force=True, quiet=2, invalidation_mode=by_content)
    (server.folder / "checkout").mkdir()
    search_less(copy_project(server.folder / "checkout"))
    os.environ[CHECKOUT] = str(server.folder / "checkout")
    if workers:
        _rewrite_tests(config)


def _load_patient_profile():
    """No test fails because a machine is slow. Examples differ from run to run: many see many."""
    # It takes as long to import as all that comes before.
    from hypothesis import settings

    settings.register_profile("patient", deadline=None, max_examples=40)
    settings.load_profile("patient")


def _rewrite_tests(config):
    """Keep the tests with their assertions rewritten, which each worker would do for itself.

    Pytest has no public way to do so without running them.
    """
    state = config.stash[rewrite.assertstate_key]
    for file in Path(__file__).parent.rglob("test_*.py"):
        kept = rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"
        if rewrite._read_pyc(file, kept) is None and rewrite.try_makedirs(kept.parent):
            digest, code = rewrite._rewrite_test(file, config)
            rewrite._write_pyc(state, code, digest, kept)


def pytest_unconfigure(config):
    if server := config.stash.get(SERVER, None):
        server.stop()
        del os.environ[CHECKOUT]


# To look for garbage again and again takes as long as some hundred tests.
gc.disable()


@pytest.fixture(scope="module", autouse=True)
def _nothing_to_collect():
    # Who collects, goes through neither what libraries have made nor the tests before.
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    """Name the tests that take longer than their budget. Machines differ: none fails for it."""
    over = [
        (report.duration, report.when, report.nodeid)
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport)
        and report.duration > BUDGET.get(Path(report.nodeid.split("::")[0]).parent.name, 1e9)
    ]
    if over:
        terminalreporter.section(
            f"longer than {BUDGET['unit']} s, workflow tests {BUDGET['workflow']} s"
        )
        for seconds, when, name in sorted(over, reverse=True):
            terminalreporter.line(f"{seconds:6.1f} s  {when:8}  {name}")
