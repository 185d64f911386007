"""What Snakemake recorded of the jobs that finished, read without Snakemake.

Version 9.27 keeps one JSON file for each output below ``.snakemake/metadata``, whose name is the
output's path in URL-safe base64, in pieces where it is long (``FilePersistence``).
"""

from __future__ import annotations

import ast
import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

METADATA = Path(".snakemake/metadata")
# Outputs that jobs at work are making, or that one which was broken off began.
INCOMPLETE = Path(".snakemake/incomplete")
# In an output that is a folder: its time is when the job ended.
STAMP = ".snakemake_timestamp"
# Begins the name of a piece that others follow.
PIECE = "@"


def project_of(path: Path) -> Path | None:
    """The folder, above a path, in which Snakemake ran; None where no record of it is left."""
    above = Path(os.path.abspath(path)).parents
    return next((folder for folder in above if (folder / METADATA).is_dir()), None)


def record_of(path: Path) -> dict[str, Any] | None:
    """The record of the job that made an output; None where there is none."""
    project = project_of(path)
    if project is None:
        return None
    name = os.path.relpath(os.path.abspath(path), project)
    found = project / METADATA / _file_of(name, os.pathconf(project / METADATA, "PC_NAME_MAX"))
    return _read(found)


def recorded_outputs(project: Path, kept: Path = METADATA) -> Iterator[tuple[str, str]]:
    """Each output that has a record, as a path below the project, and the record's file."""
    top = os.path.join(project, kept)
    for folder, _, names in os.walk(top):
        pieces = [] if folder == top else os.path.relpath(folder, top).split(os.sep)
        start = "".join(piece.removeprefix(PIECE) for piece in pieces)
        for name in names:
            try:
                yield base64.urlsafe_b64decode(start + name).decode(), f"{folder}/{name}"
            except ValueError:
                continue  # none of Snakemake's


def read_record(file: Path | str) -> dict[str, Any]:
    """A record; an empty one where it is being written, or torn."""
    return _read(file) or {}


def job_of(record: dict[str, Any]) -> dict[str, Any]:
    """The text of the job (``mtkd.study.jobs``) among a record's parameters; empty without one."""
    for text in record.get("params") or []:
        value = parameter(text)
        if isinstance(value, dict):
            return value
    return {}


def parameter(text: str) -> Any:
    """A parameter's value from its ``repr``; a job's text as the object that it is."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    try:
        told = json.loads(value) if isinstance(value, str) and value.startswith("{") else None
    except ValueError:
        told = None
    return value if told is None else told


def _file_of(name: str, longest: int) -> Path:
    text = base64.urlsafe_b64encode(name.encode()).decode()
    *pieces, last = [text[i : i + longest - 1] for i in range(0, len(text), longest - 1)]
    return Path(*(PIECE + piece for piece in pieces), last)


def _read(file: Path | str) -> dict[str, Any] | None:
    try:
        with open(file, "rb", buffering=0) as content:
            content = json.loads(content.read())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
