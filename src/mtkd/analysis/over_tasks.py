"""Arms over all tasks: aggregates that one outlying task or seed does not decide."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.master import report_values
from mtkd.analysis.statistics.robust import (
    almost_stochastic_order,
    interquartile_mean,
    performance_profile,
    probability_of_improvement,
)
from mtkd.metrics.names import declared, on_one_scale
from mtkd.study.view import StudyView, arm_name

BOOTSTRAP_SEED = 0
COLUMNS = ["arm", "seeds", "tasks", "iqm", "iqm_low", "iqm_high"]
COLUMNS += ["improves", "improves_low", "improves_high", "tasks_dominant"]
# Of the performance profiles: points above the undistilled student.
THRESHOLDS = np.arange(-4.0, 8.1, 0.5)


def over_tasks_table(runs: pd.DataFrame, study: StudyView) -> pd.DataFrame:
    """One row per arm: columns arm, seeds, tasks, iqm and its interval, and against the
    undistilled student ``improves``, the probability of improvement, with its interval.

    ``tasks_dominant`` counts the tasks on which the arm's seeds almost stochastically dominate the
    undistilled student's (epsilon_min below .5). Scores are the primary metric on report (the mean
    of a task's report splits); ``iqm`` is in percent, or the unit that all tasks share, and empty
    where their metrics are not on one scale. Intervals are stratified percentile bootstraps over
    runs, tasks fixed (Agarwal et al. 2021): they speak of new seeds, not of new examples. An arm
    that lost a seed on a task is left out.
    """
    scores = {arm: found for arm, found in _scores(runs, study).items() if found is not None}
    undistilled = _undistilled(study)
    none = scores.get(undistilled)
    metrics = [study["metrics"][task] for task in study["tasks"]]
    # From points of improvement to what tables show.
    shown = declared(metrics[0]).sign * declared(metrics[0]).scale / 100
    rows = []
    for arm, found in scores.items():
        row = {"arm": arm, "seeds": found.shape[0], "tasks": found.shape[1]}
        if on_one_scale(metrics):
            iqm = interquartile_mean(shown * found, BOOTSTRAP_SEED)
            row |= {"iqm": iqm.estimate, "iqm_low": iqm.low, "iqm_high": iqm.high}
        if none is not None and arm != undistilled:
            better = probability_of_improvement(found, none, BOOTSTRAP_SEED)
            row |= {"improves": better.estimate, "improves_low": better.low}
            row |= {"improves_high": better.high}
            orders = [
                almost_stochastic_order(a, b, BOOTSTRAP_SEED)
                for a, b in zip(found.T, none.T, strict=True)
            ]
            row["tasks_dominant"] = sum(order.epsilon_min < 0.5 for order in orders)
        rows.append(row)
    return pd.DataFrame(rows, columns=COLUMNS)


def profiles_table(runs: pd.DataFrame, study: StudyView) -> pd.DataFrame:
    """Performance profiles: columns arm, gain, share.

    ``share`` is of all runs on all tasks whose score is more than ``gain`` points (hundredths of
    the task's metric) better than the mean of the undistilled student on the task. Empty without an
    undistilled arm.
    """
    scores = _scores(runs, study)
    none = scores.get(_undistilled(study))
    if none is None:
        return pd.DataFrame(columns=["arm", "gain", "share"])
    parts = []
    for arm, found in scores.items():
        if found is not None:
            share = performance_profile(found - none.mean(axis=0), THRESHOLDS)
            parts.append(pd.DataFrame({"arm": arm, "gain": THRESHOLDS, "share": share}))
    return pd.concat(parts, ignore_index=True)


def _undistilled(study: StudyView) -> str | None:
    """The name of the arm without distillation; None without one."""
    found = [arm_name(arm, study) for arm in study["arms"] if arm["family"] == "undistilled"]
    return found[0] if found else None


def _scores(runs: pd.DataFrame, study: StudyView) -> dict[str, np.ndarray | None]:
    """Scores [seeds, tasks] in points by arm, None for an arm that lacks one.

    Times -1 where less is better: of these, greater is.
    """
    values = report_values(runs, study)
    signs = [declared(study["metrics"][task]).sign for task in study["tasks"]]
    values = values[values.type.isin(["baseline", "single", "multi"])]
    means = values.groupby(["strategy", "teachers", "task", "seed"]).value.mean()
    result = {}
    for arm in study["arms"]:
        key = (arm["strategy"], arm["teachers"])
        if key not in means.index:
            continue
        wide = means[key].unstack("task").reindex(study["seeds"], columns=study["tasks"])
        whole = not wide.isna().any(axis=None)
        result[arm_name(arm, study)] = 100 * wide.to_numpy() * signs if whole else None
    return result
