"""Variants of a task: few labelled rows, and text that nobody labelled, on the task's own data.

A variant's folder is a task's (``mtkd.tasks.prepare``) with two files more: the gold labels of its
transfer rows that have one, in ``transfer_labels.parquet`` (id, label), which are scored and never
learnt from, and the gate's rows in ``gate.parquet``. In ``train.parquet`` the labelled rows come
first, then the transfer rows, whose label is -1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.errors import InputError
from mtkd.records.files import publish, read_json, write_json
from mtkd.tasks.augment import Augmentation, augment
from mtkd.tasks.corpus import (
    CLUSTERS,
    GATE,
    GROUP,
    HUMAN,
    NO_LABEL,
    digest_splits,
    is_report,
    read_whole,
)
from mtkd.tasks.prepare import write_parquet, write_splits
from mtkd.tasks.rows import text_rows
from mtkd.tasks.spelling import listed
from mtkd.tasks.splits import carve, check_drawn, text_keys
from mtkd.tasks.tables import read_table

TRANSFER_LABELS = "transfer_labels.parquet"
# A source's rows, and how many were left out of it by reason.
Texts = tuple[pd.DataFrame, Mapping[str, int]]
# Sources that are made of the task's own rows.
OWN = {"rest", "augment"}
# What is drawn has generators of its own, whatever else a variant draws.
LABELLED, SELECTED, FOR_GATE, TRANSFER = range(4)


class Drawn(NamedTuple):
    """A variant's splits, the gold labels of its transfer rows, and what became of every row."""

    splits: dict[str, pd.DataFrame]
    transfer_labels: pd.DataFrame
    account: dict[str, Any]


def derive_task(
    origin: Path, folder: Path, variant: Mapping[str, Any], texts: Sequence[Texts]
) -> Drawn:
    """Publish a variant of the task in ``origin``: its files, and ``task.json`` with what it is.

    ``variant`` is its settings (``mtkd.study.settings.variant_settings``), ``texts`` the rows of
    each of its sources of transfer text but ``rest`` (``read_texts``). Where all train rows are
    labelled and there is nothing else to learn from, the data are those of the task, and so is
    their digest. Raises InputError for a draw that cannot be made.
    """
    (folder / "task.json").unlink(missing_ok=True)
    info = read_json(origin / "task.json")
    drawn = draw_variant(read_whole(origin), info["labels"], variant, texts)
    splits = dict(drawn.splits)
    gate = splits.pop(GATE)
    write_splits(folder, splits)
    write_parquet(folder / f"{GATE}.parquet", gate)
    write_parquet(folder / TRANSFER_LABELS, drawn.transfer_labels)
    overlap = (origin / "overlap.csv").read_bytes()
    publish(folder / "overlap.csv", lambda temporary: temporary.write_bytes(overlap))
    summary = {
        **info,
        "rows": {name: len(frame) for name, frame in splits.items()},
        "digest": digest_splits({**splits, **({GATE: gate} if len(gate) else {})}),
        "account": {**info["account"], **drawn.account},
        "variant": {key: value for key, value in variant.items() if key != "text"},
    }
    write_json(folder / "task.json", summary)
    return drawn


def draw_variant(
    splits: Mapping[str, pd.DataFrame],
    labels: Sequence[str],
    variant: Mapping[str, Any],
    texts: Sequence[Texts],
) -> Drawn:
    """Draw a variant's rows from its task's splits; stratified by label, whole groups together.

    What is drawn depends on ``draw`` alone, not on how much else is: labelled rows are the same
    with and without transfer text.
    """
    draw, wanted = int(variant["draw"]), variant["labelled"]
    train, selection = splits["train"], splits["selection"]
    rest = train.iloc[:0]
    if (rows := variant.get("selection_rows")) is not None:
        chosen = _drawn(selection, rows, (draw, SELECTED), "selection_rows")
        selection, rest = selection[chosen], selection[~chosen]
    labelled = train
    if wanted != "all":
        chosen = _drawn(train, wanted, (draw, LABELLED), "labelled")
        labelled, rest = train[chosen], pd.concat([train[~chosen], rest])
        _check_labels(labelled, labels, wanted)
    gate = rest.iloc[:0]
    if rows := variant.get("gate_rows", 0):
        # Of the rows that nothing learns a label of: what is set apart costs no label.
        pool = rest if wanted != "all" else labelled
        chosen = _drawn(pool, rows, (draw, FOR_GATE), "gate_rows")
        gate, pool = pool[chosen], pool[~chosen]
        labelled, rest = (labelled, pool) if wanted != "all" else (pool, rest)
    kept = {**splits, "selection": selection}
    known = {
        "the labelled rows": labelled,
        "selection": selection,
        "the gate's rows": gate,
        **{name: frame for name, frame in splits.items() if is_report(name)},
    }
    transfer, account = _transfer(variant.get("transfer", ()), rest, texts, known, draw)
    answers = ["label", *(name for name in transfer if name.startswith(HUMAN))]
    gold = transfer.loc[transfer["label"] != NO_LABEL, ["id", *answers]]
    hidden = transfer.assign(**{**dict.fromkeys(answers, np.nan), "label": NO_LABEL})
    joined = pd.concat([labelled, hidden]) if len(hidden) else labelled
    joined = joined.drop(columns=[*CLUSTERS], errors="ignore")
    kept["train"] = joined.astype({"label": np.int64})
    counted = {
        name: np.bincount(frame["label"], minlength=len(labels)).tolist()
        for name, frame in {**kept, "train": labelled}.items()
    }
    kept[GATE] = gate
    return Drawn(
        {name: frame.reset_index(drop=True) for name, frame in kept.items()},
        gold.reset_index(drop=True),
        {"labels": counted, "transfer": account},
    )


def read_texts(
    source: Mapping[str, Any], text: Sequence[str], path: Path
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The texts of one source of transfer text: id, text_a, text_b (of a pair), label -1.

    And the rows left out for being blank. ``path`` is a table of texts, or another task's folder;
    ``text`` the task's own text columns. Raises InputError, naming the source.
    """
    columns = list(source.get("text") or text)
    try:
        if "task" in source:
            train = read_whole(path)["train"]
            names = [name for name in ("text_a", "text_b") if name in train]
            frame, dropped = train[["id", *names]], {}
        else:
            names = columns
            frame, dropped = text_rows(columns, read_table(path, columns))
        if len(names) != len(text):
            kinds = {1: "single texts", 2: "pairs"}
            raise InputError(f"it has {kinds[len(names)]}, and the task {kinds[len(text)]}")
    except InputError as error:
        raise InputError(f"transfer text of {_name(source)}: {error}") from None
    return frame.assign(label=NO_LABEL), dropped


def draw_lines(drawn: Drawn) -> list[str]:
    """What became of every row, a line each."""
    rows = {name: len(frame) for name, frame in drawn.splits.items()}
    labelled = sum(drawn.account["labels"]["train"])
    lines = [f"train: {labelled} rows with a label, {rows['train'] - labelled} without"]
    lines += [f"selection: {rows['selection']} rows"]
    lines += [f"set apart for the gate: {rows[GATE]} rows"] if rows[GATE] else []
    for source in drawn.account["transfer"]:
        left = [f"{n} left out: {reason}" for reason, n in source["dropped"].items()]
        lines.append(
            f"transfer text of {source['source']}: " + ", ".join([f"{source['rows']} rows", *left])
        )
    return lines


def _transfer(
    sources: Sequence[Mapping[str, Any]],
    rest: pd.DataFrame,
    texts: Sequence[Texts],
    known: Mapping[str, pd.DataFrame],
    draw: int,
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The transfer rows of all sources, without texts that stand elsewhere, and the account."""
    places: dict[Any, str] = {}
    for place, frame in known.items():
        places.update(dict.fromkeys(text_keys(frame), place))
    others, parts, account = iter(texts), [], []
    for number, source in enumerate(sources):
        name = _name(source)
        if "rest" in source:
            frame, dropped = rest, {}
        elif "augment" in source:
            frame, dropped = _augmented([known["the labelled rows"], *parts], source, draw), {}
        else:
            frame, dropped = next(others)
        dropped = dict(dropped)
        free = []
        for row, key in enumerate(text_keys(frame)):
            if key in places:
                reason = f"text stands in {places[key]}"
                dropped[reason] = dropped.get(reason, 0) + 1
            else:
                free.append(row)
                places[key] = "transfer text already"
        if not free:
            raise InputError(
                f"transfer text of {name}: no row is left"
                + "".join(f", {n}: {reason}" for reason, n in dropped.items())
            )
        if (wanted := source.get("rows")) is not None:
            if wanted > len(free):
                raise InputError(
                    f"transfer text of {name}: {wanted} rows are wanted, and there are {len(free)}"
                )
            order = np.random.default_rng([draw, TRANSFER, number]).permutation(len(free))
            dropped["not drawn"] = len(free) - wanted
            free = sorted(np.array(free)[order[:wanted]])
        found = frame.iloc[free]
        if not OWN & source.keys():
            found = found.assign(id=[f"{name}:{one}" for one in found["id"]])
        parts.append(found)
        account.append({"source": name, "rows": len(found), "dropped": dropped})
    joined = pd.concat(parts) if parts else rest.iloc[:0]
    if joined["id"].duplicated().any() or joined["id"].isin(known["the labelled rows"]["id"]).any():
        raise InputError("two sources of transfer text have the same name; name each once")
    return joined, account


def _augmented(
    frames: Sequence[pd.DataFrame], source: Mapping[str, Any], draw: int
) -> pd.DataFrame:
    """New texts of those of some rows: the labelled ones, and transfer text named before."""
    rows = pd.concat(frames)
    pairs = rows["text_b"].tolist() if "text_b" in rows else None
    how = Augmentation(**source["augment"])
    new = augment(rows["id"].tolist(), rows["text_a"].tolist(), pairs, how, draw)
    columns = {"id": new.ids, "text_a": new.text_a}
    columns |= {"text_b": new.text_b} if new.text_b is not None else {}
    return pd.DataFrame(columns, dtype="str").assign(label=NO_LABEL)


def _drawn(frame: pd.DataFrame, wanted: int, seed: tuple[int, ...], key: str) -> np.ndarray:
    """Which rows of a split are drawn [N]. Raises InputError for more than it has."""
    if wanted >= len(frame):
        raise InputError(f"{key}: {wanted} rows are wanted, of {len(frame)}; take fewer")
    groups = frame[GROUP] if GROUP in frame else text_keys(frame)
    chosen = carve(frame["label"].to_numpy(), list(groups), wanted / len(frame), seed)
    check_drawn(int(chosen.sum()), wanted, key)
    return chosen


def _check_labels(labelled: pd.DataFrame, labels: Sequence[str], wanted: int) -> None:
    seen = set(labelled["label"])
    if missing := [name for index, name in enumerate(labels) if index not in seen]:
        raise InputError(
            f"labelled: of {wanted} rows none has label {listed(missing)}; take more, or smaller "
            "groups"
        )


def _name(source: Mapping[str, Any]) -> str:
    if own := OWN & source.keys():
        return own.pop()
    return source.get("file") or source.get("task") or source["hub"]["name"]
