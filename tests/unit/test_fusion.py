"""Fusion strategies against slow references, one example at a time; the learned gate."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mtkd.errors import InputError
from mtkd.fusion.gate import fit_gate, gate_weights, varies
from mtkd.fusion.strategies import (
    STRATEGIES,
    average,
    best_per_sample,
    entropy,
    score_weights,
    single,
    weighted,
)

shapes = st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(2, 4))
values = st.floats(-30, 30, width=32)
teacher_logits = shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=values))


def softmax(z):
    top = max(z)
    exponentials = [math.exp(x - top) for x in z]
    return [x / sum(exponentials) for x in exponentials]


def slow_entropy(z):
    return -sum(p * math.log(p) for p in softmax(z) if p > 0)


@given(teacher_logits)
def test_average_is_the_normalised_geometric_pool(logits):
    fused = average(logits)
    K, N, C = logits.shape
    for n in range(N):
        logs = [
            sum(math.log(softmax(logits[k, n])[c] + 1e-300) for k in range(K)) / K for c in range(C)
        ]
        if min(logs) > -500:
            np.testing.assert_allclose(softmax(fused[n]), softmax(logs), atol=1e-5)


@given(teacher_logits, st.data())
def test_weighted_is_the_sum_teacher_by_teacher(logits, data):
    K, N, C = logits.shape
    raw = data.draw(arrays(np.float64, (N, K), elements=st.floats(0.01, 1)))
    weights = raw / raw.sum(axis=1, keepdims=True)
    fused = weighted(logits, weights)
    for n in range(N):
        for c in range(C):
            expected = sum(weights[n, k] * float(logits[k, n, c]) for k in range(K))
            assert fused[n, c] == pytest.approx(expected, abs=1e-4)
    np.testing.assert_allclose(weighted(logits, np.full(K, 1 / K)), average(logits), atol=1e-5)


@given(teacher_logits)
def test_best_per_sample_takes_the_lowest_entropy_earliest_on_ties(logits):
    fused = best_per_sample(logits)
    entropies = entropy(logits)
    for n in range(logits.shape[1]):
        chosen = 0
        for k in range(1, len(logits)):
            if entropies[k, n] < entropies[chosen, n]:
                chosen = k
        assert np.array_equal(fused[n], logits[chosen, n])


@given(teacher_logits)
def test_entropy_is_shannons(logits):
    found = entropy(logits)
    for k in range(len(logits)):
        for n in range(logits.shape[1]):
            expected = slow_entropy([float(x) for x in logits[k, n]])
            assert found[k, n] == pytest.approx(expected, abs=1e-9)


def test_entropy_of_a_certain_teacher_is_zero():
    assert entropy(np.array([[[0.0, -1e6]]], dtype=np.float32)) == 0


def test_ties_go_to_the_earlier_teacher():
    z = np.array([[[1.0, 0.0]], [[0.0, 1.0]]], dtype=np.float32)
    assert np.array_equal(best_per_sample(z), z[0])
    assert np.array_equal(best_per_sample(z[::-1]), z[1])


@given(teacher_logits)
def test_strategies_keep_the_precision_and_the_input(logits):
    before = logits.copy()
    for name, strategy in STRATEGIES.items():
        if name == "single":
            continue
        weights = (np.full(len(logits), 1 / len(logits)),) if name in ("weighted", "gating") else ()
        assert strategy(logits, *weights).dtype == np.float32
    np.testing.assert_array_equal(logits, before)


def test_single_refuses_several_teachers():
    with pytest.raises(ValueError, match="one teacher"):
        single(np.zeros((2, 3, 2), dtype=np.float32))


def test_published_scores_give_nearly_equal_weights():
    # The published SST-2 teachers: "weighted" is "average" in all but name.
    weights = score_weights([0.9300, 0.9576, 0.9518])
    np.testing.assert_allclose(weights, [0.328, 0.337, 0.335], atol=1e-3)


@pytest.mark.parametrize("scores", [[0.0, 0.0], [-0.1, 0.5], [float("nan"), 0.5]])
def test_scores_that_give_no_weights_are_refused(scores):
    with pytest.raises(InputError, match="give no weights; train"):
        score_weights(scores)


@pytest.mark.parametrize("weights", [[0.5, 0.6], [-0.5, 1.5]])
def test_weights_must_be_a_distribution(weights):
    with pytest.raises(ValueError):
        weighted(np.zeros((2, 1, 2), dtype=np.float32), np.array(weights))


def gate_problem(n, seed):
    """Two teachers, each right where one coordinate of the state says so, else misleading."""
    rng = np.random.default_rng(seed)
    states = rng.normal(size=(n, 6)).astype(np.float32)
    labels = rng.integers(0, 2, n)
    right = np.eye(2)[labels] * 4
    wrong = np.eye(2)[1 - labels] * 4
    first = states[:, :1] > 0
    logits = np.stack([np.where(first, right, wrong), np.where(first, wrong, right)])
    return states, logits.astype(np.float32), labels


def nll(fused, labels):
    return -np.mean([math.log(softmax(z)[y]) for z, y in zip(fused, labels, strict=True)])


def test_the_gate_learns_whom_to_trust_and_generalises():
    states, logits, labels = gate_problem(400, seed=0)
    gate = fit_gate(states, logits, labels, seed=0)
    new_states, new_logits, new_labels = gate_problem(400, seed=1)
    weights = gate_weights(gate, new_states)
    assert weights.shape == (400, 2)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    fused = weighted(new_logits, weights)
    assert (fused.argmax(axis=1) == new_labels).mean() > 0.9
    assert nll(fused, new_labels) < nll(average(new_logits), new_labels) - 0.3


def test_a_gate_on_noise_stays_near_the_average():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(200, 20)).astype(np.float32)
    labels = rng.integers(0, 3, 200)
    logits = rng.normal(size=(3, 200, 3)).astype(np.float32)
    gate = fit_gate(states, logits, labels, seed=0)
    assert gate.weight_decay >= 0.1
    assert np.abs(gate_weights(gate, states) - 1 / 3).mean() < 0.15


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_states_that_differ_by_roundings_alone_do_not_vary(scale):
    rng = np.random.default_rng(0)
    one = scale * rng.normal(size=16) * np.array([1, 30, 1e-6, 1] * 4)
    noise = 1 + 2e-7 * rng.normal(size=(50, 16))
    assert not varies((one * noise).astype(np.float16))
    assert not varies(np.tile(one, (50, 1)).astype(np.float16))
    # One example among many that is another one, or one feature that tells two halves apart.
    other = one * noise
    other[7] *= 1.5
    assert varies(other.astype(np.float16))
    halves = one * noise
    halves[:25, 0] *= 1.02
    assert varies(halves.astype(np.float16))


def test_the_gate_depends_on_its_seed_alone():
    import torch

    problem = gate_problem(60, seed=3)
    first = gate_weights(fit_gate(*problem, seed=7), problem[0])
    torch.manual_seed(99)
    np.testing.assert_array_equal(first, gate_weights(fit_gate(*problem, seed=7), problem[0]))


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fit_gate(*gate_problem(3, seed=0), seed=0)
