"""Arms over all tasks: aggregates that one outlying task or seed does not decide."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.master import report_values
from mtkd.analysis.statistics.robust import (
    almost_stochastic_order,
    interquartile_gain,
    performance_profile,
    probability_of_improvement,
)
from mtkd.metrics.names import declared, on_one_scale
from mtkd.study.view import StudyView, arm_name

BOOTSTRAP_SEED = 0
COLUMNS = ["arm", "seeds", "tasks", "iqm", "iqm_low", "iqm_high"]
COLUMNS += ["improves", "improves_low", "improves_high", "tasks_dominant"]
# A task counts as dominated below this epsilon, from so many seeds on: of two arms that are the
# same, with normal scores, 9.8 % do at 3 seeds, 6.3 % at 5 and fewer than 5 % from 8 on; below .5,
# as the measure is defined, 18 to 24 % do at any number (Ulmer et al. 2022 take .2 as well).
DOMINANT, DOMINANCE_SEEDS = 0.2, 8
# Of the performance profiles: points above the undistilled student.
THRESHOLDS = np.arange(-4.0, 8.1, 0.5)


def over_tasks_table(runs: pd.DataFrame, study: StudyView) -> pd.DataFrame:
    """One row per arm: columns arm, seeds, tasks, iqm and its interval, and against the
    undistilled student ``improves``, the probability of improvement, with its interval.

    Scores are the primary metric on report (the mean of a task's report splits), in points of
    improvement. ``iqm`` is of each run's gain over the mean of the undistilled student on its task:
    trimming over tasks takes scores for granted that are normalised by task (Agarwal et al. 2021),
    and of raw ones it would drop the tasks of highest and lowest level. It is empty where the
    metrics are not on one scale. ``tasks_dominant`` counts the tasks on which the arm's seeds
    almost stochastically dominate the undistilled student's (epsilon_min below DOMINANT); empty
    with fewer than DOMINANCE_SEEDS. Intervals are stratified percentile bootstraps over runs, tasks
    fixed: they speak of new seeds, not of new examples or teachers. An arm that lost a seed on a
    task is left out.
    """
    scores = {arm: found for arm, found in _scores(runs, study).items() if found is not None}
    undistilled = _undistilled(study)
    none = scores.get(undistilled)
    one_scale = on_one_scale([study["metrics"][task] for task in study["tasks"]])
    rows = []
    for arm, found in scores.items():
        row = {"arm": arm, "seeds": found.shape[0], "tasks": found.shape[1]}
        if none is not None and arm != undistilled:
            if one_scale:
                iqm = interquartile_gain(found, none, BOOTSTRAP_SEED)
                row |= {"iqm": iqm.estimate, "iqm_low": iqm.low, "iqm_high": iqm.high}
            better = probability_of_improvement(found, none, BOOTSTRAP_SEED)
            row |= {"improves": better.estimate, "improves_low": better.low}
            row |= {"improves_high": better.high}
            if len(found) >= DOMINANCE_SEEDS:
                orders = [
                    almost_stochastic_order(a, b, BOOTSTRAP_SEED)
                    for a, b in zip(found.T, none.T, strict=True)
                ]
                row["tasks_dominant"] = sum(order.epsilon_min < DOMINANT for order in orders)
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
