"""One thread a process, as the jobs have it: numbers repeat, and parallel tests share the cores.

And servers for processes that start warm, for all workers of a session.
"""

import os

import pytest
import warm

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

SERVERS = pytest.StashKey[warm.Servers]()


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.stash[SERVERS] = warm.Servers()


def pytest_unconfigure(config):
    if servers := config.stash.get(SERVERS, None):
        servers.stop()
