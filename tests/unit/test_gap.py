"""Gap closed: by hand, against Fieller's definition, and where there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mtkd.analysis.gap import gap_closed
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.metrics.by_example import Contributions


def scores(values: np.ndarray) -> Contributions:
    """Contributions [S, N] of a metric that is their mean."""
    return Contributions(values.mean(axis=1), values)


def correct(rate: float, seeds: int, examples: int, seed: int) -> np.ndarray:
    return (np.random.default_rng(seed).random((seeds, examples)) < rate).astype(float)


@pytest.fixture
def runs():
    """Undistilled, distilled and teacher of four seeds, the teacher the same for all."""
    teacher = np.repeat(correct(0.9, 1, 600, 3), 4, axis=0)
    return scores(correct(0.6, 4, 600, 1)), scores(correct(0.75, 4, 600, 2)), scores(teacher)


def test_gap_by_hand(runs):
    none, distilled, teacher = runs
    closed = gap_closed(distilled, none, teacher)
    gained, open_ = (
        one.value.mean() - none.value.mean() for one in (distilled, teacher)
    )  # fmt: skip
    assert closed["gap"] and closed["fraction"] == pytest.approx(gained / open_)
    assert closed["difference"] == pytest.approx(gained)
    assert closed["low"] < closed["fraction"] < closed["high"]
    assert closed["difference_low"] < gained < closed["difference_high"]


def test_the_intervals_ends_are_ratios_at_the_edge_of_rejection(runs):
    """Fieller: at r = low or high, gained - r * open is t standard errors from 0."""
    none, distilled, teacher = runs
    closed = gap_closed(distilled, none, teacher)
    gained = crossed_difference(distilled.pseudovalues - none.pseudovalues)
    open_ = crossed_difference(teacher.pseudovalues - none.pseudovalues)
    lead = crossed_difference(teacher.pseudovalues - distilled.pseudovalues)
    covariance = (gained.se**2 + open_.se**2 - lead.se**2) / 2
    from scipy import stats

    t = stats.t.ppf(0.975, min(gained.df, open_.df))
    for r in (closed["low"], closed["high"]):
        se = math.sqrt(gained.se**2 - 2 * r * covariance + r**2 * open_.se**2)
        assert abs(gained.estimate - r * open_.estimate) / se == pytest.approx(t)


def test_no_gap_where_the_teacher_is_not_surely_better(runs):
    none, distilled, _ = runs
    closed = gap_closed(distilled, none, scores(correct(0.61, 4, 600, 4)))
    assert not closed["gap"] and math.isnan(closed["fraction"])
    assert closed["difference"] == pytest.approx(distilled.value.mean() - none.value.mean())


def test_a_student_as_good_as_its_teacher_closes_all_of_the_gap(runs):
    none, _, teacher = runs
    closed = gap_closed(teacher, none, teacher)
    assert closed["fraction"] == closed["low"] == closed["high"] == pytest.approx(1)
