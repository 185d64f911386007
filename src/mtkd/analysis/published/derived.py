"""Figures that follow from a reported main table: advantages by two definitions, gaps closed."""

from __future__ import annotations

import math

import pandas as pd

from mtkd.analysis.published.reported import ADVANTAGE, AVERAGE, DISTILLED, Reported

# Half of the last printed digit on either side of a difference of two printed values, and its own.
ROUNDING = 0.015
GAP_ROUNDING = 0.5  # gaps are printed as whole percent


def advantage_by_task(reported: Reported) -> pd.Series:
    """Best multi-teacher value less best single-teacher value of each task; AVG is their mean.

    Here and below a difference is an improvement, also where less of a metric is better.
    """
    multi, single = (_improving(reported, type_) for type_ in ("multi", "single"))
    gains = (multi.max() - single.max()).drop(AVERAGE)
    return pd.concat([gains, pd.Series({AVERAGE: gains.mean()})])


def advantage_on_average(reported: Reported) -> pd.Series:
    """The multi-teacher arm best on AVG less the single-teacher arm best on AVG, by task."""
    multi, single = (_improving(reported, type_) for type_ in ("multi", "single"))
    return multi.loc[multi[AVERAGE].idxmax()] - single.loc[single[AVERAGE].idxmax()]


DEFINITIONS = {
    "best multi - best single of each task": advantage_by_task,
    "best multi on AVG - best single on AVG": advantage_on_average,
}


def gaps_by_task(reported: Reported, distilled: str) -> pd.Series:
    """Percent of the gap to each task's best teacher that a method closes; NaN without a gap."""
    best = _improving(reported, "teacher").max().drop(AVERAGE)
    student = _improving(reported, *DISTILLED).loc[distilled]
    none = reported.signs * reported.baseline
    return pd.Series({task: _gap(student[task], none[task], best[task]) for task in best.index})


def derived_figures(reported: Reported) -> pd.DataFrame:
    """Figures computed from the main table beside those reported, in percent and points.

    Columns quantity, task, computed, reported (NaN where nothing is), agrees (within the rounding
    of what is printed; empty where nothing is).
    """
    rows = []
    for gap in reported.gaps.itertuples():
        student = _improving(reported, *DISTILLED).at[gap.distilled, gap.task]
        teacher = _improving(reported, "teacher").at[gap.reference, gap.task]
        none = reported.signs * reported.baseline
        closed = _gap(student, none[gap.task], teacher)
        name = f"gap closed, {gap.distilled} of {gap.reference}, %"
        rows.append((name, gap.task, closed, gap.value, GAP_ROUNDING))
    for distilled in reported.gaps.distilled[reported.gaps.task == AVERAGE]:
        name = f"gap closed, {distilled} of the task's best teacher, %"
        closed = gaps_by_task(reported, distilled)
        rows += [(name, task, value, float("nan"), GAP_ROUNDING) for task, value in closed.items()]
    stated = reported.claims[reported.claims.claim == ADVANTAGE].set_index("task").effect
    for name, advantage in DEFINITIONS.items():
        rows += [
            (name, task, value, stated.get(task, float("nan")), ROUNDING)
            for task, value in advantage(reported).items()
        ]
    figures = pd.DataFrame(rows, columns=["quantity", "task", "computed", "reported", "rounding"])
    agrees = (figures.computed - figures.reported).abs() <= figures.pop("rounding")
    return figures.assign(
        agrees=agrees.map({True: "yes", False: "no"}).where(figures.reported.notna(), "")
    )


def render_figures(figures: pd.DataFrame) -> str:
    """Derived figures as text for a terminal."""
    lines = [f"{'':<6}{'computed':>10}{'reported':>10}  agrees"]
    for quantity, rows in figures.groupby("quantity", sort=False):
        lines.append(str(quantity))
        for row in rows.itertuples():
            stated = "-" if pd.isna(row.reported) else f"{row.reported:.2f}"
            entry = f"{row.task:<6}{row.computed:>10.2f}{stated:>10}  {row.agrees}"
            lines.append(entry.rstrip())
    return "\n".join(lines)


def _improving(reported: Reported, *types: str) -> pd.DataFrame:
    """Values [method, task] of some types of methods; of these, greater is better."""
    wide = reported.of_type(*types)
    return wide * reported.signs.reindex(wide.columns)


def _gap(student: float, none: float, teacher: float) -> float:
    """Percent of the gap closed, NaN where the teacher is not ahead; of single printed values."""
    return 100 * (student - none) / (teacher - none) if teacher > none else math.nan
