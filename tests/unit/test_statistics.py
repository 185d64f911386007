"""Contributions of examples, intervals of paired differences, and verdicts on them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import f1_score
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

from mtkd.analysis.measures.scores_per_example import joined
from mtkd.analysis.statistics.paired import (
    Difference,
    MeanSquares,
    bootstrap_interval,
    crossed_difference,
    equivalence_p,
    minimum_detectable_effect,
    seeds_needed,
    superiority_p,
)
from mtkd.analysis.statistics.verdicts import findings, holm
from mtkd.metrics.by_example import Contributions, contributions, metric_values


def sklearn_metric(metric: str, predictions: np.ndarray, labels: np.ndarray) -> float:
    if metric == "accuracy":
        return float(np.mean(predictions == labels))
    average = {"f1": "binary", "macro_f1": "macro"}[metric]
    return f1_score(labels, predictions, average=average, zero_division=0)


@settings(max_examples=30)
@given(
    st.sampled_from(["accuracy", "f1", "macro_f1"]),
    st.integers(2, 4),
    st.integers(2, 12),
    st.randoms(use_true_random=False),
)
def test_contributions_are_the_jackknife_of_the_score(metric, classes, n, random):
    classes = 2 if metric == "f1" else classes
    predictions = np.array([[random.randrange(classes) for _ in range(n)] for _ in range(2)])
    labels = np.array([random.randrange(classes) for _ in range(n)])
    value, pseudovalues = contributions(predictions, labels, metric, classes)
    np.testing.assert_array_equal(value, metric_values(predictions, labels, metric, classes))
    for run in range(2):
        score = sklearn_metric(metric, predictions[run], labels)
        assert value[run] == pytest.approx(score)
        for i in range(n):
            kept = np.arange(n) != i
            without = sklearn_metric(metric, predictions[run, kept], labels[kept])
            assert pseudovalues[run, i] == pytest.approx(n * score - (n - 1) * without)


def test_accuracy_contributes_correctness():
    value, pseudovalues = contributions([[0, 2, 1], [0, 1, 2]], [0, 1, 2], "accuracy", 3)
    assert pseudovalues.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert value.tolist() == [pytest.approx(1 / 3), 1]


@pytest.mark.parametrize(
    ("predictions", "labels", "metric", "message"),
    [
        ([[0, 1]], [0, 1, 1], "f1", r"predictions \(1, 2\) do not fit labels \(3,\)"),
        ([0, 1], [0, 1], "accuracy", r"predictions \(2,\) do not fit"),
        ([[0, 1]], [0, 1], "recall", "unknown metric 'recall'"),
        ([[0, 2]], [0, 1], "macro_f1", "predictions are not all class indices below 2"),
        ([[0, 1]], [0, -1], "macro_f1", "labels are not all class indices below 2"),
        ([[1]], [1], "f1", "1 examples: a jackknife needs two"),
    ],
)
def test_contributions_refuse(predictions, labels, metric, message):
    with pytest.raises(ValueError, match=message):
        contributions(predictions, labels, metric, 2)


def test_splits_join_as_strata():
    rng = np.random.default_rng(0)
    parts = [
        Contributions(values.mean(axis=1) + 0.001, values)
        for values in (rng.normal(0.7, 0.3, (3, 40)), rng.normal(0.5, 0.2, (3, 90)))
    ]
    value, pseudovalues = joined(parts)
    np.testing.assert_allclose(value, (parts[0].value + parts[1].value) / 2)
    means = [part.pseudovalues.mean(axis=1) for part in parts]
    np.testing.assert_allclose(pseudovalues.mean(axis=1), np.mean(means, axis=0))
    # Variance of the mean of two independent means.
    variances = [part.pseudovalues.var(axis=1) / n for part, n in zip(parts, (40, 90), strict=True)]
    expected = (variances[0] + variances[1]) / 4
    np.testing.assert_allclose(pseudovalues.var(axis=1) / 130, expected)
    assert joined(parts[:1]) is parts[0]


def test_jackknife_of_f1_has_the_spread_of_f1():
    """Over fresh examples F1 varies as its pseudovalues say."""
    rng = np.random.default_rng(1)
    labels = (rng.random((400, 500)) < 0.3).astype(int)
    predictions = np.where(rng.random((400, 500)) < 0.8, labels, 1 - labels)
    scores, errors = [], []
    for of_run, gold in zip(predictions, labels, strict=True):
        value, pseudovalues = contributions(of_run[None], gold, "f1", 2)
        scores.append(value[0])
        errors.append(stats.sem(pseudovalues[0]))
    assert np.mean(errors) == pytest.approx(np.std(scores), rel=0.1)


def test_mean_squares_are_those_of_a_two_way_anova():
    values = np.random.default_rng(2).normal(size=(4, 9)) + np.arange(9)
    seed, example = np.indices(values.shape)
    rows = pd.DataFrame({"d": values.ravel(), "seed": seed.ravel(), "example": example.ravel()})
    table = anova_lm(ols("d ~ C(seed) + C(example)", rows).fit())
    expected = table.sum_sq / table.df
    assert crossed_difference(values).mean_squares == pytest.approx(expected.tolist())


def test_components_without_error_are_welchs_test():
    """d = a_s + b_i: the mean varies as the sum of two independent means."""
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.2, 1, 5), rng.normal(0, 3, 40)
    difference = crossed_difference(a[:, None] + b)
    welch = stats.ttest_ind(a, -b, equal_var=False)
    interval = welch.confidence_interval()
    assert difference.df == pytest.approx(welch.df)
    assert superiority_p(difference) == pytest.approx(welch.pvalue)
    assert (difference.low, difference.high) == (
        pytest.approx(interval.low),
        pytest.approx(interval.high),
    )


def test_one_seed_is_students_test_over_examples():
    values = np.random.default_rng(4).normal(0.05, 1, 60)
    difference = crossed_difference(values[None])
    assert (difference.seeds, difference.examples, difference.df) == (1, 60, 59)
    assert superiority_p(difference) == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    tost, _, _ = DescrStatsW(values).ttost_mean(-0.3, 0.3)
    assert equivalence_p(difference, 0.3) == pytest.approx(tost)
    assert math.isnan(seeds_needed(difference, 0.1, 0.05))


def test_negative_components_leave_the_other_mean_square():
    values = np.array([[1.0, -1, 0], [-1, 1, 0], [0, 0, 0]])  # rows and columns have mean 0
    squares = crossed_difference(values).mean_squares
    assert squares == pytest.approx((0, 0, 1))
    seeds_alone = crossed_difference(values + np.array([[-1.0], [0], [1]]))
    assert seeds_alone.se == pytest.approx(math.sqrt(1 / 3)) and seeds_alone.df == 2
    examples_alone = crossed_difference(np.hstack([values, values]) + np.arange(6))
    assert examples_alone.se == pytest.approx(math.sqrt(3.5 / 6)) and examples_alone.df == 5


def test_arms_that_never_differ():
    difference = crossed_difference(np.zeros((3, 10)))
    assert difference[:5] == (0, 0, math.inf, 0, 0)
    assert superiority_p(difference) == 1 and equivalence_p(difference, 0.01) == 0
    assert minimum_detectable_effect(difference, 0.05) == 0
    always = crossed_difference(np.ones((3, 10)))
    assert superiority_p(always) == 0 and equivalence_p(always, 0.01) == 1


def test_estimate_of_the_metric_itself_moves_the_interval():
    values = np.random.default_rng(5).normal(size=(3, 30))
    plain, moved = crossed_difference(values), crossed_difference(values, estimate=0.5)
    assert moved.estimate == 0.5 and moved.se == plain.se
    assert (moved.low + moved.high) / 2 == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(4), r"values are \(4,\)"),
        (np.zeros((3, 1)), r"values are \(3, 1\)"),
        (np.full((3, 4), np.nan), "not all finite"),
    ],
)
def test_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        crossed_difference(values)
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(values, 1)


@given(st.integers(1, 5), st.integers(2, 8), st.integers(0, 1000))
def test_intervals_turn_with_the_arms_and_scale_with_the_unit(seeds, examples, draw):
    values = np.random.default_rng(draw).normal(0.3, 1, (seeds, examples))
    one, other = crossed_difference(values), crossed_difference(-100 * values)
    assert other.low == pytest.approx(-100 * one.high)
    assert other.high == pytest.approx(-100 * one.low)
    assert superiority_p(other) == pytest.approx(superiority_p(one))
    assert equivalence_p(other, 50) == pytest.approx(equivalence_p(one, 0.5))


def simulated(rng, seeds, examples, of_seeds, of_examples, of_error) -> np.ndarray:
    """Values of mean 0; each argument is its share of the mean's variance."""
    a = rng.normal(0, math.sqrt(of_seeds * seeds), (seeds, 1))
    b = rng.normal(0, math.sqrt(of_examples * examples), examples)
    return a + b + rng.normal(0, math.sqrt(of_error * seeds * examples), (seeds, examples))


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("shares", [(1, 0.1, 0.1), (0.3, 1, 0.3), (0, 1, 0.3), (0, 0, 1)])
def test_coverage(seeds, shares):
    """500 replications: two standard errors are 2 points. benchmarks/coverage.md has more."""
    rng = np.random.default_rng(6)
    studies = np.array([simulated(rng, seeds, 60, *shares) for _ in range(500)])
    differences = map(crossed_difference, studies)
    covered = sum(difference.low <= 0 <= difference.high for difference in differences)
    assert 0.91 <= covered / 500 <= 0.985
    if shares[1] == 1:
        # t over seed means takes these examples for all there are.
        over_seeds = stats.ttest_1samp(studies.mean(axis=2), 0, axis=1).pvalue >= 0.05
        assert over_seeds.mean() < 0.89


def test_equivalence_needs_a_margin():
    with pytest.raises(ValueError, match="margin 0 is not above 0"):
        equivalence_p(crossed_difference(np.eye(3)), 0)


def test_effect_is_detected_with_the_power_asked_for():
    values = np.random.default_rng(7).normal(size=(1, 30))
    effect = minimum_detectable_effect(crossed_difference(values), 0.01)
    exact = TTestPower().solve_power(nobs=30, alpha=0.01, power=0.8) * values.std(ddof=1)
    assert effect == pytest.approx(exact, rel=0.01)


@settings(max_examples=40)
@given(st.integers(3, 12), st.integers(0, 1000))
def test_seeds_needed_for_what_these_seeds_detect_are_these(seeds, draw):
    rng = np.random.default_rng(draw)
    difference = crossed_difference(simulated(rng, seeds, 50, *rng.uniform(0.5, 2, 3)))
    squares = difference.mean_squares
    assume(min(squares.seeds, squares.examples) > squares.error)
    effect = minimum_detectable_effect(difference, 0.01)
    assert seeds_needed(difference, effect * (1 + 1e-9), 0.01) == seeds
    assert seeds_needed(difference, effect * (1 - 1e-9), 0.01) == seeds + 1


def pairwise(rest, members) -> float:
    """The sum of products of every two examples that share a member, one by one."""
    sets = [set(of) for of in members.tolist()]
    return sum(
        float(rest[i] * rest[j])
        for i in range(len(rest))
        for j in range(len(rest))
        if sets[i] & sets[j]
    )


@pytest.mark.parametrize("pairs", [False, True])
def test_clusters_count_every_two_examples_that_share_something(pairs):
    rng = np.random.default_rng(3)
    # Of six members, so that pairs repeat, also turned round, and some are of one member twice.
    members = rng.integers(6, size=(40, 1 + pairs))
    values = rng.normal(size=6)[members].sum(axis=1) + rng.normal(size=(3, 40))
    found = crossed_difference(values, clusters=members + 10)
    mean = values.mean(axis=0)
    wanted = pairwise(mean - mean.mean(), members) / 40**2 * 6 / 5
    assert found.mean_squares.examples / (3 * 40) == pytest.approx(wanted)
    rest = values - values.mean(axis=1, keepdims=True) - mean + mean.mean()
    error = sum(pairwise(row, members) for row in rest) / (3 * 40) ** 2 * 3 / 2 * 6 / 5
    assert found.mean_squares.error / (3 * 40) == pytest.approx(max(error, 0))
    assert found.clusters == 6 and found.examples == 40
    # The order of a pair says nothing.
    assert crossed_difference(values, clusters=members[:, ::-1]).se == pytest.approx(found.se)


def test_every_example_a_cluster_of_its_own_is_no_cluster():
    values = np.random.default_rng(4).normal(size=(4, 30)) + np.arange(30)
    found, plain = (
        crossed_difference(values, clusters=np.arange(30)[:, None]),
        crossed_difference(values),
    )
    squares, others = found.mean_squares, plain.mean_squares
    assert squares == pytest.approx(others)
    assert found._replace(mean_squares=0) == pytest.approx(plain._replace(mean_squares=0))
    # Pairs that share nobody are examples of their own.
    pairs = crossed_difference(values, clusters=np.arange(60).reshape(30, 2))
    assert pairs.se == pytest.approx(found.se, rel=0.02) and pairs.clusters == 60
    resampled = bootstrap_interval(values, 1, clusters=np.arange(30)[:, None])
    assert resampled == pytest.approx(bootstrap_interval(values, 1))


@pytest.mark.parametrize(
    "clusters", [np.zeros(4), np.zeros((3, 1)), np.zeros((4, 3)), np.zeros((4, 1))]
)
def test_clusters_that_are_none_are_refused(clusters):
    with pytest.raises(ValueError, match=r"expected \[4, 1 or 2\]|all examples are of one cluster"):
        crossed_difference(np.arange(8.0).reshape(2, 4), clusters=clusters)


@pytest.mark.parametrize(
    ("clusters", "effective"),
    [
        (np.repeat(np.arange(8), 50)[:, None], 8),
        # One of 200 and 200 of one: hardly more than four.
        (np.r_[np.zeros(200, int), np.arange(1, 201)][:, None], 400**2 / (200**2 + 200)),
        # Four queries, each with a hundred documents of its own or shared.
        (np.array([(query, 4 + text) for query in range(4) for text in range(100)]), 4),
    ],
    ids=["as large", "one large", "four queries"],
)
def test_clusters_count_by_what_they_hold(clusters, effective):
    members = np.unique(clusters, return_inverse=True)[1].reshape(clusters.shape)
    covered = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        shared = rng.normal(size=members.max() + 1)[members].sum(axis=1) / members.shape[1] ** 0.5
        values = 0.5 * shared + rng.normal(size=(3, 400)) + 0.02 * rng.normal(size=(3, 1))
        found = crossed_difference(values, clusters=clusters)
        covered.append(found.low <= 0 <= found.high)
    assert found.effective == pytest.approx(effective)
    # By as many degrees of freedom as there are clusters: .68 and .86 of the latter two.
    assert np.mean(covered) > 0.91


def test_seeds_needed_has_ends():
    # Variance components .01 (seeds), .04 (examples) and .09 (error) of 3 x 100 values.
    squares = MeanSquares(0.09 + 100 * 0.01, 0.09 + 3 * 0.04, 0.09)
    difference = Difference(0.0, 0.06, 2.3, -0.2, 0.2, 3, 100, 100, 100.0, squares)
    assert seeds_needed(difference, 1.0, 0.05) == 3  # as many as a verdict takes
    floor = (stats.t.ppf(0.975, 99) + stats.t.ppf(0.8, 99)) * math.sqrt(0.04 / 100)
    assert seeds_needed(difference, 0.999 * floor, 0.05) == math.inf
    assert 100 < seeds_needed(difference, 1.02 * floor, 0.05) < 10_000


def test_bootstrap_of_seeds_by_enumeration():
    """With three seeds a sample is all of one seed with probability 1/27, above .025."""
    values = np.repeat([[0.1], [0.5], [0.2]], 20, axis=1)
    assert bootstrap_interval(values, 1) == (pytest.approx(0.1), pytest.approx(0.5))
    every = [np.mean(draw) for draw in itertools.product([0.1, 0.5, 0.2], repeat=3)]
    expected = np.quantile(every, [0.1, 0.9])
    assert bootstrap_interval(values, 1, samples=20_000, confidence=0.8) == pytest.approx(expected)


def test_bootstrap_of_examples_is_scipys():
    values = np.random.default_rng(8).exponential(size=(1, 200))
    reference = stats.bootstrap(
        values, np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(9)
    ).confidence_interval
    low, high = bootstrap_interval(values, 1, samples=20_000)
    tolerance = 0.03 * (reference.high - reference.low)
    assert low == pytest.approx(reference.low, abs=tolerance)
    assert high == pytest.approx(reference.high, abs=tolerance)
    assert bootstrap_interval(values, 1) == bootstrap_interval(values, 1)


def test_bootstrap_resamples_seeds_and_examples_independently():
    values = np.random.default_rng(10).normal(size=(4, 25))
    rng = np.random.default_rng(11)
    means = [
        values[rng.integers(4, size=4)][:, rng.integers(25, size=25)].mean() for _ in range(20_000)
    ]
    expected = np.quantile(means, [0.025, 0.975])
    tolerance = 0.03 * np.ptp(expected)
    assert bootstrap_interval(values, 1, samples=20_000) == pytest.approx(expected, abs=tolerance)


def test_holms_adjustment_as_r_makes_it():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.01, 0.5, 1.0])), max_size=12))
@settings(max_examples=6)
def test_holms_adjustment_is_that_of_statsmodels(p_values):
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values).tolist() == expected.tolist()


def difference_of(estimate, se, seeds=5) -> Difference:
    half = 1.96 * se
    squares = MeanSquares(1.0, 1.0, 1.0)
    ends = estimate - half, estimate + half
    return Difference(estimate, se, 100, *ends, seeds, 900, 900, 900.0, squares)


@pytest.mark.parametrize("examples", [50, 100, 277, 872])
def test_equivalent_is_not_said_of_what_was_hardly_seen(examples):
    """Of arms as far apart as the margin by examples that all seeds lose: hardly one in twenty."""
    said = []
    for seed in range(600):
        lost = np.random.default_rng(seed).random(examples) < 0.005
        found = crossed_difference(np.tile(-100.0 * lost, (3, 1)))._replace(step=100.0)
        said.append(equivalence_p(found, 0.5) < 0.05)
    assert np.mean(said) < 0.09


def test_verdicts():
    family = [
        difference_of(0.03, 0.004),
        difference_of(-0.03, 0.004),
        difference_of(0.0, 0.002),
        difference_of(0.004, 0.0005),
        difference_of(-0.004, 0.0005),
        difference_of(0.01, 0.01),
        difference_of(0.03, 0.004, seeds=2),
    ]
    found = findings(family, margin=0.01)
    assert [finding.verdict for finding in found] == [
        "better", "worse", "equivalent", "equivalent", "equivalent", "undecidable", "no verdict"
    ]  # fmt: skip
    assert [finding.note for finding in found[2:5]] == [
        "", "better, by less than the margin", "worse, by less than the margin"
    ]  # fmt: skip
    assert all(finding.level == pytest.approx(0.05 / 7) for finding in found)
    detectable = (stats.t.ppf(1 - 0.05 / 14, 100) + stats.t.ppf(0.8, 100)) * 0.004
    assert found[0].minimum_detectable_effect == pytest.approx(detectable)
    assert math.isnan(found[6].superiority_p) and math.isnan(found[6].minimum_detectable_effect)
    # Seven claims, the one of two seeds included; the fifth smallest p-value is taken three times.
    alone = 2 * stats.t.sf(1, 100)
    assert found[5].superiority_p == pytest.approx(min(1, 3 * alone))


def test_a_family_is_harder_than_a_claim_alone():
    claim = difference_of(0.022, 0.01)  # p = .030
    assert findings([claim], 0.001)[0].verdict == "better"
    assert {finding.verdict for finding in findings([claim, claim], 0.001)} == {"undecidable"}
    assert findings([], 0.001) == []
