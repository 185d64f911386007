"""The record of a run: ``run.json`` as training writes it, ``eval.json`` with its scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from mtkd.errors import InputError
from mtkd.records.files import read_json

SCHEMA = 1
AXES = ("task", "student", "teachers", "strategy", "T", "alpha", "seed", "teacher")
_REQUIRED = ("kind", *AXES, "status", "digests", "metric", "report_splits", "scores", "rows")


def new_record(
    kind: Literal["student", "teacher", "reference", "constant"], **axes: str
) -> dict[str, Any]:
    """A record with every axis: strings, or None where an axis does not apply to this kind."""
    unknown = set(axes) - set(AXES)
    if unknown:
        raise ValueError(f"not axes of a run: {sorted(unknown)}")
    return {
        "schema": SCHEMA,
        "kind": kind,
        **dict.fromkeys(AXES),
        **axes,
        "status": "finished",
        "reason": None,
        "step": None,
    }


def scored(
    record: dict[str, Any],
    settings: Mapping[str, Any],
    scores: dict[str, dict[str, float]],
    rows: dict[str, int],
) -> dict[str, Any]:
    """The eval record: a run's record with its scores by split and metric.

    ``settings`` are those of scoring (``mtkd.study.settings.score_settings``).
    """
    return {
        **record,
        "suite": settings["suite"],
        "metric": settings["metrics"][0],
        "report_splits": settings["report_splits"],
        "scores": scores,
        "rows": rows,
    }


def read_eval(path: Path) -> dict[str, Any]:
    """Read an eval.json. Raises InputError when it is not one, or of another schema."""
    record = read_json(path)
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise InputError(f"{path}: not an eval record of schema {SCHEMA}; rerun its scoring rule")
    missing = [key for key in _REQUIRED if key not in record]
    if missing:
        raise InputError(f"{path}: lacks {', '.join(missing)}; rerun its scoring rule")
    return record
