"""What determines each stage's numbers: one plain dict a rule, without defaults, as canonical JSON.

Snakemake compares a job's text, which holds them, to decide what to rerun, and scripts read it: a
key that is not here cannot change a number, and a key of another stage cannot rerun this one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mtkd.config.schema import Learner, Suite
from mtkd.config.values import split_teacher
from mtkd.study.arms import arm_settings
from mtkd.study.code import code_digests, function_digest
from mtkd.study.draws import budgets_of, draws_of
from mtkd.study.grid import teacher_seeds
from mtkd.study.recipes import recipes


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def job_text(suite: Suite, script: Path | None, parts: Mapping[str, tuple]) -> str:
    """A job's text (``mtkd.study.jobs``): equal texts make equal numbers of equal inputs.

    Each of ``parts`` is a function and its arguments after the suite, such as
    ``settings=(task_settings, "sst2")``. ``code`` comes by itself where there is a ``script``,
    without what ``recipes`` or ``figures`` name, where there are some: it has digests of its own.
    """
    job = {name: make(suite, *arguments) for name, (make, *arguments) in parts.items()}
    if script:
        job["code"] = _code(script, not {"recipes", "figures"} & job.keys())
    return canonical_json(job)


@cache
def _code(script: Path, all_parts: bool) -> dict[str, str]:
    return code_digests(script, all_parts)


def _plain(model: BaseModel, **options: Any) -> dict:
    return model.model_dump(mode="json", exclude_defaults=True, **options)


def hub_model_settings(suite: Suite, kind: str, name: str) -> dict:
    """Fetching a learner's model from the hub; ``kind`` is teachers or students."""
    model = getattr(suite, kind)[name].model
    return {"name": model.hub, "revision": model.revision}


def dataset_settings(suite: Suite, task: str, split: str) -> dict:
    """Fetching a split of a task's dataset from the hub, or one of its transfer text."""
    if split.startswith("transfer-"):
        sources = [source for source in suite.tasks[task].transfer if not source.is_own]
        source = sources[int(split.removeprefix("transfer-"))]
        return {"hub": _plain(source.hub), "splits": {split: source.split}}
    return {"hub": _plain(suite.tasks[task].hub), "splits": suite.tasks[task].splits}


def task_settings(suite: Suite, task: str) -> dict:
    """Preparing a task: its splits, texts and labels; metrics are for scoring alone."""
    return {"task": _plain(suite.tasks[task], exclude={"metrics", "max_length"})}


def variant_settings(suite: Suite, task: str) -> dict:
    """Deriving a variant of a task from its data, and from texts that nobody labelled."""
    variant = suite.tasks[task]
    own = variant.model_dump(mode="json", include={"of", "labelled", "draw"})
    extra = _plain(variant, include={"selection_rows", "gate_rows", "transfer"})
    if "transfer" in extra:
        # Defaults of a source say how new texts are made.
        extra["transfer"] = [
            source.model_dump(mode="json", exclude_none=True, exclude={"hub"})
            | ({"hub": _plain(source.hub)} if source.hub else {})
            for source in variant.transfer
        ]
    return {**own, **extra, "text": variant.text} if extra else own


def _learner(suite: Suite, learner: Learner, task: str) -> dict:
    return {
        "model": _plain(learner.model),
        "training": _plain(learner.training_for(task)),
        "max_length": suite.tasks[task].max_length,
    }


def teacher_settings(suite: Suite, task: str, teacher: str) -> dict:
    """Fine-tuning a teacher; the primary metric says which epoch is best.

    Of one that is not trained, where its answers are from.
    """
    learner = suite.teachers[teacher]
    if learner.model.is_given:
        return given_settings(suite, task, teacher)
    own = _plain(learner, include={"label_order", "keep"})
    metric = suite.tasks[task].metrics[0]
    return {**_learner(suite, learner, task), **own, "metric": metric}


def given_settings(suite: Suite, task: str, teacher: str) -> dict:
    """The answers of a teacher that is not trained; the primary metric is its score's."""
    learner, own = suite.teachers[teacher], suite.tasks[task]
    answers = learner.model.answers
    if answers is None:
        return {"neighbours": _plain(learner.model.neighbours), "metric": own.metrics[0]}
    kind = "probabilities" if learner.model.probabilities else "logits"
    return {
        kind: _plain(answers.of_task(task, own.of)),
        "text": own.text,
        "metric": own.metrics[0],
        **_plain(learner, include={"label_order"}),
    }


def logits_settings(suite: Suite, task: str) -> dict:
    """Trained teachers' logits. What is a teacher's own stands in its record."""
    return {"max_length": suite.tasks[task].max_length}


def student_settings(suite: Suite, task: str, student: str) -> dict:
    """Training a student; the axes (T, alpha, seed) are in its paths, recipes are apart."""
    return _learner(suite, suite.students[student], task)


def taken_settings(suite: Suite, task: str, student: str) -> dict:
    """A student that is taken away: its texts and model, and what its card has scores of."""
    own = suite.tasks[task]
    model = suite.students[student].model
    return {
        **score_settings(suite, task),
        "text": own.text,
        "max_length": own.max_length,
        "model": _plain(model, include={"hub", "revision", "folder", "architecture"}),
        **({"dataset": _plain(own.hub)} if own.hub else {}),
    }


def pool_settings(suite: Suite, strategies: Iterable[str]) -> dict:
    """Those of some strategies that are pooling operators, by name; a user's with its code."""
    fusions_of = {name: one["fusion"] for name, one in recipes(suite, strategies).items()}
    return {
        name: {**fusion, **function_digest(fusion["operator"])}
        for name, fusion in fusions_of.items()
        if isinstance(fusion, dict)
    }


def own_operators(suite: Suite) -> list[str]:
    """Strategies of a suite whose operator is a user's function. Raises InputError as it looks.

    A suite of another kind has none.
    """
    if not isinstance(suite, Suite):
        return []
    return [name for name, pool in pool_settings(suite, suite.strategies).items() if "code" in pool]


def reference_settings(suite: Suite) -> dict:
    """Fitting the references of a task: by name, what each is."""
    return {name: _plain(reference) for name, reference in suite.references.items()}


def score_settings(suite: Suite, task: str) -> dict:
    """Scoring predictions: the metrics, the primary one first."""
    return {
        "suite": suite.suite,
        "task": task,
        "metrics": suite.tasks[task].metrics,
        "report_splits": suite.tasks[task].report_splits,
    }


def figure_settings(suite: Suite, student: str | None) -> dict:
    """Figures of the chosen study and a student, or of its teachers alone: how they look.

    What they show comes from the tables.
    """
    study = table_settings(suite, student) if student else teachers_settings(suite)
    return {"study": study, "dpi": suite.figures.dpi}


def examples_settings(suite: Suite, task: str, student: str) -> dict:
    """A task's examples for the analyses: the chosen study, and every metric of the task."""
    return {"study": table_settings(suite, student), "metrics": suite.tasks[task].metrics}


def audit_settings(suite: Suite, task: str) -> dict:
    """A task's audit: as its examples, by the primary metric alone."""
    return {"study": teachers_settings(suite), "metrics": suite.tasks[task].metrics[:1]}


def experiment_settings(suite: Suite) -> dict:
    """Experiments on pooling a study's teachers: which they are."""
    study = suite.chosen_study
    return {
        "study": suite.study_name,
        "teachers": study.teachers,
        "seeds": teacher_seeds(suite, study.seeds),
    }


def table_settings(suite: Suite, student: str) -> dict:
    """Tables of the chosen study and one of its students.

    Its axes are in the order in which rows and columns appear.
    """
    study = suite.chosen_study
    several = len(study.students) > 1
    # As all defaults: a suite that names none has the tables that it had.
    named = "references" in suite.model_dump(exclude_defaults=True)
    draws, budgets = draws_of(suite), budgets_of(suite)
    given = [name for name in study.teachers if is_given(suite, name)]
    return {
        "suite": suite.suite,
        "study": f"{suite.study_name} ({student})" if several else suite.study_name,
        "student": student,
        **study.model_dump(mode="json", exclude={"students", "arms", "predictions", "keep"}),
        "arms": [arm_settings(suite, arm) for arm in study.arms],
        "teacher_seeds": teacher_seeds(suite, study.seeds),
        "teacher_seed": suite.teacher_seed,
        "margin": suite.margin,
        "metrics": {task: suite.tasks[task].metrics[0] for task in study.tasks},
        "report_splits": {task: suite.tasks[task].report_splits for task in study.tasks},
        **({"references": list(suite.references)} if named else {}),
        **({"given": given} if given else {}),
        **({"draws": draws} if draws else {}),
        **({"budgets": budgets} if budgets else {}),
    }


def is_given(suite: Suite, name: str) -> bool:
    """Whether a teacher, as arms call it, is not trained but given: by a file, by near texts."""
    return suite.teachers[split_teacher(name)[0]].model.is_given


def teachers_settings(suite: Suite) -> dict:
    """Pages on the chosen study's teachers, whatever student comes."""
    study = table_settings(suite, suite.chosen_study.students[0])
    del study["student"]
    return {**study, "study": suite.study_name}


def gate_settings(suite: Suite) -> dict:
    """The gate of the chosen study's design, and the references on words to be above."""
    words = [name for name, reference in suite.references.items() if reference.kind == "words"]
    return {"study": teachers_settings(suite), "references": words}


def registered_task(suite: Suite, task: str) -> dict:
    """What is registered of a task, or of a variant of one."""
    variant = variant_settings(suite, task) if suite.tasks[task].of else {}
    return {**task_settings(suite, task)["task"], **variant}


def registration_settings(suite: Suite) -> dict:
    """What is registered of the chosen study before its students: all that its numbers depend on.

    Code is not: it is mended, and a claim stays what it is.
    """
    study = suite.chosen_study
    teachers = dict.fromkeys(split_teacher(name)[0] for name in study.teachers)
    settings: dict[str, Any] = {"tasks": {}, "teachers": {}, "students": {}, "strategies": {}}
    for task in study.tasks:
        settings["tasks"][task] = registered_task(suite, task)
        for name in teachers:
            settings["teachers"][f"{name} on {task}"] = teacher_settings(suite, task, name)
        for name in study.students:
            settings["students"][f"{name} on {task}"] = student_settings(suite, task, name)
    for student in study.students:
        for name, one in recipes(suite, study.strategies, student).items():
            told = {key: value for key, value in one.items() if key not in ("code", "engine")}
            settings["strategies"][f"{name} of {student}"] = told
    return {
        # In whatever order they are tabulated.
        "study": {**teachers_settings(suite), "students": sorted(study.students)},
        "predictions": [_plain(one) for one in study.predictions],
        "suite": settings,
    }


def costs_settings(suite: Suite) -> dict:
    """What the chosen study's models cost to run: which they are, and on which texts."""
    study = suite.chosen_study
    used = {split_teacher(name)[0] for name in study.teachers}
    teachers = {
        name: one for name, one in suite.teachers.items() if name in used and not one.model.is_given
    }
    students = {name: suite.students[name] for name in study.students}
    return {
        "tasks": {
            task: {
                "max_length": suite.tasks[task].max_length,
                "split": suite.tasks[task].report_splits[0],
            }
            for task in study.tasks
        },
        # A teacher that is given has nothing to run, and so has no ensemble with it.
        "ensemble": len(teachers) == len(used),
        # Lists: the order is that of the ensemble's name, and of the outputs.
        "teachers": [
            {"name": name, **_plain(one, include={"model", "label_order"})}
            for name, one in teachers.items()
        ],
        "students": [
            {"name": name, **_plain(one, include={"model"})} for name, one in students.items()
        ],
        "references": [n for n, one in suite.references.items() if one.kind == "words"],
    }


def students_settings(suite: Suite) -> dict:
    """The table of all students of the chosen study."""
    return {**teachers_settings(suite), "students": suite.chosen_study.students}
