"""Summaries of many runs on many tasks, and order between two sets of them.

Scores are [runs, tasks], on one scale for all tasks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats


class Interval(NamedTuple):
    """An estimate with its percentile bootstrap interval."""

    estimate: float
    low: float
    high: float


class StochasticOrder(NamedTuple):
    """How far scores are from being stochastically larger than others."""

    violation: float  # in [0, 1]: 0 where they are, .5 where neither are
    epsilon_min: float  # upper confidence bound of it, in [0, 1]


def interquartile_gain(
    scores: np.ndarray,
    baseline: np.ndarray,
    seed: int,
    samples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Mean of the middle half of all gains of scores [runs, tasks] over a baseline's mean by task.

    The interquartile mean of Agarwal et al. 2021, "Deep reinforcement learning at the edge of the
    statistical precipice", which is of scores that are normalised by task. Its interval is from a
    bootstrap stratified by task: runs are resampled within each task, those of ``baseline`` [other
    runs, the same tasks] too. ``seed`` is the generator's.
    """
    rng = np.random.default_rng(seed)
    gains = scores - np.mean(baseline, axis=0)
    resampled = _resampled(scores, rng, samples)
    resampled -= _resampled(baseline, rng, samples).mean(axis=1, keepdims=True)
    means = stats.trim_mean(resampled.reshape(samples, -1), 0.25, axis=1)
    return _interval(float(stats.trim_mean(gains, 0.25, axis=None)), means, confidence)


def probability_of_improvement(
    first: np.ndarray,
    second: np.ndarray,
    seed: int,
    samples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Probability that a run of ``first`` beats one of ``second`` on a task drawn at random.

    Scores [runs, tasks] and [other runs, the same tasks]; ties count half, so it is the mean over
    tasks of the Mann-Whitney statistic over its largest value (Agarwal et al. 2021). The interval
    is from the bootstrap stratified by task, of both sets.
    """
    rng = np.random.default_rng(seed)
    resampled = _resampled(first, rng, samples), _resampled(second, rng, samples)
    estimate = float(_wins(np.asarray(first)[None], np.asarray(second)[None])[0])
    return _interval(estimate, _wins(*resampled), confidence)


def performance_profile(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Share of all runs on all tasks that score above each threshold (Agarwal et al. 2021).

    Scores [runs, tasks], thresholds [K] of the same unit; returns [K]. What is within rounding of a
    threshold is on it, and not above.
    """
    ordered = np.sort(np.round(scores, 9), axis=None)
    above = np.searchsorted(ordered, np.round(thresholds, 9), side="right")
    return 1 - above / ordered.size


def almost_stochastic_order(
    first: np.ndarray,
    second: np.ndarray,
    seed: int,
    samples: int = 1000,
    confidence: float = 0.95,
) -> StochasticOrder:
    """Whether scores ``first`` [n] are stochastically larger than ``second`` [m], almost.

    The violation is the share of the squared 2-Wasserstein distance that lies where the quantiles
    of ``first`` are the smaller ones (del Barrio, Cuesta-Albertos and Matran 2018, "An optimal
    transportation approach for assessing almost stochastic order"); .5 where all quantiles
    are the same. ``epsilon_min`` is its upper bound by the normal approximation with a bootstrap
    standard deviation (Dror, Shlomov and Reichart 2019, "Deep dominance"): below .5, ``first`` is
    almost stochastically dominant at the given confidence. Scores of one task, one run a seed.
    """
    first, second = np.sort(first), np.sort(second)
    violation = float(_violation(first[None], second[None])[0])
    rng = np.random.default_rng(seed)
    again = [
        np.sort(rng.choice(scores, size=(samples, len(scores))), axis=1)
        for scores in (first, second)
    ]
    bound = violation + float(stats.norm.ppf(confidence) * np.std(_violation(*again)))
    return StochasticOrder(violation, min(bound, 1.0))


def _resampled(scores: np.ndarray, rng: np.random.Generator, samples: int) -> np.ndarray:
    """Runs drawn with replacement in each task on its own: [samples, runs, tasks]."""
    scores = np.asarray(scores, dtype=float)
    drawn = rng.integers(len(scores), size=(samples, *scores.shape))
    return scores[drawn, np.arange(scores.shape[1])]


def _wins(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Wins and half the ties over all pairs of runs, mean over tasks: [samples]."""
    above = np.sign(first[:, :, None] - second[:, None])
    return (above.mean(axis=(1, 2, 3)) + 1) / 2


def _violation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Violation ratios [samples] of sorted scores [samples, n] and [samples, m].

    Empirical quantile functions are steps, so their integral is a sum over the steps of both.
    """
    n, m = first.shape[1], second.shape[1]
    # In units of 1 / (n m), which keeps the ends of steps whole numbers.
    ends = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    starts, widths = ends[:-1], np.diff(ends)
    gaps = first[:, starts // m] - second[:, starts // n]
    distance = (gaps**2) @ widths
    against = np.minimum(gaps, 0) ** 2 @ widths
    return np.divide(against, distance, out=np.full(len(gaps), 0.5), where=distance > 0)


def _interval(estimate: float, resampled: np.ndarray, confidence: float) -> Interval:
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate, float(low), float(high))
