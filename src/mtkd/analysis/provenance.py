"""Where a study's numbers come from: versions, devices, digests, training settings, time spent."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mtkd.analysis.tables import Record

# Cells of a kind that a sentence names.
NAMED = 3


def provenance(records: Iterable[Record]) -> dict[str, Any]:
    """What eval records say of their origin, JSON-ready.

    ``runs`` and ``seconds`` (of training) by kind; ``gpu_hours``, the hours of runs on another
    device than the CPU; ``devices``, ``precisions`` and ``versions``, each with the number of its
    runs; ``mixed_precision``, where and how paired runs differ in it; ``tasks`` with labels,
    examples by split and digest; ``teachers``, digests by ``task/teacher/seed``;
    ``code``, digests by kind; ``pools``, the definitions of strategies that are pooling operators;
    ``training``, the settings of each model and the tasks that share them; ``warnings``, what was
    found wanting in a model or its tokenizer before it was trained, each once.
    """
    records = list(records)
    seconds = Counter()
    for record in records:
        seconds[record["kind"]] += record.get("seconds") or 0.0
    on_gpu = (record.get("seconds") or 0.0 for record in records if _device(record) != "cpu")
    versions = Counter(
        f"{name} {version}"
        for record in records
        for name, version in (record.get("versions") or {}).items()
    )
    return {
        "runs": dict(Counter(record["kind"] for record in records)),
        "seconds": {kind: round(total, 1) for kind, total in seconds.items()},
        "gpu_hours": round(sum(on_gpu) / 3600, 3),
        "devices": dict(Counter(map(_device, records))),
        "precisions": dict(Counter(record.get("precision") or "unknown" for record in records)),
        "mixed_precision": [f"{where}: {what}" for where, what in mixed_precisions(records)],
        "versions": dict(sorted(versions.items())),
        "tasks": {record["task"]: _task(record) for record in records},
        "teachers": {
            f"{record['task']}/{teacher}": digest
            for record in records
            for teacher, digest in (record["digests"].get("teachers") or {}).items()
        },
        "code": {_made(record): record["digests"]["code"] for record in records},
        "pools": {
            record["strategy"]: record["recipe"]["fusion"]
            for record in records
            if isinstance((record.get("recipe") or {}).get("fusion"), dict)
        },
        "training": _training(records),
        "warnings": list(dict.fromkeys(line for record in records for line in _warnings(record))),
    }


def mixed_precisions(runs: Iterable[Record]) -> list[tuple[str, str]]:
    """Where and how students that are compared as pairs were computed in different precision.

    Students of one task and seed are such pairs: kinds of GPU differ in what they compute in, so
    that a difference of arms would be one of precision as well. ``runs`` are records or rows of
    ``runs_table``; those that do not say their precision count nowhere.
    """
    cells: Mapping[tuple[str, str], dict[str, dict]] = defaultdict(lambda: defaultdict(dict))
    for run in runs:
        if run["kind"] == "student" and (run.get("precision") or "unknown") != "unknown":
            name = f"{run['strategy']} of {run['teachers']} T={run['T']} alpha={run['alpha']}"
            cells[run["task"], run["seed"]][run["precision"]][name] = None
    found = []
    for (task, seed), precisions in cells.items():
        if len(precisions) > 1:
            usual, *others = sorted(precisions, key=lambda one: (-len(precisions[one]), one))
            parts = [f"{len(precisions[usual])} cells in {usual}"]
            for other in others:
                names = list(precisions[other])
                shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
                parts.append(f"{len(names)} in {other} ({shown})")
            found.append((f"{task}, seed {seed}", "; ".join(parts)))
    return found


def seconds_by_rule(benchmarks: Path) -> pd.DataFrame:
    """Jobs and wall seconds of each rule, from Snakemake's records: the last run of each job."""
    files = sorted(benchmarks.rglob("*.tsv"))
    rows = [
        {"rule": path.relative_to(benchmarks).parts[0], "seconds": pd.read_csv(path, sep="\t").s[0]}
        for path in files
    ]
    table = pd.DataFrame(rows, columns=["rule", "seconds"]).groupby("rule").seconds
    table = table.agg(jobs="count", seconds="sum").reset_index()
    return table.sort_values("seconds", ascending=False, ignore_index=True)


def _device(record: Record) -> str:
    return record.get("device") or "unknown"


def _made(record: Record) -> str:
    """The kind of a run; of a teacher that is not trained, with what its answers are."""
    return f"{record['kind']} ({record['source']})" if record.get("source") else record["kind"]


def _task(record: Record) -> dict[str, Any]:
    return {
        "labels": record.get("labels") or [],
        "rows": record["rows"],
        "data": record["digests"]["data"],
    }


def _warnings(record: Record) -> list[str]:
    return [f"{record['task']}: {line}" for line in record.get("warnings") or []]


def _training(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Each model's settings of training with the tasks that it was so trained on."""
    tasks: Mapping[tuple, dict] = defaultdict(dict)
    for record in records:
        model = record["student"] if record["kind"] == "student" else record["teacher"]
        settings = json.dumps(record.get("training") or {}, sort_keys=True)
        tasks[record["kind"], model, settings][record["task"]] = None
    return [
        {"kind": kind, "model": model, "tasks": list(found), "settings": json.loads(settings)}
        for (kind, model, settings), found in tasks.items()
    ]
