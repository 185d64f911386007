"""Arms as tables and rules know them, and what their strategies' names mean.

An arm is a mapping with its axes (``strategy``, ``teachers``), its ``family`` (``FAMILIES``) and
``fusion``, the name of the strategy or operator that fuses its teachers, and ``labels``, "soft" or
"hard" as what its students learn. One that learns from out-of-fold logits has ``crossfit``, their
number of folds, and ``in_sample``, the strategies that differ from its own in nothing else. Nothing
else compares a strategy with a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mtkd.config.schema import (
    POOLS,
    SINGLE,
    STRATEGIES,
    UNDISTILLED,
    WEIGHTS_FROM,
    Arm,
    Strategy,
    Suite,
)

# Not distilled; distilled from one teacher; from several; there for others to be compared with.
FAMILIES = ("undistilled", "single", "several", "control")
# The axes of an arm without distillation.
WITHOUT = (UNDISTILLED, UNDISTILLED)
AVERAGE = "average"


def arm_settings(suite: Suite, arm: Arm) -> dict[str, Any]:
    """An arm of a suite as tables know it."""
    own = suite.strategies.get(arm.strategy)
    return described(arm.strategy, arm.label, own, suite.strategies)


def described(
    strategy: str,
    teachers: str,
    own: Strategy | None = None,
    others: Mapping[str, Strategy] = MappingProxyType({}),
) -> dict[str, Any]:
    """An arm as tables know it; ``own`` is the suite's recipe, if the strategy is its own.

    ``others`` are all recipes of the suite, by name.
    """
    fusion = (own.fusion or own.operator) if own else strategy
    family = {UNDISTILLED: "undistilled", SINGLE: "single"}.get(fusion, "several")
    found = {
        "strategy": strategy,
        "teachers": teachers,
        "family": "control" if own and own.control else family,
        "fusion": fusion,
        "labels": own.labels if own else "soft",
    }
    if own and own.crossfit:
        found |= {"crossfit": own.crossfit, "in_sample": _in_sample(own, others)}
    return found


def _in_sample(own: Strategy, others: Mapping[str, Strategy]) -> list[str]:
    """Strategies that differ from a recipe in that they have no folds, or in being a control."""

    def told(recipe: Strategy) -> dict[str, Any]:
        content = recipe.model_dump(exclude={"control", "crossfit"})
        if recipe.fusion in POOLS:
            # A pool by its name is the operator with equal weights.
            content |= {"fusion": None, "operator": recipe.fusion}
        return content

    plain = {name: Strategy(fusion=name) for name in STRATEGIES if name != UNDISTILLED}
    return [
        name
        for name, other in {**plain, **others}.items()
        if not other.crossfit and told(other) == told(own)
    ]


def is_distilled(teachers: str) -> bool:
    """Whether an arm of these teachers, joined by "+", learns from any, and so has T and alpha."""
    return teachers != UNDISTILLED


def is_gated(suite: Suite, arm: Arm) -> bool:
    """Whether an arm of a suite has a gate of its own for every student seed."""
    return has_gate(arm_settings(suite, arm))


def has_gate(arm: Mapping[str, Any]) -> bool:
    """Whether an arm has a gate, and so soft labels of its own for every student seed."""
    return WEIGHTS_FROM.get(arm["fusion"]) == "gate"


def is_plain_single(strategy: str) -> bool:
    """Whether a strategy is one teacher's plain distillation, which goes by the teacher's name."""
    return strategy == SINGLE


def has_hard_labels(arm: Mapping[str, Any]) -> bool:
    """Whether an arm's students learn the class that its teachers prefer, and no shares."""
    return arm.get("labels") == "hard"


def learning_temperature(arm: Mapping[str, Any]) -> float:
    """The T at which an arm's students learn: its own, of hard labels, which have none, 1."""
    return 1.0 if has_hard_labels(arm) else float(arm["T"])


def shows_distillation(arm: Mapping[str, Any]) -> bool:
    """Whether an arm is the undistilled one or learns one teacher's soft labels.

    These tell whether distillation shows at all; what hard labels do is for a study to find.
    """
    return arm["family"] in ("undistilled", "single") and not has_hard_labels(arm)


def is_out_of_fold(arm: Mapping[str, Any]) -> bool:
    """Whether an arm learns, on labelled rows, from logits of teachers that never saw the row."""
    return "crossfit" in arm


def is_plain_average(arm: Mapping[str, Any]) -> bool:
    """Whether an arm is the plain average, which other ways of fusing are compared with."""
    return arm["strategy"] == AVERAGE
