"""Calibration and diversity of teachers: references of scikit-learn, exact identities, ranges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.metrics import brier_score_loss, cohen_kappa_score, log_loss, matthews_corrcoef

from mtkd.analysis.measures import calibration
from mtkd.analysis.measures.diversity import (
    brier_ambiguity,
    effective_teachers,
    generalised_jsd,
    linear_cka,
    nll_ambiguity,
    oracle,
    pairwise,
)
from mtkd.fusion.strategies import average

logit = st.floats(-30, 30)


@st.composite
def scored(draw):
    """Logits [N, C] and labels [N]."""
    N, C = draw(st.integers(1, 30)), draw(st.integers(2, 4))
    labels = arrays(np.int64, (N,), elements=st.integers(0, C - 1))
    return draw(arrays(np.float64, (N, C), elements=logit)), draw(labels)


@st.composite
def pools(draw):
    """Teachers' logits [K, N, C], labels [N] and weights [K]."""
    K, N, C = draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(2, 4))
    labels = draw(arrays(np.int64, (N,), elements=st.integers(0, C - 1)))
    raw = draw(arrays(np.float64, (K,), elements=st.floats(0, 1)))
    weights = (raw + 1e-3) / (raw + 1e-3).sum()
    return draw(arrays(np.float64, (K, N, C), elements=logit)), labels, weights


@st.composite
def votes(draw):
    K, N = draw(st.integers(2, 4)), draw(st.integers(1, 12))
    classes = st.integers(0, draw(st.integers(1, 3)))
    predictions = draw(arrays(np.int64, (K, N), elements=classes))
    return predictions, draw(arrays(np.int64, (N,), elements=classes))


@given(scored())
def test_proper_scores_are_scikit_learns(drawn):
    logits, labels = drawn
    logits = logits / 3  # scikit-learn clips probabilities at the precision of a float
    p, classes = softmax(logits, axis=1), list(range(logits.shape[1]))
    expected = log_loss(labels, p, labels=classes)
    assert calibration.nll(logits, labels) == pytest.approx(expected, abs=1e-9)
    expected = brier_score_loss(labels, p, labels=classes, scale_by_half=False)
    assert calibration.brier(logits, labels) == pytest.approx(expected, abs=1e-9)


def test_proper_scores_by_hand():
    logits = np.log(np.array([[0.8, 0.2], [0.4, 0.6]]))
    labels = np.array([0, 0])
    assert calibration.nll(logits, labels) == pytest.approx(-(math.log(0.8) + math.log(0.4)) / 2)
    assert calibration.brier(logits, labels) == pytest.approx((2 * 0.2**2 + 2 * 0.6**2) / 2)


def test_scores_far_out_are_finite():
    logits = np.array([[5000.0, 0.0]], dtype=np.float32)
    assert calibration.nll(logits, np.array([1])) == 5000
    assert calibration.brier(logits, np.array([1])) == 2
    assert calibration.ece(logits, np.array([1])) == 1


def test_ece_by_hand():
    p = np.array([0.81, 0.82, 0.83, 0.55])
    logits, labels = np.log(np.column_stack([p, 1 - p])), np.array([0, 0, 1, 1])
    curve = calibration.reliability(logits, labels)
    assert curve.n.tolist() == [1, 3]
    np.testing.assert_allclose(curve[["low", "high"]], [[8 / 15, 9 / 15], [12 / 15, 13 / 15]])
    np.testing.assert_allclose(curve.confidence, [0.55, 0.82])
    np.testing.assert_allclose(curve.accuracy, [0, 2 / 3])
    expected = 0.25 * 0.55 + 0.75 * (0.82 - 2 / 3)
    assert calibration.ece(logits, labels) == pytest.approx(expected)
    expected = (0.19 + 0.18 + 0.83 + 0.55) / 4
    assert calibration.adaptive_ece(logits, labels) == pytest.approx(expected)


@given(scored(), st.randoms())
def test_calibration_errors_are_in_range_and_free_of_order(drawn, random):
    logits, labels = drawn
    order = list(range(len(labels)))
    random.shuffle(order)
    gap = abs(softmax(logits, axis=1).max(axis=1).mean() - (logits.argmax(axis=1) == labels).mean())
    for error in (calibration.ece, calibration.adaptive_ece):
        found = error(logits, labels)
        assert gap - 1e-9 <= found <= 1
        assert error(logits[order], labels[order]) == pytest.approx(found, abs=1e-9)


def test_adaptive_bins_hold_equal_numbers():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(151, 3)), rng.integers(0, 3, 151)
    confidence = softmax(logits, axis=1).max(axis=1)
    bins = calibration._of_equal_numbers(confidence)
    assert set(np.bincount(bins, minlength=calibration.BINS)) == {10, 11}
    assert (np.diff(bins[np.argsort(confidence)]) >= 0).all()
    assert calibration.reliability(logits, labels).n.sum() == 151


def test_equal_confidences_share_a_bin():
    assert set(calibration._of_equal_numbers(np.full(40, 0.7))) == {0}


def test_calibrated_logits_have_small_errors_and_a_temperature_of_one():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2, size=(40_000, 3))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    assert calibration.fit_temperature(logits, labels) == pytest.approx(1, abs=0.03)
    assert calibration.fit_temperature(4 * logits, labels) == pytest.approx(4, abs=0.12)
    assert calibration.ece(logits, labels) < 0.01 < 0.1 < calibration.ece(4 * logits, labels)
    assert calibration.adaptive_ece(logits, labels) < 0.01


@given(scored())
def test_a_fitted_temperature_is_the_minimum(drawn):
    logits, labels = drawn
    T = calibration.fit_temperature(logits, labels)
    low, high = calibration.TEMPERATURES
    assert low <= T <= high
    found = minimize_scalar(
        lambda log_t: calibration.nll(logits / math.exp(log_t), labels),
        bounds=(math.log(low), math.log(high)),
        method="bounded",
    )
    assert calibration.nll(logits / T, labels) <= found.fun + 1e-9


def test_temperatures_at_the_bounds():
    low, high = calibration.TEMPERATURES
    separable = np.array([[3.0, 0.0], [0.0, 2.0]])
    assert calibration.fit_temperature(separable, np.array([0, 1])) == low
    assert calibration.fit_temperature(1e6 * separable, np.array([0, 1])) == low
    assert calibration.fit_temperature(separable, np.array([1, 0])) == high
    assert calibration.fit_temperature(np.ones((2, 3)), np.array([1, 0])) == 1
    # One class absent from the labels.
    assert calibration.fit_temperature(np.array([[1.0, 0], [0, 1]]), np.array([0, 0])) == high


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (np.zeros((2, 2)), np.array([0])),
        (np.zeros((0, 2)), np.array([], dtype=int)),
        (np.zeros((2, 2)), np.array([0, -1])),
        (np.zeros((2, 2)), np.array([0, 2])),
        (np.array([[np.nan, 0]]), np.array([0])),
        (np.array([[-np.inf, -np.inf]]), np.array([0])),
    ],
)
@pytest.mark.parametrize("measure", ["nll", "brier", "ece", "adaptive_ece", "fit_temperature"])
def test_calibration_refuses(measure, logits, labels):
    with pytest.raises(ValueError):
        getattr(calibration, measure)(logits, labels)


def test_log_probabilities_with_a_zero_are_logits_but_fit_no_temperature():
    logits, labels = np.array([[0.0, -np.inf]]), np.array([0])
    assert calibration.nll(logits, labels) == 0 and calibration.brier(logits, labels) == 0
    with pytest.raises(ValueError, match="finite"):
        calibration.fit_temperature(logits, labels)


def test_pairwise_by_hand():
    # 3 both right, 2 the first alone, 1 the second alone, 4 both wrong (two of them apart).
    labels = np.zeros(10, dtype=int)
    first = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2])
    second = np.array([0, 0, 0, 1, 1, 0, 1, 1, 2, 1])
    row = pairwise(np.stack([first, second]), labels).iloc[0]
    assert row.disagreement == pytest.approx(0.3)
    assert row.double_fault == pytest.approx(0.4)
    assert row.q == pytest.approx((12 - 2) / (12 + 2))
    assert row.correlation == pytest.approx(10 / math.sqrt(5 * 5 * 4 * 6))
    assert row.kappa == pytest.approx(cohen_kappa_score(first, second))


@given(votes())
def test_pairwise_ranges_and_references(drawn):
    predictions, labels = drawn
    frame = pairwise(predictions, labels)
    K = len(predictions)
    assert len(frame) == K * (K - 1) // 2
    right = predictions == labels
    for row in frame.itertuples():
        i, j = right[row.first], right[row.second]
        assert row.disagreement == pytest.approx(np.mean(i != j))
        assert 0 <= row.disagreement + row.double_fault <= 1 + 1e-9
        assert math.isnan(row.correlation) == (i.all() or j.all() or not (i.any() and j.any()))
        if not math.isnan(row.correlation):
            assert row.correlation == pytest.approx(matthews_corrcoef(i, j), abs=1e-9)
            # Q is the bolder of the two (Kuncheva & Whitaker).
            assert abs(row.correlation) <= abs(row.q) + 1e-9 <= 1 + 2e-9


def test_pairwise_undefined_is_nan():
    row = pairwise(np.zeros((2, 3), dtype=int), np.zeros(3, dtype=int)).iloc[0]
    assert math.isnan(row.q) and math.isnan(row.kappa) and math.isnan(row.correlation)
    assert row.disagreement == row.double_fault == 0


def test_one_teacher_has_no_pairs():
    assert pairwise(np.zeros((1, 3)), np.zeros(3)).empty


def test_effective_teachers():
    labels = np.zeros(8, dtype=int)
    independent = np.array([[n >> k & 1 for n in range(8)] for k in range(3)])
    assert effective_teachers(independent, labels) == pytest.approx(3)
    assert effective_teachers(independent[[0, 0, 0]], labels) == pytest.approx(1)
    # Correlations 1, 0 and 0.
    assert effective_teachers(independent[[0, 0, 1]], labels) == pytest.approx(3 / (1 + 2 / 3))
    # Opposite errors are not worth more teachers than there are.
    assert effective_teachers(np.stack([independent[0], 1 - independent[0]]), labels) == 2
    assert effective_teachers(independent[:1], labels) == 1
    assert effective_teachers(np.stack([independent[0], labels]), labels) is None


@given(votes())
def test_effective_teachers_are_between_one_and_all(drawn):
    predictions, labels = drawn
    found = effective_teachers(predictions, labels)
    frame = pairwise(predictions, labels)
    assert (found is None) == frame.correlation.isna().any()
    if found is not None:
        K, r = len(predictions), max(frame.correlation.mean(), 0)
        assert 1 <= found <= K
        assert found == pytest.approx(K / (1 + (K - 1) * r))


def test_oracle_by_hand():
    predictions = np.array([[0, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 1]])
    assert oracle(predictions, np.zeros(4, dtype=int)) == (0.75, 0.5, 0.25)
    assert oracle(predictions[:1], np.zeros(4, dtype=int)) == (0.5, 0.5, 0)


@given(pools())
def test_linear_pool_and_brier_decompose_exactly(drawn):
    logits, labels, weights = drawn
    p = softmax(logits, axis=2)
    found = brier_ambiguity(p, labels, weights)
    assert found.pool == pytest.approx(found.members - found.ambiguity, abs=1e-12)
    assert 0 <= found.ambiguity <= 2
    with np.errstate(divide="ignore"):
        pool = np.log(np.tensordot(weights, p, axes=1))
    assert found.pool == pytest.approx(calibration.brier(pool, labels), abs=1e-9)
    members = [calibration.brier(one, labels) for one in logits]
    assert found.members == pytest.approx(weights @ members, abs=1e-9)


@given(pools())
def test_log_linear_pool_and_nll_decompose_exactly(drawn):
    logits, labels, weights = drawn
    found = nll_ambiguity(logits, labels, weights)
    assert found.pool == pytest.approx(found.members - found.ambiguity, abs=1e-9)
    assert found.ambiguity >= 0
    pool = np.tensordot(weights, logits, axes=1)
    assert found.pool == pytest.approx(calibration.nll(pool, labels), abs=1e-9)
    members = [calibration.nll(one, labels) for one in logits]
    assert found.members == pytest.approx(weights @ members, abs=1e-9)


def test_the_strategy_average_is_the_pool_of_equal_weights():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(3, 50, 4)), rng.integers(0, 4, 50)
    found = nll_ambiguity(logits, labels, np.full(3, 1 / 3))
    assert found.pool == pytest.approx(calibration.nll(average(logits), labels))


def test_the_direction_of_the_ambiguity_is_from_the_pool():
    logits = np.array([[[3.0, 0.0]], [[0.0, 1.0]]])
    log_p, log_pool = log_softmax(logits, axis=2), log_softmax(logits.mean(axis=0), axis=1)
    from_pool = (np.exp(log_pool) * (log_pool - log_p)).sum(axis=2).mean()
    to_pool = (np.exp(log_p) * (log_p - log_pool)).sum(axis=2).mean()
    found = nll_ambiguity(logits, np.array([0]), np.array([0.5, 0.5]))
    assert found.ambiguity == pytest.approx(from_pool) != pytest.approx(to_pool)


@given(pools())
def test_jsd_is_between_zero_and_its_bounds(drawn):
    logits, _, weights = drawn
    found = generalised_jsd(softmax(logits, axis=2), weights)
    K, _, C = logits.shape
    assert 0 <= found <= min(math.log(K), math.log(C)) + 1e-9
    same = softmax(np.repeat(logits[:1], K, axis=0), axis=2)
    assert generalised_jsd(same, weights) == pytest.approx(0, abs=1e-9)


def test_jsd_of_certain_teachers_apart_is_log_k():
    assert generalised_jsd(np.eye(3)[:, None], np.full(3, 1 / 3)) == pytest.approx(math.log(3))


def test_linear_cka():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    rotation = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    assert linear_cka(x, x) == pytest.approx(1)
    assert linear_cka(x, 1e120 * (x @ rotation) + 7) == pytest.approx(1)
    assert linear_cka(x, rng.normal(size=(200, 3))) < 0.1
    # Kornblith's definition in example space: the cosine of the two centred Gram matrices.
    y = x[:, :2] ** 2
    centre = np.eye(200) - 1 / 200
    first, second = (centre @ features @ features.T @ centre for features in (x, y))
    cosine = (first * second).sum() / np.linalg.norm(first) / np.linalg.norm(second)
    assert linear_cka(x, y) == pytest.approx(cosine)
    assert linear_cka(x, np.full((200, 2), 0.1)) is None
    with pytest.raises(ValueError, match="same rows"):
        linear_cka(x, y[:-1])
    with pytest.raises(ValueError, match="finite"):
        linear_cka(x, np.full((200, 1), np.nan))


def test_diversity_refuses_what_does_not_fit():
    p, labels, weights = np.full((2, 3, 2), 0.5), np.zeros(3, dtype=int), np.array([0.5, 0.5])
    for measure in (pairwise, effective_teachers, oracle):
        with pytest.raises(ValueError, match="K, N"):
            measure(np.zeros((2, 4)), labels)
        with pytest.raises(ValueError, match="K, N"):
            measure(np.zeros((2, 0)), labels[:0])
    for pool in (brier_ambiguity, nll_ambiguity):
        with pytest.raises(ValueError, match="weights"):
            pool(p, labels, np.ones(3) / 3)
        with pytest.raises(ValueError, match="distribution"):
            pool(p, labels, np.array([0.9, 0.9]))
        with pytest.raises(ValueError, match="labels"):
            pool(p, labels - 1, weights)
    with pytest.raises(ValueError, match="distribution"):
        generalised_jsd(2 * p, weights)
    with pytest.raises(ValueError, match="finite"):
        nll_ambiguity(p * np.inf, labels, weights)
