"""What may be said of a family of comparisons: adjusted p-values and one verdict each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from mtkd.analysis.statistics.paired import (
    MINIMUM_SEEDS,
    Difference,
    equivalence_p,
    minimum_detectable_effect,
    superiority_p,
)

LEVEL = 0.05

Verdict = Literal[
    "better",
    "worse",
    "equivalent",
    "no assay sensitivity",
    "undecidable",
    "no skill",
    "no verdict",
]


class Finding(NamedTuple):
    """The verdict on one difference, and what it is from."""

    verdict: Verdict
    note: str  # the sign where the difference is equivalent to zero and yet not zero
    superiority_p: float  # adjusted
    equivalence_p: float  # adjusted
    level: float  # the smallest of Holm's, at which the effect below is detectable
    minimum_detectable_effect: float  # in the unit of the difference, power .8


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjusted p-values that keep the family-wise error (Holm 1979, Scand. J. Stat. 6(2))."""
    # As statsmodels does, which collects a process's garbage at each call: a tenth of a second.
    values = np.asarray(p_values)
    order = np.argsort(values)
    adjusted = np.empty(len(values))
    steps = np.arange(len(values), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * steps), 1.0)
    return adjusted


def findings(family: Sequence[Difference], margin: float) -> list[Finding]:
    """Verdicts on a family of claims, in their order; ``margin`` in their unit, above 0.

    Holm's procedure at .05 goes over the superiority p-values, and on its own over those of
    equivalence. A difference is equivalent where equivalence holds, whatever its sign; else better
    or worse where superiority holds; else undecidable. One of fewer than three seeds has no
    verdict and no numbers, but stays in the family with p-values of 1: a lost run makes no other
    claim easier. Errors as of ``equivalence_p``.
    """
    if not family:
        return []
    enough = [difference.seeds >= MINIMUM_SEEDS for difference in family]
    judged = list(zip(family, enough, strict=True))
    superior = holm([superiority_p(d) if known else 1.0 for d, known in judged])
    equivalent = holm([equivalence_p(d, margin) if known else 1.0 for d, known in judged])
    level = LEVEL / len(family)
    return [
        _finding(difference, float(p), float(q), level)
        if known
        else Finding("no verdict", "", math.nan, math.nan, level, math.nan)
        for (difference, known), p, q in zip(judged, superior, equivalent, strict=True)
    ]


def without_skill(finding: Finding) -> Finding:
    """The finding on two sides of which neither is better than a constant answer.

    Such sides differ in how often they give each label, which says nothing of how they were
    trained. Its p-values stay, so that the family is what it was.
    """
    if finding.verdict == "no verdict":
        return finding
    return finding._replace(verdict="no skill", note="")


def has_assay_sensitivity(distillation: Difference | None, margin: float) -> bool:
    """Whether a study could have told a distilled student from an undistilled one on a task.

    ``distillation`` is the difference of the two, None where the study has not both. It has where
    the lower end of the 95 % interval is above ``margin``, from three seeds at least: ICH E10
    (2000), section 1.5, of trials that mean to show that two treatments are alike.
    """
    if distillation is None or distillation.seeds < MINIMUM_SEEDS:
        return False
    return distillation.low > margin


def without_assay_sensitivity(finding: Finding) -> Finding:
    """The finding on two distilled arms of a study without assay sensitivity.

    That they are alike then says nothing: so would be a fused teacher and none. Its p-values and
    its note stay.
    """
    if finding.verdict != "equivalent":
        return finding
    return finding._replace(verdict="no assay sensitivity")


def _finding(difference: Difference, superior: float, equivalent: float, level: float) -> Finding:
    differs = superior <= LEVEL
    sign: Verdict = "better" if difference.estimate > 0 else "worse"
    verdict: Verdict = sign if differs else "undecidable"
    note = ""
    if equivalent <= LEVEL:
        verdict = "equivalent"
        note = f"{sign}, by less than the margin" if differs else ""
    effect = minimum_detectable_effect(difference, level)
    return Finding(verdict, note, superior, equivalent, level, effect)
