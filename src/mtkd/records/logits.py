"""Logits keyed by example id: the file of a teacher's logits and of a student's predictions.

One safetensors file holds any number of splits: ``{split}/ids`` (UTF-8 bytes, padded with zeros,
uint8 [N, width]) and ``{split}/logits`` (float32 [N, C]); of a teacher that does not answer every
row, ``{split}/answered`` (uint8 [N]): the others' logits are those of the labels' shares. Its
header carries the run record as JSON, so that whoever declares the file as an input has the whole
record with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mtkd.errors import InputError
from mtkd.records.files import publish


class Logits(NamedTuple):
    """Logits [N, C] of one split, float32, and the ids [N] of its examples (str).

    ``answered`` [N], bool: which rows they answer; None for all.
    """

    ids: np.ndarray
    logits: np.ndarray
    answered: np.ndarray | None = None


def encode_ids(ids: np.ndarray | list[str]) -> np.ndarray:
    """Ids as uint8 [N, width]."""
    encoded = np.array([str(value).encode() for value in ids])
    return encoded.view(np.uint8).reshape(len(encoded), encoded.dtype.itemsize)


def decode_ids(array: np.ndarray) -> np.ndarray:
    """Ids as an array [N] of str; the inverse of ``encode_ids``."""
    array = np.ascontiguousarray(array)
    return np.char.decode(array.view(f"S{array.shape[1]}")[:, 0], "utf-8")


def write_tensors(path: Path, tensors: dict[str, np.ndarray], record: dict[str, Any]) -> None:
    """Publish arrays with a run record in the header."""
    from safetensors.numpy import save_file

    header = {"record": json.dumps(record, sort_keys=True, allow_nan=False)}
    tensors = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
    publish(path, lambda temporary: save_file(tensors, temporary, metadata=header))


def write_logits(
    path: Path,
    splits: dict[str, Logits],
    record: dict[str, Any],
    features: dict[str, np.ndarray] | None = None,
) -> None:
    """Publish the logits of some splits with the record of the run that made them.

    ``features`` [N, H] of a split lie beside its logits, for those who compare encoders.
    """
    tensors = {f"{split}/features": values for split, values in (features or {}).items()}
    for split, (ids, logits, answered) in splits.items():
        tensors[f"{split}/ids"] = encode_ids(ids)
        tensors[f"{split}/logits"] = logits.astype(np.float32)
        if answered is not None and not answered.all():
            tensors[f"{split}/answered"] = answered.astype(np.uint8)
    write_tensors(path, tensors, record)


def read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and run record of a file. Raises InputError for a missing or torn file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            record = json.loads((file.metadata() or {})["record"])
            return {key: file.get_tensor(key) for key in file.keys()}, record  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not a whole record ({error}); delete and rebuild it") from None


def read_logits(path: Path) -> tuple[dict[str, Logits], dict[str, Any]]:
    """Splits and run record of a logits file.

    Raises InputError, naming file and split, for NaN, infinities or ids and logits of unequal
    number.
    """
    tensors, record = read_tensors(path)
    splits = {}
    for name in sorted({key.split("/")[0] for key in tensors}):
        if not {f"{name}/ids", f"{name}/logits"} <= set(tensors):
            raise InputError(f"{path}: {name} lacks ids or logits; this is no file of logits")
        ids, logits = decode_ids(tensors[f"{name}/ids"]), tensors[f"{name}/logits"]
        if logits.ndim != 2 or len(ids) != len(logits):
            raise InputError(f"{path}: split {name}: {len(ids)} ids for logits {logits.shape}")
        if not np.isfinite(logits).all():
            row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
            raise InputError(f"{path}: split {name}: logits of {ids[row]} are not finite")
        answered = tensors.get(f"{name}/answered")
        splits[name] = Logits(ids, logits, answered if answered is None else answered.astype(bool))
    return splits, record


def aligned(logits: Logits, ids: np.ndarray, labels: list[str], record: dict, path: Path):
    """Logits [N, C] in the order of ``ids``, checked against the task they are used for.

    Raises InputError when the label order differs, the width is wrong, or an example is missing.
    """
    if record.get("labels") != labels:
        raise InputError(
            f"{path}: its label order {record.get('labels')} is not the task's {labels}; "
            "rerun teacher_logits"
        )
    if logits.logits.shape[1] != len(labels):
        raise InputError(f"{path}: {logits.logits.shape[1]} logits a row for {len(labels)} labels")
    return logits.logits[_places(logits, ids, path)]


def aligned_answers(logits: Logits, ids: np.ndarray, path: Path) -> np.ndarray | None:
    """Which rows [N] are answered, in the order of ``ids``; None for all. Raises InputError."""
    if logits.answered is None:
        return None
    return logits.answered[_places(logits, ids, path)]


def _places(logits: Logits, ids: np.ndarray, path: Path) -> np.ndarray | slice:
    """Where ``ids`` stand among some logits'. Raises InputError where they are others."""
    if np.array_equal(logits.ids, ids):
        return slice(None)
    order = np.argsort(logits.ids, kind="stable")
    place = np.searchsorted(logits.ids, ids, sorter=order).clip(max=max(len(order) - 1, 0))
    rows = order[place] if len(order) else place
    if len(logits.ids) != len(ids) or not np.array_equal(logits.ids[rows], ids):
        raise InputError(
            f"{path}: its {len(logits.ids)} examples are not the task's {len(ids)}; "
            "rerun teacher_logits"
        )
    return rows
