"""Pooling operators against definitions, minimisers and limits; every one at zeros and extremes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import minimize
from scipy.special import softmax, xlogy

from mtkd.fusion.operators import (
    OPERATORS,
    SAME_AS,
    best_per_sample,
    fisher_rao_barycentre,
    fuse,
    linear_pool,
    log_linear_pool,
    power_mean,
    random_teacher,
    soften,
)
from mtkd.fusion.strategies import average, weighted
from mtkd.fusion.strategies import best_per_sample as lowest_entropy_strategy

few = settings(max_examples=20)

every_operator = pytest.mark.parametrize("name", OPERATORS)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 4))
teacher_logits = shapes.flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-30, 30, width=32))
)


def log(p):
    with np.errstate(divide="ignore"):
        return np.log(np.asarray(p, dtype=float))


def problem(seed, K=3, C=4, N=1):
    rng = np.random.default_rng(seed)
    return log(rng.dirichlet(np.ones(C), (K, N))), rng.dirichlet(np.ones(K))


@every_operator
@few
@given(logits=teacher_logits, data=st.data())
def test_every_operator_gives_distributions_whatever_the_temperature(name, logits, data):
    K, N, C = logits.shape
    T = data.draw(arrays(float, K, elements=st.sampled_from([0.0, 1e-300, 0.1, 1, 9, np.inf])))
    raw = data.draw(arrays(float, (N, K), elements=st.sampled_from([0.0, 0.5, 1]))) + 0.0
    raw[raw.sum(axis=1) == 0] = 1
    q = fuse(name, logits, raw / raw.sum(axis=1, keepdims=True), T)
    assert q.shape == (N, C) and q.dtype == np.float64
    assert (q >= 0).all()
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-9)


def test_softening_reaches_its_limits():
    logits = np.array([[[3.0, 3.0, -1.0, -np.inf]], [[-1e30, 2e30, 0.0, 1.0]]])
    cold, hot = np.exp(soften(logits, 0.0)), np.exp(soften(logits, np.inf))
    np.testing.assert_allclose(cold, [[[0.5, 0.5, 0, 0]], [[0, 1, 0, 0]]])
    np.testing.assert_allclose(hot, [[[1 / 3, 1 / 3, 1 / 3, 0]], [[0.25] * 4]])
    np.testing.assert_allclose(np.exp(soften(logits, 1e-320)), cold)
    np.testing.assert_allclose(np.exp(soften(logits[:1], 1e300)), hot[:1])
    np.testing.assert_allclose(np.exp(soften(logits, [0.0, np.inf])), [cold[0], hot[1]])


def test_temperatures_are_per_teacher():
    logits = np.random.default_rng(3).normal(size=(2, 5, 3))
    each = np.concatenate([soften(logits[:1], 1.0), soften(logits[1:], 3.0)])
    np.testing.assert_array_equal(soften(logits, np.array([1.0, 3.0])), each)


@pytest.mark.parametrize("T", [-1.0, float("nan"), [1.0, 2.0, 3.0]])
def test_temperatures_that_are_none_are_refused(T):
    with pytest.raises(ValueError):
        soften(np.zeros((2, 1, 3)), T)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_none_are_refused(value):
    with pytest.raises(ValueError):
        soften(np.full((1, 1, 2), value))
    with pytest.raises(ValueError):
        soften(np.full((1, 1, 2), -np.inf))


@pytest.mark.parametrize("weights", [[0.5, 0.6], [-0.5, 1.5], [1.0], [np.nan, 1.0]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError):
        fuse("linear-pool", np.zeros((2, 1, 2)), np.array(weights))


def test_an_unknown_operator_is_refused_by_name():
    with pytest.raises(ValueError, match="no operator 'pool'.*linear-pool"):
        fuse("pool", np.zeros((1, 1, 2)))


def test_the_fusion_strategies_are_these_operators():
    logits = np.random.default_rng(4).normal(size=(3, 40, 3)) * 2
    weights = np.random.default_rng(5).dirichlet(np.ones(3), 40)
    pairs = [
        (average(logits), fuse("log-linear-pool", logits)),
        (weighted(logits, weights), fuse("log-linear-pool", logits, weights)),
        (lowest_entropy_strategy(logits), fuse("best-per-sample", logits)),
    ]
    for strategy, operator in pairs:
        np.testing.assert_allclose(softmax(strategy, axis=-1), operator, atol=1e-12)


def test_the_lowest_entropy_can_change_teachers_with_the_temperature():
    p = log([[[0.6, 0.4, 0.0]], [[0.75, 0.125, 0.125]]])
    weights = np.full(2, 0.5)
    np.testing.assert_allclose(best_per_sample(p, weights), np.exp(p[0]))
    np.testing.assert_allclose(best_per_sample(soften(p, 0.4), weights), np.exp(soften(p, 0.4)[1]))


# What each barycentre minimises over q, given p [K, C].
COSTS = {
    "forward-kl-projection": lambda q, p: (xlogy(p, p) - xlogy(p, q)).sum(-1),
    "reverse-kl-projection": lambda q, p: (xlogy(q, q) - xlogy(q, p)).sum(-1),
    "hellinger-barycentre": lambda q, p: 1 - np.sqrt(q * p).sum(-1),
    "fisher-rao-barycentre": lambda q, p: np.arccos(np.sqrt(q * p).sum(-1).clip(0, 1)) ** 2,
}


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("seed", range(3))
def test_barycentres_minimise_what_they_say(name, seed):
    log_p, weights = problem(seed)
    p = np.exp(log_p[:, 0])
    found = minimize(
        lambda z: weights @ COSTS[name](softmax(z), p), np.zeros(4), method="BFGS", tol=1e-10
    )
    np.testing.assert_allclose(fuse(name, log_p, weights)[0], softmax(found.x), atol=2e-5)


@pytest.mark.parametrize("seed", range(5))
def test_power_means_meet_the_pools(seed):
    log_p, weights = problem(seed, N=10)
    np.testing.assert_allclose(power_mean(log_p, weights, 1.0), linear_pool(log_p, weights))
    geometric = log_linear_pool(log_p, weights)
    np.testing.assert_array_equal(power_mean(log_p, weights, 0), geometric)
    np.testing.assert_allclose(power_mean(log_p, weights, 1e-7), geometric, atol=1e-5)
    np.testing.assert_allclose(power_mean(log_p, weights, -1e-7), geometric, atol=1e-5)
    q = 1 / (weights[:, None, None] / np.exp(log_p)).sum(axis=0)
    harmonic = q / q.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(power_mean(log_p, weights, -1.0), harmonic, atol=1e-12)
    with pytest.raises(ValueError, match="finite"):
        power_mean(log_p, weights, np.inf)


def test_two_teachers_mean_on_the_sphere_is_the_point_of_the_great_circle():
    log_p, _ = problem(8, K=2, N=50)
    x, y = np.exp(log_p / 2)
    angle = np.arccos((x * y).sum(-1, keepdims=True))
    middle = (np.sin(0.7 * angle) * x + np.sin(0.3 * angle) * y) / np.sin(angle)
    q = fisher_rao_barycentre(log_p, np.array([0.7, 0.3]))
    np.testing.assert_allclose(q, middle**2, atol=1e-12)
    assert np.abs(q - power_mean(log_p, np.array([0.7, 0.3]), 0.5)).max() > 1e-3


@pytest.mark.parametrize("name", ["log-linear-pool", "harmonic-pool", "median"])
def test_definitions_that_fail_at_zeros_are_continued_by_their_limit(name):
    p = np.array([[[0.5, 0.5, 0.0, 0.0]], [[0.0, 0.0, 0.8, 0.2]], [[0.0, 0.0, 0.0, 1.0]]])
    weights = np.array([0.45, 0.25, 0.3])
    e = 1e-250
    near = OPERATORS[name](log(p * (1 - e) + e / 4), weights)
    np.testing.assert_allclose(OPERATORS[name](log(p), weights), near, atol=1e-6)


def test_a_random_teachers_mean_is_the_linear_pool():
    log_p, weights = problem(9, N=4)
    draws = np.array([random_teacher(log_p, weights, seed) for seed in range(3000)])
    np.testing.assert_allclose(draws.mean(axis=0), linear_pool(log_p, weights), atol=0.03)
    np.testing.assert_array_equal(draws[5], random_teacher(log_p, weights, 5))
    taken = {int(np.abs(np.exp(log_p) - draw).sum((1, 2)).argmin()) for draw in draws}
    assert taken == {0, 1, 2}
    assert any(np.allclose(draws[0], np.exp(log_p[k])) for k in range(3)), "one for the whole call"


def test_other_names_lead_to_operators():
    logits = np.random.default_rng(6).normal(size=(3, 5, 3))
    for name, same in SAME_AS.items():
        np.testing.assert_array_equal(fuse(name, logits), fuse(same, logits))
