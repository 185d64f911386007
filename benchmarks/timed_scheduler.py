"""Snakemake, with what choosing the next jobs cost printed at the end; see graph_scale.

The ILP leaves a choice to the greedy scheduler where its solver fails, is too slow or chooses
nothing: each scheduler's choices are counted apart.
"""

import atexit
import time

from snakemake.cli import main
from snakemake.scheduling import greedy, milp

spent = [0.0]
choices = {"greedy": 0, "ilp": 0}


def timed(name, select):
    def select_jobs(*args, **kwargs):
        start = time.perf_counter()
        try:
            chosen = select(*args, **kwargs)
        finally:
            spent[0] += time.perf_counter() - start
        choices[name] += chosen is not None
        return chosen

    return select_jobs


for name, module in {"greedy": greedy, "ilp": milp}.items():
    module.Scheduler.select_jobs = timed(name, module.Scheduler.select_jobs)
atexit.register(
    lambda: print(
        f"choosing jobs: {spent[0]:.2f} s, {choices['greedy']} greedy, {choices['ilp']} ilp"
    )
)
main()
