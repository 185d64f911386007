"""What tables, figures and pages know of a study and one of its students, and how they name it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

from mtkd.config.values import TFIDF
from mtkd.metrics.names import PERCENT, declared, metric_title
from mtkd.study.arms import is_distilled, is_plain_single


class StudyView(TypedDict):
    """A study as its tables know it: ``mtkd.study.settings.table_settings``."""

    suite: str
    study: str
    student: str
    tasks: list[str]
    arms: list[dict[str, str]]  # mtkd.study.arms.arm_settings
    T: list[str]
    alpha: list[str]
    seeds: list[str]  # of students
    teacher_seed: str  # "paired", or the one seed of all teachers
    teacher_seeds: list[str]
    margin: float
    metrics: dict[str, str]  # the primary one, by task
    report_splits: dict[str, list[str]]  # by task
    references: NotRequired[list[str]]  # where the suite names them
    given: NotRequired[list[str]]  # teachers that are not trained, where there are some
    budgets: NotRequired[dict[str, dict[str, int]]]  # labelled rows by task (mtkd.study.draws)
    draws: NotRequired[dict[str, list[str]]]  # tasks that are draws of one (mtkd.study.draws)


# Beside a score that is no better than the constant answer's, and what it means.
MARK = "†"
STRATEGY_NAMES = {"none": "no distillation", "gating": "learned gating"}


def arm_name(arm: Mapping[str, str], study: StudyView) -> str:
    """Short name of an arm: a single teacher's, or the strategy's.

    The teachers are added where two arms of the study share the strategy.
    """
    strategy, teachers = arm["strategy"], arm["teachers"]
    if is_plain_single(strategy):
        return teachers
    alike = [other for other in study["arms"] if other["strategy"] == strategy]
    return STRATEGY_NAMES.get(strategy, strategy) + (f" ({teachers})" if len(alike) > 1 else "")


def claimed_tasks(study: StudyView) -> list[str]:
    """What claims are made of: the study's tasks, and those that are draws of one together."""
    return [*study["tasks"], *study.get("draws", {})]


def over_draws(study: StudyView, name: str) -> StudyView:
    """The study of which some draws, by the name of all of them together, are one task."""
    first = study["draws"][name][0]
    about = {key: {name: study[key][first]} for key in ("metrics", "report_splits")}
    return {**study, **about, "tasks": [name]}


def teacher_names(study: StudyView) -> list[str]:
    """The study's teachers, in the order in which its arms name them."""
    labels = [arm["teachers"] for arm in study["arms"] if is_distilled(arm["teachers"])]
    return list(dict.fromkeys(teacher for label in labels for teacher in label.split("+")))


def reference_names(study: StudyView) -> list[str]:
    """The references beside the study's students and teachers, the constant answer aside."""
    return study.get("references", [TFIDF])


def reference_method(name: str) -> str:
    """What tables call a reference."""
    return f"Reference: {'TF-IDF' if name == TFIDF else name}"


def column_title(study: StudyView, task: str, split: str) -> str:
    """A task's column with its metric; the split is named where the task has several."""
    several = len(study["report_splits"][task]) > 1
    name = f"{task} {split}" if several else task
    return f"{name} ({metric_title(study['metrics'][task])})"


def mark_meaning(study: StudyView) -> str:
    """What MARK says in a study's tables."""
    return (
        f"no better than the constant answer ({constant_meaning(study)}): the 95 % interval of the "
        "difference, over seeds and examples, does not lie above 0"
    )


def constant_meaning(study: StudyView) -> str:
    """What the constant answer is, under a study's metrics."""
    shares = any(declared(name).takes == "probabilities" for name in study["metrics"].values())
    given = "; under a metric of probabilities, the shares of the labels in train" * shares
    return f"the class that answers train best, given to all{given}"


def unit_text(study: StudyView, tasks: Sequence[str] = ()) -> str:
    """In which units the primary metrics of some tasks, or all, are shown, for captions."""
    units = [declared(study["metrics"][task]).unit for task in tasks or study["tasks"]]
    return "in percent" if set(units) == {PERCENT} else "in percent or the unit beside the metric"


def arrow_text(study: StudyView, tasks: Sequence[str] = ()) -> str:
    """What captions add where less of a task's metric is better; else nothing."""
    metrics = [study["metrics"][task] for task in tasks or study["tasks"]]
    less = any(not declared(name).greater_is_better for name in metrics)
    return "; ↓: less is better" if less else ""


def improvement_text(study: StudyView, tasks: Sequence[str] = ()) -> str:
    """What captions add on differences where less of a task's metric is better; else nothing."""
    metrics = dict.fromkeys(study["metrics"][task] for task in tasks or study["tasks"])
    less = [name for name in metrics if not declared(name).greater_is_better]
    if not less:
        return ""
    return f"; differences of {', '.join(less)} are improvements: above 0, less of it"


def settings_text(study: StudyView) -> str:
    """The study's T and alpha in words, for captions."""
    if not teacher_names(study):
        return "hard labels alone"
    if len(study["T"]) == len(study["alpha"]) == 1:
        return f"T={study['T'][0]}, alpha={study['alpha'][0]}"
    grid = f"T in {{{', '.join(study['T'])}}}, alpha in {{{', '.join(study['alpha'])}}}"
    return f"{grid}, chosen on selection per arm and task"


def seeds_text(study: StudyView) -> str:
    """The study's seeds in words, for captions."""
    seeds, teacher = study["seeds"], study["teacher_seed"]
    students = f"{seed_count(len(seeds), 'student ')} ({', '.join(seeds)})"
    if not teacher_names(study):
        return students
    teachers = "teachers trained per seed" if teacher == "paired" else f"teacher seed {teacher}"
    if any("@" in name for name in teacher_names(study)):
        teachers += " unless its name has one"
    if given := study.get("given"):
        some = "no teacher is trained" if given == teacher_names(study) else None
        teachers = some or f"{teachers} ({', '.join(given)} not trained)"
    return f"{students}, {teachers}"


def seed_count(n: int, whose: str = "") -> str:
    """``1 seed``, ``3 student seeds``."""
    return f"{n} {whose}seed{'' if n == 1 else 's'}"
