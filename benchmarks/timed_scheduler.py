"""Snakemake, with the time it spends choosing the next jobs printed at the end; see graph_scale."""

import atexit
import time

from snakemake.cli import main
from snakemake.scheduling import greedy, milp

spent = [0.0]


def timed(select):
    def select_jobs(*args, **kwargs):
        start = time.perf_counter()
        try:
            return select(*args, **kwargs)
        finally:
            spent[0] += time.perf_counter() - start

    return select_jobs


# The ILP calls the greedy scheduler itself where its solver fails: counted once, as `main` does.
for module in (greedy, milp):
    module.Scheduler.select_jobs = timed(module.Scheduler.select_jobs)
atexit.register(lambda: print(f"choosing jobs: {spent[0]:.2f} s"))
main()
