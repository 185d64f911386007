"""How much of the gap between the undistilled student and a teacher distillation closes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from mtkd.analysis.claims import arm_scores, at_seeds, primary_scores, shared_seeds
from mtkd.analysis.constant import constant_scores, lead
from mtkd.analysis.statistics.paired import CONFIDENCE, Difference, crossed_difference
from mtkd.metrics.by_example import Contributions
from mtkd.metrics.names import declared
from mtkd.records.examples import Examples

GAP_COLUMNS = ["gap", "fraction", "low", "high", "difference", "difference_low", "difference_high"]


def gap_closed(
    distilled: Contributions,
    none: Contributions,
    teacher: Contributions,
    clusters: np.ndarray | None = None,
) -> dict:
    """Fraction of the gap closed, (distilled - none) / (teacher - none), of the same seeds.

    Values [S] and pseudovalues [S, N] of one metric on the same examples, of which greater is
    better (``improving``). A teacher that is the same for every seed has S equal rows: intervals
    are then conditional on it.

    ``gap`` is whether there is one: the 95 % interval of teacher - none lies above 0. Without a gap
    ``fraction`` is NaN and ``difference`` (distilled - none, with its interval) is what there is to
    say. ``low`` and ``high`` are Fieller's interval of the ratio of means (Fieller 1954, J. R.
    Stat. Soc. B 16(2)) with the lesser degrees of freedom of the two differences; infinite where
    with these the gap is not above 0. All variances are those of crossed seeds and examples, which
    may come in ``clusters``.
    """
    gained = _difference(distilled, none, clusters)
    open_ = _difference(teacher, none, clusters)
    gap = open_.low > 0
    low, high = math.nan, math.nan
    if gap:
        # From Var(x - y) = Var x + Var y - 2 Cov: x - y is the teacher's lead over the student.
        rest = _difference(teacher, distilled, clusters)
        covariance = (gained.se**2 + open_.se**2 - rest.se**2) / 2
        bound = gained.se * open_.se
        low, high = _fieller(gained, open_, min(max(covariance, -bound), bound))
    return {
        "gap": gap,
        "fraction": gained.estimate / open_.estimate if gap else math.nan,
        "low": low,
        "high": high,
        "difference": gained.estimate,
        "difference_low": gained.low,
        "difference_high": gained.high,
    }


def gap_table(examples: Examples) -> pd.DataFrame:
    """One row per distilled arm and reference: the columns of ``gap_closed``, and what they are of.

    The metric's own unit throughout (fractions for one in percent), primary metric on report, T and
    alpha chosen on selection, the seeds shared by the arm and ``none`` (``seeds`` counts them,
    ``n`` the examples). ``against`` is ``teacher``: the one with the best mean on selection, the
    first on ties; and for arms of several teachers also ``fused``: what the arm itself learns from.
    ``reference_value`` and ``none_value`` are means, ``difference`` an improvement whatever the
    metric. To a reference that is no better than a constant answer there is no gap either: what
    closes it is giving that answer more often. Empty without an undistilled arm.
    """
    columns = ["task", "against", "reference", "reference_value", "none_value", "strategy"]
    columns += ["teachers", "T", "alpha", "seeds", "n", *GAP_COLUMNS]
    record = examples.record
    arms, sign = record["arms"], declared(record["metrics"][0]).sign
    none = [i for i, arm in enumerate(arms) if arm["family"] == "undistilled"]
    report = arm_scores(examples, "report")
    constant = constant_scores(examples, examples.report_splits)
    clusters = examples.clusters_of(examples.report_splits)
    rows = []
    for i, arm in enumerate(arms):
        seeds = shared_seeds([arm, *(arms[n] for n in none)])
        if not none or i in none or not seeds:
            continue
        scores = [at_seeds(report[k], arms[k], seeds) for k in (i, none[0])]
        references = [("teacher", *_teacher(examples, seeds))]
        if "+" in arm["teachers"]:
            references.append(("fused", arm["name"], _fused(examples, i, seeds)))
        for against, name, reference in references:
            row = {"task": record["task"], "against": against, "reference": name}
            row |= {"reference_value": sign * reference.value.mean()}
            row |= {"none_value": sign * scores[1].value.mean()}
            row |= {key: arm[key] for key in ("strategy", "teachers", "T", "alpha")}
            row |= {"seeds": len(seeds), "n": reference.pseudovalues.shape[1]}
            found = gap_closed(*scores, reference, clusters)
            if not lead(reference, constant, clusters).low > 0:
                found |= {"gap": False} | dict.fromkeys(["fraction", "low", "high"], math.nan)
            rows.append(row | found)
    return pd.DataFrame(rows, columns=columns)


def best_teacher(examples: Examples) -> int:
    """Number of the teacher with the best mean primary score on selection, the first on ties."""
    sign = declared(examples.record["metrics"][0]).sign
    return int(np.argmax(sign * np.mean(examples.record["teacher_scores"], axis=1).round(12)))


def _teacher(examples: Examples, seeds: list[str]) -> tuple[str, Contributions]:
    """Name and scores of the best teacher: of each student's own seed, or the only one."""
    best = best_teacher(examples)
    known = examples.record["teacher_seeds"]
    rows = [known.index(seed) if len(known) > 1 else 0 for seed in seeds]
    logits = {split: examples.teachers[split][best][rows] for split in examples.report_splits}
    return examples.record["teachers"][best], primary_scores(examples, logits)


def _fused(examples: Examples, arm: int, seeds: list[str]) -> Contributions:
    """Scores of an arm's fused teachers: of each seed, or the same for all."""
    known = examples.record["arms"][arm]["seeds"]
    fused = {split: examples.fused[split][arm] for split in examples.report_splits}
    one = len(next(iter(fused.values()))) == 1
    rows = [0 if one else known.index(seed) for seed in seeds]
    return primary_scores(examples, {split: logits[rows] for split, logits in fused.items()})


def _difference(
    a: Contributions, b: Contributions, clusters: np.ndarray | None = None
) -> Difference:
    estimate = float((a.value - b.value).mean())
    return crossed_difference(a.pseudovalues - b.pseudovalues, estimate, clusters=clusters)


def _fieller(above: Difference, below: Difference, covariance: float) -> tuple[float, float]:
    """Interval of above / below: the r for which ``above - r * below`` is within t errors of 0."""
    t = float(stats.t.ppf((1 + CONFIDENCE) / 2, min(above.df, below.df)))
    a = below.estimate**2 - (t * below.se) ** 2
    b = above.estimate * below.estimate - t**2 * covariance
    c = above.estimate**2 - (t * above.se) ** 2
    if a <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(b * b - a * c, 0.0))
    return float((b - root) / a), float((b + root) / a)
