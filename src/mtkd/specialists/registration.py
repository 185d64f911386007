"""What a study of specialists claims, registered before its first student and its first merge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from mtkd.records.cells import PREDICTIONS
from mtkd.specialists.routing import ROUTERS
from mtkd.study.registered import stated

SAID = ("margin", "tasks", "students", "seeds")


class Name(NamedTuple):
    """What tells a system from others: its base, or of a student the student, and its own name."""

    base: str
    system: str

    def __str__(self) -> str:
        return f"{self.base}: {self.system}"


class Claim(NamedTuple):
    """Two systems that are compared; claims of a kind ask the same."""

    kind: str
    a: Name
    b: Name


def claims(study: Mapping[str, Any]) -> Iterator[Claim]:
    """What a study compares (``mtkd.study.specialists.specialist_study_settings``).

    The first strategy's student with every other system of the first base that answers all labels;
    one student of several heads with a student a task; learned routers with the oracle; merges of
    specialists of other bases with those of the first, but for those that are the base alone: it is
    one model there and here.
    """
    first, student = study["bases"][0], study["students"][0]
    subject = Name(student, study["strategies"][0])
    for kind, names in (("merge", study["merges"]), ("router", ROUTERS)):
        for name in names:
            yield Claim(f"student v {kind}", subject, Name(first, name))
    for name in study["strategies"][1:]:
        if name not in study["own_labels"]:
            yield Claim("student v strategy", subject, Name(student, name))
    one = [name for name in study["own_labels"] if name not in study["student_a_task"]]
    for owner, name, other in product(study["students"], one, study["student_a_task"]):
        yield Claim("one student v one a task", Name(owner, name), Name(owner, other))
    for name in ("hard-router", "soft-router"):
        yield Claim("router v oracle", Name(first, name), Name(first, "oracle"))
    for base, name in product(study["bases"][1:], study["merges"]):
        if name not in study["bases_alone"]:
            yield Claim("merge of other bases v of one", Name(base, name), Name(first, name))


def statement(study: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a study will claim, JSON-ready; ``settings`` are all that its numbers depend on."""
    systems = [
        *product(study["students"], study["strategies"]),
        *product(study["bases"], [*study["merges"], *ROUTERS]),
    ]
    return stated(
        study,
        SAID,
        settings,
        arms=[str(Name(*one)) for one in systems],
        claims=[{"claim": one.kind, "a": str(one.a), "b": str(one.b)} for one in claims(study)],
    )


def trained_systems(folder: Path, study: Mapping[str, Any]) -> int:
    """How many of a study's students and merges there are below the suite's results."""
    kinds = {
        "specialist_students": product(study["students"], study["strategies"], study["seeds"]),
        "merges": product(study["bases"], study["merges"], study["seeds"]),
    }
    return sum(
        (folder / kind / base / name / f"seed{seed}" / PREDICTIONS).is_file()
        for kind, systems in kinds.items()
        for base, name, seed in systems
    )
