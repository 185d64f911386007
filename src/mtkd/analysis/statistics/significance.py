"""Tests of one pair of arms that assume no distribution, beside the interval of ``paired``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

_BLOCK = 50  # sign flips held at once


class McNemar(NamedTuple):
    """Examples that one arm alone has right, and what speaks against equal accuracies."""

    first_only: int
    second_only: int
    exact_p: float
    mid_p: float


def mcnemar(first: np.ndarray, second: np.ndarray, labels: np.ndarray) -> McNemar:
    """McNemar's test of two runs' accuracies on the same examples; all arguments [N].

    The binomial test of the discordant pairs (McNemar 1947, Psychometrika 12(2)) and its mid-p
    version, less conservative and advised by Fagerland, Lydersen and Laake (2013, BMC Med. Res.
    Methodol. 13:91). Both are 1 without discordant pairs. For one run of each arm: it says nothing
    of other seeds.
    """
    first_right, second_right = np.equal(first, labels), np.equal(second, labels)
    first_only = int((first_right & ~second_right).sum())
    second_only = int((second_right & ~first_right).sum())
    discordant = first_only + second_only
    if not discordant:
        return McNemar(0, 0, 1.0, 1.0)
    exact = float(stats.binomtest(first_only, discordant).pvalue)
    # Half of the outcome seen is left out in each tail; the middle is in both tails but once.
    seen = float(stats.binom.pmf(first_only, discordant, 0.5))
    mid = exact - (seen / 2 if first_only == second_only else seen)
    return McNemar(first_only, second_only, exact, mid)


def sign_flip_p(differences: np.ndarray, seed: int, flips: int = 9_999) -> float:
    """Two-sided p-value of a zero mean of ``differences`` [n], by flipping their signs.

    The differences are independent and symmetric about zero where the arms do not differ: by
    example, means over seeds (other examples, the same runs), or by seed, means over examples
    (other seeds, the same examples; 2 ** (1 - S) is the least p that S seeds can give). All 2 ** n
    flips are taken if no more than ``flips``; else so many at random, drawn with ``seed``, and the
    one observed counts as one of them (Phipson and Smyth 2010, Stat. Appl. Genet. 9(1):39).
    """
    differences = np.asarray(differences, dtype=float)
    if len(differences) == 1:
        return 1.0  # either sign is as extreme as the other
    if 2 ** len(differences) <= flips:
        return float(
            stats.permutation_test(
                (differences,), np.sum, permutation_type="samples", n_resamples=flips
            ).pvalue
        )
    # SciPy draws a real number for each sign and takes a hundred times as long; here it is a bit.
    rng = np.random.default_rng(seed)
    total = differences.sum()
    observed = abs(total) - 1e-12 * np.abs(differences).sum()  # equal sums differ in rounding
    as_extreme = 0
    for start in range(0, flips, _BLOCK):
        block = min(_BLOCK, flips - start)
        drawn = rng.integers(256, size=(block, -(-len(differences) // 8)), dtype=np.uint8)
        flipped = np.unpackbits(drawn, axis=1, count=len(differences)).astype(float)
        as_extreme += int((np.abs(total - 2 * (flipped @ differences)) >= observed).sum())
    return (as_extreme + 1) / (flips + 1)
