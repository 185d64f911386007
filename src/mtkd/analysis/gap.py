"""How much of the gap between the undistilled student and a teacher distillation closes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from scipy import stats

from mtkd.analysis.master import Study, report_values, teacher_names

CONFIDENCE = 0.95
GAP_COLUMNS = ["gap", "fraction", "low", "high", "difference", "difference_low", "difference_high"]


def gap_closed(distilled: np.ndarray, none: np.ndarray, teacher: np.ndarray | float) -> dict:
    """Fraction of the gap closed, (distilled - none) / (teacher - none), over seeds.

    ``distilled`` and ``none`` hold one score a seed, in the same order of seeds; ``teacher`` too,
    or it is one score. All in one unit, which is that of the differences returned.

    ``gap`` is whether there is one: mean teacher - none above 0, and with two or more seeds its
    95 % t interval over seeds as well. Without a gap ``fraction`` is NaN and ``difference``
    (distilled - none, with its t interval) is what there is to say. ``low`` and ``high`` are
    Fieller's interval of the ratio of means (Fieller 1954, J. R. Stat. Soc. B 16(2)), which is
    finite exactly where there is a gap; intervals are NaN with one seed.
    """
    none = np.asarray(none, dtype=float)
    gained, open_ = np.asarray(distilled, dtype=float) - none, teacher - none
    difference, difference_low, difference_high = _t_interval(gained)
    wide, wide_low, _ = _t_interval(open_)
    gap = wide > 0 and not wide_low <= 0
    low, high = _fieller(gained, open_) if gap else (math.nan, math.nan)
    fraction = difference / wide if gap else math.nan
    values = (gap, fraction, low, high, difference, difference_low, difference_high)
    return dict(zip(GAP_COLUMNS, values, strict=True))


def gap_table(runs: pd.DataFrame, study: Study) -> pd.DataFrame:
    """One row per task and distilled arm: the columns of ``gap_closed``, and what they are from.

    Fractions throughout, primary metric, mean of a task's report splits, T and alpha chosen on
    selection, the seeds shared by the arm and ``none`` (``seeds`` counts them). ``reference`` is
    the teacher with the best mean on selection, the first in the study's order on ties;
    ``reference_value`` and ``none_value`` are the means. Teachers trained per seed are paired by
    seed. Arms or tasks without runs of all three have no row.
    """
    columns = ["task", "reference", "reference_value", "none_value", "strategy", "teachers"]
    columns += ["T", "alpha", "seeds", *GAP_COLUMNS]
    values = report_values(runs, study)
    by = ["task", "type", "teacher", "strategy", "teachers", "T", "alpha"]
    scores = values.groupby([*by, "seed"], dropna=False, sort=False).value.mean().reset_index()
    rows = []
    for task in study["tasks"]:
        of_task = scores[scores.task == task]
        reference = reference_teacher(runs, study, task)
        none = of_task[of_task.strategy == "none"].set_index("seed").value
        if reference is None or none.empty:
            continue
        teacher = of_task[of_task.teacher == reference].set_index("seed").value
        distilled = of_task[of_task.type.isin(["single", "multi"])]
        for (strategy, teachers, T, alpha), arm in distilled.groupby(by[3:], sort=False):
            shared = [seed for seed in arm.seed if seed in none.index]
            paired = study["teacher_seed"] == "paired"
            shared = [seed for seed in shared if not paired or seed in teacher.index]
            if not shared:
                continue
            against = teacher[shared].to_numpy() if paired else float(teacher.mean())
            closed = gap_closed(arm.set_index("seed").value[shared], none[shared], against)
            values = (task, reference, np.mean(against), none[shared].mean(), strategy, teachers)
            values += (T, alpha, len(shared), *closed.values())
            rows.append(dict(zip(columns, values, strict=True)))
    return pd.DataFrame(rows, columns=columns)


def reference_teacher(runs: pd.DataFrame, study: Study, task: str) -> str | None:
    """The teacher with the best mean primary score on the selection split, or None without runs."""
    on_selection = runs[(runs.task == task) & (runs.split == "selection") & runs.primary]
    means = on_selection[on_selection.kind == "teacher"].groupby("teacher").value.mean()
    known = [teacher for teacher in teacher_names(study) if teacher in means.index]
    return max(known, key=means.get, default=None)


def _t_interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and t interval; the interval is NaN with one value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = _quantile(len(values)) * float(stats.sem(values))
    return mean, mean - half, mean + half


def _fieller(above: np.ndarray, below: np.ndarray) -> tuple[float, float]:
    """Interval of mean(above) / mean(below), given that below's own interval excludes 0.

    The ratios r for which the mean of ``above - r * below`` is within t standard errors of 0.
    """
    n = len(above)
    if n < 2:
        return math.nan, math.nan
    covariance = _quantile(n) ** 2 * np.cov(above, below) / n
    a = np.mean(below) ** 2 - covariance[1, 1]
    b = np.mean(above) * np.mean(below) - covariance[0, 1]
    c = np.mean(above) ** 2 - covariance[0, 0]
    root = math.sqrt(max(b * b - a * c, 0.0))
    return float((b - root) / a), float((b + root) / a)


def _quantile(n: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
