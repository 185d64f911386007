"""What a student's folder remembers of its cell, ``student.json``: read without loading a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtkd.errors import InputError
from mtkd.records.files import read_json

FACTS = "student.json"
SCHEMA = 1


def student_facts(
    record: Mapping[str, Any], text: Sequence[str], max_length: int
) -> dict[str, Any]:
    """What a student's folder remembers of a cell, by the cell's record, as ``student.json``."""
    axes = ("task", "student", "teachers", "strategy", "T", "alpha", "seed")
    return {
        "schema": SCHEMA,
        **{axis: record[axis] for axis in axes},
        "labels": record["labels"],
        "text": list(text),
        "max_length": max_length,
        "digests": {name: record["digests"][name] for name in ("cell", "data")},
    }


def read_facts(folder: Path) -> dict[str, Any]:
    """A student folder's ``student.json``. Raises InputError where it is no such folder."""
    if not folder.is_dir():
        raise InputError(f"no such model folder: {folder}{_how_to_make(folder)}")
    if not (folder / FACTS).is_file():
        if (folder / "model" / FACTS).is_file():
            raise InputError(f"{folder} is a cell's folder; its model is {folder / 'model'}")
        raise InputError(
            f"{folder}: no {FACTS}, so this is no student that was taken away from a study"
            f"{_how_to_make(folder)}"
        )
    facts = read_json(folder / FACTS)
    wanted = {"labels": list, "text": list, "max_length": int}
    if (
        not isinstance(facts, dict)
        or facts.get("schema") != SCHEMA
        or not all(isinstance(facts.get(key), kind) for key, kind in wanted.items())
    ):
        raise InputError(f"{folder / FACTS}: not of schema {SCHEMA}; make the folder again")
    return facts


def _how_to_make(folder: Path) -> str:
    """What to do where a cell's model is not there, or a cell was named."""
    parts = folder.parts
    if "results" not in parts or not {"students", "studies"} & set(parts):
        return ""
    target = folder if folder.name == "model" or "models" in parts else folder / "model"
    return f"; make one: snakemake -c2 -- {target}"
