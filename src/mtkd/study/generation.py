"""A generation study: its arms with the controls that they come with, its settings for each job."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import BaseModel

from mtkd.config.generation import PLAIN, GenerationSuite
from mtkd.study.generation_words import (
    AT_ONCE,
    BUDGET,
    BY_COLUMN,
    COLD_START,
    DEALT,
    DROPPED,
    FILTERED,
    ITSELF,
    MARKED,
    MIXTURE,
    ON_POLICY,
    POOLED,
    RANDOM,
    REMEDY,
    REPAIRED,
    REWRITTEN,
    ROUTE_CONTROL,
    ROUTED,
    SHUFFLED,
    SINGLE,
    SPLICED,
    TWO_MODES,
    UNEQUAL,
)


class TextArm(NamedTuple):
    """An arm of a study, or a control of one. ``n``: the traces that each teacher gives.

    ``role``: a mixture of several teachers without treatment, one teacher at a mixture's n
    (single) or at all of its traces (single-budget), or a remedy.
    """

    teachers: tuple[str, ...]
    strategy: str
    n: int
    role: str

    @property
    def label(self) -> str:
        return "+".join(self.teachers)


def text_arms(suite: GenerationSuite) -> list[TextArm]:
    """The chosen study's arms, singles first.

    A mixture of K teachers comes with each of them alone, at its n and at K times that: without
    them nothing can be said of it.
    """
    study = suite.chosen_study
    singles: dict[TextArm, None] = {}
    budgets: dict[TextArm, None] = {}
    others: dict[TextArm, None] = {}
    for arm in study.arms:
        n, teachers = arm.n or study.n, tuple(arm.teachers)
        for teacher in teachers:
            singles[TextArm((teacher,), PLAIN, n, SINGLE)] = None
            # Of a student that learns two ways, each of which has n.
            ways = 2 if suite.mixing(arm.strategy).direct == "beside" else 1
            if len(teachers) * ways > 1:
                budget = n * len(teachers) * ways
                budgets[TextArm((teacher,), PLAIN, budget, BUDGET)] = None
        if arm.strategy != PLAIN:
            others[TextArm(teachers, arm.strategy, n, REMEDY)] = None
        elif len(teachers) > 1:
            others[TextArm(teachers, PLAIN, n, MIXTURE)] = None
    # A remedy's counterpart without it.
    for arm in [arm for arm in others if arm.role == REMEDY and len(arm.teachers) > 1]:
        others[TextArm(arm.teachers, PLAIN, arm.n, MIXTURE)] = None
    known = {(arm.teachers, arm.strategy, arm.n) for arm in singles}
    kept = [arm for arm in budgets if (arm.teachers, arm.strategy, arm.n) not in known]
    return [*singles, *kept, *others]


def writers_of(suite: GenerationSuite, arms: list[TextArm]) -> list[str]:
    """The teachers whose traces some arms are made of, each once."""
    names: dict[str, None] = {}
    for arm in arms:
        names |= dict.fromkeys(arm.teachers)
        if other := suite.mixing(arm.strategy).answers_of:
            names[other] = None
    return list(names)


def run_along(suite: GenerationSuite, arms: list[TextArm]) -> list[str]:
    """The teachers whose models some arms' students learn from directly, each once."""
    reading = [arm for arm in arms if suite.mixing(arm.strategy).reads_models]
    return list(dict.fromkeys(teacher for arm in reading for teacher in arm.teachers))


def _plain(model: BaseModel, **options: Any) -> dict:
    return model.model_dump(mode="json", exclude_defaults=True, **options)


def dataset_settings(suite: GenerationSuite, task: str, split: str) -> dict:
    """Fetching a split's table of prompts from the hub."""
    prompts = suite.tasks[task].prompts
    return {"hub": _plain(prompts.hub), "splits": {split: prompts.files[split]}}


def prompts_settings(suite: GenerationSuite, task: str) -> dict:
    """Making a task's prompts."""
    return {"task": _plain(suite.tasks[task], exclude={"longest", "verifier"})}


def writer_settings(suite: GenerationSuite, task: str, teacher: str) -> dict:
    """A teacher's training, and what it writes."""
    writer = suite.teachers[teacher]
    settings = {
        "teacher": _plain(writer, exclude={"training", "resources"}),
        "task": _plain(suite.tasks[task], include={"addition", "verifier", "longest"}),
    }
    return {**settings, "training": _plain(writer.training)} if writer.is_trained else settings


def verdict_settings(suite: GenerationSuite, task: str, teacher: str) -> dict:
    """Judging a teacher's traces; ``learnt``: it may be as bad as it is."""
    writer = suite.teachers[teacher]
    return {
        "teacher": teacher,
        "verifier": suite.tasks[task].verifier,
        **({"style": writer.style} if writer.style else {}),
        **({"learnt": True} if writer.is_trained else {}),
    }


def text_student_settings(suite: GenerationSuite, task: str, student: str) -> dict:
    """Training a student of text, and what it writes; the axes are in its paths."""
    learner = suite.students[student]
    return {
        **_plain(learner, include={"template"}),
        "model": _plain(learner.model),
        "training": _plain(learner.training),
        "task": _plain(suite.tasks[task], include={"addition", "verifier", "longest"}),
        "samples": suite.chosen_study.samples,
    }


def mixings(suite: GenerationSuite, strategies: tuple[str, ...]) -> dict[str, dict]:
    """Strategies by name, without what is the default."""
    return {name: _plain(suite.mixing(name), exclude={"control"}) for name in strategies}


def styles_of(suite: GenerationSuite, names: list[str]) -> dict[str, str | None]:
    """The way of working of each of some teachers; None where it is not known."""
    return {name: suite.teachers[name].style for name in names}


def text_study_settings(suite: GenerationSuite) -> dict:
    """Tables of the chosen study: its axes, arms with their roles, predictions."""
    study, arms = suite.chosen_study, text_arms(suite)
    return {
        "suite": suite.suite,
        "study": suite.study_name,
        "students": study.students,
        "tasks": study.tasks,
        "seeds": study.seeds,
        "margin": suite.margin,
        "arms": [
            {
                "teachers": arm.label,
                "recipe": arm.strategy,
                "n": arm.n,
                "role": arm.role,
                **(_treatment(suite, arm, arms) if arm.role == REMEDY else {}),
            }
            for arm in arms
        ],
        "teachers": {
            name: _plain(suite.teachers[name], include={"style", "wrong_steps", "T"})
            for name in writers_of(suite, arms)
        },
        "predictions": [
            {
                **_plain(one, exclude={"strategy", "teachers"}),
                "recipe": one.strategy,
                "teachers": "+".join(one.teachers),
            }
            for one in study.predictions
        ],
    }


def _treatment(suite: GenerationSuite, arm: TextArm, arms: list[TextArm]) -> dict[str, str]:
    """What a remedy does to the traces, in the words of the tables, and what it is compared with.

    The same thoughts and answers that follow are compared with those that need not, a route and a
    column with as many prompts dealt out at random, own responses with those of a student that goes
    on from itself; the others with the plain traces.
    """
    mixing = suite.mixing(arm.strategy)
    known = {one.strategy for one in arms if one.teachers == arm.teachers}

    def named(key: str, **changes: Any) -> dict[str, str]:
        """The strategy that differs in this alone, where the study has an arm of it."""
        other = mixing.model_copy(update=changes)
        names = [name for name, one in suite.strategies.items() if one == other and name in known]
        return {key: names[0]} if names else {}

    def against(**changes: Any) -> dict[str, str]:
        return named("against", **changes)

    if mixing.answers_of:
        if mixing.filter != "consistent":
            return {"kind": SPLICED}
        return {"kind": REPAIRED, **against(filter="none")}
    if mixing.route:
        if mixing.route.shuffled:
            return {"kind": RANDOM}
        if mixing.control:
            return {"kind": ROUTE_CONTROL}
        dealt = mixing.route.model_copy(update={"shuffled": True})
        return {"kind": ROUTED, **against(route=dealt, control=True)}
    if mixing.by_column:
        if mixing.by_column.shuffled:
            return {"kind": DEALT}
        dealt = mixing.by_column.model_copy(update={"shuffled": True})
        return {"kind": BY_COLUMN, **against(by_column=dealt, control=True)}
    if mixing.rewrite:
        return {"kind": REWRITTEN, "into": mixing.rewrite.into}
    if mixing.direct == "alone":
        return {"kind": AT_ONCE}
    if mixing.direct:
        return {"kind": TWO_MODES, **named("alone", direct="alone", control=True)}
    if mixing.rollouts:
        kind = {"teachers": ON_POLICY, "itself": ITSELF}
        other = {"teachers": "itself", "itself": "nobody"}.get(mixing.rollouts.of)
        if not other:
            return {"kind": COLD_START}
        rest = mixing.rollouts.model_copy(update={"of": other})
        return {"kind": kind[mixing.rollouts.of], **against(rollouts=rest, control=True)}
    if mixing.pool:
        return {"kind": POOLED, **against(pool=None)}
    if mixing.mode == "shuffled":
        return {"kind": SHUFFLED}
    if mixing.mode == "token":
        return {"kind": DROPPED if mixing.mode_dropout else MARKED}
    if mixing.filter != "none":
        return {"kind": FILTERED}
    return {"kind": UNEQUAL} if mixing.ratio else {}


def text_figure_settings(suite: GenerationSuite) -> dict:
    """Figures of the chosen study: what they show comes from the tables."""
    return {"study": text_study_settings(suite), "dpi": 200}


def text_registration_settings(suite: GenerationSuite) -> dict:
    """What is registered of the chosen study before its first mixture."""
    study, arms = suite.chosen_study, text_arms(suite)
    settings: dict[str, Any] = {"tasks": {}, "teachers": {}, "students": {}}
    for task in study.tasks:
        settings["tasks"][task] = prompts_settings(suite, task)["task"]
        for name in writers_of(suite, arms):
            settings["teachers"][f"{name} on {task}"] = writer_settings(suite, task, name)
        for name in study.students:
            settings["students"][f"{name} on {task}"] = text_student_settings(suite, task, name)
    return {"study": text_study_settings(suite), "suite": settings}


def scoring_settings(suite: GenerationSuite, task: str) -> dict:
    """Scoring what students wrote: the verifier, and what is known of their teachers' styles."""
    names = writers_of(suite, text_arms(suite))
    return {"verifier": suite.tasks[task].verifier, "styles": styles_of(suite, names)}
