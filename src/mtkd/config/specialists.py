"""What a suite of specialists may say: bases, a specialist of each task, merges, students of all.

A suite with the key ``bases`` is one. ``config/specialists.md`` explains each key.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtkd.config.any_suite import AnySuite, unpinned_models
from mtkd.config.schema import Model, Resources, Training
from mtkd.config.tasks import Task, unpinned_tasks
from mtkd.config.values import (
    Alpha,
    Axis,
    Closed,
    Name,
    Real,
    Seed,
    Temperature,
    Text,
    check_known,
    check_path,
)

# What tells systems of a study apart beside merges and students.
RESERVED = ("oracle", "wrong", "hard-router", "soft-router", "ensemble", "specialist")
# What a study names of its suite, and what one of them is called.
NAMED = {"bases": "base", "tasks": "task", "students": "student", "strategies": "strategy"}
# Seeds of the bases that specialists of one seed have for their own lie so far apart.
OWN_SEEDS = 1000


class Base(Closed):
    """A model that specialists begin with: trained on some tasks, then on each specialist's."""

    model: Model
    # What the base itself is trained on.
    tasks: Annotated[list[Text], *Axis]
    training: Training = Training()
    specialists: Training = Training()
    # Whether each specialist has a base for its own, of another seed.
    own: bool = False
    resources: Resources = Resources()


class Merge(Closed):
    """One way to merge a base's specialists (mtkd.specialists.merging)."""

    method: Literal["average", "task-arithmetic", "ties"]
    # What task vectors are multiplied with.
    scale: Real | None = Field(default=None, ge=0)
    # Of TIES: the share of a task vector's values that is kept.
    density: Real | None = Field(default=None, gt=0, le=1)
    # Of DARE, before the method: the share of them that is dropped at random.
    drop: Real = Field(default=0, ge=0, lt=1)

    @model_validator(mode="after")
    def _fits(self):
        if (self.scale is None) == (self.method != "average"):
            raise ValueError("'scale' belongs with 'task-arithmetic' and 'ties', and only there")
        if (self.density is None) == (self.method == "ties"):
            raise ValueError("'density' belongs with 'method: ties', and only there")
        if self.drop and self.method == "average":
            raise ValueError("'drop' is of task vectors, and 'average' has none")
        return self


class IntegratedStudent(Closed):
    """A student of all specialists; without a ``model`` of its own it begins with the base."""

    model: Model | None = None
    training: Training = Training()
    resources: Resources = Resources()


class Integration(Closed):
    """What a student learns of the specialists, or, without them, of gold labels."""

    fusion: Literal["by-column", "average", "gate", "none"]
    T: Temperature = "1"
    alpha: Alpha = "1"
    # Of a student without specialists: as many steps as with them, or as much compute.
    budget: Literal["steps", "compute"] = "steps"
    # One head of all labels, or one for each task's own.
    heads: Literal["one", "each"] = "one"
    # One student, or one for each task.
    students: Literal["one", "each"] = "one"

    @model_validator(mode="after")
    def _fits(self):
        if self.fusion != "none" and self.budget != "steps":
            raise ValueError("'budget' is of a student without specialists; give 'fusion: none'")
        if self.fusion != "by-column" and (self.heads, self.students) != ("one", "one"):
            raise ValueError(
                "a head or a student for each task learns from the task's own specialist; give "
                "'fusion: by-column'"
            )
        if self.students == "each" and self.heads == "one":
            raise ValueError("a student for each task has its own labels; give 'heads: each'")
        return self


class SpecialistStudy(Closed):
    """One product: bases x tasks x (merges + students x strategies) x seeds.

    The first base's specialists teach the students; what is claimed of students is claimed of the
    first one, and of its first strategy.
    """

    bases: Annotated[list[Text], *Axis]
    tasks: Annotated[list[Text], Field(min_length=2), *Axis]
    students: Annotated[list[Text], *Axis]
    strategies: Annotated[list[Text], *Axis]
    seeds: Annotated[list[Seed], *Axis]


class SpecialistSuite(AnySuite):
    """A whole suite file of specialists."""

    tasks: dict[Name, Task]
    bases: dict[Name, Base]
    merges: dict[Name, Merge] = {}
    students: dict[Name, IntegratedStudent]
    strategies: dict[Name, Integration]
    studies: dict[Name, SpecialistStudy]
    # Points within which two systems count as equivalent.
    margin: Real = Field(default=1.0, gt=0)

    def unpinned(self) -> list[str]:
        """Keys whose hub revision is empty."""
        learners = [("bases", self.bases), ("students", self.students)]
        return unpinned_tasks(self.tasks) + unpinned_models(learners)

    def check_references(self) -> None:
        """Raises ValueError where parts of the suite do not fit one another."""
        self.check_study()
        for kind, group in (("bases", self.bases), ("students", self.students)):
            for name, one in group.items():
                if one.model:
                    check_path(one.model.folder or "", f"{kind}.{name}.model.folder")
                    for path in one.model.vector_files:
                        check_path(path, f"{kind}.{name}.model.vectors")
        for name in self.merges:
            if name in (*RESERVED, *self.strategies):
                raise ValueError(
                    f"merges.{name}: a system of the table has this name; take another"
                )
        for name in self.strategies:
            if name in RESERVED:
                raise ValueError(f"strategies.{name}: a router has this name; take another")
        for place, base in self.bases.items():
            for name in base.tasks:
                check_known(name, self.tasks, f"bases.{place}.tasks", "task")
        first = self.chosen_study
        for place, study in self.studies.items():
            if (study.tasks, study.bases[0]) != (first.tasks, first.bases[0]):
                raise ValueError(
                    f"studies.{place}: studies of one suite have the same tasks and the same first "
                    f"base, which their paths do not name; {self.study_name} has "
                    f"{', '.join(first.tasks)} and {first.bases[0]}: make it a suite of its own"
                )
            for key, kind in NAMED.items():
                for name in getattr(study, key):
                    check_known(name, getattr(self, key), f"studies.{place}.{key}", kind)
            if self.strategies[study.strategies[0]].heads == "each":
                raise ValueError(
                    f"studies.{place}.strategies: all other systems are compared with the first, "
                    f"and {study.strategies[0]!r} answers each task's own labels alone; put one "
                    "with 'heads: one' first"
                )
            own = [name for name in study.bases if self.bases[name].own]
            if own and any(int(seed) >= OWN_SEEDS for seed in study.seeds):
                raise ValueError(
                    f"studies.{place}.seeds: base {own[0]!r} gives each specialist one of its own, "
                    f"whose seeds begin at {OWN_SEEDS}; take smaller seeds"
                )
            if own[:1] == study.bases[:1]:
                raise ValueError(
                    f"studies.{place}.bases: the first base is the one that students begin with, "
                    f"and of {own[0]!r} there is one for each specialist; put another first"
                )
