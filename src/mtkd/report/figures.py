"""Figures as pages show them: the catalogue's words beside the drawn file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mtkd.figures.catalogue import TASK, drawn_as
from mtkd.report.page import data_address


class ShownFigure(NamedTuple):
    """One figure, with its heading, what is said to those who cannot see it, and its content."""

    name: str
    path: str
    task: str | None
    title: str
    alt: str
    address: str


def figures_shown(files: Sequence[Path], tasks: Sequence[str]) -> list[ShownFigure]:
    """Drawn PNG files of a study with these tasks."""
    return [
        ShownFigure(
            one.name,
            one.path,
            one.task,
            one.row.title,
            one.row.alt.replace(TASK, one.task or ""),
            data_address(file),
        )
        for file in files
        for one in [drawn_as(file, tasks)]
    ]
