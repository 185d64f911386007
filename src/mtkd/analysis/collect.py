"""Collecting a task's examples for the analyses: labels, teachers, and every chosen cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

from mtkd.analysis.selection import chosen_settings
from mtkd.errors import InputError
from mtkd.fusion.targets import Gates, Recipe, fuse_teachers, read_gates
from mtkd.records.examples import Examples
from mtkd.records.logits import aligned, read_logits
from mtkd.records.teachers import Teachers, read_teachers
from mtkd.study.arms import has_gate, has_hard_labels
from mtkd.study.paths import parse_cell
from mtkd.study.view import StudyView, arm_name, teacher_names
from mtkd.tasks.corpus import (
    TaskInfo,
    is_report,
    read_clusters,
    read_human,
    read_labels,
    read_report_labels,
)


def read_answers(folder: Path, splits: Iterable[str]) -> tuple[dict, dict, dict]:
    """Ids [N], label indices [N] and raters' shares [N, C] (where known) of splits, by split."""
    ids, labels, human = {}, {}, {}
    for split in splits:
        path = folder / ("report_labels.parquet" if is_report(split) else f"{split}.parquet")
        found = read_report_labels(path)[split] if is_report(split) else read_labels(path)
        ids[split], labels[split] = found
        shares = read_human(path, split)
        if shares is not None:
            human[split] = shares
    return ids, labels, human


def read_all_clusters(folder: Path, splits: Iterable[str]) -> dict[str, np.ndarray]:
    """Clusters [N, 1 or 2] of selection and report, numbered alike on all splits; or none."""
    names = {}
    for split in splits:
        path = folder / ("report_labels.parquet" if is_report(split) else f"{split}.parquet")
        found = None if split == "train" else read_clusters(path, split)
        if found is not None:
            names[split] = found
    known = np.unique(np.concatenate([found.ravel() for found in names.values()] or [[]]))
    return {split: np.searchsorted(known, found) for split, found in names.items()}


def read_all_teachers(
    paths: Iterable[Path], ids: Mapping[str, np.ndarray], info: TaskInfo, teacher_seed: str
) -> dict[str, Teachers]:
    """Teachers' logits by split, aligned to ``ids``; each path is read for the splits it holds.

    Those of train are in-sample and, of teachers that have some, out of fold.
    """
    paths = list(paths)
    result = {}
    for split in ids:
        stems = r"report" if is_report(split) else rf"{split}(_oof\d+)?"
        own = [path for path in paths if re.fullmatch(stems, path.stem)]
        result[split] = read_teachers(own, split, ids[split], info.labels, teacher_seed)
    return result


def teacher_array(teachers: Teachers, names: list[str], seeds: list[str]) -> np.ndarray:
    """Logits [K, R, N, C] of one teacher or more and of their seeds, in that order."""
    return np.stack([[teachers.of(name, seed).logits for seed in seeds] for name in names])


def collect_examples(
    study: StudyView,
    task: str,
    metrics: list[str],
    runs: pd.DataFrame,
    folder: Path,
    info: TaskInfo,
    predictions: Iterable[Path],
    logits: Iterable[Path],
    gates: list[Path],
    recipes: Mapping[str, Recipe],
) -> Examples:
    """Everything the analyses know of a task's examples.

    Of each arm the cells of the T and alpha chosen on selection are taken. ``recipes`` are the
    strategies' (``mtkd.study.recipes``). Raises InputError where a chosen cell has no predictions
    among the paths, or files do not belong together.
    """
    ids, labels, human = read_answers(folder, info.rows)
    for split in study["report_splits"][task]:
        if len(ids[split]) < 2:
            raise InputError(
                f"task {task}: split {split!r} has one example, which says nothing of others; "
                "report on two at least"
            )
    teachers = read_all_teachers(logits, ids, info, study["teacher_seed"])
    weights = {
        split: read_gates(gates, len(rows), info.digest, split) for split, rows in ids.items()
    }
    cells = {tuple(parse_cell(path).values())[2:]: Path(path) for path in map(str, predictions)}
    chosen = chosen_settings(runs[runs.task == task]).set_index(["strategy", "teachers"])
    arms, lost = [], []
    students, fused, soft = ({split: [] for split in ids} for _ in range(3))
    sample_ids = None
    for arm in study["arms"]:
        key = (arm["strategy"], arm["teachers"])
        if key not in chosen.index:
            # Every one of its trainings diverged; what was to be claimed of it stays in the family.
            lost.append({**arm, "name": arm_name(arm, study), "T": "", "alpha": "", "seeds": []})
            continue
        axes = {"task": task, **arm, "T": chosen.at[key, "T"], "alpha": chosen.at[key, "alpha"]}
        found, sample_ids = _finished(axes, study["seeds"], cells, ids, sample_ids, info)
        for split in ids:
            students[split].append(np.stack([values[split] for values in found.values()]))
        sample = _rows(ids["train"], sample_ids)
        # Only a gate, or teachers of the student's own seed, give each seed labels of its own.
        own = has_gate(arm) or study["teacher_seed"] == "paired"
        of_seeds = [{**axes, "seed": seed} for seed in (found if own else list(found)[:1])]
        for split in ids:
            rows = sample if split == "train" else slice(None)
            recipe = taught_on(split, recipes[arm["strategy"]])
            own_fused, own_soft = _fused(of_seeds, recipe, teachers[split], weights[split], rows)
            fused[split].append(own_fused)
            soft[split].append(own_soft)
        settings = {"T": axes["T"], "alpha": axes["alpha"], "seeds": list(found)}
        arms.append({**arm, "name": arm_name(arm, study), **settings})
    names, seeds, selected = teacher_names(study), study["teacher_seeds"], teachers["selection"]
    record = {
        "task": task,
        "labels": info.labels,
        "metrics": metrics,
        "report_splits": study["report_splits"][task],
        "teachers": names,
        "teacher_seeds": seeds,
        "teacher_scores": [[selected.of(name, seed).score for seed in seeds] for name in names],
        "arms": arms,
        "lost": lost,
        "data": info.digest,
    }
    arrays = {
        split: teacher_array(values, names, seeds)
        if names
        else np.empty((0, len(seeds), len(ids[split]), len(info.labels)), np.float32)
        for split, values in teachers.items()
    }
    sample = np.arange(0) if sample_ids is None else _rows(ids["train"], sample_ids)
    clusters = read_all_clusters(folder, info.rows)
    answered = teachers["train"].answered_by_all(names, seeds, len(ids["train"]))
    return Examples(
        record,
        labels,
        human,
        arrays,
        students,
        fused,
        soft,
        sample,
        clusters,
        None if answered.all() else answered,
    )


def taught_on(split: str, recipe: Recipe) -> Recipe:
    """A recipe as it makes soft labels on a split: teachers are cross-fitted on train alone.

    All other rows they never saw.
    """
    return recipe if split == "train" else {**recipe, "crossfit": None}


def _fused(
    of_seeds: list[dict], recipe: Recipe, teachers: Teachers, gates: Gates, rows
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Fused teachers' logits at T = 1 and what students learn, at their T, [S, N, C] of some rows.

    That is soft labels, or of hard ones all for the likeliest class.
    """
    if recipe["fusion"] is None:
        return None, None
    fused, soft = [], []
    for axes in of_seeds:
        fused.append(fuse_teachers({**axes, "T": "1"}, recipe, teachers, gates)[rows])
        taught = fuse_teachers(axes, recipe, teachers, gates)[rows]
        if has_hard_labels(recipe):
            soft.append(np.eye(taught.shape[1])[taught.argmax(axis=-1)])
        else:
            soft.append(softmax(taught.astype(np.float64) / float(axes["T"]), axis=-1))
    return np.stack(fused), np.stack(soft).astype(np.float32)


def _finished(
    axes: dict[str, str],
    seeds: list[str],
    cells: Mapping[tuple, Path],
    ids: Mapping[str, np.ndarray],
    sample_ids: np.ndarray | None,
    info: TaskInfo,
) -> tuple[dict[str, dict[str, np.ndarray]], np.ndarray]:
    """Logits by seed and split of an arm's finished cells, and the ids of their train examples.

    Train logits are of ``sample_ids``, or of those of the first cell.
    """
    found = {}
    for seed in seeds:
        values = {**axes, "seed": seed}
        names = ("task", "teachers", "strategy", "T", "alpha", "seed")
        path = cells.get(tuple(values[name] for name in names))
        if path is None:
            wanted = " ".join(f"{name}={values[name]}" for name in names)
            raise InputError(f"no predictions of the chosen cell {wanted} among the inputs")
        splits, record = read_logits(path)
        if record["status"] == "diverged":
            continue
        if record["digests"]["data"] != info.digest:
            raise InputError(f"{path}: predictions of other data; rerun train_students")
        if missing := ids.keys() - splits.keys():
            names = ", ".join(sorted(missing))
            raise InputError(f"{path}: no predictions on {names}; rerun train_students")
        sample_ids = splits["train"].ids if sample_ids is None else sample_ids
        wanted = {**ids, "train": sample_ids}
        found[seed] = {
            split: aligned(splits[split], wanted[split], info.labels, record, path) for split in ids
        }
    if not found:
        raise InputError(
            f"all predictions of {axes['strategy']} with {axes['teachers']} diverged, "
            "and yet it has scores; rerun make_tables"
        )
    return found, sample_ids


def _rows(ids: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Where ``some`` ids stand among ``ids``. Raises InputError where one does not."""
    order = np.argsort(ids, kind="stable")
    rows = order[np.searchsorted(ids, some, sorter=order).clip(max=len(ids) - 1)]
    if not np.array_equal(ids[rows], some):
        stranger = some[ids[rows] != some][0]
        raise InputError(f"predictions on {str(stranger)!r}, which is no train example of the task")
    return rows
