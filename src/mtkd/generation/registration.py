"""What a generation study will claim, registered before its first mixture is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtkd.records.cells import GENERATIONS
from mtkd.records.files import digest_text
from mtkd.study.started import flat

# What each arm of a role is compared with.
AGAINST = {
    "mixture": "its teachers' students alone, at its n and at all of its traces",
    "remedy": "the same teachers without it",
}
SAID = ("margin", "tasks", "students", "seeds")


def statement(study: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a study will claim, JSON-ready; ``settings`` are all that its numbers depend on."""
    names = {role: [] for role in ("single", "single-budget", "mixture", "remedy")}
    for arm in study["arms"]:
        names[arm["role"]].append(f"{arm['teachers']} {arm['recipe']} n={arm['n']}")
    return {
        **{key: study[key] for key in SAID},
        "arms": [*names["mixture"], *names["remedy"]],
        "controls": [*names["single"], *names["single-budget"]],
        "claims": [{"a": name, "b": AGAINST[role]} for role in AGAINST for name in names[role]],
        "predictions": study["predictions"],
        "settings": dict(flat(settings)),
        "suite": digest_text(json.dumps(settings, sort_keys=True)),
    }


def trained_mixtures(folder: Path, study: Mapping[str, Any]) -> int:
    """How many of a study's students of several teachers there are below the suite's folder."""
    arms = {
        (arm["teachers"], arm["recipe"], f"n{arm['n']}")
        for arm in study["arms"]
        if arm["role"] in AGAINST
    }
    return sum(
        path.parts[-5:-2] in arms
        for student in study["students"]
        for task in study["tasks"]
        for path in (folder / student / task).glob(f"*/*/*/seed*/{GENERATIONS}")
    )
