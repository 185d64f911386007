"""A generation study: its arms with the controls that they come with, its settings for each job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel

from mtkd.config.generation import PLAIN, GenerationSuite, Mixing
from mtkd.study.generation_words import (
    AT_ONCE,
    BUDGET,
    BY_COLUMN,
    DEALT,
    DROPPED,
    FILTERED,
    MARKED,
    MIXTURE,
    POOLED,
    RANDOM,
    REMEDY,
    REPAIRED,
    REWRITTEN,
    ROUTED,
    SHUFFLED,
    SINGLE,
    SPLICED,
    TWO_MODES,
    UNDEALT,
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

    A mixture of K teachers comes with each of them alone, at its n and at K times that, a remedy
    with what it is compared with: without them nothing can be said of it.
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
    # A remedy's counterpart, and the same teachers without any.
    waiting = [arm for arm in others if arm.role == REMEDY]
    for arm in waiting:
        treatment = _treatment(suite, arm.strategy)
        beside = map(treatment.get, ("against", "alone", "itself", "start"))
        needed = [arm._replace(strategy=name) for name in filter(None, beside)]
        if alone := treatment.get("alone"):
            needed.append(arm._replace(strategy=alone, n=2 * arm.n))
        # These have counterparts of their own.
        waiting += [one for one in needed if one not in others]
        others |= dict.fromkeys(needed)
        if len(arm.teachers) > 1:
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


def writer_lots(suite: GenerationSuite) -> list[list[str]]:
    """The teachers that one job trains as one model: at most as many as they say, two at least.

    They are alike in all but what they learn, and in the suite's order. They are the suite's, not a
    study's, so that another study finds those that are there.
    """
    alike: dict[str, list[str]] = {}
    for name, writer in suite.teachers.items():
        if writer.together > 1:
            shared = writer.model_dump_json(exclude={"style", "wrong_steps", "T", "template"})
            alike.setdefault(shared, []).append(name)
    lots = [
        names[start : start + suite.teachers[names[0]].together]
        for names in alike.values()
        for start in range(0, len(names), suite.teachers[names[0]].together)
    ]
    return [lot for lot in lots if len(lot) > 1]


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
        "teacher": _plain(writer, exclude={"training", "together", "resources"}),
        "task": _plain(suite.tasks[task], include={"addition", "verifier", "longest"}),
    }
    return {**settings, "training": _plain(writer.training)} if writer.is_trained else settings


def writers_settings(suite: GenerationSuite, task: str, teachers: Sequence[str]) -> dict:
    """Those of several teachers that are trained as one, by name."""
    return {teacher: writer_settings(suite, task, teacher) for teacher in teachers}


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
                **(_treatment(suite, arm.strategy) if arm.role == REMEDY else {}),
            }
            for arm in arms
        ],
        "teachers": {
            name: _plain(suite.teachers[name], include={"style"})
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


def _treatment(suite: GenerationSuite, strategy: str) -> dict[str, Any]:
    """What a remedy does to the traces, in the words of the tables, and what it is compared with.

    It is compared with the same mixing without it, or, a route, with one that deals as many prompts
    out at random where the suite has it. ``against`` is the suite's strategy of that mixing, not
    given where these are the plain traces, and None where the suite has none.
    """
    mixing = suite.mixing(strategy)
    more: dict[str, Any] = {"control": True} if _mends_nothing(mixing) else {}
    if mixing.rollouts and mixing.rollouts.of != "nobody":
        more["own_responses"] = True
    if mixing.ratio:
        more["ratio"] = mixing.ratio

    def alike(**changes: Any) -> str | None:
        """The strategy that differs in these changes alone."""
        other = mixing.model_copy(update={**changes, "control": False})
        found = (
            name
            for name, one in suite.strategies.items()
            if one.model_copy(update={"control": False}) == other
        )
        return PLAIN if other == Mixing() else next(found, None)

    def said(kind: str, **changes: Any) -> dict[str, Any]:
        """The kind, and what it is compared with."""
        named = {"kind": kind, **more} if kind else more
        against = alike(**changes)
        return named if against == PLAIN else {**named, "against": against}

    before = {"teachers": ("itself", "itself"), "itself": ("start", "nobody")}
    if mixing.rollouts and mixing.rollouts.of in before:
        key, of = before[mixing.rollouts.of]
        if name := alike(rollouts=mixing.rollouts.model_copy(update={"of": of})):
            more[key] = name
    if mixing.direct == "alone":
        return {"kind": AT_ONCE, **more}
    if mixing.direct:
        name = alike(direct="alone")
        return {"kind": TWO_MODES, **({"alone": name} if name else {}), **more}
    if mixing.rewrite:
        return {**said(REWRITTEN, rewrite=None), "into": mixing.rewrite.into}
    if mixing.by_column:
        if mixing.by_column.shuffled:
            return said(DEALT, by_column=None)
        return said(BY_COLUMN, by_column=mixing.by_column.model_copy(update={"shuffled": True}))
    if mixing.answers_of:
        if mixing.filter != "consistent":
            return said(SPLICED, answers_of=None)
        return said(REPAIRED, filter="none")
    if mixing.route:
        if mixing.route.shuffled:
            return said(RANDOM, route=None)
        routed = said(ROUTED, route=mixing.route.model_copy(update={"shuffled": True}))
        if routed["against"]:
            return routed
        return said(UNDEALT, route=None)
    if mixing.mode == "shuffled":
        return said(SHUFFLED, mode="none", mode_dropout=0)
    if mixing.mode == "token":
        kind = DROPPED if mixing.mode_dropout else MARKED
        return said(kind, mode="none", mode_dropout=0)
    if mixing.filter != "none":
        return said(FILTERED, filter="none")
    if mixing.pool:
        return said(POOLED, pool=None)
    return said("", rollouts=None) if mixing.rollouts else more


def _mends_nothing(mixing: Mixing) -> bool:
    """Whether its arms are there for others to be compared with.

    A suite says so. Shuffled ones, those that learn nothing of a teacher behind a cold start, and
    unequal shares by themselves are so in any case.
    """
    shares_alone = mixing.model_copy(update={"ratio": [], "control": False}) == Mixing()
    return bool(
        mixing.control
        or mixing.mode == "shuffled"
        or (mixing.route and mixing.route.shuffled)
        or (mixing.by_column and mixing.by_column.shuffled)
        or mixing.direct == "alone"
        or (mixing.rollouts and mixing.rollouts.of != "teachers")
        or shares_alone
    )


def text_figure_settings(suite: GenerationSuite) -> dict:
    """Figures of the chosen study: what they show comes from the tables."""
    return {"study": text_study_settings(suite), "dpi": 200}


def text_registration_settings(suite: GenerationSuite) -> dict:
    """What is registered of the chosen study before its first mixture."""
    study, arms = suite.chosen_study, text_arms(suite)
    settings: dict[str, Any] = {"tasks": {}, "teachers": {}, "students": {}}
    settings["strategies"] = mixings(suite, tuple(dict.fromkeys(arm.strategy for arm in arms)))
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
