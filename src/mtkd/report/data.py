"""A study's data as people read it: what became of every row of every table, and what to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mtkd.report.shown import MISSING, Shown, frame, percent
from mtkd.study.view import StudyView

# By task, what its task.json holds.
Infos = Mapping[str, Mapping[str, Any]]


def rows_table(study: StudyView, infos: Infos) -> Shown:
    """Every split of every task: what was read, what left out, and how many rows of each label."""
    rows = [
        {"task": task, **_split(infos[task], split)}
        for task in study["tasks"]
        for split in ("train", "selection", *study["report_splits"][task])
    ]
    rows += [
        {"task": task, **_transfer(source)}
        for task in study["tasks"]
        for source in infos[task]["account"].get("transfer", ())
    ]
    columns = ["task", "split", "lines", "rows read", "left out", "rows", "rows of each label"]
    return Shown(
        "data",
        "Rows of each split",
        f"{study['suite']}/{study['study']}: rows of the tables, and of the splits made of them",
        frame(rows, [*columns, "texts in another split"]),
        ("task", "split", "left out", "rows of each label", "texts in another split"),
        "Lines of the file, its header and blank ones included; parquet files have none. A text is "
        "in another split if one there has the same words, whatever their case and punctuation; "
        "overlap.csv, beside the task's splits, lists both.",
    )


def warnings_of(study: StudyView, infos: Infos) -> list[str]:
    """What the tasks' data cannot carry, a sentence each."""
    return [
        f"{task}: {warning}"
        for task in study["tasks"]
        for warning in infos[task]["account"]["warnings"]
    ]


def _split(info: Mapping[str, Any], split: str) -> dict[str, str]:
    account = info["account"]
    counts = account["labels"][split]
    shared = [
        f"{rows['rows']:,} in {rows['other_split']}" + (" (left out there)" * rows["dropped"])
        for rows in account["overlap"]
        if rows["split"] == split
    ]
    of_split = {
        "split": split,
        "rows": f"{sum(counts):,}",
        "rows of each label": _listed(dict(zip(info["labels"], counts, strict=True))),
        "texts in another split": ", ".join(shared) or "none",
    }
    if split not in account["tables"]:
        share, wanted = (percent(account["carved"][key]) for key in ("share", "fraction"))
        of_split["split"] += f" ({share} % of train, {wanted} % wanted)"
        return of_split | dict.fromkeys(("lines", "rows read", "left out"), MISSING)
    table = account["tables"][split]
    return of_split | {
        "lines": MISSING if table["lines"] is None else f"{table['lines']:,}",
        "rows read": f"{table['rows']:,}",
        "left out": _listed(table["dropped"]) or "none",
    }


def _transfer(source: Mapping[str, Any]) -> dict[str, str]:
    """A source of texts without labels: students of soft labels learn from them, nothing else."""
    return {
        "split": f"train, transfer text of {source['source']}",
        "lines": MISSING,
        "rows read": f"{source['rows'] + sum(source['dropped'].values()):,}",
        "left out": _listed(source["dropped"]) or "none",
        "rows": f"{source['rows']:,}",
        "rows of each label": "no labels",
        "texts in another split": "none",
    }


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {number:,}" for name, number in numbers.items())
