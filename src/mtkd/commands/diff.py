"""Two runs side by side, from their records: what differs first, then what is equal in a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtkd.commands.differences import ABSENT, leaves, side_by_side
from mtkd.commands.recorded import job_of, record_of
from mtkd.errors import InputError
from mtkd.records.files import read_json
from mtkd.records.runs import AXES, SCHEMA

# A run's records, as its training and its scoring write them; a student's, a teacher's, a score's.
RECORDS = ("run.json", "metrics.json", "eval.json")
# Outputs of the jobs that train.
TRAINED = ("predictions.safetensors", "metrics.json")
# The order in which people look; all else a record holds comes after.
SECTIONS = {
    "run": ("suite", "kind", *AXES, "status", "reason", "step"),
    "settings": (
        *("training", "recipe", "label_order", "labels", "metric", "report_splits", "rows"),
        "settings",
    ),
    "digests": ("digests", "code"),
    "versions": ("versions",),
    "machine": ("device", "precision", "processor"),
    "scores": ("epoch", "selection", "scores"),
}
REST = "cost and the rest"
# Rows of epochs, which run.json of students has in a file of its own.
LEFT_OUT = ("schema", "history")


def compared(left: Path, right: Path) -> str:
    """How two runs differ, in lines; scores with their difference, right less left.

    Raises InputError where one of them is no run.
    """
    records = [read_run(path) for path in (left, right)]
    rows = {name: list(_rows(name, *records)) for name in [*SECTIONS, REST]}
    notes = [f"{path}: scored before it was trained again" for path in (left, right)
             if _is_stale(path)]  # fmt: skip
    lines = [f"left:  {left}", f"right: {right}", *notes]
    for name, found in rows.items():
        different = [row for row in found if row[1] != row[2]]
        if different:
            lines += ["", name, *_table(different)]
    equal = {name: sum(one == other for _, one, other in found) for name, found in rows.items()}
    told = ", ".join(f"{name} {count}" for name, count in equal.items() if count)
    return "\n".join([*lines, "", f"equal: {told}" if told else "nothing is equal"])


def read_run(path: Path) -> dict[str, Any]:
    """A run's record, with its scores where there are some of it. Raises InputError.

    Where Snakemake's record of its job is left, ``settings`` has what of the job's own the run's
    record has not (its model, say), and ``code`` the digests of the code behind it.
    """
    if not path.exists():
        raise InputError(f"{path}: there is no such run")
    if not path.is_dir():
        return _record(path)
    names = [name for name in RECORDS if (path / name).is_file()]
    if not names:
        raise InputError(f"{path}: no run, as it has none of {', '.join(RECORDS)}")
    if _is_stale(path):
        names.remove("eval.json")
    found = {key: value for name in names for key, value in _record(path / name).items()}
    job = next(filter(None, (job_of(record_of(path / name) or {}) for name in TRAINED)), {})
    settings = {key: value for key, value in job.get("settings", {}).items() if key not in found}
    return {**found, "settings": settings, "code": job.get("code", {})}


def _is_stale(path: Path) -> bool:
    """Whether a run's scores are of an earlier training, which left other digests."""
    trained = [path / name for name in RECORDS[:2] if (path / name).is_file()]
    score = path / RECORDS[2]
    return bool(trained and score.is_file()) and (
        _record(trained[0])["digests"] != _record(score)["digests"]
    )


def _record(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, Mapping) or content.get("schema") != SCHEMA or "kind" not in content:
        raise InputError(f"{path}: not the record of a run (schema {SCHEMA})")
    return dict(content)


def _rows(section: str, *records: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Keys of a section with both records' values; not those that neither has a value of."""
    known = {key for keys in SECTIONS.values() for key in keys}
    keys = SECTIONS.get(section) or [
        key for key in dict.fromkeys(key for record in records for key in record)
        if key not in known and key not in LEFT_OUT
    ]  # fmt: skip
    for key in keys:
        # Of what is empty in both there is nothing to say.
        found = [leaves(record[key], key) if record.get(key) != {} and key in record else {}
                 for record in records]  # fmt: skip
        for name in dict.fromkeys([*found[0], *found[1]]):
            values = [values.get(name, ABSENT) for values in found]
            if any(value is not ABSENT and value is not None for value in values):
                yield name, *values


def _table(rows: list[tuple[str, Any, Any]]) -> Iterator[str]:
    texts = [(key, *side_by_side(*values), _change(key, *values)) for key, *values in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        yield f"  {'  '.join(cells)}".rstrip()


def _change(key: str, left: Any, right: Any) -> str:
    """By how much a score is other, right less left; of all else, nothing."""
    numbers = all(isinstance(value, int | float) for value in (left, right))
    is_score = key == "selection" or key.startswith("scores.")
    return f"{right - left:+.4g}" if numbers and is_score else ""
