"""From raw tables to a task folder: split by role, with an account of every row.

A task folder holds ``train.parquet`` and ``selection.parquet`` (id, text_a, text_b, label, and
group, where a column of groups was named),
``report.parquet`` (split, id, text_a, text_b) with every report split, whose labels lie apart in
``report_labels.parquet`` (split, id, label) for what scores, ``overlap.csv`` with the texts that
stand in two splits, and ``task.json`` (labels in canonical order, sizes, digest of all content,
account of all rows). Where raters' shares are known, the files with labels hold them as well:
``human_0``, ``human_1``, ... in the order of the labels. Where examples are said to come in
clusters, those of selection and report hold ``cluster_a`` (and, of pairs, ``cluster_b``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.errors import InputError
from mtkd.records.files import publish, write_json, write_text
from mtkd.tasks.corpus import CLUSTERS, HUMAN, digest_splits, is_report
from mtkd.tasks.labels import possible_texts
from mtkd.tasks.rows import check_rows
from mtkd.tasks.spelling import listed, quoted
from mtkd.tasks.splits import carve, check_share, first_with, text_keys
from mtkd.tasks.tables import Table, read_table

# Which share of a split's texts may stand in another one, where the suite does not say.
MAX_OVERLAP = 0.05
OVERLAP_COLUMNS = ["split", "id", "other_split", "other_id", "dropped"]

Splits = dict[str, pd.DataFrame]


class Prepared(NamedTuple):
    """A task's splits, and what became of every row of its tables.

    ``splits``: columns id, text_a, text_b, label (int64, canonical order), human_0, ..., and but in
    train cluster_a, cluster_b. ``overlap``
    (``OVERLAP_COLUMNS``): the rows of a split whose text stands in another one, and whether the
    other row was left out for that. ``account``, JSON-ready: ``tables`` (by split: lines, blank
    lines, rows, rows left out by reason), ``carved`` (fraction wanted and share reached, or None),
    ``labels`` (by split: rows of each label in canonical order), ``overlap`` (split, other_split,
    dropped, rows), ``warnings``.
    """

    splits: Splits
    overlap: pd.DataFrame
    account: dict[str, Any]


def read_tables(task: Mapping[str, Any], paths: Mapping[str, Path]) -> dict[str, Table]:
    """Read the columns that a task uses from the file of each split. Raises InputError."""
    answers = (task.get("label", "label"), possible_texts(task["labels"]))
    tables = {}
    for split, path in paths.items():
        with _naming(split):
            tables[split] = read_table(path, used_columns(task, split), answers)
    return tables


def used_columns(task: Mapping[str, Any], split: str) -> list[str]:
    """The columns of a split's table that a task uses, each once."""
    columns = [*task["text"], task.get("label", "label"), *task.get("human", [])]
    columns += [task["id"]] if "id" in task else []
    group = _group(task, split)
    columns += [*([group] if group else []), *_clusters(task, split)]
    return list(dict.fromkeys(columns))


def prepare_task(task: Mapping[str, Any], tables: Mapping[str, Table]) -> Prepared:
    """Check and label tables, and split them by role.

    ``task`` is the task's settings, ``tables`` the raw table of each split it names. The selection
    split is carved from train when the task says so. Raises InputError for what cannot carry a
    study: values that are no texts or labels, an empty split, a label without a row in train, a
    carved share far from the one wanted, splits that share too many texts.
    """
    splits: Splits = {}
    account: dict[str, Any] = {"tables": {}, "carved": None}
    warnings: list[str] = []
    for name, table in tables.items():
        with _naming(name):
            rows = check_rows(task, name, table, _group(task, name), _clusters(task, name))
        splits[name] = rows.frame.assign(key=text_keys(rows.frame))
        sizes = {"lines": table.lines, "blank_lines": table.blank, "rows": len(table.places)}
        account["tables"][name] = {**sizes, "dropped": rows.dropped}
        warnings += [f"split {name!r}: {note}" for note in rows.notes]
    _check_sizes(splits)
    drop = task.get("drop_overlap", False)
    shared = [_leave_out_overlap(splits, account)] if drop else []
    if selection := task.get("selection"):
        _check_sizes(splits)
        carved, warning = _carve(splits, selection["fraction"], len(task["labels"]))
        account["carved"] = carved
        warnings += [warning] if warning else []
        shared += [_leave_out_overlap(splits, account)] if drop else []
    _check_sizes(splits)
    splits = {name: splits[name] for name in sorted(splits, key=_role)}
    account["labels"] = {
        name: np.bincount(frame["label"], minlength=len(task["labels"])).tolist()
        for name, frame in splits.items()
    }
    warnings += _check_labels(task["labels"], account["labels"])
    overlap = pd.concat([*shared, _overlap(splits)], ignore_index=True)
    counts = overlap.groupby(["split", "other_split", "dropped"]).size()
    account["overlap"] = counts.rename("rows").reset_index().to_dict("records")
    warnings += _check_overlap(overlap, splits, task.get("max_overlap", MAX_OVERLAP))
    _check_clusters(splits)
    splits = {
        name: frame.drop(columns=["key", *(CLUSTERS if name == "train" else ())], errors="ignore")
        for name, frame in splits.items()
    }
    return Prepared(splits, overlap, {**account, "warnings": warnings})


def write_task(folder: Path, task: Mapping[str, Any], prepared: Prepared) -> None:
    """Write a task folder, ``task.json`` last: without it, files of two tasks are no task."""
    (folder / "task.json").unlink(missing_ok=True)
    splits = prepared.splits
    write_splits(folder, splits)
    write_text(folder / "overlap.csv", prepared.overlap.to_csv(index=False))
    summary = {
        "labels": task["labels"],
        "rows": {name: len(frame) for name, frame in splits.items()},
        "pairs": len(task["text"]) == 2,
        "digest": digest_splits(splits),
        "account": prepared.account,
    }
    write_json(folder / "task.json", summary)


def write_splits(folder: Path, splits: Mapping[str, pd.DataFrame]) -> None:
    """Write the rows of a task's splits, the report splits' labels apart."""
    reports = [frame.assign(split=name) for name, frame in splits.items() if is_report(name)]
    report = pd.concat(reports, ignore_index=True)
    write_parquet(folder / "train.parquet", splits["train"])
    write_parquet(folder / "selection.parquet", splits["selection"])
    answers = ["label", *(name for name in report if name.startswith(HUMAN))]
    answers += [name for name in CLUSTERS if name in report]
    write_parquet(folder / "report.parquet", report.drop(columns=answers))
    write_parquet(folder / "report_labels.parquet", report[["split", "id", *answers]])


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Publish a table as parquet."""
    publish(path, lambda temporary: frame.to_parquet(temporary, index=False))


def account_lines(labels: Sequence[str], account: Mapping[str, Any]) -> list[str]:
    """What became of every row of a task's tables, and what to know of its splits, a line each."""
    lines = []
    for split, table in account["tables"].items():
        said = [] if table["lines"] is None else [f"{table['lines']} lines"]
        said += [f"{table['blank_lines']} blank"] if table["blank_lines"] else []
        said.append(f"{table['rows']} rows read")
        said += [f"{rows} left out: {reason}" for reason, rows in table["dropped"].items()]
        lines.append(f"{split} table: {', '.join(said)}")
    for split, rows in account["labels"].items():
        by_label = ", ".join(f"{name}: {n}" for name, n in zip(labels, rows, strict=True))
        lines.append(f"{split}: {sum(rows)} rows, {by_label}")
    if carved := account["carved"]:
        wanted, share = carved["fraction"], carved["share"]
        lines.append(f"selection: carved from train, a share of {share:.4g} for {wanted:g} wanted")
    return lines + [f"warning: {warning}" for warning in account["warnings"]]


def _group(task: Mapping[str, Any], split: str) -> str | None:
    return (task.get("selection") or {}).get("group") if split == "train" else None


def _clusters(task: Mapping[str, Any], split: str) -> list[str]:
    """The columns of clusters that a split's table must have; train, where selection is carved."""
    learned = split == "train" and not task.get("selection")
    return [] if learned else task.get("cluster", [])


def _check_clusters(splits: Splits) -> None:
    """Raises InputError for a split of one cluster, of which nothing follows for others."""
    for name, frame in splits.items():
        columns = [column for column in CLUSTERS if column in frame]
        if name != "train" and columns and len(np.unique(frame[columns].to_numpy(str))) < 2:
            raise InputError(
                f"split {name!r} is of one cluster, {quoted(frame[columns[0]].iloc[0])}, which "
                "says nothing of others; name another column in 'cluster'"
            )


@contextmanager
def _naming(split: str) -> Iterator[None]:
    """Put a split's name before what is wrong with it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"split {split!r}: {error}") from None


def _role(split: str) -> int:
    return ["train", "selection"].index(split) if not is_report(split) else 2


def _check_sizes(splits: Splits) -> None:
    for name, frame in splits.items():
        if frame.empty:
            raise InputError(f"split {name!r} is empty: there is no row, or all were left out")


def _carve(splits: Splits, fraction: float, labels: int) -> tuple[dict[str, float], str | None]:
    """Move the selection split's rows out of train; returns the shares, and what to say of them."""
    train = splits["train"]
    groups = train["group"] if "group" in train else train["key"]
    selected = carve(train["label"].to_numpy(), groups.tolist(), fraction)
    warning = check_share(int(selected.sum()), len(train), fraction, labels)
    splits["selection"] = train[selected].reset_index(drop=True)
    splits["train"] = train[~selected].reset_index(drop=True)
    return {"fraction": fraction, "share": float(selected.mean())}, warning


def _overlap(splits: Splits) -> pd.DataFrame:
    """Rows of selection and report whose text stands in train, and of report in selection."""
    rows = []
    for name, frame in splits.items():
        for other in ("train", "selection"):
            if other in splits and _role(other) < _role(name):
                found = first_with(frame["key"], splits[other]["key"], splits[other]["id"])
                both = zip(frame["id"], found, strict=True)
                rows += [(name, one, other, same, False) for one, same in both if same is not None]
    return pd.DataFrame(rows, columns=OVERLAP_COLUMNS)


def _leave_out_overlap(splits: Splits, account: dict[str, Any]) -> pd.DataFrame:
    """Leave rows out of train whose text stands in another split; returns the rows there."""
    found = _overlap(splits)
    found = found[found["other_split"] == "train"].assign(dropped=True)
    elsewhere = {key for name, frame in splits.items() if name != "train" for key in frame["key"]}
    shared = np.array([key in elsewhere for key in splits["train"]["key"]], dtype=bool)
    splits["train"] = splits["train"][~shared].reset_index(drop=True)
    if shared.any():
        dropped = account["tables"]["train"]["dropped"]
        dropped["overlap"] = dropped.get("overlap", 0) + int(shared.sum())
    return found


def _check_labels(labels: Sequence[str], rows: Mapping[str, list[int]]) -> list[str]:
    """What to say of labels without a row. Raises InputError for one that train lacks."""
    missing = {
        split: [label for label, n in zip(labels, counts, strict=True) if not n]
        for split, counts in rows.items()
    }
    if missing["train"]:
        raise InputError(
            f"split 'train' has no row of {_of_labels(missing['train'])}, which no model can learn "
            "without: add such rows, or take the label out of 'labels' and of every split"
        )
    return [
        f"split {split!r} has no row of {_of_labels(absent)}: nothing is chosen or said on it there"
        for split, absent in missing.items()
        if absent
    ]


def _of_labels(labels: Sequence[str]) -> str:
    return f"label{'s' * (len(labels) > 1)} {listed(labels)}"


def _check_overlap(overlap: pd.DataFrame, splits: Splits, most: float) -> list[str]:
    """What to say of texts that stand in two splits. Raises InputError for too many."""
    said = []
    for split, rows in overlap[~overlap["dropped"].astype(bool)].groupby("split", sort=False):
        one, found, total = rows.iloc[0], rows["id"].nunique(), len(splits[split])
        others = " or ".join(repr(name) for name in rows["other_split"].unique())
        text = f"{found} of the {total} texts of split {split!r} stand in {others} too"
        if found > most * total:
            remedy = (
                "'drop_overlap: true' leaves them out of train"
                if "train" in others
                else "give another selection split"
            )
            raise InputError(
                f"{text}, such as that of {quoted(one['id'])} ({quoted(one['other_id'])} in "
                f"{one['other_split']}): a share of {found / total:.3g}, where max_overlap allows "
                f"{most:g}; {remedy}"
            )
        said.append(f"{text}; overlap.csv lists them")
    return said
