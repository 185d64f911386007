"""Tasks of a study that are one but for their labelled rows: which have a label, and how many."""

from __future__ import annotations

import math

from mtkd.config.schema import Suite


def draws_of(suite: Suite) -> dict[str, list[str]]:
    """Tasks of the chosen study that are draws of one task, by a name for all of them together.

    They are variants of the same task, with as many labelled rows, that differ in ``draw`` alone:
    in nothing else that the suite says of them, the training of their teachers and students
    included. Where all rows are labelled, nothing is drawn.
    """
    study = suite.chosen_study
    learners = [*suite.teachers.values(), *(suite.students[name] for name in study.students)]
    alike: dict[str, list[str]] = {}
    for name in study.tasks:
        task = suite.tasks[name]
        if task.of is None or task.labelled == "all":
            continue
        trained = [learner.training_for(name).model_dump_json() for learner in learners]
        alike.setdefault(repr((task.model_dump(exclude={"draw"}), trained)), []).append(name)
    several = [tasks for tasks in alike.values() if len(tasks) > 1]
    found: dict[str, list[str]] = {}
    for tasks in several:
        first = suite.tasks[tasks[0]]
        name = f"{first.of}-{first.labelled}, {len(tasks)} draws"
        # Two groups of one size, as of different metrics, go by their first task.
        found[f"{tasks[0]}, {len(tasks)} draws" if name in found else name] = tasks
    return found


def budgets_of(suite: Suite) -> dict[str, dict[str, int]]:
    """Tasks of the chosen study that differ in how many rows are labelled, by the task they are of.

    The number of labelled rows by task, fewest first; of variants of the first draw whose transfer
    text, where they have some, is of the rest. Of several with as many labels, it is the one with
    the most text.
    """
    found: dict[str, dict[int, tuple[float, str]]] = {}
    for name in suite.chosen_study.tasks:
        task = suite.tasks[name]
        own = all(source.rest for source in task.transfer)
        if task.of is not None and task.labelled != "all" and task.draw == "1" and own:
            rows = sum(source.rows or math.inf for source in task.transfer)
            numbers = found.setdefault(task.of, {})
            if rows > numbers.get(task.labelled, (-1, ""))[0]:
                numbers[task.labelled] = rows, name
    return {
        of: {name: number for number, (_, name) in sorted(numbers.items())}
        for of, numbers in found.items()
        if len(numbers) > 1
    }
