"""The product a study spans: its cells, in order, and how they fold into bundles."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from mtkd.config.schema import Arm, Study, Suite
from mtkd.config.values import NOT_APPLICABLE, split_teacher
from mtkd.study.arms import is_distilled
from mtkd.study.view import StudyView, reference_names, teacher_names


class TeacherRun(NamedTuple):
    """A trained teacher behind a study: what arms call it, and what its paths do."""

    name: str  # with a seed of its own: "textcnn@2"
    teacher: str
    seed: str


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
    for student, task, arm in product(study.students, study.tasks, study.arms):
        temperatures, alphas = soft_axes(study, arm)
        result += [
            Cell(student, task, arm.label, arm.strategy, *values)
            for values in product(temperatures, alphas, study.seeds)
        ]
    return result


def soft_axes(study: Study, arm: Arm) -> tuple[list[str], list[str]]:
    """T and alpha values of an arm: the study's, or NA for hard labels alone."""
    if not is_distilled(arm.label):
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
    arms = [arm for arm in suite.chosen_study.arms if is_distilled(arm.label)]
    return arms if suite.bundle != "cell" and "arm" in suite.bundle else []


def folded_undistilled(suite: Suite) -> list[Arm]:
    """The arms without distillation, where one job trains them all together; else none."""
    arms = [arm for arm in suite.chosen_study.arms if not is_distilled(arm.label)]
    return arms if suite.bundle != "cell" and "arm" in suite.bundle else []


def teacher_seeds(suite: Suite, seeds: list[str]) -> list[str]:
    """Seeds of the teachers behind students of these seeds: one fixed seed, or the same ones."""
    return list(seeds) if suite.teacher_seed == "paired" else [suite.teacher_seed]


def teacher_runs(names: Iterable[str], seeds: Iterable[str]) -> list[TeacherRun]:
    """The trained teachers that names stand for: of these seeds, or of a name's own."""
    seeds = list(seeds)
    return [
        TeacherRun(name, teacher, seed)
        for name in names
        for teacher, own in [split_teacher(name)]
        for seed in ([own] if own else seeds)
    ]


def expected_runs(study: StudyView) -> list[dict[str, str]]:
    """Axes of every run that belongs to the tables of a study and one of its students."""
    students = [
        {"kind": "student", "student": study["student"], "task": task, **soft, "seed": seed}
        | {axis: arm[axis] for axis in ("strategy", "teachers")}
        for task in study["tasks"]
        for arm in study["arms"]
        for soft in _soft_values(study, arm)
        for seed in study["seeds"]
    ]
    runs = teacher_runs(teacher_names(study), study["teacher_seeds"])
    # One run can go by two names, the one with its seed and the one without.
    teachers = [
        {"kind": "teacher", "task": task, "teacher": teacher, "seed": seed}
        for task in study["tasks"]
        for teacher, seed in dict.fromkeys((run.teacher, run.seed) for run in runs)
    ]
    references = [
        {"kind": "reference", "task": task, "teacher": name}
        for task in study["tasks"]
        for name in reference_names(study)
    ]
    constants = [{"kind": "constant", "task": task} for task in study["tasks"]]
    return students + teachers + references + constants


def _soft_values(study: StudyView, arm: dict) -> list[dict[str, str]]:
    if not is_distilled(arm["teachers"]):
        return [{"T": NOT_APPLICABLE, "alpha": NOT_APPLICABLE}]
    return [{"T": T, "alpha": alpha} for T in study["T"] for alpha in study["alpha"]]
