"""Arms as tables and rules know them, and what their strategies' names mean.

An arm is a mapping with its axes (``strategy``, ``teachers``), its ``family`` (``FAMILIES``) and
``fusion``, the name of the strategy or operator that fuses its teachers, and ``labels``, "soft" or
"hard" as what its students learn. Nothing else compares a
strategy with a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mtkd.config.schema import SINGLE, UNDISTILLED, WEIGHTS_FROM, Arm, Strategy, Suite

# Not distilled; distilled from one teacher; from several; there for others to be compared with.
FAMILIES = ("undistilled", "single", "several", "control")
# The axes of an arm without distillation.
WITHOUT = (UNDISTILLED, UNDISTILLED)
AVERAGE = "average"


def arm_settings(suite: Suite, arm: Arm) -> dict[str, str]:
    """An arm of a suite as tables know it."""
    return described(arm.strategy, arm.label, suite.strategies.get(arm.strategy))


def described(strategy: str, teachers: str, own: Strategy | None = None) -> dict[str, str]:
    """An arm as tables know it; ``own`` is the suite's recipe, if the strategy is its own."""
    fusion = (own.fusion or own.operator) if own else strategy
    family = {UNDISTILLED: "undistilled", SINGLE: "single"}.get(fusion, "several")
    return {
        "strategy": strategy,
        "teachers": teachers,
        "family": "control" if own and own.control else family,
        "fusion": fusion,
        "labels": own.labels if own else "soft",
    }


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


def is_plain_average(arm: Mapping[str, Any]) -> bool:
    """Whether an arm is the plain average, which other ways of fusing are compared with."""
    return arm["strategy"] == AVERAGE
