"""Which metrics exist, a folder each under ``modules``, and what each declares of itself.

Light, so that config can ask: what a metric declares is read, not imported.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mtkd.config.declarations import read_declarations
from mtkd.errors import InputError

METRICS_FOLDER = Path(__file__).parent / "modules"
# What a definition can hold, one of them, to give values and examples' contributions to them.
FUNCTIONS = ("by_example", "of_counts", "with_contributions")
# Those of which PERCENT is the unit, and whatever else is shown times 100.
PERCENT, TIMES_100 = "%", "×100"


class Declared(NamedTuple):
    """What a metric says of itself, in constants of these names (in capitals) in its definition."""

    greater_is_better: bool = True
    # "%" of a fraction, "×100" of another number whose greatest value is 1; both are shown times
    # 100. Any other unit is shown as it is.
    unit: str = PERCENT
    takes: str = "predictions"  # or "probabilities"
    classes: int | None = None  # the only number of labels that it is for
    function: str | None = None  # of FUNCTIONS, the one that its definition has

    @property
    def sign(self) -> int:
        """1, or -1 where less is better: times this, greater is better."""
        return 1 if self.greater_is_better else -1

    @property
    def scale(self) -> int:
        """What a value is multiplied with where it is shown."""
        return 100 if self.unit in (PERCENT, TIMES_100) else 1

    @property
    def decimals(self) -> int:
        """Decimals of a shown value: the last one is a hundredth of a point."""
        return 2 if self.scale == 100 else 4


@cache
def metric_names() -> tuple[str, ...]:
    """Names of the metric modules kept in the repository."""
    scripts = METRICS_FOLDER.glob("*/*.py")
    return tuple(sorted(path.stem for path in scripts if path.stem == path.parent.name))


def metric_files(name: str) -> list[Path]:
    """The files that a metric's numbers come from."""
    return sorted((METRICS_FOLDER / name).glob("*.py"))


@cache
def declared(name: str) -> Declared:
    """What a metric declares; the defaults of one that is no folder here, as in published tables.

    Raises InputError for a constant that is not of ``Declared`` or has no such value, and for a
    metric of probabilities without a function of FUNCTIONS.
    """
    if name not in metric_names():
        return Declared()
    path = METRICS_FOLDER / name / "definition.py"
    if not path.is_file():
        return Declared()
    kinds = {"GREATER_IS_BETTER": bool, "UNIT": str, "TAKES": str, "CLASSES": (int, type(None))}
    found = {name.lower(): value for name, value in read_declarations(path, kinds).items()}
    body = ast.parse(path.read_text(encoding="utf-8")).body
    functions = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    own = [function for function in functions if function in FUNCTIONS]
    declares = Declared(**found, function=own[0] if own else None)
    if declares.takes not in ("predictions", "probabilities"):
        raise InputError(f"{path}: TAKES is {declares.takes!r}: predictions or probabilities")
    if len(own) > 1 or (declares.takes == "probabilities" and not own):
        raise InputError(f"{path}: define one of {', '.join(FUNCTIONS)}")
    return declares


def fitting(classes: int) -> tuple[str, ...]:
    """The metrics for so many labels."""
    return tuple(name for name in metric_names() if declared(name).classes in (None, classes))


def check_metric(name: str, classes: int) -> None:
    """Raises ValueError for a metric that does not exist or is not for so many labels."""
    if name not in metric_names():
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(metric_names())}")
    wanted = declared(name).classes
    if wanted not in (None, classes):
        raise ValueError(
            f"metric {name!r} is for {wanted} labels, not {classes}; "
            f"use one of {', '.join(fitting(classes))}"
        )


def metric_title(name: str) -> str:
    """A metric as headings name it: with an arrow where less is better, its unit if not percent."""
    declares = declared(name)
    unit = "" if declares.unit == PERCENT else f", {declares.unit}"
    return name + ("" if declares.greater_is_better else " ↓") + unit


def metric_label(name: str) -> str:
    """A metric as the axis or column of its values names it: with its unit, ``f1 (%)``."""
    declares = declared(name)
    return f"{name}{'' if declares.greater_is_better else ' ↓'} ({declares.unit})"


def on_one_scale(names: list[str]) -> bool:
    """Whether a mean over tasks of these metrics says something: one metric, or all times 100."""
    return len(set(names)) == 1 or all(
        declared(name).scale == 100 and declared(name).greater_is_better for name in names
    )
