"""The gate of a study's design: whether distillation can show there at all, before it is asked.

It reads the gate's rows alone, a split of train that nothing is trained on and nothing is reported
of, and looks at the undistilled student, single-teacher arms of soft labels and references only:
sizes and hyperparameters may be chosen until it is passed, and whatever several teachers, or soft
against hard labels, then do is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mtkd.analysis.constant import constant_answer
from mtkd.analysis.measures.scores_per_example import improving
from mtkd.analysis.statistics.paired import Difference, crossed_difference
from mtkd.errors import InputError
from mtkd.metrics.by_example import Contributions
from mtkd.records.logits import aligned, read_logits
from mtkd.study.arms import shows_distillation
from mtkd.study.paths import parse_cell
from mtkd.study.view import StudyView
from mtkd.tasks.corpus import GATE, read_groups, read_info, read_labels

# So many tasks, or all of fewer, have to show what distillation gains.
TASKS = 3
# By so many margins.
MARGINS = 2.0


def read_gate_row(
    study: StudyView, task: str, folder: Path, cells: Iterable[Path], references: Mapping[str, Path]
) -> dict[str, Any]:
    """What the gate sees of a task in ``folder``, of cells' and references' files: ``gate_row``.

    Over the seeds that the undistilled student and every single-teacher arm finished. Raises
    InputError for a study without one of these, for fewer than two such seeds, and for files that
    do not fit the gate's rows.
    """
    arms = {
        family: [
            (arm["teachers"], arm["strategy"])
            for arm in study["arms"]
            if arm["family"] == family and shows_distillation(arm)
        ]
        for family in ("undistilled", "single")
    }
    if lacking := [family for family, own in arms.items() if not own]:
        raise InputError(
            f"study {study['study']} has no arm of family {' nor of '.join(lacking)}, and the gate "
            "compares these two"
        )
    info, path = read_info(folder), folder / f"{GATE}.parquet"
    ids, labels = read_labels(path)
    found: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for cell in cells:
        axes = parse_cell(str(cell))
        splits, record = read_logits(cell)
        if axes["task"] == task and record["status"] != "diverged":
            own = found.setdefault((axes["teachers"], axes["strategy"]), {})
            own[axes["seed"]] = aligned(splits[GATE], ids, info.labels, record, cell)
    every = [found.get(arm, {}) for own in arms.values() for arm in own]
    seeds = [seed for seed in study["seeds"] if all(seed in of for of in every)]
    if len(seeds) < 2:
        raise InputError(
            f"task {task}: {len(seeds)} seed finished in every arm, and two are needed"
        )
    stacked = {
        arm: np.stack([found[arm][seed] for seed in seeds]) for arm in sum(arms.values(), [])
    }
    said = {}
    for name, file in references.items():
        splits, record = read_logits(file)
        said[name] = aligned(splits[GATE], ids, info.labels, record, file)
    return gate_row(
        task,
        study["metrics"][task],
        info.labels,
        labels,
        read_labels(folder / "train.parquet")[1],
        stacked[arms["undistilled"][0]],
        [stacked[arm] for arm in arms["single"]],
        said,
        study["margin"],
        np.unique(read_groups(folder, GATE), return_inverse=True)[1][:, None],
    )


def gate_row(
    task: str,
    metric: str,
    names: list[str],
    labels: np.ndarray,
    train: np.ndarray,
    undistilled: np.ndarray,
    singles: Sequence[np.ndarray],
    references: Mapping[str, np.ndarray],
    margin: float,
    clusters: np.ndarray | None = None,
) -> dict[str, Any]:
    """What the gate sees of a task, JSON-ready; differences in points of improvement.

    ``names`` are the labels', ``labels`` [N] those of the gate's rows and ``train`` those of train,
    ``undistilled`` [S, N, C] and ``singles`` [S, N, C] each are students' logits over the same
    seeds, ``references`` [N, C] each. ``above`` says whether the undistilled student is above the
    constant answer and every reference by the whole interval, ``helps`` whether the mean of the
    single-teacher arms is better than it by more than ``MARGINS`` margins.
    """
    none = improving(undistilled, labels, metric)
    arms = [improving(of, labels, metric) for of in singles]
    distilled = Contributions(
        np.mean([arm.value for arm in arms], axis=0),
        np.mean([arm.pseudovalues for arm in arms], axis=0),
    )
    answer = constant_answer(train, metric, names)[1]
    others = {"constant": np.broadcast_to(answer, (len(labels), len(names))), **references}
    leads = {
        name: _difference(none, improving(logits[None], labels, metric), clusters)
        for name, logits in others.items()
    }
    gain = _difference(distilled, none, clusters)
    return {
        "task": task,
        "metric": metric,
        "rows": len(labels),
        "seeds": len(undistilled),
        "undistilled": 100 * float(none.value.mean()),
        "single": [100 * float(arm.value.mean()) for arm in arms],
        "leads": {name: _told(lead) for name, lead in leads.items()},
        "gain": _told(gain),
        "above": all(lead.low > 0 for lead in leads.values()),
        "helps": gain.estimate > MARGINS * margin,
    }


def gate_line(row: Mapping[str, Any]) -> str:
    """What the gate sees of a task, in a line."""
    gain = row["gain"]
    leads = [f"{lead['estimate']:+.1f} above {name}" for name, lead in row["leads"].items()]
    return (
        f"{row['task']}: undistilled {row['undistilled']:.1f}, {', '.join(leads)}; distillation "
        f"{gain['estimate']:+.1f} ({gain['low']:+.1f} to {gain['high']:+.1f})"
    )


def judged(
    rows: Sequence[Mapping[str, Any]], draws: Mapping[str, Sequence[str]], margin: float
) -> dict[str, Any]:
    """The gate's answer over all tasks, JSON-ready: ``passed``, and ``reasons`` where it is not.

    Tasks that are draws of one (by the name of all together) count as one, which distillation
    helps where it does in every draw.
    """
    groups = {name: list(tasks) for name, tasks in draws.items()}
    drawn = {task for tasks in groups.values() for task in tasks}
    groups |= {row["task"]: [row["task"]] for row in rows if row["task"] not in drawn}
    by_task = {row["task"]: row for row in rows}
    below = [row["task"] for row in rows if not row["above"]]
    helped = [name for name, tasks in groups.items() if all(by_task[t]["helps"] for t in tasks)]
    wanted = min(TASKS, len(groups))
    reasons = [
        f"{task}: the undistilled student is not above {_named(by_task[task])} by its interval"
        for task in below
    ]
    if len(helped) < wanted:
        reasons.append(
            f"distillation gains more than {MARGINS * margin:g} points on {len(helped)} of "
            f"{len(groups)} tasks, in all of their draws, where {wanted} are needed"
        )
    return {
        "margin": margin,
        "tasks": list(rows),
        "helped": helped,
        "passed": not reasons,
        "reasons": reasons,
    }


def _named(row: Mapping[str, Any]) -> str:
    return " and ".join(name for name, lead in row["leads"].items() if lead["low"] <= 0)


def _difference(
    one: Contributions, other: Contributions, clusters: np.ndarray | None
) -> Difference:
    values = 100 * (one.pseudovalues - other.pseudovalues)
    estimate = 100 * float((one.value - other.value).mean())
    return crossed_difference(values, estimate, clusters=clusters)


def _told(difference: Difference) -> dict[str, float]:
    return {
        "estimate": difference.estimate,
        "low": difference.low,
        "high": difference.high,
    }
