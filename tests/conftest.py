"""One thread a process, as the jobs have it: numbers repeat, and parallel tests share the cores."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
