"""What a generation study will claim, registered before its first mixture is trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtkd.records.cells import GENERATIONS
from mtkd.study.generation_words import BUDGET, MIXTURE, REMEDY, ROLES, SINGLE
from mtkd.study.registered import stated

# What each arm of a role is compared with.
AGAINST = {
    MIXTURE: "its teachers' students alone, at its n and at all of its traces",
    REMEDY: "the same teachers without it",
}
SAID = ("margin", "tasks", "students", "seeds")


def statement(study: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a study will claim, JSON-ready; ``settings`` are all that its numbers depend on."""
    names = {role: [] for role in ROLES}
    for arm in study["arms"]:
        names[arm["role"]].append(f"{arm['teachers']} {arm['recipe']} n={arm['n']}")
    return stated(
        study,
        SAID,
        settings,
        arms=[*names[MIXTURE], *names[REMEDY]],
        controls=[*names[SINGLE], *names[BUDGET]],
        claims=[{"a": name, "b": AGAINST[role]} for role in AGAINST for name in names[role]],
        predictions=study["predictions"],
    )


def trained_mixtures(folder: Path, study: Mapping[str, Any]) -> int:
    """How many of a study's students of several teachers there are below the suite's folder."""
    arms = {
        (arm["teachers"], arm["recipe"], f"n{arm['n']}")
        for arm in study["arms"]
        if arm["role"] in AGAINST
    }
    seeds = {f"seed{seed}" for seed in study["seeds"]}
    return sum(
        path.parts[-5:-2] in arms and path.parts[-2] in seeds
        for student in study["students"]
        for task in study["tasks"]
        for path in (folder / student / task).glob(f"*/*/*/seed*/{GENERATIONS}")
    )
