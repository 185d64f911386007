"""Which metrics exist: one folder each under ``metrics``. Light, so that config can ask."""

from __future__ import annotations

from functools import cache
from pathlib import Path

METRICS_FOLDER = Path(__file__).parent / "metrics"


@cache
def metric_names() -> tuple[str, ...]:
    """Names of the metric modules kept in the repository."""
    return tuple(sorted(script.stem for script in METRICS_FOLDER.glob("*/*.py")))
