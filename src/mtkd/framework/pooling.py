"""Pools of teachers, measured: their variance, and the mass that a dissenting teacher takes away.

Operators are those of ``mtkd.fusion.operators``. What is proved of them, and what these
experiments are for: docs/operators.md, section "The framework's experiments".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import log_softmax, softmax

from mtkd.analysis.statistics.paired import CONFIDENCE, crossed_difference
from mtkd.fusion.operators import OPERATORS, fuse

POOLS = ("linear-pool", "log-linear-pool", "hellinger-barycentre", "median", "best-per-sample")
# Of members' logits in the simulation, in turns; all numbers of members are even, so that the mean
# of sigma^2 is the same for each.
SIGMAS = (0.75, 1.25)
MEMBERS = (2, 4, 8, 16, 32)
# Members' weights: all the same; or the first the largest, the last one K-th of it.
WEIGHTS: dict[str, Callable[[int], np.ndarray]] = {
    "equal": lambda members: np.full(members, 1 / members),
    "falling": lambda members: 2 * np.arange(members, 0, -1) / (members * (members + 1)),
}
CORRELATIONS = (0.0, 0.3, 0.6, 0.9)
EXAMPLES, DRAWS, REPLICATIONS = 16, 200, 8
BOOTSTRAPS = 500
# What the planted label's logit gains at every teacher but one, which it loses there.
PLANTED = 4.0
SWEEP = tuple(np.round(np.linspace(0, 1, 21), 2))

VARIANCE_COLUMNS = ["task", "source", "quantity", "operator", "members", "weights", "rho"]
VARIANCE_COLUMNS += ["variance", "uncorrelated", "correlated", "mean_member"]
VARIANCE_COLUMNS += ["ratio", "ratio_low", "ratio_high"]
VARIANCE_COLUMNS += ["reduction", "reduction_low", "reduction_high"]


class Laws(NamedTuple):
    """A pool's variance and what linear theory says of it, means over examples and classes.

    ``uncorrelated`` is sum_k w_k^2 sigma_k^2, ``correlated`` w' Sigma w, ``mean_member``
    sum_k w_k sigma_k^2, all of the members' own sample covariance Sigma.
    """

    variance: float
    uncorrelated: float
    correlated: float
    mean_member: float


def mean_covariance(values: np.ndarray) -> np.ndarray:
    """Sample covariance [K, K] of members' values [K, D, ...] over draws D, mean over the rest.

    The mean is taken after the covariance: each example and class has its own expectation.
    """
    flat = values.reshape(*values.shape[:2], -1)
    centred = flat - flat.mean(axis=1, keepdims=True)
    return np.einsum("kdm,ldm->kl", centred, centred) / (flat.shape[1] - 1) / flat.shape[2]


def variance_laws(values: np.ndarray, pooled: np.ndarray, weights: np.ndarray) -> Laws:
    """The laws of members' values [K, D, ...] and of their pool's [D, ...], over draws D."""
    covariance = mean_covariance(values)
    variances = covariance.diagonal()
    return Laws(
        float(mean_covariance(pooled[None])[0, 0]),
        float(weights**2 @ variances),
        float(weights @ covariance @ weights),
        float(weights @ variances),
    )


def noisy_members(
    logits: np.ndarray, members: int, rho: float, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Log-probabilities [K, D, N, C] of members whose logits are ``logits`` [N, C] and an error.

    Errors are Gaussian of standard deviation sigma_k = SIGMAS in turns, independent over draws,
    examples and classes, and of correlation ``rho`` between members.
    """
    shared = rng.normal(size=(1, draws, *logits.shape))
    own = rng.normal(size=(members, draws, *logits.shape))
    sigma = np.resize(SIGMAS, members).reshape(-1, 1, 1, 1)
    errors = sigma * (np.sqrt(rho) * shared + np.sqrt(1 - rho) * own)
    return log_softmax(logits + errors, axis=-1)


def pooled(operator: str, log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Log-probabilities [D, N, C] of a registered operator's pools of ``log_p`` [K, D, N, C]."""
    K, D, N, C = log_p.shape
    with np.errstate(divide="ignore"):
        log_q = np.log(OPERATORS[operator](log_p.reshape(K, D * N, C), weights))
    return log_q.reshape(D, N, C)


def log_odds(log_p: np.ndarray) -> np.ndarray:
    """log p(i) / p(i + 1) [..., C - 1] of neighbouring classes: their normaliser cancels."""
    return -np.diff(log_p, axis=-1)


QUANTITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "probability": np.exp,
    "log-odds": log_odds,
}


def simulate(logits: np.ndarray, seed: int = 0) -> dict[tuple, list[Laws]]:
    """Laws by (quantity, operator, weights, members, rho), around logits [N, C].

    Each is a list, one of a replication.
    """
    found: dict[tuple, list[Laws]] = {}
    rng = np.random.default_rng(seed)
    for _ in range(REPLICATIONS):
        for rho in CORRELATIONS:
            for members in MEMBERS:
                log_p = noisy_members(logits, members, rho, DRAWS, rng)
                for operator, (name, weights_of) in product(POOLS, WEIGHTS.items()):
                    weights = weights_of(members)
                    log_q = pooled(operator, log_p, weights)
                    for quantity, of in QUANTITIES.items():
                        laws = variance_laws(of(log_p), of(log_q), weights)
                        key = (quantity, operator, name, members, rho)
                        found.setdefault(key, []).append(laws)
    return found


def simulation_rows(simulated: dict[tuple, list[Laws]]) -> list[dict]:
    """Rows of the variance table; intervals are of the mean over replications."""
    rows = []
    for (quantity, operator, name, members, rho), laws in simulated.items():
        variance, uncorrelated, _, mean_member = np.transpose(laws)
        row = {"source": "simulation", "quantity": quantity, "operator": operator}
        row |= {"members": members, "weights": name, "rho": rho}
        row |= dict(zip(Laws._fields, np.mean(laws, axis=0), strict=True))
        row |= _named("ratio", *_mean_interval(variance / uncorrelated))
        rows.append(row | _named("reduction", *_mean_interval(variance / mean_member)))
    return rows


def scaling_table(task: str, simulated: dict[tuple, list[Laws]]) -> pd.DataFrame:
    """The exponent b of variance ~ members^b under equal weights, by quantity, operator and rho.

    Least squares of the logarithms in each replication; ``exponent`` is the mean over
    replications with its t interval, ``law`` the exponent that w' Sigma w of the same draws has.
    Where errors are correlated neither is a power law, and b is a slope over MEMBERS alone.
    """
    rows = []
    groups = dict.fromkeys((key[0], key[1], key[4]) for key in simulated)
    for quantity, operator, rho in groups:
        laws = np.array([simulated[quantity, operator, "equal", K, rho] for K in MEMBERS])
        slopes = np.polyfit(np.log(MEMBERS), np.log(laws[:, :, 0]), 1)[0]
        law = np.polyfit(np.log(MEMBERS), np.log(laws[:, :, 2]), 1)[0]
        row = {"task": task, "quantity": quantity, "operator": operator, "rho": rho}
        exponent, low, high = _mean_interval(slopes)
        row |= {"exponent": exponent, "low": low, "high": high}
        rows.append(row | {"law": law.mean(), "replications": len(slopes)})
    return pd.DataFrame(rows)


def error_rows(log_p: np.ndarray, target: np.ndarray, seed: int = 0) -> list[dict]:
    """Variance over examples of the errors p_k - target, for log_p [K, N, C], target [N, C].

    Here the examples are the draws: a class's errors have their mean over examples taken off.
    ``rho`` is the mean correlation of two teachers' errors. Intervals: bootstrap over examples.
    """
    K, N, _ = log_p.shape
    errors = np.exp(log_p) - target
    covariance = mean_covariance(errors)
    scale = np.sqrt(covariance.diagonal())
    correlation = (covariance / np.outer(scale, scale))[np.triu_indices(K, 1)].mean()
    rows = []
    for operator, (name, weights_of) in product(POOLS, WEIGHTS.items()):
        weights = weights_of(K)
        own = OPERATORS[operator](log_p, weights) - target
        row = {"source": "errors", "quantity": "probability", "operator": operator}
        row |= {"members": K, "weights": name, "rho": float(correlation)}

        # Bound now: the function is called within this turn of the loop.
        def laws(some: np.ndarray, own=own, weights=weights) -> Laws:
            return variance_laws(errors[:, some], own[some], weights)

        rows.append(row | _bootstrapped(laws, N, seed))
    return rows


def seed_rows(log_p: np.ndarray, seed: int = 0) -> list[dict]:
    """Variance over teacher seeds, example by example, for log_p [K, R, N, C]; none for R = 1.

    The r-th pool is of every teacher's r-th seed. Intervals: bootstrap over examples, for these
    teacher seeds.
    """
    K, R, N, _ = log_p.shape
    if R < 2:
        return []
    p, rows = np.exp(log_p), []
    for operator, (name, weights_of) in product(POOLS, WEIGHTS.items()):
        weights = weights_of(K)
        q = np.exp(pooled(operator, log_p, weights))
        row = {"source": "teacher seeds", "quantity": "probability", "operator": operator}

        def laws(some: np.ndarray, q=q, weights=weights) -> Laws:
            return variance_laws(p[:, :, some], q[:, some], weights)

        rows.append(row | {"members": K, "weights": name} | _bootstrapped(laws, N, seed))
    return rows


def variance_table(
    task: str, logits: np.ndarray, target: np.ndarray, simulated: dict[tuple, list[Laws]]
) -> pd.DataFrame:
    """Simulated pools, the study's errors and its teacher seeds: logits [K, R, N, C].

    ``target`` [N, C] is the distribution that errors are measured from. ``ratio`` is the pool's
    variance over sum_k w_k^2 sigma_k^2, ``reduction`` over sum_k w_k sigma_k^2; weights are those
    of WEIGHTS, the study's teachers in their order.
    """
    log_p = log_softmax(logits.astype(np.float64), axis=-1)
    rows = simulation_rows(simulated) + error_rows(log_p[:, 0], target) + seed_rows(log_p)
    return pd.DataFrame([{"task": task} | row for row in rows], columns=VARIANCE_COLUMNS)


def centres(logits: np.ndarray, examples: int = EXAMPLES) -> np.ndarray:
    """Mean logits [n, C] of some examples of ``logits`` [K, N, C], evenly spread by confidence.

    The true logits of a simulation: as sure and as unsure as the study's own.
    """
    mean = logits.mean(axis=0).astype(np.float64)
    order = softmax(mean, axis=-1).max(axis=-1).argsort(kind="stable")
    return mean[order[np.linspace(0, len(order) - 1, min(examples, len(order))).astype(int)]]


def dissent(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits [K, N, C] with the dissenting teacher first, and the class [N] it dissents on.

    Of each example the wrong class that some teacher gives the most, and the teacher that gives
    it the least; the others keep their order.
    """
    p = softmax(logits.astype(np.float64), axis=-1)
    wrong = np.where(np.eye(p.shape[-1], dtype=bool)[labels], -1, p.max(axis=0))
    chosen = wrong.argmax(axis=-1)
    least = np.take_along_axis(p, chosen[None, :, None], axis=-1)[..., 0].argmin(axis=0)
    later = np.arange(len(p))[:, None] != least
    order = np.argsort(later, axis=0, kind="stable")
    return np.take_along_axis(logits, order[..., None], axis=0), chosen


def planted(logits: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """``logits`` [K, N, C] with the class ``chosen`` [N] planted at every teacher but the first."""
    moved = logits.astype(np.float64)
    shift = np.where(np.arange(len(logits)) == 0, -PLANTED, PLANTED)
    moved[:, np.arange(len(chosen)), chosen] += shift[:, None]
    return moved


def attenuation_table(
    task: str,
    logits: np.ndarray,
    labels: np.ndarray,
    clusters: np.ndarray | None = None,
    operators: Sequence[str] = POOLS,
) -> pd.DataFrame:
    """Mass of one wrong class in the pool as the dissenting teacher's weight goes from 0 to 1.

    Teachers' logits [K, N, C] as they are, or with the class planted at all others, who share the
    rest of the weight. ``mass`` and ``bound`` are means over examples, the bound being
    (1 - w) max_j p_j(i) + w p_k(i); ``excess`` is mass less bound with its interval over examples,
    which go by ``clusters`` as in ``crossed_difference``, ``excess_most`` the largest,
    ``share_over`` the share of examples above the bound.
    """
    arranged, chosen = dissent(logits, labels)
    K, rows_of = len(logits), np.arange(len(labels))
    rows = []
    for scenario, z in (("as they are", arranged), ("planted", planted(arranged, chosen))):
        p = softmax(z.astype(np.float64), axis=-1)[:, rows_of, chosen]
        for operator in operators:
            for w in SWEEP:
                weights = np.array([w, *[(1 - w) / (K - 1)] * (K - 1)])
                mass = fuse(operator, z, weights)[rows_of, chosen]
                bound = (1 - w) * p.max(axis=0) + w * p[0]
                excess = crossed_difference((mass - bound)[None], clusters=clusters)
                row = {"task": task, "scenario": scenario, "operator": operator, "weight": w}
                row |= {"mass": mass.mean(), "bound": bound.mean(), "excess": excess.estimate}
                row |= {"low": excess.low, "high": excess.high}
                row |= {"excess_most": (mass - bound).max()}
                # Rounding is no violation.
                rows.append(row | {"share_over": (mass - bound > 1e-9).mean()})
    return pd.DataFrame(rows)


def _mean_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and t interval of independent values."""
    mean, n = float(np.mean(values)), len(values)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    return mean, mean - float(half), mean + float(half)


def _named(name: str, value: float, low: float, high: float) -> dict[str, float]:
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _bootstrapped(laws: Callable[[np.ndarray], Laws], examples: int, seed: int) -> dict:
    """Laws of all examples, with percentile intervals of ratio and reduction."""
    rng = np.random.default_rng(seed)
    whole = laws(np.arange(examples))
    again = [laws(rng.integers(0, examples, examples)) for _ in range(BOOTSTRAPS)]
    variance, uncorrelated, _, mean_member = np.transpose(again)
    ends = [50 * (1 - CONFIDENCE), 50 * (1 + CONFIDENCE)]
    row = whole._asdict()
    row |= _named(
        "ratio", whole.variance / whole.uncorrelated, *np.percentile(variance / uncorrelated, ends)
    )
    return row | _named(
        "reduction",
        whole.variance / whole.mean_member,
        *np.percentile(variance / mean_member, ends),
    )
