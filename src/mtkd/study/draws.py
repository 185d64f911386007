"""Tasks of a study that are draws of one: variants that differ in which rows have a label."""

from __future__ import annotations

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
