"""How often intervals of a paired difference hold the truth, and what a study's statistics cost.

    python benchmarks/coverage.py coverage
    python benchmarks/coverage.py clusters
    python benchmarks/coverage.py draws
    python benchmarks/coverage.py time

Coverage is simulated: new seeds and new examples in every replication, the true difference known.
Each prints a Markdown table.
"""

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from mtkd.analysis.statistics.paired import (
    bootstrap_interval,
    crossed_difference,
    drawn_difference,
)
from mtkd.analysis.statistics.significance import sign_flip_p
from mtkd.analysis.statistics.verdicts import findings
from mtkd.metrics.by_example import contributions

SEEDS = (3, 5, 10)
EXAMPLES = (400, 2500)
BOOTSTRAP_SAMPLES = 400

# Shares of the variance of the mean: of seeds, examples and the error.
NORMAL = {
    "normal, seeds fifty times error": (1, 0, 0.02),
    "normal, seeds ten times examples": (1, 0.1, 0.02),
    "normal, seeds and examples alike": (1, 1, 0.3),
    "normal, examples ten times seeds": (0.1, 1, 0.3),
    "normal, error alone": (0, 0, 1),
}
# A latent score above 0 is a right prediction; variances of it by example (shared by the arms, and
# the arm's own), by seed and for the rest, all normal.
SHARED, OWN, REST = 2.0, 0.3, 0.7
RIGHT = (1.5, 1.4)  # mean latent score of each arm
POSITIVE = 0.3  # share of class 1, for F1
LATENT = {"quiet seeds": 0.0, "loud seeds": 0.02}

# Examples that come in clusters (reviews), and pairs of their members (snippets).
CLUSTERED = {"in clusters": 1, "pairs": 2}
CLUSTERS = ((400, 40), (400, 150), (1200, 600))
# Clusters as unequal as people have them: what holds most of the examples is hardly an observation.
UNEQUAL = {
    "one of 200, 200 of one": np.r_[np.zeros(200, int), np.arange(1, 201)][:, None],
    "60 of geometric sizes": np.repeat(np.arange(60), np.random.default_rng(1).geometric(0.1, 60))[
        :, None
    ],
    "4 queries × 100 texts": np.array([(q, 4 + text) for q in range(4) for text in range(100)]),
    "8 queries × 50 texts": np.array([(q, 8 + text) for q in range(8) for text in range(50)]),
}
SHARED_PART = 0.3
# Variances of draws, of seeds in all draws alike, of seeds in a draw, and of examples.
DRAWN = {
    "draws": (1, 0, 0.1, 10),
    "draws and seeds": (0.5, 0.5, 0.5, 10),
    "seeds in each draw": (0, 0, 1, 10),
    "seeds": (0, 1, 0.1, 10),
    "examples": (0, 0, 0.02, 100),
}

Draw = Callable[[np.random.Generator, int, int], tuple[np.ndarray, float | None]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["coverage", "clusters", "draws", "time"])
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--bootstraps", type=int, default=400, help="replications bootstrapped")
    args = parser.parse_args()
    if args.what == "coverage":
        coverage(args.replications, args.bootstraps)
    elif args.what == "clusters":
        clusters(args.replications, args.bootstraps)
    elif args.what == "draws":
        draws(args.replications)
    else:
        times()


def coverage(replications: int, bootstraps: int) -> None:
    print("| differences | examples | seeds | crossed | bootstrap | t over seeds |")
    print("|---|---|---|---|---|---|")
    for name, (draw, truth) in simulations().items():
        for examples in EXAMPLES:
            for seeds in SEEDS:
                rng = np.random.default_rng([seeds, examples])
                held = [
                    holds(*draw(rng, seeds, examples), truth, number, number < bootstraps)
                    for number in range(replications)
                ]
                shares = np.nanmean(np.array(held, dtype=float), axis=0)
                row = " | ".join(f"{share:.3f}" for share in shares)
                print(f"| {name} | {examples:,} | {seeds} | {row} |", flush=True)


def holds(
    values: np.ndarray, estimate: float | None, truth: float, number: int, bootstrap: bool
) -> tuple[float, float, float]:
    """Whether each interval holds the truth; NaN for a bootstrap not made."""
    difference = crossed_difference(values, estimate)
    crossed = difference.low <= truth <= difference.high
    resampled = math.nan
    if bootstrap:
        low, high = bootstrap_interval(values, number, BOOTSTRAP_SAMPLES)
        resampled = low <= truth <= high
    t = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values.mean(axis=1))
    return crossed, resampled, abs(values.mean() - truth) <= t


def clusters(replications: int, bootstraps: int) -> None:
    """Examples in clusters, and pairs that share members: told to the interval, or not."""
    print("| examples | clusters | seeds | told | not told | bootstrap, told |")
    print("|---|---|---|---|---|---|")
    for name, sides in CLUSTERED.items():
        for examples, groups in CLUSTERS:
            for seeds in SEEDS:
                rng = np.random.default_rng([seeds, examples, groups])
                row = held(
                    lambda rng=rng, of=(examples, groups, sides): drawn_members(rng, *of),
                    rng,
                    seeds,
                    replications,
                    bootstraps,
                )
                print(f"| {examples:,} {name} | {groups} | {seeds} | {row} |", flush=True)
    for name, members in UNEQUAL.items():
        groups = len(np.unique(members))
        for seeds in SEEDS:
            rng = np.random.default_rng([seeds, *members.shape, groups])
            row = held(lambda of=members: of, rng, seeds, replications, bootstraps)
            print(f"| {name} | {groups} | {seeds} | {row} |", flush=True)


def held(
    members_of: Callable[[], np.ndarray],
    rng: np.random.Generator,
    seeds: int,
    replications: int,
    bootstraps: int,
) -> str:
    """A row: how often intervals held 0, told of the clusters, not told, and resampled."""
    found = []
    for number in range(replications):
        members = members_of()
        values = grouped(rng, seeds, members)
        told, not_told = (crossed_difference(values, clusters=known) for known in (members, None))
        row = [float(one.low <= 0 <= one.high) for one in (told, not_told)]
        between = math.nan
        if number < bootstraps:
            low, high = bootstrap_interval(values, number, BOOTSTRAP_SAMPLES, clusters=members)
            between = float(low <= 0 <= high)
        found.append([*row, between])
    return " | ".join(f"{share:.3f}" for share in np.nanmean(found, axis=0))


def draws(replications: int) -> None:
    """Draws of a task: the interval over them, of what new draws, seeds and examples would give."""
    print("| what varies | draws | seeds | crossed |")
    print("|---|---|---|---|")
    for name, (of_draws, of_seeds, of_both, of_examples) in DRAWN.items():
        for number in (2, 3, 5):
            for seeds in (3, 5):
                rng = np.random.default_rng([number, seeds])
                held = []
                for _ in range(replications):
                    parts = [
                        rng.normal(0, math.sqrt(variance), shape)
                        for variance, shape in (
                            (of_draws, (number, 1, 1)),
                            (of_seeds, (1, seeds, 1)),
                            (of_both, (number, seeds, 1)),
                            (of_examples, (1, 1, 200)),
                            (40, (number, seeds, 200)),
                        )
                    ]
                    found = drawn_difference(sum(parts))
                    held.append(found.low <= 0 <= found.high)
                print(f"| {name} | {number} | {seeds} | {np.mean(held):.3f} |", flush=True)


def drawn_members(rng: np.random.Generator, examples: int, groups: int, sides: int) -> np.ndarray:
    """Members [N, sides] of examples, drawn alike; those of a pair are two."""
    members = rng.integers(groups, size=(examples, sides))
    if sides == 2:
        members[:, 1] = (members[:, 0] + rng.integers(1, groups, examples)) % groups
    return members


def grouped(rng: np.random.Generator, seeds: int, members: np.ndarray) -> np.ndarray:
    """Values [S, N], of which members [N, sides] share SHARED_PART of the examples' variance."""
    examples, sides = members.shape
    groups = int(members.max()) + 1
    shared = rng.normal(0, math.sqrt(SHARED_PART / sides), groups)[members].sum(axis=1)
    own = rng.normal(0, math.sqrt(1 - SHARED_PART), examples)
    of_seeds = rng.normal(0, 1 / math.sqrt(examples), (seeds, 1))
    return shared + own + of_seeds + rng.normal(size=(seeds, examples))


def simulations() -> dict[str, tuple[Draw, float]]:
    """How to draw values and the metric's difference, None for their mean; and the truth."""
    found = {name: (normal(*shares), 0.0) for name, shares in NORMAL.items()}
    for name, of_seeds in LATENT.items():
        right = [latent_rate(of_seeds, mean) for mean in RIGHT]
        found[f"accuracy, {name}"] = (latent("accuracy", of_seeds), right[0] - right[1])
        f1 = [latent_f1(of_seeds, mean) for mean in RIGHT]
        found[f"F1, {name}"] = (latent("f1", of_seeds), f1[0] - f1[1])
    return found


def normal(of_seeds: float, of_examples: float, of_error: float) -> Draw:
    def draw(rng, seeds, examples):
        a = rng.normal(0, math.sqrt(of_seeds * seeds), (seeds, 1))
        b = rng.normal(0, math.sqrt(of_examples * examples), examples)
        return a + b + rng.normal(
            0, math.sqrt(of_error * seeds * examples), (seeds, examples)
        ), None

    return draw


def latent(metric: str, of_seeds: float) -> Draw:
    def draw(rng, seeds, examples):
        labels = (rng.random(examples) < POSITIVE).astype(int)
        shared = rng.normal(0, math.sqrt(SHARED), examples)
        arms = []
        for mean in RIGHT:
            score = mean + shared + rng.normal(0, math.sqrt(OWN), examples)
            score = score + rng.normal(0, math.sqrt(of_seeds), (seeds, 1))
            score = score + rng.normal(0, math.sqrt(REST), (seeds, examples))
            arms.append(contributions(np.where(score > 0, labels, 1 - labels), labels, metric, 2))
        first, second = arms
        estimate = float((first.value - second.value).mean())
        return first.pseudovalues - second.pseudovalues, estimate

    return draw


def latent_rate(of_seeds: float, mean: float) -> float:
    """Accuracy over all seeds and examples."""
    return float(stats.norm.cdf(mean / math.sqrt(SHARED + OWN + REST + of_seeds)))


def latent_f1(of_seeds: float, mean: float) -> float:
    """F1 of a run over all examples, mean over all seeds."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    right = stats.norm.cdf((mean + math.sqrt(of_seeds) * nodes) / math.sqrt(SHARED + OWN + REST))
    hits = POSITIVE * right
    f1 = 2 * hits / (hits + POSITIVE + (1 - POSITIVE) * (1 - right))
    return float(f1 @ weights / weights.sum())


def times() -> None:
    """250 comparisons of arms, 10 seeds and 10,000 examples each: 2,510 cells, in CPU seconds."""
    comparisons, seeds, examples, classes = 250, 10, 10_000, 3
    rng = np.random.default_rng(1)
    labels = rng.integers(classes, size=examples)
    wrong = rng.random((comparisons + 1, seeds, examples)) < 0.2
    other = (labels + rng.integers(1, classes, wrong.shape)) % classes
    base, *arms = np.where(wrong, other, labels)
    print("| metric | contributions | intervals, verdicts | bootstrap | sign flips | CPU seconds |")
    print("|---|---|---|---|---|---|")
    for metric in ("accuracy", "macro_f1"):
        marks = [time.process_time()]
        against = contributions(base, labels, metric, classes).pseudovalues
        values = [
            contributions(arm, labels, metric, classes).pseudovalues - against for arm in arms
        ]
        marks.append(time.process_time())
        findings([crossed_difference(difference) for difference in values], 0.01)
        marks.append(time.process_time())
        for difference in values:
            bootstrap_interval(difference, 1)
        marks.append(time.process_time())
        for difference in values:
            sign_flip_p(difference.mean(axis=0), 1)
            sign_flip_p(difference.mean(axis=1), 1)
        marks.append(time.process_time())
        row = " | ".join(f"{part:.1f}" for part in [*np.diff(marks), marks[-1] - marks[0]])
        print(f"| {metric} | {row} |", flush=True)


if __name__ == "__main__":
    main()
