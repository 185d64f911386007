"""Seconds of every pooling operator on as many examples as MNLI has, three teachers, three classes.

    python benchmarks/operators_speed.py

Prints a Markdown table: the least of three runs, on logits of a random normal of deviation 3 and on
one-hot teachers.
"""

import time

import numpy as np

from mtkd.fusion.operators import OPERATORS, soften

K, N, C = 3, 400_000, 3
RUNS = 3


def main() -> None:
    rng = np.random.default_rng(0)
    logits = (3 * rng.normal(size=(K, N, C))).astype(np.float32)
    spread, certain = soften(logits), soften(logits, 0.0)
    weights = np.full(K, 1 / K)
    print(f"K={K}, N={N:,}, C={C}\n\n| operator | seconds | one-hot |\n|---|---|---|")
    print(f"| (soften) | {_seconds(lambda: soften(logits)):.2f} | |")
    for name, operator in OPERATORS.items():
        times = [
            _seconds(lambda log_p=log_p, pool=operator: pool(log_p, weights))
            for log_p in (spread, certain)
        ]
        print(f"| {name} | {times[0]:.2f} | {times[1]:.2f} |", flush=True)


def _seconds(call) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    main()
