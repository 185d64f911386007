"""Ranks of the arms: per task and over all, and how sure the seeds are of them."""

from __future__ import annotations

import pandas as pd

from mtkd.analysis.master import report_values
from mtkd.analysis.selection import ARM, sign_of
from mtkd.metrics.names import on_one_scale
from mtkd.study.view import StudyView, arm_name


def ranking_table(runs: pd.DataFrame, study: StudyView) -> pd.DataFrame:
    """Columns task, arm, strategy, teachers, mean, rank, rank_low, rank_high, seeds.

    Student arms of a task by mean primary metric on report, in its own unit (mean of its report
    splits), T and alpha chosen on selection; 1 is best, ties share the mean rank. ``rank_low`` and
    ``rank_high`` are the best and the worst rank that the arm has in any single seed. Task ``all``
    ranks the mean ranks of the arms that have one on every task, and has a ``mean`` where metrics
    are on one scale.
    """
    metrics = study["metrics"]
    values = report_values(runs, study)
    values = values[values.type.isin(["baseline", "single", "multi"])]
    scores = values.groupby([*ARM, "seed"], sort=False).value.mean().reset_index()
    # Rounded, so that the order of summation breaks no ties.
    scores["value"] = scores.value.round(12)
    scores["better"] = sign_of(scores.task.map(metrics)) * scores.value
    scores["of_seed"] = scores.groupby(["task", "seed"]).better.rank(ascending=False)
    table = scores.groupby(ARM, sort=False).agg(
        mean=("value", lambda values: values.mean().round(12)),
        rank_low=("of_seed", "min"),
        rank_high=("of_seed", "max"),
        seeds=("seed", "count"),
    )
    table = table.reset_index()
    better = sign_of(table.task.map(metrics)) * table["mean"]
    table["rank"] = better.groupby(table.task).rank(ascending=False)
    on_all = table.groupby(ARM[1:]).task.transform("count") == len(study["tasks"])
    overall = table[on_all].groupby(ARM[1:], sort=False).agg(
        mean=("mean", "mean"), rank_low=("rank", "min"), rank_high=("rank", "max"),
        mean_rank=("rank", "mean"), seeds=("seeds", "min"),
    )  # fmt: skip
    overall = overall.reset_index().assign(task="all")
    overall["rank"] = overall.pop("mean_rank").round(12).rank()
    if not on_one_scale([metrics[task] for task in study["tasks"]]):
        overall["mean"] = float("nan")
    table = pd.concat([table, overall], ignore_index=True)
    table["arm"] = [
        arm_name({"strategy": s, "teachers": t}, study)
        for s, t in zip(table.strategy, table.teachers, strict=True)
    ]
    columns = ["task", "arm", "strategy", "teachers", "mean", "rank", "rank_low", "rank_high"]
    return table[[*columns, "seeds"]]
