"""A study's tables of results over all tasks, as people read them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mtkd.analysis.master import score_entry
from mtkd.analysis.over_tasks import DOMINANCE_SEEDS, DOMINANT
from mtkd.metrics.names import on_one_scale
from mtkd.report.costs import costs_shown
from mtkd.report.shown import (
    MISSING,
    YES_OR_NO,
    Shown,
    caption,
    frame,
    interval,
    number,
    percent,
    points,
    seeds_needed,
    titled,
)
from mtkd.study.view import (
    MARK,
    StudyView,
    arm_name,
    arrow_text,
    constant_meaning,
    improvement_text,
    mark_meaning,
    unit_text,
)

Tables = Mapping[str, pd.DataFrame]

OUTCOMES = {True: "as predicted", False: "not as predicted"}


def study_tables(tables: Tables, study: StudyView) -> list[Shown]:
    """The tables over all tasks, in the report's order."""
    shown = [_master(tables, study), _several_teachers(tables, study), _gap(tables, study)]
    shown += [_over_tasks(tables, study), _profiles(tables, study), _ranking(tables, study)]
    shown += [costs_shown(tables["costs"], study)] if "costs" in tables else []
    shown += [_audit(tables, study), _audit_skill(tables, study), _inheritance(tables, study)]
    return [*shown, _flags(tables, study)]


def _master(tables: Tables, study: StudyView) -> Shown:
    master = tables["master"]
    titles = [name.removesuffix(" mean") for name in master.columns if name.endswith(" mean")]
    rows = [
        {"method": row["method"]} | {title: score_entry(row, title, study) for title in titles}
        for _, row in master.iterrows()
    ]
    shown = frame(rows, ["method", *titles])
    marked = shown.map(lambda entry: entry.endswith(MARK)).any(axis=None)
    one_scale = on_one_scale(list(study["metrics"].values()))
    what = f"mean ±sd over seeds (number of seeds), {unit_text(study)}{arrow_text(study)}"
    return titled(
        "master",
        caption(what + (f"; {MARK}: {mark_meaning(study)}" if marked else ""), study),
        shown,
        ("method",),
        "AVG is the mean over tasks. Teachers and references were trained once: they have no "
        "sd, and their rows say nothing of other trainings. The constant answer: "
        + constant_meaning(study)
        + ("." if one_scale else ". AVG is empty: the tasks' metrics are not on one scale."),
    )


def _several_teachers(tables: Tables, study: StudyView) -> Shown:
    claims = tables["claims"]
    rows = [
        {
            "task": row.task,
            "metric": row.metric,
            "several − one (points)": points(row.effect),
            "95 % interval": interval(row.low, row.high),
            "verdict": row.verdict,
            "least detectable (points)": number(row.minimum_detectable, 2),
            "seeds to decide": seeds_needed(row.seeds_needed),
        }
        for row in claims[claims.claim == "several teachers"].itertuples()
    ]
    columns = ["task", "metric", "several − one (points)", "95 % interval", "verdict"]
    return Shown(
        "several_teachers",
        "Several teachers against one",
        caption(
            "best of n arms of several teachers minus best of n arms of one teacher, n equal, "
            "chosen on selection by the other seeds" + improvement_text(study),
            study,
        ),
        frame(rows, [*columns, "least detectable (points)", "seeds to decide"]),
        ("task", "metric", "verdict"),
        "Least detectable: the smallest true difference that these seeds and examples would have "
        "shown with a probability of 0.8. Seeds to decide: with how many seeds a difference as "
        "large as the margin would be detectable.",
    )


def _gap(tables: Tables, study: StudyView) -> Shown:
    gaps = tables["gap"]
    best = {row.task: row.reference for row in gaps[gaps.against == "teacher"].itertuples()}
    heads = {task: f"{task} (best: {best[task]})" for task in study["tasks"] if task in best}
    rows = []
    by = ["strategy", "teachers", "against"]
    for (strategy, teachers, against), found in gaps.groupby(by, sort=False):
        row = {"arm": arm_name({"strategy": strategy, "teachers": teachers}, study)}
        row["gap to"] = {"teacher": "best teacher", "fused": "fused teacher"}[against]
        rows.append(row | {heads[one.task]: _gap_entry(one) for one in found.itertuples()})
    return titled(
        "gap",
        caption(
            "percent of the gap between the undistilled student and a teacher that each arm's "
            "students closed (95 % interval over seeds and examples); the teacher is the best on "
            "selection, or the fused one that the arm itself learns from" + improvement_text(study),
            study,
        ),
        frame(rows, ["arm", "gap to", *heads.values()]).fillna(MISSING),
        ("arm", "gap to"),
        "Above 100: better than that teacher; below 0: worse than without distillation. Where "
        "there is no gap, or the teacher is no better than a constant answer, the difference to "
        "the undistilled student in points is given instead. "
        "Intervals are wide where the gap itself is uncertain, and without end where its own "
        "uncertainty leaves no bound.",
    )


def _gap_entry(row) -> str:
    if not row.gap:
        return f"no gap ({points(100 * row.difference)} points)"
    value = points(100 * row.fraction, 0)
    return f"{value} ({interval(100 * row.low, 100 * row.high, 0)})"


def _over_tasks(tables: Tables, study: StudyView) -> Shown:
    mean = "interquartile gain (points)"
    rows = [
        {
            "arm": row.arm,
            mean: points(row.iqm),
            "95 % interval": interval(row.iqm_low, row.iqm_high),
            "P(better than none)": number(row.improves, 2),
            "its 95 % interval": _range(row.improves_low, row.improves_high, 2),
            "tasks dominated": MISSING
            if pd.isna(row.tasks_dominant)
            else f"{row.tasks_dominant:.0f} of {row.tasks}",
        }
        for row in tables["over_tasks"].itertuples()
    ]
    columns = ["arm", mean, "95 % interval", "P(better than none)"]
    return titled(
        "over_tasks",
        caption(
            "aggregates that one outlying task or seed does not decide" + improvement_text(study),
            study,
        ),
        frame(rows, [*columns, "its 95 % interval", "tasks dominated"]),
        ("arm",),
        "The interquartile gain is the mean of all runs' gains over the mean of the undistilled "
        "student on their task, the best and the worst quarter left out. P(better than none): the "
        "probability that a run of the arm beats a run without distillation, averaged over tasks. "
        f"Tasks dominated: where the arm's seeds, {DOMINANCE_SEEDS} at least, almost "
        f"stochastically dominate those without distillation (epsilon below {DOMINANT:g}). These "
        "intervals are over seeds alone: they say nothing of other examples.",
    )


def _profiles(tables: Tables, study: StudyView) -> Shown:
    table = tables["profiles"]
    whole = table[table.gain % 1 == 0]
    rows = [
        {"arm": arm} | {points(row.gain, 0): percent(row.share, 0) for row in of_arm.itertuples()}
        for arm, of_arm in whole.groupby("arm", sort=False)
    ]
    gains = [points(gain, 0) for gain in sorted(whole.gain.unique())]
    return titled(
        "profiles",
        caption(
            "percent of all runs on all tasks that gain more than so many points over the mean of "
            "the undistilled student" + improvement_text(study),
            study,
        ),
        frame(rows, ["arm", *gains]),
        ("arm",),
        "At 0: the share of runs that are better than no distillation.",
    )


def _ranking(tables: Tables, study: StudyView) -> Shown:
    ranks = tables["ranking"]
    entries = ranks.assign(
        entry=[f"{r.rank:g} ({r.rank_low:g} to {r.rank_high:g})" for r in ranks.itertuples()]
    )
    wide = entries.pivot(index="arm", columns="task", values="entry")
    arms = list(dict.fromkeys(ranks.arm))
    columns = [task for task in [*study["tasks"], "all"] if task in wide]
    wide = wide.reindex(index=arms, columns=columns).fillna(MISSING).reset_index()
    return titled(
        "ranking",
        caption("rank of each arm by its mean (best and worst rank in any one seed)", study),
        wide.rename(columns={"all": "all tasks"}).astype("str"),
        ("arm",),
        "1 is best. Of all tasks: the rank of the mean rank, with the best and the worst task.",
    )


def _audit(tables: Tables, study: StudyView) -> Shown:
    rows = [
        {
            "task": row.task,
            "arm": row.arm,
            "predicted gain (points)": points(row.predicted),
            "predicted interval": interval(row.predicted_low, row.predicted_high),
            "expected": row.expected,
            "measured (points)": points(row.measured),
            "95 % interval": interval(row.low, row.high),
            "verdict": row.verdict,
            "inside the prediction": YES_OR_NO[row.inside],
            "outcome": OUTCOMES.get(row.came_true, "cannot tell"),
        }
        for row in tables["audit_scored"].itertuples()
    ]
    columns = ["task", "arm", "predicted gain (points)", "predicted interval", "expected"]
    columns += ["measured (points)", "95 % interval", "verdict", "inside the prediction", "outcome"]
    return titled(
        "audit_scored",
        caption(
            "gain of each arm of several teachers over the mean of the single-teacher arms, "
            "predicted on selection from the teachers' logits alone, and as measured"
            + improvement_text(study),
            study,
        ),
        frame(rows, columns),
        ("task", "arm", "expected", "verdict", "inside the prediction", "outcome"),
        f"Expected: helps or hurts where the predicted interval lies on one side of 0, no "
        f"difference where it lies within {study['margin']:g} points. Outcome: whether the verdict "
        "is the expected one; that cannot be judged where either cannot tell.",
    )


def _audit_skill(tables: Tables, study: StudyView) -> Shown:
    rows = [
        {
            "task": {"all": "all tasks"}.get(row.task, row.task),
            "arms": f"{row.arms}",
            "mean squared error": number(row.mse, 2),
            "that of no difference": number(row.mse_no_difference, 2),
            "skill": number(row.skill, 2),
            "inside the prediction (%)": percent(row.inside, 0),
        }
        for row in tables["audit_skill"].itertuples()
    ]
    columns = ["task", "arms", "mean squared error", "that of no difference", "skill"]
    return titled(
        "audit_skill",
        caption(
            "the audit's predictions against the forecast that several teachers change nothing; "
            "errors in points squared",
            study,
        ),
        frame(rows, [*columns, "inside the prediction (%)"]),
        ("task",),
        "Skill: 1 less the ratio of the two errors: 1 is perfect, 0 no better than forecasting no "
        "difference, below 0 worse. Inside: measured effects within their predicted 95 % interval.",
    )


def _inheritance(tables: Tables, study: StudyView) -> Shown:
    rows = [
        {
            "from": row.source,
            "points for a point": number(row.slope),
            "95 % interval": f"{number(row.low)} to {number(row.high)}",
            "off the line (points)": number(row.residual, 2),
            "tasks": f"{row.tasks}",
            "arms": f"{row.arms}",
        }
        for row in tables["inheritance"].itertuples()
    ]
    columns = ["from", "points for a point", "95 % interval", "off the line (points)", "tasks"]
    return titled(
        "inheritance",
        caption(
            "how much better a student is whose single teacher is one point better, within tasks: "
            "teachers on selection, students on report",
            study,
        ),
        frame(rows, [*columns, "arms"]),
        ("from",),
        "The first slope is the one that the audit predicted with. Tasks whose students are no "
        "better than the constant answer are left out. Off the line: standard deviation of "
        "students around it.",
    )


def _flags(tables: Tables, study: StudyView) -> Shown:
    columns = ["rule", "where", "what", "evidence"]
    rows = tables["flags"][columns].rename(columns={"evidence": "because"}).astype("str")
    return titled(
        "flags",
        caption("objections to this study's own tables and claims", study),
        rows,
        tuple(rows.columns),
    )


def _range(low: float, high: float, digits: int) -> str:
    return MISSING if pd.isna(low) else f"{number(low, digits)} to {number(high, digits)}"
