"""What the audit predicts of students, and, once they are trained, how well it predicted.

A student of several teachers is predicted to gain what better teachers gave the students of single
ones: the slope of students' scores in their teachers', within a task. That is another quantity than
the share of the gap to its teacher that a student closes, which says what distillation gives and
not what a better teacher would. What is predicted is written down before students exist.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from mtkd.analysis.claims import MEAN_SINGLE
from mtkd.analysis.measures.scores_per_example import improving
from mtkd.analysis.selection import ARM, chosen_settings, sign_of
from mtkd.analysis.statistics.paired import CONFIDENCE, Difference, crossed_difference
from mtkd.study.arms import is_plain_single

PREDICTION_COLUMNS = ["task", "arm", "lead", "lead_low", "lead_high", "slope", "slope_low"]
PREDICTION_COLUMNS += ["slope_high", "predicted", "predicted_low", "predicted_high", "expected"]
SCORED_COLUMNS = ["measured", "low", "high", "verdict", "error", "inside", "same_sign"]
SCORED_COLUMNS += ["came_true", "skill"]
SKILL_COLUMNS = ["task", "arms", "mse", "mse_no_difference", "skill", "inside"]
INHERITANCE_COLUMNS = ["source", "slope", "low", "high", "residual", "tasks", "arms"]
POINT_COLUMNS = ["task", "teacher", "teacher_score", "student_score"]


class Inheritance(NamedTuple):
    """Points that a student gains for each point that its teacher is better: d(student)/d(teacher).

    Least squares within tasks: ``slope``, its standard error ``se`` with ``df`` degrees of freedom,
    and ``residual``, the standard deviation of students around the lines, in points.
    """

    slope: float
    se: float
    df: int
    residual: float
    tasks: int
    arms: int

    @property
    def interval(self) -> tuple[float, float]:
        """The slope's 95 % interval."""
        half = _t(self.df) * self.se
        return self.slope - half, self.slope + half


# Of what was known beforehand: the single-teacher arms of the published study (config/published)
# and of this project's first embedded study, those of more-positive left out, where no student was
# better than a constant answer. tests/unit/test_second_reading.py recomputes it from their tables.
KNOWN = Inheritance(slope=0.1556, se=0.0582, df=13, residual=0.36, tasks=7, arms=21)
KNOWN_FROM = "single-teacher arms of a published study and of the first embedded study"


def inheritance(points: pd.DataFrame) -> Inheritance | None:
    """The slope of ``student_score`` in ``teacher_score``, points, within ``task``.

    Three arms over all tasks are the fewest that leave a residual; None with fewer degrees of
    freedom than one, or where no task has teachers that differ.
    """
    within = points.groupby("task")[["teacher_score", "student_score"]]
    x, y = (points[["teacher_score", "student_score"]] - within.transform("mean")).to_numpy().T
    tasks, arms = points.task.nunique(), len(points)
    df, spread = arms - tasks - 1, float(x @ x)
    if df < 1 or not spread > 0:
        return None
    slope = float(x @ y) / spread
    residual = math.sqrt(float(((y - slope * x) ** 2).sum()) / df)
    return Inheritance(slope, residual / math.sqrt(spread), df, residual, tasks, arms)


def single_points(runs: pd.DataFrame) -> pd.DataFrame:
    """A study's single-teacher arms as POINT_COLUMNS, in points of improvement.

    The teacher's score is that on selection, from which the audit predicts, the student's that on
    report at the T and alpha chosen on selection, both means over seeds. Tasks whose students are
    no better than the constant answer are left out: what such students do not learn they cannot
    inherit.
    """
    primary = runs[runs.primary].copy()
    primary["value"] = 100 * sign_of(primary.metric) * primary.value
    settings = chosen_settings(runs)
    settings = settings[settings.strategy.map(is_plain_single).astype(bool)]
    report = primary[(primary.kind == "student") & (primary.role == "report")]
    students = report.merge(settings[[*ARM, "T", "alpha"]], on=[*ARM, "T", "alpha"])
    students = students.groupby(["task", "teachers"], sort=False).value.mean()
    teachers = primary[(primary.kind == "teacher") & (primary.split == "selection")]
    teachers = teachers.groupby(["task", "teacher"], sort=False).value.mean()
    constant = primary[(primary.kind == "constant") & (primary.role == "report")]
    constant = constant.groupby("task").value.mean()
    rows = [
        (task, teacher, teachers[task, teacher], score)
        for (task, teacher), score in students.items()
        if (task, teacher) in teachers and students[task].mean() > constant.get(task, -math.inf)
    ]
    return pd.DataFrame(rows, columns=POINT_COLUMNS)


def inheritance_table(runs: pd.DataFrame) -> pd.DataFrame:
    """The slope that predictions were made with, and that of the study's own single arms.

    Columns INHERITANCE_COLUMNS: slope with its 95 % interval, points for a point; residual in
    points; how many tasks and arms it is of.
    """
    own = inheritance(single_points(runs))
    sources = [(f"before: {KNOWN_FROM}", KNOWN)]
    sources += [("afterwards: this study's own single-teacher arms", own)] if own else []
    rows = [
        {"source": source, "slope": of.slope, "low": of.interval[0], "high": of.interval[1]}
        | {"residual": of.residual, "tasks": of.tasks, "arms": of.arms}
        for source, of in sources
    ]
    return pd.DataFrame(rows, columns=INHERITANCE_COLUMNS)


def predictions_table(
    task: str,
    logits: np.ndarray,
    fused: Mapping[str, np.ndarray],
    labels: np.ndarray,
    metric: str,
    margin: float,
    known: Inheritance = KNOWN,
    clusters: np.ndarray | None = None,
) -> pd.DataFrame:
    """What each arm of several teachers is predicted to gain over one teacher, in points.

    ``logits`` [K, R, N, C] are of the teachers that have a single-teacher arm, whose mean it is
    that the arms are compared with. ``clusters`` as of ``crossed_difference``.

    Columns PREDICTION_COLUMNS. ``lead`` is how much better the fused teacher scores on selection
    than the mean of the single teachers, with its 95 % interval; ``predicted`` is ``slope`` times
    that. Its 95 % interval is of what is uncertain: the slope, the lead, and how far an arm and the
    mean of K others are off the line. ``expected`` is read off it as a verdict off a claim's:
    ``helps`` above 0, ``hurts`` below, ``no difference`` within the margin, else ``cannot tell``.
    """
    teachers = [improving(of, labels, metric) for of in logits]
    value = np.mean([one.value for one in teachers], axis=0)
    pseudovalues = np.mean([one.pseudovalues for one in teachers], axis=0)
    rows = []
    for name, of_seeds in fused.items():
        own = improving(of_seeds, labels, metric)
        lead = crossed_difference(
            100 * (own.pseudovalues - pseudovalues),
            100 * float((own.value - value).mean()),
            clusters=clusters,
        )
        row = {"task": task, "arm": name, "lead": lead.estimate}
        row |= {"lead_low": lead.low, "lead_high": lead.high, "slope": known.slope}
        row |= dict(zip(("slope_low", "slope_high"), known.interval, strict=True))
        rows.append(row | _predicted(lead, known, len(teachers), margin))
    return pd.DataFrame(rows, columns=PREDICTION_COLUMNS)


def _predicted(lead: Difference, known: Inheritance, singles: int, margin: float) -> dict:
    predicted = known.slope * lead.estimate
    variance = (known.se * lead.estimate) ** 2 + (known.slope * lead.se) ** 2
    variance += (known.se * lead.se) ** 2 + known.residual**2 * (1 + 1 / singles)
    half = _t(known.df) * math.sqrt(variance)
    low, high = predicted - half, predicted + half
    expected = "cannot tell"
    if -margin < low and high < margin:
        expected = "no difference"
    elif low > 0 or high < 0:
        expected = "helps" if low > 0 else "hurts"
    return {"predicted": predicted, "predicted_low": low, "predicted_high": high} | {
        "expected": expected
    }


def scored_predictions(predictions: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """The audit's predictions beside what came of them: PREDICTION_COLUMNS and SCORED_COLUMNS.

    ``measured``, ``low``, ``high`` (the claim's effect and interval, points), ``verdict``;
    ``error``, measured less predicted; ``inside``, whether the measured effect lies in the
    predicted interval; ``same_sign``; ``came_true``: the verdict is the expected one; empty where
    the audit or the study cannot tell (undecidable, no skill, no verdict). ``skill`` is that of all
    the task's predictions, as of ``skill_of``.
    """
    measured = claims[claims.claim == MEAN_SINGLE]
    measured = measured.rename(columns={"a": "arm", "effect": "measured"})
    columns = ["task", "arm", "measured", "low", "high", "verdict"]
    table = predictions.merge(measured[columns], on=["task", "arm"], how="inner")
    table["error"] = table.measured - table.predicted
    table["inside"] = table.measured.between(table.predicted_low, table.predicted_high)
    table["same_sign"] = np.sign(table.measured) == np.sign(table.predicted)
    meant = {"better": "helps", "worse": "hurts", "equivalent": "no difference"}
    outcome = table.verdict.map(meant)
    told = outcome.notna() & (table.expected != "cannot tell")
    table["came_true"] = (outcome == table.expected).where(told).astype("boolean")
    of_task = {task: skill_of(of.error, of.measured) for task, of in _judged(table).groupby("task")}
    table["skill"] = table.task.map(of_task).astype(float)
    return table[[*predictions.columns, *SCORED_COLUMNS]]


def skill_of(error: pd.Series, measured: pd.Series) -> float:
    """1 - MSE / MSE of the forecast "no difference": 1 perfect, 0 no better than that, else worse.

    NaN where nothing was measured, or nothing but exact zeros.
    """
    nothing = float((measured**2).mean()) if len(measured) else 0.0
    return 1 - float((error**2).mean()) / nothing if nothing > 0 else math.nan


def forecast_skill(scored: pd.DataFrame) -> pd.DataFrame:
    """How good the predictions were, by task and over all: SKILL_COLUMNS, MSE in points squared.

    ``mse_no_difference`` is that of the forecast that several teachers change nothing, ``skill``
    what is better than it (``skill_of``), ``inside`` the share of effects in their predicted 95 %
    intervals. The row of ``all`` comes last; arms without a measured effect are not counted, nor
    those of which no side of the claim has skill.
    """
    measured = _judged(scored)
    groups = [*measured.groupby("task", sort=False)]
    groups += [("all", measured)] if groups else []
    rows = [
        {"task": task, "arms": len(of), "mse": (of.error**2).mean()}
        | {"mse_no_difference": (of.measured**2).mean()}
        | {"skill": skill_of(of.error, of.measured), "inside": of.inside.mean()}
        for task, of in groups
    ]
    return pd.DataFrame(rows, columns=SKILL_COLUMNS)


def _judged(scored: pd.DataFrame) -> pd.DataFrame:
    return scored[scored.measured.notna() & (scored.verdict != "no skill")]


def _t(df: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, df))
