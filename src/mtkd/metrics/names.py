"""Which metrics exist: one folder each under ``modules``. Light, so that config can ask."""

from __future__ import annotations

from functools import cache
from pathlib import Path

METRICS_FOLDER = Path(__file__).parent / "modules"


@cache
def metric_names() -> tuple[str, ...]:
    """Names of the metric modules kept in the repository."""
    return tuple(sorted(script.stem for script in METRICS_FOLDER.glob("*/*.py")))


def metric_module(name: str) -> Path:
    """The module of a metric."""
    return METRICS_FOLDER / name / f"{name}.py"
