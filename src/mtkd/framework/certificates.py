"""Certificates: for each operator and reading of an axiom, a proof, a search's end or a witness.

Every reading is searched for a violation, proved ones too: over random teachers and weights; over
constructed ones (rounded, so with ties and zeros; permuted, so of equal entropy; one-hot; equal);
at jumps found by halving the way between two inputs; and by climbing from the inputs nearest to a
violation. A violation is reported as its smallest counterexample: fewest teachers and classes, no
zeros if it can be, fewest decimals. What does not survive rounding to nine decimals is floating
point, and no violation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from mtkd.framework.axioms import AXIOMS, Axiom
from mtkd.fusion.operators import OPERATORS, Operator

COLUMNS = (
    "operator",
    "axiom",
    "reading",
    "verdict",
    "basis",
    "reference",
    "tries",
    "violation",
    "counterexample",
)
# Teachers and classes, small first.
SHAPES = ((1, 2), (2, 2), (3, 2), (2, 3), (3, 3), (2, 4), (4, 3), (3, 4), (5, 5))
DECIMALS = (1, 2, 3, 6, 9)
CLIMBERS, CLIMBS = 16, 15
KEPT = 50  # violations of a shape that are rounded in search of the smallest
HALVINGS = 40
LEAST = 1e-4  # of the positive probabilities that the search makes


def _proofs() -> dict[tuple[str, str, str], str]:
    """Paragraphs of docs/operators.md, section "Proofs", by operator, axiom and reading."""
    reweighted = ["linear-pool", "entropy-weighted", "confidence-weighted"]
    one_of = ["best-per-sample", "dictator", "random-teacher"]
    unmoved = ["dictator", "random-teacher"]
    zero_safe = ["hellinger-barycentre", "fisher-rao-barycentre", "quadratic-mean", *reweighted]
    inside = ["log-linear-pool", "harmonic-pool", "median", "trimmed-mean"]
    # Spelt out, so that a new operator starts without proofs.
    no_vote = [*zero_safe, *inside, *one_of]
    everyone = [*no_vote, "majority-vote"]
    powers = ["log-linear-pool", "hellinger-barycentre", "quadratic-mean", "harmonic-pool"]
    likely = ["linear-pool", "log-linear-pool", "hellinger-barycentre", "fisher-rao-barycentre"]
    weak, strong, both = ("weak",), ("strong",), ("weak", "strong")
    proved = [
        ("P1", everyone, "convexity preservation", weak),
        ("P2", [*reweighted, *one_of], "convexity preservation", strong),
        ("P2", [*reweighted, *one_of], "attenuation", weak),
        ("P2", [*reweighted, *one_of], "log-loss", weak),
        ("P3", no_vote, "positivity", weak),
        ("P3", zero_safe, "positivity", strong),
        ("P4", [*reweighted, "best-per-sample", "dictator"], "weight monotonicity", both),
        ("P5", powers, "weight monotonicity", weak),
        ("P6", ["majority-vote"], "weight monotonicity", weak),
        ("P7", zero_safe, "continuity", both),
        ("P7", [*inside, *unmoved], "continuity", weak),
        ("P8", no_vote, "temperature coherence", weak),
        ("P9", ["log-linear-pool", *unmoved], "temperature coherence", strong),
        ("P10", ["linear-pool"], "attenuation", strong),
        ("P10", ["quadratic-mean"], "attenuation", weak),
        ("P11", likely, "log-loss", both),
        ("P11", ["harmonic-pool"], "log-loss", weak),
        ("P12", everyone, "entropy in T", weak),
        ("P12", ["log-linear-pool", "majority-vote", *one_of], "entropy in T", strong),
    ]
    return {
        (name, axiom, reading): f"docs/operators.md, {paragraph}"
        for paragraph, names, axiom, readings in proved
        for name in names
        for reading in readings
    }


PROOFS = _proofs()


def certificate_table(
    operators: Mapping[str, Operator] = OPERATORS, tries: int = 10000, seed: int = 0
) -> pd.DataFrame:
    """One row per operator (default: all registered) and reading, with the columns COLUMNS.

    ``verdict`` is holds or violated; ``basis`` proved, no violation found or counterexample;
    ``reference`` a proof's; ``tries`` the inputs searched; ``violation`` the excess of the smallest
    counterexample, which is JSON: p [K][C] and weights [K]. ``tries`` as an argument is the inputs
    made before climbing. Raises ValueError where a search contradicts a proof.
    """
    rows = []
    for name, operator in operators.items():
        cases = _cases(operator, tries, seed)
        for axiom, reading in AXIOMS:
            found = _certificate(operator, AXIOMS[axiom, reading], cases, seed)
            ours = operator is OPERATORS.get(name)
            proof = PROOFS.get((name, axiom, reading), "") if ours else ""
            if proof and found["verdict"] == "violated":
                raise ValueError(
                    f"{name}, {axiom} ({reading}): {proof} is contradicted by"
                    f" {found['counterexample']}"
                )
            basis = {"basis": "proved"} if proof else {}
            rows.append(
                {"operator": name, "axiom": axiom, "reading": reading}
                | found
                | basis
                | {"reference": proof}
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def violation(name: str, axiom: str, reading: str, counterexample: str) -> float:
    """The excess of a counterexample, JSON as in the table, under an operator's reading."""
    case = json.loads(counterexample)
    p, w = np.array(case["p"])[:, None], np.array(case["weights"])[None]
    return float(AXIOMS[axiom, reading].predicate(OPERATORS[name], _log(p), w)[0])


def _certificate(operator: Operator, axiom: Axiom, cases: list, seed: int) -> dict:
    tried = 0
    for log_p, w in cases:
        excess = axiom.predicate(operator, log_p, w)
        tried += len(excess)
        if not (excess > axiom.tolerance).any():
            log_p, w, excess = _climb(operator, axiom, log_p, w, excess, seed)
            tried += CLIMBERS * CLIMBS
        smallest = _smallest(operator, axiom, log_p, w, excess)
        if smallest is not None:
            found, p, weights = smallest
            witness = json.dumps({"p": p.tolist(), "weights": weights.tolist()})
            return {
                "verdict": "violated",
                "basis": "counterexample",
                "tries": tried,
                "violation": found,
                "counterexample": witness,
            }
    return {
        "verdict": "holds",
        "basis": "no violation found",
        "tries": tried,
        "violation": 0.0,
        "counterexample": "",
    }


def _cases(operator: Operator, tries: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Inputs (log_p [K, N, C], weights [N, K]) of each shape, N about tries / len(SHAPES)."""
    rng, made = np.random.default_rng(seed), []
    for K, C in SHAPES:
        n = max(tries // len(SHAPES) // 6, 8)
        spread = rng.choice([0.3, 1.0, 5.0], (K, n, 1))
        p = rng.gamma(np.broadcast_to(spread, (K, n, C))) + LEAST
        random = p / p.sum(axis=-1, keepdims=True)
        permuted = np.stack([rng.permuted(random[0], axis=-1) for _ in range(K)])
        votes = rng.integers(0, C, (K, n))
        # All different, if there are classes enough, under weights of each kind below.
        votes[:, :3] = (np.arange(K) % C)[:, None]
        certain = np.eye(C)[votes]
        equal = np.repeat(random[:1], K, axis=0)
        blocks = [random, _rounded(random, 1), _rounded(permuted, 1), permuted, certain, equal]
        p = np.concatenate(blocks, axis=1)
        w = rng.dirichlet(np.ones(K), p.shape[1])
        # Of three inputs one has round weights, zeros among them, and one equal weights.
        w[::3], w[1::3] = _rounded(w[::3], 1), 1 / K
        at_jumps = _at_jumps(operator, _log(random), w[:n], rng)
        made.append((np.concatenate([_log(p), at_jumps[0]], axis=1),
                     np.concatenate([w, at_jumps[1]])))  # fmt: skip
    return made


def _at_jumps(operator, log_p, w, rng) -> tuple[np.ndarray, np.ndarray]:
    """Where q changes most on the way from each input to another; to a jump, if there is one."""
    p, other = np.exp(log_p), rng.permutation(log_p.shape[1])
    p_far, w_far = p[:, other], w[other]
    w = w.copy()
    for _ in range(HALVINGS):
        p_middle, w_middle = (p + p_far) / 2, (w + w_far) / 2
        q, q_middle, q_far = (
            operator(_log(x), y) for x, y in ((p, w), (p_middle, w_middle), (p_far, w_far))
        )
        first = np.abs(q - q_middle).sum(axis=-1) >= np.abs(q_far - q_middle).sum(axis=-1)
        p_far = np.where(first[:, None], p_middle, p_far)
        p = np.where(first[:, None], p, p_middle)
        w_far = np.where(first[:, None], w_middle, w_far)
        w = np.where(first[:, None], w, w_middle)
    return _log(p), w


def _climb(operator, axiom, log_p, w, excess, seed) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The inputs of largest excess, and what random steps of falling size make of them."""
    rng = np.random.default_rng(seed)
    best = np.argsort(excess)[-CLIMBERS:]
    log_p, w, excess = log_p[:, best], w[best], excess[best]
    for size in np.geomspace(1.0, 0.03, CLIMBS):
        stepped = np.maximum(log_p + size * rng.normal(size=log_p.shape), np.log(LEAST))
        new_p = log_softmax(np.where(np.isneginf(log_p), -np.inf, stepped), axis=-1)
        new_w = w * np.exp(size * rng.normal(size=w.shape))
        new_w /= new_w.sum(axis=-1, keepdims=True)
        new = axiom.predicate(operator, new_p, new_w)
        better = new > excess
        log_p = np.where(better[:, None], new_p, log_p)
        w = np.where(better[:, None], new_w, w)
        excess = np.where(better, new, excess)
    return log_p, w, excess


def _smallest(operator, axiom, log_p, w, excess) -> tuple[float, np.ndarray, np.ndarray] | None:
    """(excess, p [K, C], weights [K]) of fewest decimals with a quarter of the worst, or None.

    Inputs without zeros come first: those with them may owe their violation to the zeros.
    """
    inside = np.isfinite(log_p).all(axis=(0, 2)) & (w > 0).all(axis=-1)
    for rows in (inside, np.ones_like(inside)):
        violations = np.flatnonzero(rows & (excess > axiom.tolerance))
        if not len(violations):
            continue
        worst = violations[np.argsort(excess[violations])[-KEPT:]]
        p, weights, enough = np.exp(log_p[:, worst]), w[worst], excess[worst].max() / 4
        for decimals in DECIMALS:
            round_p, round_w = _rounded(p, decimals), _rounded(weights, decimals)
            kept = axiom.predicate(operator, _log(round_p), round_w)
            if rows is inside:
                positive = (round_p > 0).all(axis=(0, 2)) & (round_w > 0).all(axis=-1)
                kept = np.where(positive, kept, -np.inf)
            n = int(kept.argmax())
            if kept[n] > max(axiom.tolerance, enough):
                return float(kept[n]), round_p[:, n], round_w[n]
    return None


def _rounded(p: np.ndarray, decimals: int) -> np.ndarray:
    """Distributions over the last axis in so many decimals; the largest value takes the rest."""
    rounded = np.round(p, decimals)
    rest = 1 - rounded.sum(axis=-1, keepdims=True)
    largest = p.argmax(axis=-1)[..., None]
    values = np.take_along_axis(rounded, largest, axis=-1) + rest
    np.put_along_axis(rounded, largest, values, axis=-1)
    return np.round(rounded, decimals)


def _log(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(p)
