"""Robust summaries of runs, tests of one pair of arms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from mtkd.analysis.statistics.robust import (
    almost_stochastic_order,
    interquartile_gain,
    performance_profile,
    probability_of_improvement,
)
from mtkd.analysis.statistics.significance import mcnemar, sign_flip_p


def test_interquartile_gain_by_hand():
    baseline = np.array([[70.0, 20, 0, 10], [72, 20, 0, 10]])
    scores = np.array([[0.0, 4, 2, 6], [1, 5, 3, 100]]) + [71, 20, 0, 10]
    gain = interquartile_gain(scores, baseline, 1)
    assert gain.estimate == 3.5  # of 2, 3, 4 and 5
    assert gain.low <= 3.5 <= gain.high
    assert interquartile_gain(scores, baseline, 1) == gain
    # A baseline that is less certain makes the gain less certain.
    wider = interquartile_gain(scores, baseline + [[-9], [9]], 1)
    assert wider.estimate == 3.5 and wider.high - wider.low > gain.high - gain.low


def test_bootstrap_is_stratified_by_task():
    tasks_apart = np.tile([0.1, 0.5, 0.6, 0.9], (5, 1))
    found = interquartile_gain(tasks_apart, np.zeros((3, 4)), 1)
    assert found == pytest.approx((0.55, 0.55, 0.55))


def test_interval_of_the_interquartile_gain_is_scipys_on_one_task():
    scores = np.random.default_rng(0).exponential(size=(40, 1))
    reference = stats.bootstrap(
        (scores[:, 0],),
        lambda x, axis: stats.trim_mean(x, 0.25, axis=axis),
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    mean = interquartile_gain(scores, np.zeros((1, 1)), 1, samples=10_000)
    tolerance = 0.05 * (reference.high - reference.low)
    assert mean.low == pytest.approx(reference.low, abs=tolerance)
    assert mean.high == pytest.approx(reference.high, abs=tolerance)


def test_probability_of_improvement_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(2)
    first, second = rng.integers(8, size=(6, 3)), rng.integers(7, size=(9, 3))
    u = stats.mannwhitneyu(first, second, axis=0).statistic
    improvement = probability_of_improvement(first, second, 1)
    assert improvement.estimate == pytest.approx(np.mean(u / (6 * 9)))
    assert improvement.low < improvement.estimate < improvement.high
    assert probability_of_improvement(second, first, 1).estimate == pytest.approx(
        1 - improvement.estimate
    )
    assert probability_of_improvement(first + 10, second, 1) == (1, 1, 1)


def test_performance_profile_counts_scores_above():
    scores = np.array([[0.1, 0.5], [0.5, 0.9]])
    profile = performance_profile(scores, np.array([0.0, 0.1, 0.5, 0.9]))
    assert profile.tolist() == [1, 0.75, 0.25, 0]
    # 109 right of 200 less 102 are 3.5 points, and not more, whatever rounding makes of it.
    gain = 100 * (np.array([[109 / 200]]) - 102 / 200)
    assert gain > 3.5 and performance_profile(gain, np.array([3.5])).tolist() == [0]


def test_stochastic_order_at_its_ends():
    rng = np.random.default_rng(3)
    lower = rng.normal(size=10)
    assert almost_stochastic_order(lower + 10, lower, 1) == (0, 0)
    assert almost_stochastic_order(lower, lower + 10, 1) == (1, 1)
    same = almost_stochastic_order(lower, lower, 1)
    assert same.violation == 0.5 and same.epsilon_min > 0.5
    assert almost_stochastic_order([0.7], [0.7], 1) == (0.5, 0.5)


@settings(max_examples=30)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 1000))
def test_violation_is_the_integral_over_quantiles(n, m, seed):
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=n), rng.normal(size=m)
    middles = (np.arange(n * m) + 0.5) / (n * m)  # of steps on which both are constant
    gaps = np.quantile(first, middles, method="inverted_cdf")
    gaps = gaps - np.quantile(second, middles, method="inverted_cdf")
    expected = (np.minimum(gaps, 0) ** 2).sum() / (gaps**2).sum()
    order = almost_stochastic_order(first, second, 1, samples=20)
    assert order.violation == pytest.approx(expected)
    assert order.violation <= order.epsilon_min <= 1
    other = almost_stochastic_order(second, first, 1, samples=20)
    assert order.violation + other.violation == pytest.approx(1)


def test_epsilon_bounds_the_true_violation():
    """Normal scores of means 0.5 and 0: the violation of the distributions themselves is 0."""
    rng = np.random.default_rng(4)
    bounds = [
        almost_stochastic_order(rng.normal(0.5, 1, 50), rng.normal(0, 1, 50), 1, samples=100)
        for _ in range(50)
    ]
    assert np.mean([bound.epsilon_min < 0.5 for bound in bounds]) > 0.6


def runs_of_table(both, first_only, second_only, neither) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of class 1, which is right."""
    counts = [both, first_only, second_only, neither]
    return np.repeat([1, 1, 0, 0], counts), np.repeat([1, 0, 1, 0], counts)


def test_mcnemar_of_a_published_table():
    """Airway hyper-responsiveness before and after transplantation (Fagerland et al. 2013)."""
    first, second = runs_of_table(1, 1, 7, 12)
    result = mcnemar(first, second, np.ones(21))
    assert result[:2] == (1, 7)
    assert result.exact_p == pytest.approx(0.070, abs=5e-4)
    assert result.mid_p == pytest.approx(0.039, abs=5e-4)


@given(st.integers(0, 30), st.integers(0, 30))
def test_mcnemar_is_that_of_statsmodels(first_only, second_only):
    first, second = runs_of_table(3, first_only, second_only, 2)
    result = mcnemar(first, second, np.ones(len(first)))
    table = [[3, first_only], [second_only, 2]]
    if first_only + second_only:
        expected = statsmodels_mcnemar(table, exact=True).pvalue
        assert result.exact_p == pytest.approx(expected)
        assert 0 < result.mid_p < result.exact_p
    else:
        assert result == (0, 0, 1, 1)


def test_sign_flips_of_darwins_plants():
    """Fisher 1935, The Design of Experiments, section 21: 863 of 2 ** 15 sums are as extreme."""
    eighths = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48])
    exact = sign_flip_p(eighths, 1, flips=2**15)
    assert exact == pytest.approx(2 * 863 / 2**15)
    assert sign_flip_p(eighths, 1) == pytest.approx(exact, abs=0.006)


def test_sign_flips_over_few_seeds_are_exact():
    assert sign_flip_p([0.01, 0.02, 0.03], 1) == 2 / 8
    assert sign_flip_p([0.01, 0.02, 0.03], 2) == 2 / 8
    assert sign_flip_p([0.5], 1) == 1
    assert sign_flip_p(np.zeros(4), 1) == 1


def test_sign_flips_at_random():
    assert sign_flip_p(np.zeros(50), 1) == 1
    assert sign_flip_p(np.ones(50), 1) == 1 / 10_000
    values = np.random.default_rng(5).integers(-3, 4, size=300) / 3 + 0.15
    reference = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", rng=np.random.default_rng(6)
    ).pvalue
    assert sign_flip_p(values, 1) == pytest.approx(reference, abs=0.01)
