"""What chance alone does to scores on a finite set of examples."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

# A percent of two printed decimals is the true one within this.
PRINTED = 0.005


def score_sd(percent: float, rows: int) -> float:
    """Standard deviation, in points, of an accuracy measured on ``rows`` independent examples.

    0 of what is no accuracy: below 0 or above 100.
    """
    p = percent / 100
    return 100 * math.sqrt(max(p * (1 - p), 0) / rows)


def expected_maximum(n: int) -> float:
    """Expected largest of n independent standard normal draws."""
    x = np.linspace(-8, 8, 4001)
    return float(np.trapezoid(x * n * stats.norm.pdf(x) * stats.norm.cdf(x) ** (n - 1), x))


def expected_range(n: int) -> float:
    """Expected range of n independent standard normal draws: 2.970 for nine."""
    return 2 * expected_maximum(n)


def are_counts(percents: np.ndarray, rows: int) -> np.ndarray:
    """Whether each percent, printed with two decimals, is k/rows for a whole number k."""
    percents = np.asarray(percents, dtype=float)
    nearest = 100 * np.round(percents * rows / 100) / rows
    return np.abs(nearest - percents) <= PRINTED + 1e-9


def chance_of_counts(percents: np.ndarray, rows: int) -> float:
    """Probability that numbers of two decimals, as many as there are distinct ones, all are k/rows.

    1 where ``rows`` is so large that every such number is.
    """
    return min(1.0, rows * 2 * PRINTED / 100) ** len(np.unique(percents))
