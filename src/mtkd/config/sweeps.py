"""Sweeps of teachers' weights: one strategy that stands for many, before the suite is validated.

A strategy with ``sweep`` gives each teacher of an arm these weights in turn, the others sharing the
rest equally; the arm becomes an arm of each, with a strategy that has the weights written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mtkd.config.schema import Strategy


def with_sweeps(content: Mapping) -> Mapping:
    """The suite with every arm of a sweep as arms of fixed weights, and no sweep left.

    Weights that come up twice, as those of two teachers do, are one arm. What is malformed stays
    for the suite's validation to refuse; raises ValueError where an arm cannot be swept.
    """
    strategies, studies = content.get("strategies"), content.get("studies")
    if not isinstance(strategies, Mapping) or not isinstance(studies, Mapping):
        return content
    sweeps = {name: own for name, own in strategies.items() if _is_sweep(own)}
    if not sweeps:
        return content
    made = {name: own for name, own in strategies.items() if name not in sweeps}
    return {
        **content,
        "studies": {
            name: _swept_study(study, f"studies.{name}", sweeps, made)
            for name, study in studies.items()
        },
        "strategies": made,
    }


def _is_sweep(own: Any) -> bool:
    try:
        return bool(Strategy.model_validate(own).sweep)
    except ValidationError:
        return False


def _swept_study(study: Any, place: str, sweeps: Mapping, made: dict[str, Any]) -> Any:
    """The study with its sweeping arms written out; their strategies are added to ``made``."""
    if not isinstance(study, Mapping) or not isinstance(study.get("arms"), list):
        return study
    arms = []
    for number, arm in enumerate(study["arms"]):
        name = arm.get("strategy") if isinstance(arm, Mapping) else None
        if not isinstance(name, str) or name not in sweeps:
            arms.append(arm)
            continue
        teachers = arm.get("teachers")
        if not isinstance(teachers, list) or len(teachers) < 2:
            raise ValueError(
                f"{place}.arms.{number}: strategy {name!r} sweeps weights, of two teachers or more"
            )
        for strategy, own in _written_out(name, sweeps[name], list(map(str, teachers))).items():
            if made.setdefault(strategy, own) != own:
                raise ValueError(
                    f"{place}.arms.{number}: strategy {strategy!r}, of sweep {name!r}, is there "
                    "already, of other weights; give each group of teachers a sweep of its own"
                )
            arms.append({**arm, "strategy": strategy})
    return {**study, "arms": arms}


def _written_out(name: str, own: Mapping, teachers: list[str]) -> dict[str, dict]:
    """The strategies of a sweep by name: its own, the teacher's and the weight in percent."""
    rest = {key: value for key, value in own.items() if key != "sweep"}
    found: dict[str, dict] = {}
    for teacher in teachers:
        for weight in Strategy.model_validate(own).sweep:
            others = (1 - weight) / (len(teachers) - 1)
            weights = {one: round(weight if one == teacher else others, 12) for one in teachers}
            if weights not in [other["weights"] for other in found.values()]:
                place = f"{name}-{teacher.replace('@', '.')}-{100 * weight:g}"
                found[place] = {**rest, "weights": weights}
    return found
