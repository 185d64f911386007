"""The product a study spans: its cells, in order, and how they fold into bundles."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from mtkd.config.schema import UNDISTILLED, Arm, Study, Suite
from mtkd.config.values import NOT_APPLICABLE
from mtkd.study.arms import is_distilled


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
    if not is_distilled(arm.strategy):
        return [NOT_APPLICABLE], [NOT_APPLICABLE]
    return study.T, study.alpha


def folded_axes(suite: Suite) -> dict[str, list[str]]:
    """T, alpha and seed as far as one job trains them together, with the study's values."""
    study = suite.chosen_study
    names = [] if suite.bundle == "cell" else suite.bundle
    values = {"T": study.T, "alpha": study.alpha, "seed": study.seeds}
    return {name: values[name] for name in values if name in names}


def folded_arms(suite: Suite) -> list[Arm]:
    """The distilled arms, where one job trains them all together; else none."""
    arms = [arm for arm in suite.chosen_study.arms if is_distilled(arm.strategy)]
    return arms if suite.bundle != "cell" and "arm" in suite.bundle else []


def teacher_seeds(suite: Suite, seeds: list[str]) -> list[str]:
    """Seeds of the teachers behind students of these seeds: one fixed seed, or the same ones."""
    return list(seeds) if suite.teacher_seed == "paired" else [suite.teacher_seed]


def teacher_names(study: Study) -> list[str]:
    """What the arms of a study call its teachers, each once, in order."""
    return list(dict.fromkeys(teacher for arm in study.arms for teacher in arm.teachers))


def tasks_with_teachers(study: Study) -> list[tuple[str, str]]:
    """The (task, teacher) pairs a study needs, each once, in order."""
    return list(product(study.tasks, teacher_names(study)))


def expected_runs(study: dict) -> list[dict[str, str]]:
    """Axes of every run that belongs to a study, from its ``table_settings``."""
    students = [
        {"kind": "student", "student": study["student"], "task": task, **soft, "seed": seed}
        | {axis: arm[axis] for axis in ("strategy", "teachers")}
        for task in study["tasks"]
        for arm in study["arms"]
        for soft in _soft_values(study, arm)
        for seed in study["seeds"]
    ]
    names = {name: None for arm in study["arms"] for name in arm["teachers"].split("+")}
    teachers = [
        {"kind": "teacher", "task": task, "teacher": name, "seed": seed}
        for task in study["tasks"]
        for name in names
        if name != UNDISTILLED
        for seed in study["teacher_seeds"]
    ]
    references = [
        {"kind": kind, "task": task}
        for task in study["tasks"]
        for kind in ("reference", "constant")
    ]
    return students + teachers + references


def _soft_values(study: dict, arm: dict) -> list[dict[str, str]]:
    if not is_distilled(arm["strategy"]):
        return [{"T": NOT_APPLICABLE, "alpha": NOT_APPLICABLE}]
    return [{"T": T, "alpha": alpha} for T in study["T"] for alpha in study["alpha"]]
