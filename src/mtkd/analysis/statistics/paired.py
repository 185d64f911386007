"""The difference of two arms, paired over seeds and examples: interval, tests, what it could see.

Differences and margins are in the unit of the values.
"""

from __future__ import annotations

import bisect
import math
from typing import NamedTuple

import numpy as np
from scipy import special

CONFIDENCE = 0.95
MINIMUM_SEEDS = 3  # below, how much seeds vary is hardly known and no verdict is given
MINIMUM_DRAWS = 3  # below, how much draws vary is hardly known and they are taken for all there are
_MOST_SEEDS = 1_000_000
_BLOCK = 64  # bootstrap samples whose weights of examples are held at once
_COUNTED = 16_000  # draws that are counted at once


class MeanSquares(NamedTuple):
    """Mean squares of values [S, N], a two-way layout without replication.

    Of examples in clusters those of examples and error are such that they have the same part in the
    variance of the mean: N S times the cluster-robust variances of example means and of residuals.
    """

    seeds: float
    examples: float
    error: float


class Difference(NamedTuple):
    """A mean difference with its t interval, and what the interval is from."""

    estimate: float
    se: float
    df: float
    low: float
    high: float
    seeds: int
    examples: int
    clusters: int  # of examples; as many as there are where each is one of its own
    effective: float  # clusters of one size that would say as much
    mean_squares: MeanSquares
    # What an example contributes at most more in one outcome than in another, where outcomes are
    # few (right or wrong); 0 where they are not, and equal ones no accident.
    step: float = 0.0


def crossed_difference(
    values: np.ndarray,
    estimate: float | None = None,
    confidence: float = CONFIDENCE,
    clusters: np.ndarray | None = None,
) -> Difference:
    """Difference of two arms with an interval for new seeds and new examples alike.

    ``values`` [S, N] are one arm's contributions less the other's, by seed and example;
    ``estimate`` is the difference of the metric itself where it is not their mean (F1).

    Model: ``d[s, i] = mu + seed_s + example_i + error_si``, all random. The variance of the mean
    comes from the mean squares, ``(MS_seed + MS_example - MS_error) / (S N)``, its degrees of
    freedom from Satterthwaite (1946, Biometrics Bulletin 2(6)); see Searle, Casella and McCulloch
    1992, Variance Components, chapter 4. A component whose estimate is negative counts as zero
    and leaves only the other mean square with its own degrees of freedom, so the variance is never
    below that of seeds or of examples taken alone. Without that, variances near or below zero give
    intervals of no width. Coverage of the 95 % interval, simulated at 3, 5 and 10 seeds, was .915
    to .972 (benchmarks/coverage.md): least at three seeds that vary ten times as much as the
    examples, most where neither does and the guard alone speaks.

    ``clusters`` [N, 1] or [N, 2] number what examples share (a review, the two snippets of a pair):
    examples of one cluster, or of one snippet on any side, are not independent. Their component
    then is the cluster-robust variance of the examples' means (Cameron and Miller 2015, J. Hum.
    Resour. 50(2)), of pairs the dyadic-robust one (Aronow, Samii and Assenova 2015, Polit. Anal.
    23(4)), which counts every two examples that share something; the error's, which is subtracted,
    is the same of residuals. Degrees of freedom are from the effective number of clusters, ``N^2 /
    sum(n_g^2)`` for clusters of n_g examples (Kish 1965, Survey Sampling, section 11.7; Carter,
    Schnepel and Steigerwald 2017, Rev. Econ. Stat. 99(4)): one large cluster among single examples
    is hardly more than one observation. Of pairs it is that of all members, or of either side's
    where that is less. The dyadic variance, which is no sum of squares, is never below that of
    independent pairs.

    With one seed the variance is that of the examples: the interval holds for these two runs and
    says nothing about other seeds. Where nothing varies it has no width. Raises ValueError on
    other shapes, fewer than two examples or clusters and values that are not finite.
    """
    values = _finite(values)
    seeds, examples = values.shape
    squares, groups, effective = _mean_squares(values), examples, float(examples)
    if clusters is not None:
        squares, groups, effective = _clustered(values, squares, clusters)
    se, df = _standard_error(squares, seeds, examples, effective)
    if estimate is None:
        estimate = float(values.mean())
    half = float(special.stdtrit(df, (1 + confidence) / 2)) * se
    low, high = estimate - half, estimate + half
    return Difference(estimate, se, df, low, high, seeds, examples, groups, effective, squares)


def drawn_difference(
    values: np.ndarray, estimate: float | None = None, clusters: np.ndarray | None = None
) -> Difference:
    """The difference of two arms over draws of a task, values [D, S, N] by draw, seed and example.

    A draw says which rows had a label; the draws share the student seeds and the examples. With
    fewer than MINIMUM_DRAWS the interval is for new seeds and new examples, and conditional on
    these draws: that of the seeds' means over draws [S, N]. From then on it is for new draws too:
    that of the draws' means over seeds [D, N], whose rows vary by draw and by what seeds do in a
    draw, and beside it what seeds do in all draws alike, ``(MS_seed - MS_draw:seed) / (D S)`` of
    the means over examples, zero where it is negative. Degrees of freedom are Satterthwaite's. It
    is never narrower than the conditional one. ``seeds`` are those of each draw. With one draw it
    is ``crossed_difference``, whose arguments and errors these are.
    """
    values = np.asarray(values, dtype=float)
    by_seed = crossed_difference(values.mean(axis=0), estimate, clusters=clusters)
    draws, seeds = values.shape[:2]
    if draws < MINIMUM_DRAWS:
        return by_seed
    by_draw = crossed_difference(values.mean(axis=1), estimate, clusters=clusters)
    shared = 0.0
    if seeds > 1:
        squares = _mean_squares(values.mean(axis=2))  # rows are draws, columns seeds
        shared = max(squares.examples - squares.error, 0.0) / (draws * seeds)
    variance, df = by_draw.se**2 + shared, by_draw.df
    if shared:
        df = variance**2 / (by_draw.se**4 / by_draw.df + shared**2 / (seeds - 1))
    half = float(special.stdtrit(df, (1 + CONFIDENCE) / 2)) * math.sqrt(variance)
    if half < by_seed.high - by_seed.estimate:
        return by_seed
    low, high = by_draw.estimate - half, by_draw.estimate + half
    return by_draw._replace(se=math.sqrt(variance), df=df, low=low, high=high, seeds=seeds)


def unknown_difference(examples: int, clusters: np.ndarray | None = None) -> Difference:
    """The difference of two arms that share no seed."""
    squares = MeanSquares(math.nan, math.nan, math.nan)
    groups = examples if clusters is None else len(np.unique(clusters))
    nothing = (math.nan,) * 5
    return Difference(*nothing, 0, examples, groups, math.nan, squares)


def superiority_p(difference: Difference) -> float:
    """Two-sided p-value of a difference of zero."""
    return float(2 * special.stdtr(difference.df, -abs(_t(difference.estimate, difference.se))))


def equivalence_p(difference: Difference, margin: float) -> float:
    """P-value of a difference of at least ``margin`` either way: two one-sided tests.

    Schuirmann 1987, J. Pharmacokinet. Biopharm. 15(6). Where outcomes are few, the variance is as
    if one more example had gone each way (Bonett and Price 2012, J. Educ. Behav. Stat. 37(4)): that
    none of some was seen to differ does not say that none does. Raises ValueError on a margin not
    above 0.
    """
    if not margin > 0:
        raise ValueError(f"margin {margin} is not above 0")
    inside = min(margin - difference.estimate, margin + difference.estimate)
    se = math.hypot(difference.se, math.sqrt(2) * difference.step / difference.examples)
    return float(special.stdtr(difference.df, -_t(inside, se)))


def minimum_detectable_effect(difference: Difference, level: float, power: float = 0.8) -> float:
    """The smallest true difference that a two-sided test at ``level`` finds with ``power``.

    ``(t_{1 - level / 2} + t_power) * SE`` (Bloom 1995, Evaluation Review 19(5)).
    """
    return _effect(difference.se, difference.df, level, power)


def seeds_needed(difference: Difference, effect: float, level: float, power: float = 0.8) -> float:
    """Seeds for which the minimum detectable effect falls to ``effect``, the examples kept.

    From the variance components of ``difference``, those below zero taken as zero; at least the
    three that a verdict takes. Infinite where the examples alone vary too much (or a million seeds
    would not do), NaN from one seed, which says nothing of seeds.
    """
    seeds, examples, squares = difference.seeds, difference.examples, difference.mean_squares
    if seeds < 2:
        return math.nan
    above_seeds = max(squares.seeds - squares.error, 0.0)
    of_examples = max(squares.examples - squares.error, 0.0) / seeds

    def found(number: int) -> bool:
        expected = MeanSquares(
            squares.error + above_seeds, squares.error + number * of_examples, squares.error
        )
        error = _standard_error(expected, number, examples, difference.effective)
        return _effect(*error, level, power) <= effect

    candidates = range(MINIMUM_SEEDS, _MOST_SEEDS)
    place = bisect.bisect_left(candidates, True, key=found)
    return float(candidates[place]) if place < len(candidates) else math.inf


def bootstrap_interval(
    values: np.ndarray,
    seed: int,
    samples: int = 2000,
    confidence: float = CONFIDENCE,
    clusters: np.ndarray | None = None,
) -> tuple[float, float]:
    """Percentile interval of the mean of ``values`` [S, N], seeds and examples both resampled.

    Each sample draws S seeds and N examples with replacement, independently (the pigeonhole
    bootstrap, Owen 2007, Ann. Appl. Stat. 1(2)). It counts the error's variance up to three times
    and that of seeds (S - 1) / S times, so it stands beside ``crossed_difference`` as a check: too
    narrow where seeds vary most and are few. For F1, whose pseudovalues are given, it is that of
    the linearised metric. ``clusters`` (as of ``crossed_difference``) are drawn in place of
    examples, each with all of its own; of pairs the members, a pair as often as the product of how
    often its two are. ``seed`` is the generator's. Errors as of ``crossed_difference``.
    """
    values = _finite(values)
    seeds, examples = values.shape
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=samples) / seeds
    means = np.empty(samples)
    members = _numbered(clusters, examples)
    units = examples if members is None else int(members.max()) + 1
    for start in range(0, samples, _BLOCK):
        block = weights[start : start + _BLOCK]
        times = _times_each(rng.integers(units, size=(len(block), units), dtype=np.int32))
        counts = times.astype(float) if members is None else _times_drawn(times, members)
        # A sample of clusters can be without any example only where there are hardly two.
        of_examples = np.maximum(counts.sum(axis=1, keepdims=True), 1)
        by_seed = counts @ values.T / of_examples
        means[start : start + _BLOCK] = (block * by_seed).sum(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or len(values) < 1 or values.shape[1] < 2:
        raise ValueError(f"values are {values.shape}: expected [S >= 1, N >= 2]")
    if not np.isfinite(values).all():
        raise ValueError("values are not all finite")
    return values


def _mean_squares(values: np.ndarray) -> MeanSquares:
    """Those of seeds and error are NaN with one seed."""
    seeds, examples = values.shape
    by_example = values.mean(axis=0)
    of_examples = float(seeds * by_example.var(ddof=1))
    if seeds == 1:
        return MeanSquares(math.nan, of_examples, math.nan)
    by_seed = values.mean(axis=1, keepdims=True)
    rest = values - by_seed - by_example + by_seed.mean()
    error = float((rest**2).sum()) / ((seeds - 1) * (examples - 1))
    return MeanSquares(float(examples * by_seed.var(ddof=1)), of_examples, error)


def _clustered(
    values: np.ndarray, squares: MeanSquares, clusters: np.ndarray
) -> tuple[MeanSquares, int, float]:
    """Mean squares of values [S, N] in clusters [N, 1 or 2], how many these are and in effect."""
    members = _numbered(clusters, values.shape[1])
    groups = int(members.max()) + 1
    if groups < 2:
        raise ValueError("all examples are of one cluster")
    seeds, examples = values.shape
    by_example = values.mean(axis=0)
    scale = seeds * examples / examples**2 * groups / (groups - 1)
    of_examples = scale * _shared_squares(by_example[None] - by_example.mean(), members)
    if members.shape[1] == 2:
        of_examples = max(of_examples, squares.examples)
    if seeds == 1:
        return MeanSquares(math.nan, of_examples, math.nan), groups, _effective(members)
    rest = values - values.mean(axis=1, keepdims=True) - by_example + by_example.mean()
    scale /= seeds**2 * (seeds - 1) / seeds
    error = max(scale * _shared_squares(rest, members), 0.0)
    return MeanSquares(squares.seeds, of_examples, error), groups, _effective(members)


def _effective(members: np.ndarray) -> float:
    """How many clusters of one size say as much as those of examples [N, 1 or 2]; at least two."""
    sizes = [np.bincount(of) for of in (members.ravel(), *members.T)]
    return max(2.0, min(float(of.sum() ** 2 / (of @ of)) for of in sizes))


def _shared_squares(rest: np.ndarray, members: np.ndarray) -> float:
    """Sum over rows of [S, N] of the products of every two examples that share a member."""

    def squares(groups: np.ndarray, values: np.ndarray) -> float:
        sums = (np.bincount(groups, row) for row in values)
        return sum(float(of_row @ of_row) for of_row in sums)

    if members.shape[1] == 1:
        return squares(members[:, 0], rest)
    two = members[:, 0] != members[:, 1]
    pairs = np.sort(members[two], axis=1)
    # Pairs of the same two members share both, and would count twice.
    same = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
    either = np.concatenate([members[:, 0], members[two, 1]])
    doubled = np.concatenate([rest, rest[:, two]], axis=1)
    return squares(either, doubled) - squares(same, rest[:, two])


def _numbered(clusters: np.ndarray | None, examples: int) -> np.ndarray | None:
    """Clusters [N, 1 or 2] with members numbered from 0; None without them."""
    if clusters is None:
        return None
    clusters = np.asarray(clusters)
    if clusters.ndim != 2 or len(clusters) != examples or clusters.shape[1] not in (1, 2):
        raise ValueError(f"clusters are {clusters.shape}: expected [{examples}, 1 or 2]")
    return np.unique(clusters, return_inverse=True)[1].reshape(clusters.shape)


def _times_each(drawn: np.ndarray) -> np.ndarray:
    """How often each of M is among the M drawn, of samples [B, M] to counts [B, M]."""
    samples, units = drawn.shape
    counts = np.empty(drawn.shape, dtype=np.intp)
    # Few units: many samples in one call, each with numbers of its own, as far as a cache holds.
    together = max(1, _COUNTED // units)
    for start in range(0, samples, together):
        some = drawn[start : start + together]
        numbered = some + units * np.arange(len(some))[:, None]
        counted = np.bincount(numbered.ravel(), minlength=some.size)
        counts[start : start + together] = counted.reshape(some.shape)
    return counts


def _times_drawn(times: np.ndarray, members: np.ndarray) -> np.ndarray:
    """How often each example is in samples [B, N] in which members are so often."""
    own, *other = members.T
    found = times.take(own, axis=1).astype(float)
    for partner in other:
        found *= np.where(partner == own, 1, times.take(partner, axis=1))
    return found


def _standard_error(
    squares: MeanSquares, seeds: int, examples: int, groups: float
) -> tuple[float, float]:
    """Standard error of the mean and its degrees of freedom, infinite where nothing varies."""
    if seeds == 1:
        return math.sqrt(squares.examples / examples), groups - 1.0
    seeds_vary = squares.seeds > squares.error
    examples_vary = squares.examples > squares.error
    signs = np.array([seeds_vary, examples_vary, 1 - seeds_vary - examples_vary])
    terms = signs * np.array(squares)
    total = float(terms.sum())
    if not total > 0:
        return 0.0, math.inf
    freedom = np.array([seeds - 1, groups - 1, (seeds - 1) * (groups - 1)])
    # The subtracted error is not what makes the sum less certain than its least certain part.
    df = max(total**2 / float((terms**2 / freedom).sum()), min(seeds, groups) - 1.0)
    return math.sqrt(total / (seeds * examples)), df


def _t(distance: float, se: float) -> float:
    """Distance in standard errors; without an error, infinite unless there is no distance."""
    if se > 0:
        return distance / se
    return math.copysign(math.inf, distance) if distance else 0.0


def _effect(se: float, df: float, level: float, power: float) -> float:
    # Student's t by itself: scipy.stats takes fifty times as long to find it.
    return float(special.stdtrit(df, 1 - level / 2) + special.stdtrit(df, power)) * se
