"""Records of runs (eval.json) to tables: every run, failed ones, missing ones, and conflicts.

Records are the dicts read from eval.json files; values are in each metric's own unit.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mtkd.errors import InputError
from mtkd.records.files import write_text
from mtkd.study.arms import is_distilled
from mtkd.study.grid import teacher_runs
from mtkd.study.view import StudyView, teacher_names

# Tables are small: with strings that Arrow keeps, what is done with them takes a quarter longer.
pd.set_option("mode.string_storage", "python")

Record = Mapping[str, Any]

AXES = (
    "suite",
    "kind",
    "task",
    "student",
    "teacher",
    "teachers",
    "strategy",
    "T",
    "alpha",
    "seed",
)
MEASURES = ("seconds", "examples_per_second", "device")
RUNS_COLUMNS = (
    *AXES,
    "split",
    "role",
    "metric",
    "value",
    "primary",
    "rows",
    *MEASURES,
    "precision",
    "data",
    "code",
)


def runs_table(records: Iterable[Record]) -> pd.DataFrame:
    """One row per run, split and metric, with the columns RUNS_COLUMNS; diverged runs have none.

    ``role`` is ``report`` for each of a task's report splits, else the split itself; ``primary``
    says whether the metric is the task's primary one; ``rows`` counts the split's examples;
    ``data`` and ``code`` are digests.
    """
    rows = [
        {axis: record[axis] for axis in AXES}
        | {name: record[name] for name in MEASURES}
        | {"precision": record.get("precision") or "unknown"}
        | {"data": record["digests"]["data"], "code": _text(record["digests"]["code"])}
        | {
            "split": split,
            "role": "report" if split in record["report_splits"] else split,
            "metric": metric,
            "value": value,
            "primary": metric == record["metric"],
            "rows": record["rows"][split],
        }
        for record in records
        if record["status"] == "finished"
        for split, scores in record["scores"].items()
        for metric, value in scores.items()
    ]
    return pd.DataFrame(rows, columns=list(RUNS_COLUMNS))


def named_teachers(records: Iterable[Record], study: StudyView) -> list[Record]:
    """The records with each teacher's run under the names that the study's arms give it.

    A run of ``textcnn`` is also that of ``textcnn@2`` where its seed is 2, and goes by both where
    arms use both.
    """
    called = defaultdict(list)
    for run in teacher_runs(teacher_names(study), study["teacher_seeds"]):
        called[run.teacher, run.seed].append(run.name)
    return [
        {**record, "teacher": name} if name else record
        for record in records
        for name in (
            called[record["teacher"], record["seed"]] if record["kind"] == "teacher" else [None]
        )
    ]


def read_table(path: Path) -> pd.DataFrame:
    """A table of this project back from its CSV: axes are strings, among them ``NA``.

    Raises InputError.
    """
    names = (*AXES, "split", "role", "metric", "device", "precision", "data", "code")
    names += ("category", "note", "arm", "name", "a", "b", "T_a", "alpha_a", "T_b", "alpha_b")
    names += ("constant", "recipe", "mode", "decode", "id", "prompt", "response")
    text = dict.fromkeys(names, "str")
    try:
        return pd.read_csv(path, dtype=text, keep_default_na=False, na_values=[""])
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); rerun its rule") from None


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Publish tables as CSV files of their names; ``read_table`` reads them."""
    for name, table in tables.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False))


def failed_table(records: Iterable[Record]) -> pd.DataFrame:
    """The diverged runs: axes, reason and step."""
    columns = [*AXES, "reason", "step"]
    rows = [
        {name: record[name] for name in columns}
        for record in records
        if record["status"] == "diverged"
    ]
    return pd.DataFrame(rows, columns=columns)


def cells_missing(expected: Iterable[Mapping[str, str]], records: Iterable[Record]) -> list[str]:
    """Names of the expected runs that no record stands for; a diverged run is not missing.

    ``expected`` holds axes and their values; a record stands for a run that agrees on all axes.
    """
    present: dict[tuple[str, ...], set[tuple]] = {}
    records = list(records)
    missing = []
    for run in expected:
        axes = tuple(run)
        if axes not in present:
            present[axes] = {tuple(record[axis] for axis in axes) for record in records}
        if tuple(run.values()) not in present[axes]:
            missing.append(_name(run))
    return missing


def check_consistency(records: Iterable[Record]) -> None:
    """Refuse records that do not belong together; the message names the rule to rerun.

    Within one task the data digests agree; within one (task, teacher, teacher seed) the teacher
    digests; within one kind of run, and one making of teachers, the code digests. Device and
    versions may differ. Raises InputError.
    """
    records = list(records)
    data, teachers, code = defaultdict(list), defaultdict(list), defaultdict(list)
    for record in records:
        task, kind, digests = record["task"], record["kind"], record["digests"]
        data[f"data digests of task {task!r}"].append((digests["data"], record))
        # Teachers of different making have different code.
        made = f" ({record['source']})" if record.get("source") else ""
        code[f"code digests of the {kind}{made} runs"].append((_text(digests["code"]), record))
        for teacher, digest in (digests.get("teachers") or {}).items():
            teachers[f"digests of teacher {teacher!r} on task {task!r}"].append((digest, record))
    for what, found in (data | teachers | code).items():
        _refuse_differing(what, found)


def _refuse_differing(what: str, found: list[tuple[str, Record]]) -> None:
    """Refuse unless all digests are the same; the rarer ones are taken to be out of date."""
    counts = Counter(digest for digest, _ in found)
    if len(counts) == 1:
        return
    (usual, _), *_ = counts.most_common()
    stale = [record for digest, record in found if digest != usual]
    rules = sorted({f"{_rule(record)} of {record['task']!r}" for record in stale})
    raise InputError(
        f"{what} differ: {', '.join(f'{digest} in {n} runs' for digest, n in counts.items())}; "
        f"rerun {', '.join(rules)}, which made {len(stale)} of them, "
        f"such as {_name({axis: stale[0][axis] for axis in AXES})}"
    )


def _rule(record: Record) -> str:
    """The rule that makes a run anew."""
    if record.get("source"):
        return "given_logits"
    if record["kind"] == "student":
        return "train_undistilled" if not is_distilled(record["teachers"]) else "train_students"
    rules = {"teacher": "train_teacher", "reference": "fit_reference", "constant": "score_constant"}
    return rules[record["kind"]]


def _name(axes: Mapping[str, str | None]) -> str:
    return " ".join(f"{axis}={value}" for axis, value in axes.items() if value is not None)


def _text(value: Any) -> str:
    """A digest as text, also where it is a mapping of digests by package."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
