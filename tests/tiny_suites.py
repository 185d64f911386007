"""Suites of generation at unit size, their prompts, and suites with one thing changed."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from mtkd.generation.prompts import addition_prompts
from mtkd.generation.styles import untwinned

GPT2 = {
    "architecture": "gpt2",
    "config": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 48},
}
# Of a model that is made by itself: for few tokens, and without dropout, so that losses repeat.
SMALL_GPT2 = {
    **GPT2["config"],
    "n_positions": 32,
    "initializer_range": 0.3,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "resid_pdrop": 0.0,
}


def addition_suite(
    rows: dict[str, int],
    teachers: dict[str, Any],
    student: dict[str, Any],
    strategies: dict[str, Any],
    longest: int = 24,
    **study: Any,
) -> dict[str, Any]:
    """A suite ``tiny`` of column addition, with one student, ``small``, and a study ``main``."""
    return {
        "suite": "tiny",
        "tasks": {
            "addition": {
                "kind": "generation",
                "addition": {"digits": 2},
                "rows": rows,
                "longest": longest,
            }
        },
        "teachers": teachers,
        "students": {"small": student},
        "strategies": strategies,
        "studies": {"main": {"students": ["small"], "tasks": ["addition"], **study}},
    }


# A mixture as it is, one with marks, and a thought of one with the answer of another.
STRATEGIES = {"marked": {"mode": "token"}, "others": {"answers_of": "direct"}}
ARMS = [
    {"teachers": ["right", "left"]},
    {"teachers": ["right", "left"], "strategy": "marked"},
    {"teachers": ["right"], "strategy": "others"},
]


def sums(digits: int, count: int, seed: int = 0) -> list[str]:
    """So many prompts of column addition, none the twin of another."""
    drawn = addition_prompts(digits, {"transfer": 2 * count}, seed)["transfer"]
    return list({untwinned(text): text for text, _ in drawn}.values())[:count]


def changed(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a suite with a value set, given as ``studies.main.arms.0``."""
    content = copy.deepcopy(content)
    *keys, last = path.split(".")
    place = content
    for key in keys:
        place = place[int(key) if isinstance(place, list) else key]
    place[int(last) if isinstance(place, list) else last] = value
    return content


def keys_of(model: type[BaseModel]) -> Iterator[str]:
    """All keys that a suite of this model may have, wherever they stand in it."""
    for name, field in model.model_fields.items():
        yield name
        for part in [field.annotation, *getattr(field.annotation, "__args__", ())]:
            for inner in [part, *getattr(part, "__args__", ())]:
                if hasattr(inner, "model_fields"):
                    yield from keys_of(inner)
