"""What is chosen on the selection split: the T and alpha of each arm, and the grid around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mtkd.metrics.names import declared

ARM = ["task", "strategy", "teachers"]
CELL = [*ARM, "T", "alpha"]


def sign_of(metrics: pd.Series) -> pd.Series:
    """1, or -1 where less of a metric is better, for each of some metrics' names."""
    return metrics.map({name: declared(name).sign for name in metrics.unique()}).astype(float)


def chosen_settings(runs: pd.DataFrame) -> pd.DataFrame:
    """The T and alpha of each task and arm: best mean score over seeds on the selection split.

    The best is the greatest, or the least of a metric of which less is better.

    Columns task, strategy, teachers, T, alpha, selection (mean), seeds. Candidates that lost
    seeds to divergence stand back behind those with more seeds; on ties the smaller T, then the
    smaller alpha is taken.
    """
    students = runs[(runs.kind == "student") & (runs.split == "selection") & runs.primary]
    means = students.groupby(CELL, sort=False).value.agg(selection="mean", seeds="count")
    means = means.reset_index()
    # Ties are common on small splits; rounding keeps the order of summation from breaking them.
    metrics = students.drop_duplicates("task").set_index("task").metric
    means["rank"] = sign_of(means.task.map(metrics)) * means.selection.round(12)
    means["T_number"] = pd.to_numeric(means["T"], errors="coerce")
    means["alpha_number"] = pd.to_numeric(means.alpha, errors="coerce")
    means = means.sort_values(
        ["seeds", "rank", "T_number", "alpha_number"], ascending=[False, False, True, True]
    )
    columns = [*CELL, "selection", "seeds"]
    return means.drop_duplicates(ARM)[columns].sort_index().reset_index(drop=True)


def students_to_take(runs: pd.DataFrame, arms: Sequence[Mapping[str, str]]) -> pd.DataFrame:
    """Every student that was trained to its end, and of each task the one that selection chooses.

    Columns student, task, strategy, teachers, T, alpha, seed, selection (the primary metric
    there), chosen. Chosen is, of the arms at their ``chosen_settings``, the one of the best mean
    over seeds, and of its seeds the best; controls never are. On ties the study's first arm and the
    first seed are taken. ``arms`` are the study's (``mtkd.study.arms``).
    """
    students = runs[(runs.kind == "student") & runs.primary & (runs.split == "selection")]
    table = students[["student", *CELL, "seed", "metric", "value"]].reset_index(drop=True)
    order = {(arm["strategy"], arm["teachers"]): number for number, arm in enumerate(arms)}
    controls = {key for arm, key in zip(arms, order, strict=True) if arm["family"] == "control"}
    best = chosen_settings(runs)
    keys = list(zip(best.strategy, best.teachers, strict=True))
    best = best.assign(order=[order[key] for key in keys])[[key not in controls for key in keys]]
    chosen = []
    for task, of_task in best.groupby("task", sort=False):
        sign = sign_of(table[table.task == task].metric).iloc[0]
        rank = sign * of_task.selection.round(12)
        ranked = of_task.assign(rank=rank).sort_values(
            ["seeds", "rank", "order"], ascending=[False, False, True]
        )
        cells = table[(table[CELL] == ranked[CELL].iloc[0]).all(axis=1)]
        chosen.append((sign * cells.value.round(12)).idxmax())
    table = table.rename(columns={"value": "selection"}).drop(columns="metric")
    return table.assign(chosen=table.index.isin(chosen))


def grid_table(runs: pd.DataFrame) -> pd.DataFrame:
    """Each student arm's T x alpha grid: task, strategy, teachers, T, alpha, scores, chosen.

    ``mean``, ``sd`` (ddof=1, NaN with one seed) and ``seeds`` are over seeds, of the primary
    metric's mean over the task's report splits; ``chosen`` marks the cell chosen on selection.
    """
    students = runs[(runs.kind == "student") & (runs.role == "report") & runs.primary]
    per_seed = students.groupby([*CELL, "seed"], sort=False).value.mean()
    grid = per_seed.groupby(CELL, sort=False).agg(mean="mean", sd="std", seeds="count")
    chosen = chosen_settings(runs)[CELL].assign(chosen=True)
    grid = grid.reset_index().merge(chosen, on=CELL, how="left")
    return grid.assign(chosen=grid.chosen.notna())
