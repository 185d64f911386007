"""The product a study spans: its cells, in order, and how they fold into bundles."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from mtkd.config.schema import Arm, Study, Suite
from mtkd.config.values import NOT_APPLICABLE

FOLDABLE = ("T", "alpha", "seed")


class Cell(NamedTuple):
    """One student run, by its axes (strings, canonical)."""

    student: str
    task: str
    teachers: str
    strategy: str
    T: str
    alpha: str
    seed: str


def cells(study: Study) -> list[Cell]:
    """Every cell of a study. The undistilled arm has neither T nor alpha, hence no duplicates."""
    result = []
    for task, arm in product(study.tasks, study.arms):
        temperatures, alphas = soft_axes(study, arm)
        result += [
            Cell(study.student, task, arm.label, arm.strategy, *values)
            for values in product(temperatures, alphas, study.seeds)
        ]
    return result


def soft_axes(study: Study, arm: Arm) -> tuple[list[str], list[str]]:
    """T and alpha values of an arm: the study's, or NA for hard labels alone."""
    if arm.strategy == "none":
        return [NOT_APPLICABLE], [NOT_APPLICABLE]
    return study.T, study.alpha


def folded_axes(suite: Suite) -> dict[str, list[str]]:
    """The axes that one job trains together, with the chosen study's values."""
    study = suite.chosen_study
    names = [] if suite.bundle == "cell" else suite.bundle
    return {name: getattr(study, "seeds" if name == "seed" else name) for name in names}


def teacher_seeds(suite: Suite, seeds: list[str]) -> list[str]:
    """Seeds of the teachers behind students of these seeds: one fixed seed, or the same ones."""
    return list(seeds) if suite.teacher_seed == "paired" else [suite.teacher_seed]


def tasks_with_teachers(study: Study) -> list[tuple[str, str]]:
    """The (task, teacher) pairs a study needs, each once, in order."""
    teachers = dict.fromkeys(teacher for arm in study.arms for teacher in arm.teachers)
    return list(product(study.tasks, teachers))


def needs_undistilled(study: Study) -> bool:
    """Whether undistilled students are trained: as an arm, or as the gate's eyes."""
    return any(arm.strategy in ("none", "gating") for arm in study.arms)
