"""Which of a suite's tasks have their data prepared, for some that are to be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mtkd.config.schema import Suite
    from mtkd.config.specialists import SpecialistSuite


def variants(suite: Suite | SpecialistSuite, tasks: Sequence[str]) -> list[str]:
    """Those of some tasks that are variants of another."""
    return [task for task in tasks if suite.tasks[task].of]


def prepared_tasks(suite: Suite | SpecialistSuite, tasks: Sequence[str]) -> list[str]:
    """The tasks whose tables are read: variants share their task's, and may read other tasks'."""
    read = [
        source.task
        for task in variants(suite, tasks)
        for source in suite.tasks[task].transfer
        if source.task
    ]
    return list(dict.fromkeys(suite.tasks[task].of or task for task in [*tasks, *read]))
