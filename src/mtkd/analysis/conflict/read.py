"""Scored responses to arrays [S, N] by arm, mode and decoding; absent cells by name.

A cell is an arm and a seed. Its scores lie in
``{student}/{task}/{teachers}/{recipe}/n{n}/seed{seed}/scores.parquet``, beside its ``eval.json``,
which says whether it finished.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.analysis.conflict.arms import Arm, ConflictStudy, expected_arms
from mtkd.errors import InputError
from mtkd.generation.hybrids import HYBRIDS, KINDS, PURE
from mtkd.records.files import read_json
from mtkd.records.parquet import read_parquet
from mtkd.study.generation_words import ANY_MODE, GREEDY

# What is known of each prompt, shares of its samples between 0 and 1.
MEASURES = ("correct", *KINDS, "hybrid", "known", "linked", "follows", "right_thought")
MEASURES += ("wrong_after_right", "obeys", "stepped", "steps")
ABSENT_COLUMNS = ["student", "task", "teachers", "recipe", "n", "seed", "diverged", "reason"]
_COLUMNS = ["id", "mode", "decode", "sample", "forced", "response"]
_COLUMNS += ["correct", "steps", "kind", "style", "follows"]
_KEYS = ["mode", "decode", "forced"]
_PLACE = re.compile(r"([^/]+)/([^/]+)/([^/]+)/([^/]+)/n(\d+)/seed([^/]+)/scores\.parquet$")


class Asked(NamedTuple):
    """What of a cell is looked at: responses in a mode, by a decoding, to a forced thought or not.

    Samples of one prompt count together, as their mean.
    """

    arm: Arm
    mode: str = ANY_MODE
    decode: str = GREEDY
    forced: bool = False


class Group(NamedTuple):
    """A cell's responses in one mode, by one decoding: MEASURES [N] of each of its N prompts."""

    ids: pd.Index
    measures: dict[str, np.ndarray]
    pure: dict[str, float]  # share of responses that are pure, by whose style they are in


# By mode, decode and forced.
Groups = dict[tuple[str, str, bool], Group]


class Scores(NamedTuple):
    """All finished cells of a study."""

    rows: dict[tuple[Arm, str], pd.DataFrame]  # as they are in their files
    groups: dict[tuple[Arm, str], Groups]
    decodes: list[str]  # greedy first
    prompts: dict[str, list[str]]  # ids by task, in order
    absent: pd.DataFrame  # ABSENT_COLUMNS
    # What eval.json says of each: parameters, traces of each teacher.
    records: Mapping[tuple[Arm, str], Mapping[str, Any]]


def read_scores(paths: Iterable[Path], study: ConflictStudy) -> Scores:
    """Read a study's cells; those that it has and no file stands for are absent, with a reason.

    A file that is not there is of an absent cell; so is one whose training diverged. Raises
    InputError on files that are torn, of other prompts than their task's, or of no arm of the
    study.
    """
    expected = set(_cells(study))
    rows: dict[tuple[Arm, str], pd.DataFrame] = {}
    reasons: dict[tuple[Arm, str], str] = {}
    records: dict[tuple[Arm, str], dict] = {}
    for path in map(Path, paths):
        cell = _cell(path)
        if cell not in expected:
            raise InputError(f"{path}: {cell[0]}, seed {cell[1]} is not of study {study['study']}")
        if not path.is_file():
            continue
        record = read_json(path.with_name("eval.json"))
        if record.get("status") == "diverged":
            at = f" at step {record['step']}" if record.get("step") is not None else ""
            reasons[cell] = f"diverged{at}: {record.get('reason') or 'no reason recorded'}"
            continue
        rows[cell], records[cell] = _rows(path), record
    return gathered(rows, study, reasons, records)


def gathered(
    rows: dict[tuple[Arm, str], pd.DataFrame],
    study: ConflictStudy,
    diverged: Mapping[tuple[Arm, str], str] | None = None,
    records: Mapping[tuple[Arm, str], Mapping[str, Any]] | None = None,
) -> Scores:
    """Cells by arm and seed, as scores.parquet has them, and the reasons of those that diverged.

    ``records`` are those of eval.json.
    """
    diverged = diverged or {}
    groups = {cell: _groups(frame) for cell, frame in rows.items()}
    absent = [
        {**cell[0]._asdict(), "seed": cell[1], "diverged": cell in diverged}
        | {"reason": diverged.get(cell, "no scores")}
        for cell in _cells(study)
        if cell not in rows
    ]
    decodes = {decode for of_cell in groups.values() for _, decode, _ in of_cell}
    return Scores(
        rows,
        groups,
        sorted(decodes, key=lambda name: (name != GREEDY, name)),
        _prompts(groups),
        pd.DataFrame(absent, columns=ABSENT_COLUMNS),
        records or {},
    )


def seeds_of(scores: Scores, asked: Sequence[Asked], study: ConflictStudy) -> list[str]:
    """The study's seeds for which everything asked is there, in order."""
    return [
        seed
        for seed in study["seeds"]
        if all(one[1:] in scores.groups.get((one.arm, seed), {}) for one in asked)
    ]


def by_prompt(
    scores: Scores, asked: Asked, seeds: Sequence[str], measure: str = "correct"
) -> np.ndarray:
    """A measure in percent, [S, N] by seed and prompt; forced, of prompts that all seeds have."""
    groups = [scores.groups[asked.arm, seed][asked[1:]] for seed in seeds]
    values = [group.measures[measure] for group in groups]
    if asked.forced:
        ids = groups[0].ids
        for group in groups[1:]:
            ids = ids.intersection(group.ids)
        values = [of[group.ids.get_indexer(ids)] for of, group in zip(values, groups, strict=True)]
    return 100 * np.stack(values)


def mean_of(
    scores: Scores, asked: Sequence[Asked], seeds: Sequence[str], measure: str = "correct"
) -> np.ndarray:
    """The mean of several arms' or modes' values [S, N]."""
    return np.mean([by_prompt(scores, one, seeds, measure) for one in asked], axis=0)


def modes_of(scores: Scores, arm: Arm, decode: str | None = None) -> list[str]:
    """Modes that an arm's students were asked in, by one decoding or any, in their files' order."""
    found = [groups for (own, _), groups in scores.groups.items() if own == arm]
    keys = [key for groups in found for key in groups if decode in (None, key[1])]
    return list(dict.fromkeys(mode for mode, _, _ in keys))


def parameters_of(scores: Scores, arm: Arm) -> int | None:
    """How many parameters an arm's students have, where their records say it."""
    known = [of.get("parameters") for (own, _), of in scores.records.items() if own == arm]
    return next(filter(None, known), None)


def _cells(study: ConflictStudy) -> list[tuple[Arm, str]]:
    return [(arm, seed) for arm in expected_arms(study) for seed in study["seeds"]]


def _cell(path: Path) -> tuple[Arm, str]:
    found = _PLACE.search(path.as_posix())
    if not found:
        raise InputError(
            f"{path}: not where a cell's scores lie, "
            "student/task/teachers/recipe/nN/seedS/scores.parquet"
        )
    student, task, teachers, recipe, n, seed = found.groups()
    return Arm(student, task, teachers, recipe, int(n)), seed


def _rows(path: Path) -> pd.DataFrame:
    rows = read_parquet(path, _COLUMNS)
    if rows.empty:
        raise InputError(f"{path}: no response in it, and eval.json does not say that it diverged")
    if rows.correct.isna().any():
        raise InputError(f"{path}: responses without a verdict; rerun its scoring")
    unknown = sorted({*rows["kind"].unique()} - {"", *KINDS})
    if unknown:
        raise InputError(f"{path}: kinds of responses {', '.join(unknown)}, which are unknown")
    return rows.assign(id=rows["id"].astype(str), forced=rows.forced.fillna(False).astype(bool))


def _groups(rows: pd.DataFrame) -> Groups:
    """A measure of responses that some property is known of has how many they are beside it."""
    right = rows["correct"].to_numpy(dtype=bool)
    kind, style, mode = (rows[name].to_numpy(dtype=object) for name in ("kind", "style", "mode"))
    linked, steps = rows["follows"].notna().to_numpy(), rows["steps"].to_numpy(dtype=float)
    follows = rows["follows"].fillna(False).to_numpy(dtype=bool)
    stepped = ~np.isnan(steps)
    thought = stepped & (np.nan_to_num(steps) >= 1)
    found = {
        "correct": right,
        **{name: kind == name for name in KINDS},
        "hybrid": np.isin(kind, HYBRIDS),
        "known": kind != "",
        "linked": linked,
        "follows": linked & follows,
        "right_thought": thought,
        "wrong_after_right": thought & ~right,
        "obeys": style == mode,
        "stepped": stepped,
        "steps": np.nan_to_num(steps),
    }
    values = np.stack([found[name].astype(float) for name in MEASURES])
    codes, ids = pd.factorize(rows["id"].to_numpy(dtype=object), sort=True)
    groups = {}
    for key, at in rows.groupby(_KEYS, sort=False).indices.items():
        present, place, samples = np.unique(codes[at], return_inverse=True, return_counts=True)
        means = np.zeros((len(MEASURES), len(present)))
        np.add.at(means, (slice(None), place), values[:, at])
        measures = dict(zip(MEASURES, means / samples, strict=True))
        pure = Counter(style[at][kind[at] == PURE])
        shares = {name: number / len(at) for name, number in pure.items()}
        groups[key] = Group(pd.Index(ids[present]), measures, shares)
    return groups


def _prompts(cells: dict[tuple[Arm, str], Groups]) -> dict[str, list[str]]:
    """Ids by task; every cell answers the same ones in every mode and decoding."""
    found: dict[str, list[str]] = {}
    for (arm, seed), groups in cells.items():
        for (mode, decode, forced), group in groups.items():
            ids = list(group.ids)
            # A forced thought needs one that was right before.
            if forced:
                continue
            if ids != found.setdefault(arm.task, ids):
                raise InputError(
                    f"{arm}, seed {seed}, mode {mode}, {decode}: {len(ids)} prompts that are not "
                    f"the {len(found[arm.task])} of other students; rerun generate for it"
                )
    for task, ids in found.items():
        if len(ids) < 2:
            raise InputError(f"{task}: {len(ids)} report prompt; intervals take two at least")
    return found


def named(absent: pd.DataFrame) -> list[str]:
    """Absent cells in words."""
    return [
        f"{row.student} on {row.task}, {row.teachers}, {row.recipe}, n={row.n}, seed {row.seed} "
        f"({row.reason})"
        for row in absent.itertuples()
    ]
