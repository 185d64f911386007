"""A raw table as examples: an id, a text or a pair, a label each; refused by row, or left out."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.errors import InputError
from mtkd.tasks.corpus import CLUSTERS, HUMAN
from mtkd.tasks.labels import (
    UNLABELLED,
    compare_class_names,
    is_missing,
    label_indices,
    no_label,
)
from mtkd.tasks.spelling import nfc, quoted
from mtkd.tasks.tables import Table, kind_of


class Rows(NamedTuple):
    """Examples and what became of the others.

    ``frame``: id, text_a, text_b (of a pair), label (int64), human_0, ... (raters' shares), group
    and clusters (where columns were named for them). ``dropped``: rows left out, by reason.
    ``notes``: what to know of the table.
    """

    frame: pd.DataFrame
    dropped: dict[str, int]
    notes: list[str]


def check_rows(
    task: Mapping[str, Any],
    split: str,
    table: Table,
    group: str | None = None,
    clusters: Sequence[str] = (),
) -> Rows:
    """The examples of a table, in its order.

    Rows without label or text are left out where the task's settings say so. Raises InputError,
    naming the row, for others, for values of another kind, for an id that is missing or used twice.
    """
    column = task.get("label", "label")
    values = table.columns[column]
    class_names = table.label_names.get(nfc(column))
    if any(isinstance(value, str) for value in values):
        # They are names themselves.
        class_names = None
    notes = list(table.notes)
    if class_names and (note := compare_class_names(class_names, task["labels"])):
        notes.append(note)
    labels = label_indices(
        values, task["labels"], table.place, typed=table.typed, class_names=class_names
    )
    unlabelled = labels == UNLABELLED
    if unlabelled.any() and not task.get("drop_unlabelled"):
        raise no_label(values, labels, task["labels"], table.place)
    blank = np.any([_blank(table, name) for name in task["text"]], axis=0) & ~unlabelled
    left_out = {"unlabelled": unlabelled, "blank": blank & bool(task.get("drop_blank"))}
    kept = np.flatnonzero(~np.any([*left_out.values()], axis=0))
    columns = {"id": _ids(task, split, table, kept)}
    for name, text in zip(("text_a", "text_b"), task["text"], strict=False):
        columns[name] = _texts(table, text, kept, columns["id"])
    if group:
        columns["group"] = _groups(table, group, kept, columns["id"])
    for name, cluster in zip(CLUSTERS, clusters, strict=False):
        columns[name] = _groups(table, cluster, kept, columns["id"])
    frame = pd.DataFrame(columns, dtype="str")
    frame = frame.assign(label=labels[kept], **_human(task, table, kept))
    dropped = {reason: int(rows.sum()) for reason, rows in left_out.items() if rows.any()}
    return Rows(frame, dropped, notes)


def text_rows(text: Sequence[str], table: Table) -> tuple[pd.DataFrame, dict[str, int]]:
    """The texts of a table without labels, numbered: id, text_a, text_b (of a pair).

    And the rows left out, by reason: those without text. Raises InputError for other values.
    """
    blank = np.any([_blank(table, name) for name in text], axis=0)
    kept = np.flatnonzero(~blank)
    columns = {"id": [str(row) for row in kept]}
    for name, column in zip(("text_a", "text_b"), text, strict=False):
        columns[name] = _texts(table, column, kept, columns["id"])
    return pd.DataFrame(columns, dtype="str"), {"blank": int(blank.sum())} if blank.any() else {}


def _ids(task: Mapping[str, Any], split: str, table: Table, kept: Sequence[int]) -> list[str]:
    """The ids as text; without a column of them, the rows' numbers in the table."""
    if "id" not in task:
        return [f"{split}-{row}" for row in kept]
    values = table.columns[task["id"]]
    first: dict[str, int] = {}
    for row in kept:
        value = values[row]
        if is_missing(value):
            raise InputError(f"{table.place(row)} has no id in column {quoted(task['id'])}")
        name = _as_text(value, task["id"], table.place(row))
        if first.setdefault(name, row) != row:
            raise InputError(
                f"id {quoted(name)} occurs more than once ({table.place(first[name])} and "
                f"{table.place(row)})"
            )
    return list(first)


def _blank(table: Table, column: str) -> np.ndarray:
    """Which rows [N] have no text in a column, or one of spaces and invisible signs alone."""
    return np.array([_is_blank(value) for value in table.columns[column]], dtype=bool)


def _is_blank(value: Any) -> bool:
    if not isinstance(value, str):
        return is_missing(value)
    return all(sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf") for sign in value)


def _texts(table: Table, column: str, kept: Sequence[int], ids: Sequence[str]) -> list[str]:
    texts = []
    for row, name in zip(kept, ids, strict=True):
        value = table.columns[column][row]
        if _is_blank(value):
            raise InputError(
                f"example {quoted(name)} has no text in column {quoted(column)} "
                f"({table.place(row)}); 'drop_blank: true' leaves such rows out"
            )
        if not isinstance(value, str):
            raise InputError(
                f"column {quoted(column)} holds {kind_of(value)} in {table.place(row)}, not text; "
                "save it as text"
            )
        texts.append(value)
    return texts


def _groups(table: Table, column: str, kept: Sequence[int], ids: Sequence[str]) -> list[str]:
    groups = []
    for row, name in zip(kept, ids, strict=True):
        value = table.columns[column][row]
        if is_missing(value):
            raise InputError(
                f"example {quoted(name)} has no {quoted(column)} to group by ({table.place(row)})"
            )
        groups.append(nfc(_as_text(value, column, table.place(row))))
    return groups


def _as_text(value: Any, column: str, place: str) -> str:
    if isinstance(value, list | dict | bytes):
        raise InputError(
            f"column {quoted(column)} holds {kind_of(value)} in {place}; save it as text"
        )
    return str(value)


def _human(task: Mapping[str, Any], table: Table, kept: Sequence[int]) -> dict[str, np.ndarray]:
    """Raters' shares by column, each row scaled to a sum of exactly 1; none when not named."""
    if not task.get("human"):
        return {}
    columns = [[_number(table.columns[c][row]) for row in kept] for c in task["human"]]
    shares = np.array(columns, dtype=float).T.reshape(len(kept), -1)
    total = shares.sum(axis=1)
    bad = np.flatnonzero(~((shares >= 0).all(axis=1) & np.isclose(total, 1, atol=1e-3)))
    if len(bad):
        raise InputError(
            f"{table.place(kept[bad[0]])} has {shares[bad[0]].tolist()} in its columns "
            f"{', '.join(task['human'])}: raters' shares are at least 0 and sum to 1"
        )
    return {f"{HUMAN}{i}": share for i, share in enumerate((shares / total[:, None]).T)}


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
