"""One table for pooling operators, one for losses: plain numpy definitions, and what they imply.

Definitions are written out once more here, an example at a time; an operator or a loss that has
none fails, so that a new one gets its line. An identity that some operator lacks by definition
names it.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax

from mtkd.config.losses import declared_losses
from mtkd.distillation.losses import hinton
from mtkd.distillation.losses.base import Batch
from mtkd.distillation.objective import distillation, hard_labels
from mtkd.fusion.operators import OPERATORS, fuse, linear_pool, soften, trimmed_mean
from mtkd.fusion.pools import LEAST
from mtkd.fusion.strategies import STRATEGIES
from mtkd.fusion.targets import fused_logits

# Weights are twentieths, so that definitions can count teachers; the first two have ties, and one
# half.
COUNTS = ((10, 5, 5), (8, 6, 6), (9, 7, 4), (0, 13, 7))


def normalised(q):
    return q / q.sum() if q.sum() > 0 else np.full(len(q), 1 / len(q))


def one_hot(size, place):
    return np.eye(size)[place]


def entropy(p):
    return -sum(x * np.log(x) for x in p if x > 0)


def listed(p, counts, of_class):
    """A class' statistic of the teachers' probabilities, each repeated by its count; normalised."""
    return normalised(np.array([of_class(np.sort(np.repeat(p[:, c], counts)))
                                for c in range(p.shape[1])]))  # fmt: skip


def power(p, counts, r):
    w = counts / 20
    with np.errstate(divide="ignore"):
        powers = [
            np.where(p[k] > 0, p[k] ** r, np.inf if r < 0 else 0.0) for k in np.flatnonzero(w)
        ]
        return normalised(sum(w[k] * x for k, x in zip(np.flatnonzero(w), powers, strict=True))
                          ** (1 / r))  # fmt: skip


def on_the_sphere(p, counts):
    """A fixed point of m = unit(sum of w theta / sin(theta) x), where the Karcher step is zero."""
    x, m, step = np.sqrt(p), (counts / 20) @ np.sqrt(p), 1.0
    while step > 1e-10:
        before, m = m, m / np.linalg.norm(m)
        theta = np.arccos(np.clip(x @ m, -1, 1))
        m = (counts / 20 / np.sinc(theta / np.pi)) @ x
        m = m / np.linalg.norm(m)
        step = np.abs(m - before).max()
    return m**2


def reweighted(p, counts, trust):
    w = counts * np.array([trust(row) for row in p])
    return (w / w.sum()) @ p


def surest(p, counts):
    return p[min(np.flatnonzero(counts), key=lambda k: entropy(p[k]))]


# The distribution [C] of teachers' p [K, C] with weights counts / 20.
DEFINITIONS = {
    "linear-pool": lambda p, n: n / 20 @ p,
    "log-linear-pool": lambda p, n: normalised(np.prod(p ** (n[:, None] / 20), axis=0)),
    "hellinger-barycentre": lambda p, n: power(p, n, 0.5),
    "fisher-rao-barycentre": on_the_sphere,
    "quadratic-mean": lambda p, n: power(p, n, 2.0),
    "harmonic-pool": lambda p, n: power(p, n, -1.0),
    "median": lambda p, n: listed(p, n, lambda x: x[9] + x[10]),
    "trimmed-mean": lambda p, n: listed(p, n, lambda x: x[4:16].mean()),
    "majority-vote": lambda p, n: one_hot(
        p.shape[1], np.bincount(p.argmax(axis=1), n, p.shape[1]).round().argmax()
    ),
    "best-per-sample": surest,
    "entropy-weighted": lambda p, n: reweighted(p, n, lambda row: np.exp(-entropy(row))),
    "confidence-weighted": lambda p, n: reweighted(p, n, max),
    "dictator": lambda p, n: p[n.argmax()],
    "random-teacher": lambda p, n: p[
        (np.cumsum(n) / 20 > np.random.default_rng(0).random()).argmax()
    ],
}


def problem(excluded=False, K=3, N=20, C=4):
    """Logits [K, N, C]; with ``excluded``, each teacher gives a class of its own no chance."""
    rng = np.random.default_rng(7)
    logits = 3 * rng.normal(size=(K, N, C))
    if excluded:
        for k in range(K):
            logits[k, ::2, k] = -np.inf
    return logits


PROBLEMS = {"ordinary": problem(), "with zeros": problem(excluded=True)}
ORDER = [2, 0, 1]
CLASSES = [3, 1, 0, 2]
WEIGHTS = np.array([0.45, 0.2, 0.35])


def alone(name, logits):
    """What a teacher by itself comes to."""
    p = softmax(logits, axis=-1)
    return np.eye(p.shape[-1])[p.argmax(axis=-1)] if name == "majority-vote" else p


def repeated(name, z):
    """The heaviest teacher is there twice, with half of its weight each."""
    halves = np.append([WEIGHTS[0] / 2, WEIGHTS[0] / 2], WEIGHTS[1:])
    return fuse(name, np.concatenate([z[:1], z]), halves), fuse(name, z, WEIGHTS)


# Each gives two arrays that are equal; and the operators that it does not hold for.
IDENTITIES = {
    "teachers in another order": (
        lambda name, z: (fuse(name, z[ORDER], WEIGHTS[ORDER]), fuse(name, z, WEIGHTS)),
        # One draw is by the order.
        {"random-teacher"},
    ),
    "classes in another order": (
        lambda name, z: (fuse(name, z[..., CLASSES], WEIGHTS), fuse(name, z, WEIGHTS)[:, CLASSES]),
        (),
    ),
    "examples in another order": (
        lambda name, z: (fuse(name, z[:, ::-1], WEIGHTS), fuse(name, z, WEIGHTS)[::-1]),
        (),
    ),
    "each example by itself": (
        lambda name, z: (
            np.concatenate([fuse(name, z[:, n : n + 1], WEIGHTS) for n in range(z.shape[1])]),
            fuse(name, z, WEIGHTS),
        ),
        (),
    ),
    "one teacher": (lambda name, z: (fuse(name, z[:1]), alone(name, z[0])), ()),
    "unanimity of the certain": (
        lambda name, z: (fuse(name, np.repeat(99 * z[:1], 3, axis=0)), alone(name, 99 * z[0])),
        (),
    ),
    "unanimity": (
        lambda name, z: (fuse(name, np.repeat(z[:1], 3, axis=0), WEIGHTS), alone(name, z[0])),
        (),
    ),
    "all weight on one teacher": (
        lambda name, z: (fuse(name, z, one_hot(3, 1)), alone(name, z[1])),
        (),
    ),
    "a teacher without weight": (
        lambda name, z: (fuse(name, z, np.array([0.6, 0, 0.4])), fuse(name, z[::2], [0.6, 0.4])),
        (),
    ),
    "a teacher without weight that excludes all but one class": (
        lambda name, z: (
            fuse(
                name,
                np.concatenate([z[:2], np.broadcast_to([0.0, *[-np.inf] * 3], (1, 20, 4))]),
                np.array([0.6, 0.4, 0]),
            ),
            fuse(name, z[:2], np.array([0.6, 0.4])),
        ),
        (),
    ),
    "a teacher that is there twice": (
        repeated,
        # Two halves weigh less than another whole.
        {"dictator"},
    ),
    "weights of each example": (
        lambda name, z: (fuse(name, z, np.tile(WEIGHTS, (20, 1))), fuse(name, z, WEIGHTS)),
        (),
    ),
    "equal weights by default": (
        lambda name, z: (fuse(name, z), fuse(name, z, np.full(3, 1 / 3))),
        (),
    ),
    "logits shifted by a number a row": (
        lambda name, z: (fuse(name, z + 9.0 * z[..., 3:], WEIGHTS), fuse(name, z, WEIGHTS)),
        (),
    ),
    "T divides logits": (
        lambda name, z: (fuse(name, z, WEIGHTS, 2.5), fuse(name, z / 2.5, WEIGHTS)),
        (),
    ),
    "one T for each teacher": (
        lambda name, z: (fuse(name, z, WEIGHTS, [2.5] * 3), fuse(name, z, WEIGHTS, 2.5)),
        (),
    ),
    "T of 0: votes": (
        lambda name, z: (
            fuse(name, z, WEIGHTS, 0.0),
            fuse(name, np.where(np.eye(4)[z.argmax(-1)] > 0, 0.0, -np.inf), WEIGHTS),
        ),
        (),
    ),
    "T to 0": (
        lambda name, z: (fuse(name, z, WEIGHTS, 1e-9), fuse(name, z, WEIGHTS, 0.0)),
        # At 0 each teacher vetoes all but one class.
        {"log-linear-pool", "harmonic-pool"},
    ),
    "T to infinity": (
        lambda name, z: (fuse(name, z.clip(-9), WEIGHTS, 1e12), np.full(z.shape[1:], 1 / 4)),
        {"majority-vote"},
    ),
    "single precision": (
        lambda name, z: (
            fuse(name, z.astype(np.float32)),
            fuse(name, z.astype(np.float32).astype(np.float64)),
        ),
        (),
    ),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", OPERATORS)
def test_operators_are_their_definitions(name, problem):
    logits = PROBLEMS[problem]
    p = softmax(logits, axis=-1)
    for counts in map(np.array, COUNTS):
        expected = [DEFINITIONS[name](p[:, n], counts) for n in range(p.shape[1])]
        np.testing.assert_allclose(fuse(name, logits, counts / 20), expected, atol=1e-8)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_keep_identities(name):
    for title, logits in PROBLEMS.items():
        before = logits.copy()
        for identity, (make, lacking) in IDENTITIES.items():
            one, other = make(name, logits)
            said = f"{name}: {identity} ({title})"
            if name in lacking:
                assert np.abs(one - other).max() > 1e-3, f"{said} holds: take it off the list"
            else:
                np.testing.assert_allclose(one, other, atol=1e-7, err_msg=said)
        np.testing.assert_array_equal(logits, before)


def test_an_untrimmed_mean_is_the_linear_pool():
    log_p = soften(PROBLEMS["with zeros"])
    np.testing.assert_allclose(
        trimmed_mean(log_p, WEIGHTS, 0.0), linear_pool(log_p, WEIGHTS), atol=1e-12
    )


def kl(p, log_q):
    return sum(a * (np.log(a) - b) for a, b in zip(p, log_q, strict=True) if a > 0)


def log_softmax(z):
    return z - z.max() - np.log(np.exp(z - z.max()).sum())


def decoupled(soft, z, T, gold, target=1.0, others=8.0):
    """Equation 7 of Zhao et al. (2022), from probabilities."""
    q = np.exp(log_softmax(z / T))
    rest = np.arange(len(z)) != gold
    binary = [np.array([x[gold], 1 - x[gold]]) for x in (soft, q)]
    among = [x[rest] / x[rest].sum() for x in (soft, q)]
    return T**2 * (
        target * kl(binary[0], np.log(binary[1])) + others * kl(among[0], np.log(among[1]))
    )


# The loss of soft labels [C] and a student's logits z [C] at T.
LOSSES = {
    "hinton": lambda soft, z, T, gold: T**2 * kl(soft, log_softmax(z / T)),
    "dkd": decoupled,
}


def example_loss(name):
    """A loss of the package, or the example of one in this folder; and its options."""
    if name in declared_losses():
        path = f"mtkd.distillation.losses.{name.replace('-', '_')}"
        return importlib.import_module(path).loss, declared_losses()[name].options
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.loss, module.OPTIONS


def values_of(name, z, taught, T=3.0, gold=None):
    """A loss of each example [B]: student's logits and teachers' fused ones [B, C]."""
    loss, options = example_loss(name)
    gold = torch.from_numpy(np.arange(len(z)) % z.shape[1] if gold is None else gold)
    soft = torch.from_numpy(taught / T).softmax(-1)
    return loss(Batch(torch.from_numpy(z), soft, T, 0.0, gold), **options).numpy()


RNG = np.random.default_rng(3)
Z, TAUGHT = 2 * RNG.normal(size=(2, 12, 4))
GOLD = np.arange(12) % 4
# Each gives two arrays that are equal.
LOSS_IDENTITIES = {
    "its definition": lambda name: (
        values_of(name, Z, TAUGHT),
        [LOSSES[name](softmax(t / 3), z, 3.0, y) for z, t, y in zip(Z, TAUGHT, GOLD, strict=True)],
    ),
    "zero where the student is its teacher": lambda name: (
        values_of(name, TAUGHT + 5.0, TAUGHT),
        np.zeros(12),
    ),
    "student's logits shifted by a number a row": lambda name: (
        values_of(name, Z + 7.0 * Z[:, :1], TAUGHT),
        values_of(name, Z, TAUGHT),
    ),
    "teacher's logits shifted by a number a row": lambda name: (
        values_of(name, Z, TAUGHT - 7.0 * Z[:, :1]),
        values_of(name, Z, TAUGHT),
    ),
    "classes in another order": lambda name: (
        values_of(name, Z[:, CLASSES], TAUGHT[:, CLASSES], gold=np.argsort(CLASSES)[GOLD]),
        values_of(name, Z, TAUGHT),
    ),
    "examples in another order": lambda name: (
        values_of(name, Z[::-1].copy(), TAUGHT[::-1].copy(), gold=GOLD[::-1].copy()),
        values_of(name, Z, TAUGHT)[::-1],
    ),
    "logits and T doubled": lambda name: (
        values_of(name, 2 * Z, 2 * TAUGHT, 6.0),
        4 * values_of(name, Z, TAUGHT, 3.0),
    ),
}


@pytest.mark.parametrize("name", [*dict.fromkeys([*declared_losses(), "dkd"])])
def test_losses_keep_identities(name):
    for identity, make in LOSS_IDENTITIES.items():
        one, other = make(name)
        np.testing.assert_allclose(one, other, atol=1e-9, err_msg=f"{name}: {identity}")
    assert (values_of(name, Z, TAUGHT) > 0).all()


def test_soft_labels_have_the_limits_of_their_temperatures():
    """Hinton, Vinyals and Dean (2015): cross-entropy with votes, and matched logits (2.1)."""
    votes = -np.array([log_softmax(z)[t.argmax()] for z, t in zip(Z, TAUGHT, strict=True)])
    np.testing.assert_allclose(values_of("hinton", Z, 1e4 * TAUGHT, 1.0), votes, atol=1e-9)
    apart = (Z - Z.mean(1, keepdims=True)) - (TAUGHT - TAUGHT.mean(1, keepdims=True))
    matched = (apart**2).sum(1) / 2 / 4
    np.testing.assert_allclose(values_of("hinton", Z, TAUGHT, 1e5), matched, rtol=1e-4)


def test_the_gradient_of_soft_labels_is_their_difference_times_t():
    z = torch.from_numpy(Z).requires_grad_()
    soft = torch.from_numpy(softmax(TAUGHT / 3, axis=-1))
    hinton.loss(Batch(z, soft, 3.0, 0.0)).sum().backward()
    np.testing.assert_allclose(z.grad, 3 * (softmax(Z / 3, axis=-1) - soft.numpy()), atol=1e-12)


def objective(alpha, fused=TAUGHT, teachers=None):
    """What a training minimises, of all examples at once."""
    labels, rows = torch.from_numpy(GOLD), torch.arange(12)
    recipe = {"loss": "hinton", "options": {}}
    each = fused[None] if teachers is None else teachers
    made = distillation(recipe, 3.0, alpha, labels, fused, each, 8, 1)
    return made.value(torch.from_numpy(Z), None, rows, 0.0).item()


def test_alpha_weighs_soft_labels_against_gold():
    labels, rows = torch.from_numpy(GOLD), torch.arange(12)
    hard = hard_labels(labels).value(torch.from_numpy(Z), None, rows, 0.0).item()
    by_hand = -np.mean([log_softmax(z)[y] for z, y in zip(Z, GOLD, strict=True)])
    soft = np.mean(values_of("hinton", Z, TAUGHT))
    assert hard == objective(0.0) and hard == pytest.approx(by_hand, abs=1e-12)
    assert objective(1.0) == pytest.approx(soft, abs=1e-12)
    assert objective(0.7) == pytest.approx(0.7 * soft + 0.3 * by_hand, abs=1e-12)


# Operators that give the one distribution back as it is, bit for bit. The others compute it anew
# from logarithms, roots or sums, and it is the same but for rounding.
AS_IT_IS = {"linear-pool", "best-per-sample", "dictator", "random-teacher", "entropy-weighted",
            "confidence-weighted"}  # fmt: skip
ONE = np.concatenate([3 * RNG.normal(size=(1, 50, 3)), 80 * RNG.normal(size=(1, 50, 3))], axis=1)
ONE = ONE.astype(np.float32)


def soft_labels(fusion, T):
    """Of one teacher, as a training has them (mtkd.distillation.objective), in single precision."""
    gate = np.ones((100, 1), dtype=np.float32)
    fused = fused_logits(fusion, ["a"], ONE, T, [0.83], gate)
    assert fused.dtype == np.float32
    return (torch.from_numpy(fused) / T).softmax(-1).numpy()


@pytest.mark.parametrize("T", [0.5, 1.0, 4.0, 7.3])
def test_one_teacher_is_that_teacher_however_it_is_fused(T):
    """Suites ask for two teachers; at one, several teachers' definitions are those of ``single``.

    Strategies over logits are so bit for bit. Operators go by probabilities, and their logits are
    the teacher's but for a number a row: soft labels differ by single precision's rounding, and by
    what ``LEAST`` leaves of the smallest. Votes are votes.
    """
    alone = soft_labels("single", T)
    for name in STRATEGIES:
        assert soft_labels(name, T).tobytes() == alone.tobytes(), name
    q = np.exp(soften(ONE, T))[0]
    for name in OPERATORS:
        pool = fuse(name, ONE, None, T)
        if name == "majority-vote":
            np.testing.assert_array_equal(pool, np.eye(3)[ONE[0].argmax(-1)])
            continue
        assert name not in AS_IT_IS or pool.tobytes() == q.tobytes(), name
        np.testing.assert_allclose(pool, q, atol=1e-15, rtol=1e-12, err_msg=name)
        soft = soft_labels({"operator": name}, T)
        np.testing.assert_allclose(soft, alone, atol=1.1 * LEAST, rtol=3e-5, err_msg=name)
