"""From a mapping or a YAML file to a validated suite; every mistake is one line: file, key, remedy.

Imports neither torch nor numpy: every job of a run validates its config again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from mtkd.config.answers import Answers
from mtkd.config.any_suite import AnySuite
from mtkd.config.generation import TABLES, GenerationSuite
from mtkd.config.losses import CLOSED, declared_losses
from mtkd.config.schema import (
    LOSS,
    SEVERAL,
    STRATEGIES,
    WEIGHTS_FROM,
    Arm,
    Study,
    Suite,
    Training,
    check_teachers,
)
from mtkd.config.specialists import SpecialistSuite
from mtkd.config.sweeps import with_sweeps
from mtkd.config.tasks import VARIANT_KEYS, Task, Transfer
from mtkd.config.values import CONSTANT, check_known, check_path, nearest, split_teacher
from mtkd.config.written import LOADER, read_text, refuse_surprises
from mtkd.errors import InputError
from mtkd.metrics.names import declared


def load_suite(path: Path) -> AnySuite:
    """Read and validate one suite file. Raises InputError."""
    refuse_surprises(path)
    try:
        content = yaml.load(read_text(path), Loader=LOADER)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    return validate_suite(content, str(path))


def validate_suite(content: Any, source: str) -> AnySuite:
    """Validate a suite given as a mapping; ``source`` names it in messages. Raises InputError."""
    if not isinstance(content, Mapping):
        raise InputError(f"{source}: a suite is a mapping of keys, not {type(content).__name__}")
    try:
        if is_generation(content):
            suite = GenerationSuite.model_validate(content)
            suite.check_references()
            return suite
        if is_specialists(content):
            suite = SpecialistSuite.model_validate(_with_variants(content))
            suite.check_references()
            _check_tasks(suite)
            return suite
        suite = Suite.model_validate(with_sweeps(_with_variants(content)))
        _check_references(suite)
    except ValidationError as error:
        raise InputError(f"{source}: {_one_line(error, model=_kind(content))}") from None
    except ValueError as error:
        raise InputError(f"{source}: {error}") from None
    return suite


def is_generation(content: Mapping) -> bool:
    """Whether a suite's tasks are answered in text: it says so of one of them at least."""
    tasks = content.get("tasks")
    tasks = tasks.values() if isinstance(tasks, Mapping) else ()
    return any(isinstance(task, Mapping) and task.get("kind") == "generation" for task in tasks)


def is_specialists(content: Mapping) -> bool:
    """Whether a suite is of specialists: it has bases."""
    return "bases" in content


def _kind(content: Mapping) -> type[BaseModel]:
    if is_generation(content):
        return GenerationSuite
    return SpecialistSuite if is_specialists(content) else Suite


def _with_variants(content: Mapping) -> Mapping:
    """The suite with each task variant (``of``) holding all that the task it is of does."""
    tasks = content.get("tasks")
    if not isinstance(tasks, Mapping):
        return content
    whole = {}
    for name, task in tasks.items():
        if isinstance(task, Mapping) and "of" in task:
            place = f"tasks.{name}"
            origin = tasks.get(str(task["of"]))
            if not isinstance(origin, Mapping):
                plain = [other for other in tasks if other != name]
                raise ValueError(
                    f"{place}.of: unknown task {task['of']!r}{nearest(str(task['of']), plain)}"
                )
            if "of" in origin:
                raise ValueError(f"{place}.of: {task['of']} is a variant itself; name its task")
            for key in task:
                if key not in VARIANT_KEYS:
                    raise ValueError(
                        f"{place}.{key}: a variant shares its task's data; of its own are "
                        f"{', '.join(VARIANT_KEYS)}"
                    )
            task = {**origin, **task}
        whole[name] = task
    return {**content, "tasks": whole}


def _check_references(suite: Suite) -> None:
    """Names used in one part of the suite must be defined in another."""
    for kind, learners in (("teachers", suite.teachers), ("students", suite.students)):
        for name, learner in learners.items():
            for task, overrides in learner.per_task.items():
                place = f"{kind}.{name}.per_task.{task}"
                check_known(task, suite.tasks, place, "task")
                _overrides(learner.training, overrides, place)
            if kind == "teachers" and learner.model.answers:
                _answers(suite, name, learner.model.answers)
            check_path(learner.model.folder or "", f"{kind}.{name}.model.folder")
            for path in learner.model.vector_files:
                check_path(path, f"{kind}.{name}.model.vectors")
            for key in ("runtime_per_task", "expected"):
                for task in getattr(learner.resources, key):
                    place = f"{kind}.{name}.resources.{key}"
                    check_known(task, suite.tasks, f"{place}.{task}", "task")
    for name, student in suite.students.items():
        for strategy, overrides in student.per_strategy.items():
            place = f"students.{name}.per_strategy.{strategy}"
            check_known(strategy, {**STRATEGIES, **suite.strategies}, place, "strategy")
            _overrides(student.training, overrides, place)
            if overrides.get("epochs") == 0:
                # Whether a model may be used as it is is settled once for all of its cells.
                raise ValueError(f"{place}.epochs: a student that is not trained has no strategy")
    _check_tasks(suite)
    for name, reference in suite.references.items():
        if name == CONSTANT:
            raise ValueError(f"references.{name}: the best constant answer is called so; rename it")
        for path in reference.vector_files:
            check_path(path, f"references.{name}.vectors")
    for name in suite.strategies:
        if name in STRATEGIES:
            raise ValueError(f"strategies.{name}: there is a strategy of this name already")
    for name in suite.teachers:
        if name in {**STRATEGIES, **suite.strategies}:
            # Tables name teachers and fusions of them side by side.
            raise ValueError(f"teachers.{name}: a strategy has this name; rename the teacher")
    suite.check_study()
    for name, study in suite.studies.items():
        place = f"studies.{name}"
        for student in study.students:
            check_known(student, suite.students, f"{place}.students", "student")
        for task in study.tasks:
            check_known(task, suite.tasks, f"{place}.tasks", "task")
        for number, arm in enumerate(study.arms):
            strategies = {**STRATEGIES, **suite.strategies}
            check_known(arm.strategy, strategies, f"{place}.arms.{number}", "strategy")
            _fits_teachers(suite, arm, place)
            _can_see_labels(suite, arm, study.tasks, f"{place}.arms.{number}")
            _can_weigh(suite, arm, study.tasks, f"{place}.arms.{number}")
            _known_teachers(suite, arm, study.seeds, place)
            _can_answer(suite, arm, study.tasks, place)
            _can_crossfit(suite, arm, study.tasks, f"{place}.arms.{number}")
            for student in study.students:
                _can_show(suite, arm, student, f"{place}.arms.{number}")
        _fits_classes(suite, study, place)


def _answers(suite: Suite, teacher: str, answers: Answers) -> None:
    """What a teacher's file of answers is called, wherever it is given."""
    place = f"teachers.{teacher}.model"
    place += ".probabilities" if suite.teachers[teacher].model.probabilities else ".logits"
    for task in answers.per_task:
        check_known(task, suite.tasks, f"{place}.per_task.{task}", "task")
    for task in [None, *answers.per_task]:
        try:
            here = answers.of_task(task, None) if task else answers
        except ValueError as error:
            raise ValueError(f"{place}.{error}") from None
        for path in filter(None, [here.file, *here.files.values()]):
            if Path(path).suffix.lower() not in TABLES:
                raise ValueError(f"{place}: {path!r} is no .parquet, .csv or .jsonl file")
            check_path(path, place)


def _can_answer(suite: Suite, arm: Arm, tasks: list[str], place: str) -> None:
    """Teachers that are not trained have files for a study's tasks, and no seeds or inside."""
    for name in arm.teachers:
        teacher, own = split_teacher(name)
        model = suite.teachers[teacher].model
        if not model.is_given:
            continue
        if own:
            raise ValueError(
                f"{place}.arms: {name!r}: teacher {teacher!r} is not trained and has no seeds; "
                f"name it {teacher!r}"
            )
        strategy = suite.strategies.get(arm.strategy)
        if strategy and "along" in declared_losses()[strategy.loss].needs:
            raise ValueError(
                f"{place}.arms: loss {strategy.loss!r} of strategy {arm.strategy!r} runs its "
                f"teachers along, and {teacher!r} is no model; take another loss"
            )
        for task in tasks if model.answers else []:
            _fits_task(suite, teacher, task)


def _fits_task(suite: Suite, teacher: str, name: str) -> None:
    """A teacher's file of answers fits a task, as far as one sees without reading it."""
    model, task = suite.teachers[teacher].model, suite.tasks[name]
    place = f"teachers.{teacher}.model.{'probabilities' if model.probabilities else 'logits'}"
    here = model.answers.of_task(name, task.of)
    if not here.file:
        wanted = ["train", "selection", *task.report_splits]
        if lacking := [part for part in wanted if here.path_of(part) is None]:
            raise ValueError(
                f"{place}: no file of {lacking[0]} for task {name!r}; give 'file', 'files' by "
                "split, or either in 'per_task'"
            )
        if task.transfer and here.path_of("transfer") is None and here.missing == "refuse":
            raise ValueError(
                f"{place}: task {name!r} has transfer text, and 'files' names none of its answers; "
                "give 'transfer', or 'missing: skip' where students learn it from others alone"
            )
    if here.columns and len(here.columns) != len(task.labels):
        raise ValueError(
            f"{place}.columns: {len(here.columns)} for the {len(task.labels)} labels of task "
            f"{name!r}: give one for each, in their order"
        )
    if model.probabilities and here.smoothing * len(task.labels) >= 1:
        raise ValueError(
            f"{place}.smoothing: {here.smoothing:g} for each of the {len(task.labels)} labels of "
            f"task {name!r} is all there is; take less"
        )
    told = here.path_of("transfer") if any(source.rest for source in task.transfer) else None
    own = [] if task.hub else task.splits.values()
    if told and any(_same_file(told, path) for path in own):
        raise ValueError(
            f"{place}: {told} is a table of task {name!r} itself, and what it says of the rows "
            "whose labels are held back would tell them; give 'files' without 'transfer', and "
            "'missing: skip'"
        )


def _same_file(one: str, other: str) -> bool:
    """Whether two paths are of one file, however they are spelt, linked or relative to here."""
    if os.path.exists(one) and os.path.exists(other):
        return os.path.samefile(one, other)
    return os.path.realpath(one) == os.path.realpath(other)


def _check_tasks(suite: Suite | SpecialistSuite) -> None:
    """What a task says of tables and of other tasks."""
    for name, task in suite.tasks.items():
        if name in ("all", "AVG"):
            # Tables have it beside the tasks.
            raise ValueError(f"tasks.{name}: tables call all tasks together so; rename the task")
        for split, path in task.splits.items():
            known = Path(path).suffix.lower() in TABLES
            if task.hub is None and not known:
                raise ValueError(
                    f"tasks.{name}.splits.{split}: {path!r} is no .parquet, .csv or .jsonl file"
                )
            if task.hub is None:
                check_path(path, f"tasks.{name}.splits.{split}")
        for number, source in enumerate(task.transfer):
            _transfer_source(suite, task, source, f"tasks.{name}.transfer.{number}")


def _transfer_source(
    suite: Suite | SpecialistSuite, task: Task, source: Transfer, place: str
) -> None:
    if source.file:
        check_path(source.file, f"{place}.file")
        if Path(source.file).suffix.lower() not in TABLES:
            raise ValueError(f"{place}.file: {source.file!r} is no .parquet, .csv or .jsonl file")
    if source.task:
        check_known(source.task, suite.tasks, f"{place}.task", "task")
        if (suite.tasks[source.task].of or source.task) == task.of:
            raise ValueError(f"{place}.task: its own rows are 'rest'")
        if len(suite.tasks[source.task].text) != len(task.text):
            raise ValueError(f"{place}.task: one of them has pairs of texts, the other has not")
    if source.text and len(source.text) != len(task.text):
        raise ValueError(
            f"{place}.text: {len(source.text)} columns, and the task has {len(task.text)}"
        )


def _overrides(training: Training, overrides: Mapping, place: str) -> None:
    try:
        Training.model_validate({**training.model_dump(), **overrides})
    except ValidationError as error:
        raise ValueError(_one_line(error, place, Training)) from None


def _known_teachers(suite: Suite, arm: Arm, seeds: list[str], place: str) -> None:
    """The teachers of an arm exist, in order, and none is there twice."""
    ranks: list[tuple[int, int]] = []
    runs: list[tuple[str, str]] = []
    unnamed = seeds if suite.teacher_seed == "paired" else [suite.teacher_seed]
    for name in arm.teachers:
        teacher, own = split_teacher(name)
        check_known(teacher, suite.teachers, f"{place}.arms", "teacher")
        ranks.append((list(suite.teachers).index(teacher), int(own or -1)))
        runs += [(teacher, seed) for seed in ([own] if own else unnamed)]
    if ranks != sorted(ranks):
        # One arm must have one path, and ties of best-per-sample go by this order.
        raise ValueError(
            f"{place}.arms: {arm.label!r} must name its teachers in the order of 'teachers', and "
            "one of several seeds in their order"
        )
    for number, run in enumerate(runs):
        if run in runs[:number]:
            raise ValueError(
                f"{place}.arms: {arm.label!r} has teacher {run[0]!r} of seed {run[1]} twice: one "
                f"without a seed of its own has that of teacher_seed, {suite.teacher_seed}"
            )


def _can_show(suite: Suite, arm: Arm, student: str, place: str) -> None:
    """A loss that looks inside models is refused where one of them has nothing to show."""
    own = suite.strategies.get(arm.strategy)
    needs = declared_losses()[own.loss].needs if own else frozenset()
    if not {"states", "attentions"} & needs:
        return
    models = [(f"student {student!r}", suite.students[student])]
    if "along" in needs:
        names = [split_teacher(name)[0] for name in arm.teachers]
        given = [name for name in names if not suite.teachers[name].model.is_given]
        models += [(f"teacher {name!r}", suite.teachers[name]) for name in given]
    for who, learner in models:
        if learner.model.architecture in CLOSED:
            raise ValueError(
                f"{place}: loss {own.loss!r} of strategy {arm.strategy!r} reads states or "
                f"attention of layers, and {who}, a {learner.model.architecture}, has none to "
                "show; take another one or another loss"
            )


def _fits_teachers(suite: Suite, arm: Arm, place: str) -> None:
    """What a strategy says of teachers is about those of the arm, and its weights about all."""
    own = suite.strategies.get(arm.strategy)
    if own is None:
        return
    check_teachers(arm.strategy, len(arm.teachers), *STRATEGIES.get(own.fusion, SEVERAL))
    if own.weights and set(own.weights) != set(arm.teachers):
        raise ValueError(
            f"{place}.arms: strategy {arm.strategy!r} has weights of {', '.join(own.weights)}, "
            f"the arm has {', '.join(arm.teachers)}"
        )
    for name in own.T:
        check_known(name, dict.fromkeys(arm.teachers), f"strategies.{arm.strategy}.T", "teacher")


def _fits_classes(suite: Suite, study: Study, place: str) -> None:
    """A loss that is for another number of classes is refused before teachers are trained."""
    losses = declared_losses()
    for strategy in study.strategies:
        own = suite.strategies.get(strategy)
        loss = own.loss if own else LOSS
        fewest, most = losses[loss].classes
        for task in study.tasks:
            number = len(suite.tasks[task].labels)
            if number < fewest or (most is not None and number > most):
                wanted = f"{fewest} or more" if most is None else f"{fewest} to {most}"
                raise ValueError(
                    f"{place}: loss {loss!r} of strategy {strategy!r} is for {wanted} classes, "
                    f"and task {task!r} has {number}"
                )


def _can_see_labels(suite: Suite, arm: Arm, tasks: list[str], place: str) -> None:
    """An arm that learns from all gold labels needs rows whose labels the others do not see."""
    own = suite.strategies.get(arm.strategy)
    for task in tasks if own and own.gold == "all" else []:
        if not any(source.rest for source in suite.tasks[task].transfer):
            raise ValueError(
                f"{place}: strategy {arm.strategy!r} learns from the gold labels of transfer rows, "
                f"and task {task!r} has none; give it 'labelled' and 'transfer: rest'"
            )


def _can_weigh(suite: Suite, arm: Arm, tasks: list[str], place: str) -> None:
    """Scores of which less is better are no weights; whether one is negative the run will show."""
    own = suite.strategies.get(arm.strategy)
    if WEIGHTS_FROM.get(own.fusion if own else arm.strategy) != "scores":
        return
    for task in tasks:
        metric = suite.tasks[task].metrics[0]
        if not declared(metric).greater_is_better:
            raise ValueError(
                f"{place}: strategy {arm.strategy!r} weighs teachers by their {metric} on "
                f"selection, of which less is better on task {task!r}; name another metric first "
                "there, or leave the arm out"
            )


def _can_crossfit(suite: Suite, arm: Arm, tasks: list[str], place: str) -> None:
    """Out-of-fold logits are of teachers that are trained anew, which a ready-made one is not."""
    own = suite.strategies.get(arm.strategy)
    for task in tasks if own and own.crossfit else []:
        for name, _ in map(split_teacher, arm.teachers):
            if suite.teachers[name].model.is_given:
                raise ValueError(
                    f"{place}: strategy {arm.strategy!r} has 'crossfit', and teacher {name!r} is "
                    "not trained: its answers are the same whatever is left out; take a strategy "
                    "without it"
                )
            if suite.teachers[name].training_for(task).epochs == 0:
                raise ValueError(
                    f"{place}: strategy {arm.strategy!r} has 'crossfit', and teacher {name!r} is "
                    f"used on task {task!r} as it came ('epochs: 0'): it was trained on none of "
                    "its rows, and there is nothing to leave out; take a strategy without it"
                )


def _one_line(error: ValidationError, place: str = "", model: type[BaseModel] = Suite) -> str:
    """The first fault as ``key: what is wrong``, with the nearest key for a misspelled one."""
    faults = error.errors()
    fault, keys = faults[0], _keys(faults[0])
    key = ".".join([place, *keys] if place else keys) or "suite"
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key{nearest(keys[-1], _siblings(model, keys[:-1]))}"
    if fault["type"] == "missing":
        return f"{key}: this key is missing"
    # A value that may be of several types has a fault of each.
    messages = {_message(one): None for one in faults if _keys(one) == keys}
    return f"{key}: {', or: '.join(messages)}"


def _keys(fault: Mapping[str, Any]) -> list[str]:
    """The keys to a fault, without what pydantic calls the types of a value that has several."""
    types = ("[key]", "[one]", "[several]", "list[", "literal[")
    return [part for part in map(str, fault["loc"]) if not part.startswith(types)]


def _message(fault: Mapping[str, Any]) -> str:
    """What is wrong with a value, in the words of a suite's file."""
    given = fault["input"]
    match fault["type"]:
        case "list_type" if isinstance(given, str | int | float):
            return f"a list is wanted, such as [{given}]"
        case "model_type":
            return f"keys with values are wanted, not {given!r}"
    return fault["msg"].removeprefix("Value error, ")


def _siblings(model: type[BaseModel], keys: list[str]) -> list[str]:
    """The keys allowed beside the one at ``keys``, found by walking the schema's annotations."""
    for key in keys:
        if key in model.model_fields:
            model = _model_in(model.model_fields[key].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        if found := _model_in(part):
            return found
    return None
