"""A study of specialists: its settings for each job."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from mtkd.config.specialists import SpecialistSuite
from mtkd.study.settings import registered_task


def _plain(model: BaseModel, **options: Any) -> dict:
    return model.model_dump(mode="json", exclude_defaults=True, **options)


def learnt_tasks(suite: SpecialistSuite) -> list[str]:
    """Tasks that have a specialist in the chosen study, and others that its bases learn from."""
    study = suite.chosen_study
    bases = (suite.bases[name] for name in study.bases)
    return list(dict.fromkeys([*study.tasks, *(task for base in bases for task in base.tasks)]))


def _max_length(suite: SpecialistSuite, tasks: list[str]) -> int:
    """Tokens at which texts of several tasks are cut, which one model reads."""
    return max(suite.tasks[task].max_length for task in tasks)


def specialists_settings(suite: SpecialistSuite, base: str) -> dict:
    """Training a base, and a specialist of each task of the chosen study from it."""
    one = suite.bases[base]
    return {
        "model": _plain(one.model),
        "training": _plain(one.training),
        "specialists": _plain(one.specialists),
        "max_length": _max_length(suite, [*suite.chosen_study.tasks, *one.tasks]),
        **_plain(one, include={"own"}),
    }


def merges_settings(suite: SpecialistSuite, base: str) -> dict:
    """Merging a base's specialists."""
    return {
        "merges": {name: _plain(merge) for name, merge in suite.merges.items()},
        "max_length": specialists_settings(suite, base)["max_length"],
    }


def integration_settings(suite: SpecialistSuite, student: str) -> dict:
    """Training students of all specialists of the chosen study's first base."""
    study, learner = suite.chosen_study, suite.students[student]
    return {
        "model": _plain(learner.model) if learner.model else None,
        "training": _plain(learner.training),
        "max_length": _max_length(suite, [*study.tasks, *suite.bases[study.bases[0]].tasks]),
    }


def integrations(suite: SpecialistSuite) -> dict[str, dict]:
    """The chosen study's strategies by name, without what is the default."""
    return {name: _plain(suite.strategies[name]) for name in suite.chosen_study.strategies}


def specialist_study_settings(suite: SpecialistSuite) -> dict:
    """Tables of the chosen study: its axes, in the order in which rows appear."""
    study = suite.chosen_study
    return {
        "suite": suite.suite,
        "study": suite.study_name,
        **study.model_dump(mode="json"),
        "merges": list(suite.merges),
        # Those that are the base, whatever the specialists are.
        "bases_alone": [name for name, merge in suite.merges.items() if merge.scale == 0],
        # Students that answer each task's own labels alone.
        "own_labels": [n for n in study.strategies if suite.strategies[n].heads == "each"],
        # Of these, the ones that are a student for each task.
        "student_a_task": [n for n in study.strategies if suite.strategies[n].students == "each"],
        "margin": suite.margin,
    }


def specialist_registration_settings(suite: SpecialistSuite) -> dict:
    """What is registered of the chosen study before its first student and its first merge."""
    study = suite.chosen_study
    tasks, bases, students = learnt_tasks(suite), study.bases, study.students
    return {
        "study": specialist_study_settings(suite),
        "suite": {
            "tasks": {name: registered_task(suite, name) for name in tasks},
            "bases": {
                name: {**specialists_settings(suite, name), "tasks": suite.bases[name].tasks}
                for name in bases
            },
            "merges": merges_settings(suite, bases[0])["merges"],
            "students": {name: integration_settings(suite, name) for name in students},
            "strategies": integrations(suite),
        },
    }
