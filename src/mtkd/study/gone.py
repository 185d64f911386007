"""Local files that a suite names, that are not there, and of which something was made before.

Snakemake takes an output whose job lacks an input for a file like any other: whatever else the
suite now says of that job, nothing is made again, and the run ends well. So it is said beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mtkd.config.schema import Model, Suite, TeacherModel
from mtkd.config.values import split_teacher


def gone_inputs(suite: Suite, results: Path) -> list[str]:
    """A line for each such file of the chosen study, with its key; ``results`` are the suite's."""
    named = (*_of_tasks(suite), *_of_learners(suite), *_of_references(suite))
    return [
        f"{key}: {file} is not there; what was made of it stays as it is, and no change of "
        "the suite that concerns it is made"
        for key, file, made in dict.fromkeys(named)
        if not Path(file).exists() and any(results.glob(made))
    ]


def _of_tasks(suite: Suite) -> Iterator[tuple[str, str, str]]:
    """Keys of files, the files, and what is made of them, a pattern of paths in the results."""
    for name in suite.chosen_study.tasks:
        task = suite.tasks[name]
        origin = task.of or name
        if not suite.tasks[origin].hub:
            for split, file in suite.tasks[origin].splits.items():
                yield f"tasks.{origin}.splits.{split}", file, f"tasks/{origin}"
        for number, source in enumerate(task.transfer):
            if source.file:
                yield f"tasks.{name}.transfer.{number}.file", source.file, f"tasks/{name}"


def _of_learners(suite: Suite) -> Iterator[tuple[str, str, str]]:
    study = suite.chosen_study
    for name in dict.fromkeys(split_teacher(name)[0] for name in study.teachers):
        model = suite.teachers[name].model
        for key, file in (*_of_model(model), *_of_answers(suite, model)):
            yield f"teachers.{name}.model.{key}", file, f"teachers/*/{name}"
    for name in study.students:
        for key, file in _of_model(suite.students[name].model):
            yield f"students.{name}.model.{key}", file, f"students/{name}"


def _of_references(suite: Suite) -> Iterator[tuple[str, str, str]]:
    for name, reference in suite.references.items():
        for file in reference.vector_files:
            yield f"references.{name}.vectors", file, f"references/*/{name}"


def _of_model(model: Model) -> Iterator[tuple[str, str]]:
    if model.folder:
        yield "folder", model.folder
    for file in model.vector_files:
        yield "vectors", file


def _of_answers(suite: Suite, model: TeacherModel) -> Iterator[tuple[str, str]]:
    if model.answers is None:
        return
    key = "probabilities" if model.probabilities else "logits"
    for task in suite.chosen_study.tasks:
        answers = model.answers.of_task(task, suite.tasks[task].of)
        if answers.file:
            yield f"{key}.file", answers.file
        for part, file in answers.files.items():
            yield f"{key}.files.{part}", file
