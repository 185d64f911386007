"""What not every study has: figures and tables say in their catalogues which of it they need."""

from __future__ import annotations

from mtkd.config.schema import Suite
from mtkd.study.draws import budgets_of
from mtkd.study.settings import pool_settings

# Teachers at all; a task with raters' shares; several T or alpha; several T; pooling operators
# among its arms; tasks with several numbers of labelled rows; a report on what models cost to run.
FACTS = ("teachers", "raters", "grid", "temperatures", "pools", "budgets", "costs")


def study_facts(suite: Suite) -> frozenset[str]:
    """Those of ``FACTS`` that are so of the chosen study."""
    study = suite.chosen_study
    teachers = bool(study.teachers)
    found = {
        "teachers": teachers,
        "raters": any(suite.tasks[task].human for task in study.tasks),
        "grid": teachers and len(study.T) * len(study.alpha) > 1,
        "temperatures": teachers and len(study.T) > 1,
        "pools": bool(pool_settings(suite, study.strategies)),
        "budgets": bool(budgets_of(suite)),
        "costs": suite.costs,
    }
    return frozenset(name for name in FACTS if found[name])
