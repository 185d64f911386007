"""Drawing a study's figures in one process, without those that would come out as they were.

Each is kept under a digest of all that it is made of: tables, settings, code behind its drawing.
So an edit of one figure draws that one alone.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mtkd.figures.catalogue import Drawn, drawn
from mtkd.records.files import digest_bytes, digest_text
from mtkd.records.kept import keep, restore
from mtkd.study.settings import canonical_json


def draw_figures(job: Mapping[str, Any], tables: Path, output: Path, kept: Path) -> list[str]:
    """Have every figure of a job in its place, as PNG and PDF; returns the paths of those drawn.

    ``tables`` and ``output`` are the folders in which the catalogue's names are paths.
    """
    new, matplotlib = [], version("matplotlib")
    for figure in drawn(list(job["figures"]), job["settings"]["study"]["tasks"]):
        stem = output / figure.path
        names = [f"{stem.name}.{extension}" for extension in ("png", "pdf")]
        files = [tables / f"{table}.csv" for table in figure.tables]
        place = kept / _digest(figure, job, files, matplotlib)
        if not restore(place, stem.parent, names, "the figure is drawn again"):
            _draw(figure, job["settings"], files, stem)
            keep(place, stem.parent, names)
            new.append(figure.path)
    return new


def _draw(figure: Drawn, settings: Mapping[str, Any], files: Sequence[Path], stem: Path) -> None:
    # Here, since nothing of it is needed where all figures are kept.
    from mtkd.analysis.tables import read_table
    from mtkd.figures.style import save_figure

    module, function = figure.row.drawing.split(":")
    draw = getattr(importlib.import_module(module), function)
    of_task = [] if figure.task is None else [figure.task]
    tables = {file.stem: read_table(file) for file in files}
    save_figure(draw(tables, settings["study"], *of_task), stem, settings["dpi"])


def _digest(figure: Drawn, job: Mapping[str, Any], files: Sequence[Path], matplotlib: str) -> str:
    determinants = {
        "figure": figure.path,
        "drawing": job["figures"][figure.name],
        "code": job["code"],
        "settings": job["settings"],
        "tables": digest_bytes(file.read_bytes() for file in files),
        "matplotlib": matplotlib,
    }
    return digest_text(canonical_json(determinants))
