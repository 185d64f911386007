"""What a suite of generation may say: tasks whose answers are text, teachers that write, students
that learn what they wrote, and how their traces are mixed.

A suite whose tasks are ``kind: generation`` is one. ``config/generation.md`` explains each key.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mtkd.config.any_suite import AnySuite, unpinned_models
from mtkd.config.schema import ModelSetting, Resources, Training
from mtkd.config.tasks import COMMIT, HubDataset
from mtkd.config.values import (
    Axis,
    Closed,
    Interval,
    Name,
    Real,
    Seed,
    Text,
    Whole,
    check_known,
    check_path,
)

# The strategy without any treatment of the traces; every suite has it.
PLAIN = "plain"
# So many mode tokens there are, one for each teacher of an arm.
MOST_TEACHERS = 8
# Splits of a task: what teachers learn from, what they write on for students, and two that no
# student sees.
PROMPT_SPLITS = ("teach", "transfer", "selection", "report")
TABLES = (".parquet", ".csv", ".jsonl")
# Columns that prompts of addition have by themselves (mtkd.generation.columns).
ADDITION_COLUMNS = ("half", "carries")
# Those that every table of prompts, or of what teachers wrote on them, has.
TAKEN_COLUMNS = ("id", "prompt", "answer", "response")
# The mode and the style without a thought.
DIRECT = "direct"


class Addition(Closed):
    """Column addition of two numbers of some digits: its prompts are made, its answers exact."""

    digits: Whole = Field(default=2, ge=2, le=6)


class PromptFiles(Closed):
    """Prompts and answers in tables, a file each split: CSV, JSONL or parquet, or of the hub."""

    files: dict[Literal["teach", "transfer", "selection", "report"], Text]
    hub: HubDataset | None = None
    prompt: Text = "prompt"
    answer: Text = "answer"
    # Further ones, by which a strategy may name teachers.
    columns: list[Text] = []

    @model_validator(mode="after")
    def _are_others(self):
        if taken := [name for name in self.columns if name in TAKEN_COLUMNS]:
            raise ValueError(f"columns: {taken[0]!r} has a meaning of its own; rename that column")
        return self


class GenerationTask(Closed):
    """A task whose responses are text: a thought, and an answer that a verifier reads."""

    kind: Literal["generation"]
    addition: Addition | None = None
    prompts: PromptFiles | None = None
    # How many prompts of each split; those of tables are drawn.
    rows: dict[Literal["teach", "transfer", "selection", "report"], Annotated[Whole, Field(ge=0)]]
    verifier: Literal["integer", "math"] = "integer"
    # Tokens of a response at most.
    longest: Whole = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _one_source(self):
        if (self.addition is None) == (self.prompts is None):
            raise ValueError("give one of 'addition' and 'prompts'")
        if lacking := [name for name in ("transfer", "report") if not self.rows.get(name)]:
            raise ValueError(f"rows.{lacking[0]}: this key is missing, or 0")
        if self.prompts and (lacking := [n for n in self.splits if n not in self.prompts.files]):
            raise ValueError(f"prompts.files.{lacking[0]}: this key is missing")
        for split, path in (self.prompts.files if self.prompts else {}).items():
            if not self.prompts.hub and Path(path).suffix.lower() not in TABLES:
                raise ValueError(
                    f"prompts.files.{split}: {path!r} is no .parquet, .csv or .jsonl file"
                )
        return self

    @property
    def splits(self) -> list[str]:
        """The splits that have prompts."""
        return [split for split in PROMPT_SPLITS if self.rows.get(split)]


class CausalModel(Closed):
    """Where a causal model comes from: the hub, a folder, or an architecture from scratch.

    One from scratch reads single characters.
    """

    hub: Text | None = Field(default=None, pattern=r"^[\w.-]+(/[\w.-]+)?$")
    revision: Text = Field(default="", pattern=f"^({COMMIT})?$")
    folder: Text | None = None
    architecture: Text | None = None
    config: dict[Text, ModelSetting] = {}

    @model_validator(mode="after")
    def _one_source(self):
        given = [key for key in ("hub", "folder", "architecture") if getattr(self, key)]
        if len(given) != 1:
            raise ValueError("give exactly one of 'hub', 'folder' and 'architecture'")
        if not self.architecture and self.config:
            raise ValueError("'config' belongs with 'architecture'")
        if not self.hub and self.revision:
            raise ValueError("'revision' belongs with 'hub'")
        return self


class Writer(Closed):
    """A teacher: a program that writes in a style, a model that learnt one, a model as it is, or
    traces that there are."""

    # The way of working (mtkd.generation.styles) that it writes in, or learnt.
    style: Text | None = None
    # The share of steps that are wrong in what it writes, or learnt from.
    wrong_steps: Real = Field(default=0, ge=0, lt=1)
    model: CausalModel | None = None
    training: Training = Training()
    # Rows of the split ``teach`` that a model learns its style from.
    rows: Whole | None = Field(default=None, ge=1)
    # The temperature at which a model writes; 0 is greedy.
    T: Real = Field(default=0, ge=0)
    # A JSONL file of prompts and responses, whoever wrote them.
    traces: Text | None = None
    # What a model reads before and behind a prompt.
    template: Text = "{prompt}"
    # Whether a model as it is reads it as a user's words, by its tokenizer's chat template.
    chat: bool = False
    # What runs a model as it is.
    engine: Literal["transformers", "vllm"] = "transformers"
    # So many teachers that learn, at most, are trained by one job, as one model.
    together: Whole = Field(default=1, ge=1, le=64)
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _one_kind(self):
        if self.traces and (self.style or self.model):
            raise ValueError("'traces' are there already; give no 'style' and no 'model'")
        if not (self.traces or self.style or self.model):
            raise ValueError("give a 'style', a 'model', or 'traces'")
        if self.model and self.model.architecture and not self.style:
            raise ValueError("a model from scratch knows nothing; give the 'style' that it learns")
        if self.rows and not (self.model and self.style):
            raise ValueError("'rows' are what a 'model' learns its 'style' from")
        if self.wrong_steps and not self.style:
            raise ValueError("'wrong_steps' belongs with 'style'")
        if self.together > 1 and not self.is_trained:
            raise ValueError("'together' belongs with a 'model' that learns a 'style'")
        if "{prompt}" not in self.template:
            raise ValueError("'template' has no {prompt} in it")
        if not self.is_asked:
            for key in ("chat", "engine"):
                if getattr(self, key) != type(self).model_fields[key].default:
                    raise ValueError(f"{key!r} belongs with a 'model' as it is, without 'style'")
        if self.traces and Path(self.traces).suffix.lower() not in TABLES:
            raise ValueError(f"traces: {self.traces!r} is no .parquet, .csv or .jsonl file")
        return self

    @property
    def is_asked(self) -> bool:
        """Whether it is a model as it is."""
        return bool(self.model and not self.style)

    @property
    def is_trained(self) -> bool:
        """Whether it is a model that learns its style here."""
        return bool(self.model and self.style)


class TextStudent(Closed):
    """A student: a causal model, how it is trained, what its jobs ask for."""

    model: CausalModel
    training: Training = Training()
    # What stands before and behind a prompt, behind the mode token.
    template: Text = "{prompt}"
    # So many students of a job, at most, are trained as one model.
    together: Whole = Field(default=1, ge=1, le=64)
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _has_a_prompt(self):
        if "{prompt}" not in self.template:
            raise ValueError("'template' has no {prompt} in it")
        return self


class Route(Closed):
    """Which teacher's trace of a prompt is learnt: the one of the greatest sum of what follows.

    Ties are drawn. The verdict alone is the oracle: the teacher whose trace is right.
    """

    # The weight of the verdict on a trace: 1 for a right one, 0 for a wrong one.
    quality: Real = Field(default=0, ge=0)
    # The weight of the mean log-likelihood, in nats a token, that a trace has under a student that
    # learnt from few: the share ``warmup`` of the traces that the mixture has.
    learnability: Real = Field(default=0, ge=0)
    warmup: Real = Field(default=0.1, gt=0, le=1)
    # Whether prompts are dealt out anew at random, as many to each teacher as were routed to it.
    shuffled: bool = False

    @model_validator(mode="after")
    def _weighs_something(self):
        if not (self.quality or self.learnability):
            raise ValueError("give a weight to 'quality', to 'learnability' or to both")
        return self


class ByColumn(Closed):
    """Whose trace of a prompt is learnt: that of the teacher that a column of its table names."""

    column: Text
    # The teacher that a value of the column stands for; without it, values are teachers' names.
    teachers: dict[Text, Name] = {}
    # Whether prompts are dealt out anew at random, as many to each teacher as the column gives it.
    shuffled: bool = False


class Rewrite(Closed):
    """Traces of the other teachers, written anew in the way of one by a student of that one."""

    into: Name
    # The share of a teacher's traces that the student that rewrites learns from first: pairs of
    # another's trace and of that one's own, of prompts apart.
    pairs: Real = Field(default=0.5, gt=0, le=1)


class Rollouts(Closed):
    """Learning from one's own responses: what is behind the cold start, which is off-policy."""

    # The share of the epochs that the student learns from its own responses.
    share: Real = Field(gt=0, lt=1)
    # Whose next tokens are learnt: of the teacher of the prompt's trace, of the student as the
    # cold start left it, or of nobody, for a student that ends there.
    of: Literal["teachers", "itself", "nobody"] = "teachers"
    # That of these epochs; the training's where it is not given.
    learning_rate: Real | None = Field(default=None, gt=0)

    def epochs(self, of: int) -> int:
        """So many of a training's epochs are learnt from own responses: the nearest whole one."""
        return round(self.share * of)


# What of a strategy these keys go with, themselves among it.
_ALONE = {
    "direct": ("direct", "filter", "ratio"),
    "rewrite": ("rewrite", "ratio"),
    "by_column": ("by_column", "mode", "mode_dropout", "pool", "rollouts", "answers_of"),
}


class Mixing(Closed):
    """A strategy of a generation suite: which traces of its teachers a student learns, and how."""

    # Every teacher its own prompts, or each prompt from every teacher.
    protocol: Literal["split", "union"] = "split"
    # Whose traces: all, those with a right answer, those whose answer follows from the thought too.
    filter: Literal["none", "correct", "consistent"] = "none"
    # Shares of the traces, one a teacher; equal ones where it is not given.
    ratio: list[Annotated[Real, Field(gt=0, lt=1)]] = []
    # Whether a first token says whose trace it is; shuffled, it says nothing.
    mode: Literal["none", "token", "shuffled"] = "none"
    # The share of traces whose mode token is the neutral one.
    mode_dropout: Real = Field(default=0, ge=0, lt=1)
    # Whose answer stands behind the others' thoughts.
    answers_of: Name | None = None
    # By what each prompt is routed to one teacher; the traces' shares follow from it.
    route: Route | None = None
    # Which column of the prompts' table says whose trace of each is learnt.
    by_column: ByColumn | None = None
    # Whose way of working the others' traces are rewritten into.
    rewrite: Rewrite | None = None
    # Traces without their thought, behind a token of their own: as many beside those with it, or
    # alone.
    direct: Literal["beside", "alone"] | None = None
    # The pool of the teachers' next-token distributions that is learnt in place of the tokens.
    pool: Literal["linear-pool", "log-linear-pool"] | None = None
    # On-policy learning behind a cold start on the traces.
    rollouts: Rollouts | None = None
    # Whether arms of it are there for others to be compared with.
    control: bool = False

    @property
    def reads_models(self) -> bool:
        """Whether a student learns from what its teachers' models compute, beside their traces."""
        return bool(self.pool or (self.rollouts and self.rollouts.of == "teachers"))

    @property
    def trains_along(self) -> bool:
        """Whether a student of it takes more training than its own on tokens."""
        routed = bool(self.route and self.route.learnability)
        return bool(self.pool or self.rollouts or self.rewrite or routed)

    def warmup_traces(self, n: int) -> int:
        """Traces of each teacher that a route's student learns from first, of prompts apart."""
        learns_first = self.route and self.route.learnability
        return math.ceil(self.route.warmup * n) if learns_first else 0

    def rewritten_pairs(self, n: int) -> int:
        """Prompts apart on whose traces the student that rewrites learns."""
        return math.ceil(self.rewrite.pairs * n) if self.rewrite else 0

    def prompts_needed(self, n: int, teachers: int) -> tuple[int, int]:
        """Prompts of the traces that a student of so many teachers learns, and of those apart."""
        ways = 2 if self.direct == "beside" else 1
        apart = teachers * self.warmup_traces(n) + self.rewritten_pairs(n)
        return ways * teachers * n, apart

    @model_validator(mode="after")
    def _fits(self):
        for key in ("route", "by_column"):
            if getattr(self, key) and (
                self.ratio or self.filter != "none" or self.protocol == "union"
            ):
                raise ValueError(
                    f"{key!r} settles whose trace of a prompt is learnt; give no 'ratio', no "
                    "'filter' and no protocol 'union' with it"
                )
        given = [key for key in self.model_dump(exclude_defaults=True) if key != "control"]
        for key, others in _ALONE.items():
            if getattr(self, key) and (beside := [one for one in given if one not in others]):
                raise ValueError(f"{key!r} does not go with {beside[0]!r}; take one of them out")
        if self.pool and self.rollouts:
            raise ValueError("give 'pool' or 'rollouts', not both")
        if self.pool and (self.answers_of or self.protocol == "union"):
            raise ValueError(
                "a 'pool' is learnt along each teacher's own traces; give no 'answers_of' and no "
                "protocol 'union' with it"
            )
        if self.mode_dropout and self.mode == "none":
            raise ValueError("'mode_dropout' belongs with 'mode'")
        if self.ratio and abs(sum(self.ratio) - 1) > 1e-6:
            raise ValueError(f"ratio sums to {sum(self.ratio):g}, not to 1")
        return self


class MixingArm(Closed):
    """A strategy with its teachers, and the traces that each of them gives."""

    strategy: Text = PLAIN
    teachers: Annotated[list[Name], Field(max_length=MOST_TEACHERS), *Axis]
    n: Whole | None = Field(default=None, ge=1)

    @property
    def label(self) -> str:
        return "+".join(self.teachers)


class TextPrediction(Interval):
    """What is expected of a mixture, in points, before it is trained."""

    claim: Literal["interference", "decline", "dilution", "hybrid rate"]
    teachers: Annotated[list[Name], *Axis]
    strategy: Text = PLAIN


class TextStudy(Closed):
    """One product: students x tasks x arms x seeds; the arms' controls come by themselves."""

    students: Annotated[list[Text], *Axis]
    tasks: Annotated[list[Text], *Axis]
    # Traces that each teacher of an arm gives, and with them the steps.
    n: Whole = Field(ge=1)
    arms: Annotated[list[MixingArm], *Axis]
    seeds: Annotated[list[Seed], *Axis]
    # Beside greedy: drawn responses to each prompt, at temperature 1.
    samples: Whole = Field(default=1, ge=0, le=64)
    predictions: list[TextPrediction] = []

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(arm.strategy for arm in self.arms))

    @property
    def teachers(self) -> list[str]:
        return list(dict.fromkeys(teacher for arm in self.arms for teacher in arm.teachers))


class GenerationSuite(AnySuite):
    """A whole suite file of generation."""

    tasks: dict[Name, GenerationTask]
    teachers: dict[Name, Writer]
    students: dict[Name, TextStudent]
    strategies: dict[Name, Mixing] = {}
    teacher_seed: Seed = "1"
    studies: dict[Name, TextStudy]
    # Points within which two arms count as equivalent.
    margin: Real = Field(default=2.0, gt=0)

    def mixing(self, strategy: str) -> Mixing:
        """A strategy by its name; the plain one needs no entry."""
        return self.strategies.get(strategy, Mixing())

    def unpinned(self) -> list[str]:
        """Keys whose hub revision is empty."""
        learners = [("teachers", self.teachers), ("students", self.students)]
        return unpinned_models(learners) + [
            f"tasks.{name}.prompts.hub.revision"
            for name, task in self.tasks.items()
            if task.prompts and task.prompts.hub and not task.prompts.hub.revision
        ]

    def check_references(self) -> None:
        """Raises ValueError where parts of the suite do not fit one another."""
        self.check_study()
        for place, path in self._paths():
            check_path(path, place)
        if PLAIN in self.strategies:
            raise ValueError(f"strategies.{PLAIN}: this is the one without any treatment")
        for place, mixing in self.strategies.items():
            if mixing.answers_of is not None:
                check_known(mixing.answers_of, self.teachers, f"strategies.{place}", "teacher")
            if mixing.rewrite:
                check_known(mixing.rewrite.into, self.teachers, f"strategies.{place}", "teacher")
            for name in mixing.by_column.teachers.values() if mixing.by_column else ():
                check_known(name, self.teachers, f"strategies.{place}", "teacher")
        for kind, learners in (("teachers", self.teachers), ("students", self.students)):
            for name, learner in learners.items():
                for key in ("runtime_per_task", "expected"):
                    for task in getattr(learner.resources, key):
                        check_known(task, self.tasks, f"{kind}.{name}.resources.{key}", "task")
        for place, study in self.studies.items():
            for name in study.tasks:
                check_known(name, self.tasks, f"studies.{place}.tasks", "task")
            for name in study.students:
                check_known(name, self.students, f"studies.{place}.students", "student")
            for number, arm in enumerate(study.arms):
                self._arm(arm, study, f"studies.{place}.arms.{number}")
            arms = {(arm.label, arm.strategy) for arm in study.arms}
            for number, one in enumerate(study.predictions):
                if ("+".join(one.teachers), one.strategy) not in arms:
                    raise ValueError(
                        f"studies.{place}.predictions.{number}: {'+'.join(one.teachers)} with "
                        f"{one.strategy} is no arm of the study"
                    )

    def _paths(self) -> Iterator[tuple[str, str]]:
        """The user's own files, and where the suite names them."""
        for name, task in self.tasks.items():
            if task.prompts and not task.prompts.hub:
                for split, path in task.prompts.files.items():
                    yield f"tasks.{name}.prompts.files.{split}", path
        for kind, group in (("teachers", self.teachers), ("students", self.students)):
            for name, one in group.items():
                if one.model and one.model.folder:
                    yield f"{kind}.{name}.model.folder", one.model.folder
                if kind == "teachers" and one.traces:
                    yield f"{kind}.{name}.traces", one.traces

    def _arm(self, arm: MixingArm, study: TextStudy, place: str) -> None:
        for name in arm.teachers:
            check_known(name, self.teachers, place, "teacher")
        if arm.strategy != PLAIN:
            check_known(arm.strategy, self.strategies, place, "strategy")
        mixing = self.mixing(arm.strategy)
        if mixing.ratio and len(mixing.ratio) != len(arm.teachers):
            raise ValueError(
                f"{place}: strategy {arm.strategy!r} has {len(mixing.ratio)} ratios for "
                f"{len(arm.teachers)} teachers"
            )
        self._enough_prompts(arm, study, mixing, place)
        self._whose(arm, study, mixing, place)
        if mixing.reads_models:
            for name in arm.teachers:
                if not self.teachers[name].is_trained:
                    raise ValueError(
                        f"{place}: strategy {arm.strategy!r} reads its teachers' next-token "
                        f"distributions, and {name!r} is no model that is trained here; give it a "
                        "'model' and a 'style'"
                    )
        if mixing.rollouts:
            for name in study.students:
                epochs = self.students[name].training.epochs
                if not 0 < mixing.rollouts.epochs(epochs) < epochs:
                    raise ValueError(
                        f"{place}: strategy {arm.strategy!r} parts the epochs of a student, and "
                        f"{name!r} has {epochs}; give it at least one on either side of 'share'"
                    )

    def _enough_prompts(self, arm: MixingArm, study: TextStudy, mixing: Mixing, place: str) -> None:
        n = arm.n or study.n
        traces, apart = mixing.prompts_needed(n, len(arm.teachers))
        of = "the route's warm-up" if mixing.route else "the student that rewrites"
        for task in study.tasks:
            if traces + apart > (rows := self.tasks[task].rows["transfer"]):
                more = f", and {apart} apart from them for {of}" if apart else ""
                both = " with a thought and as many without" if mixing.direct == "beside" else ""
                raise ValueError(
                    f"{place}: {len(arm.teachers)} teachers with {n} traces each{both} "
                    f"need {traces} prompts{more}, and task {task!r} has {rows} (rows.transfer)"
                )

    def _whose(self, arm: MixingArm, study: TextStudy, mixing: Mixing, place: str) -> None:
        """Refuse a strategy whose teachers are not the arm's, or not what it takes."""
        strategy = f"{place}: strategy {arm.strategy!r}"
        if mixing.rewrite and (mixing.rewrite.into not in arm.teachers or len(arm.teachers) < 2):
            raise ValueError(
                f"{strategy} rewrites others' traces into those of {mixing.rewrite.into!r}; give "
                "the arm that teacher and another one"
            )
        if mixing.direct:
            for name in arm.teachers:
                if DIRECT in (name, self.teachers[name].style):
                    raise ValueError(
                        f"{strategy} leaves the thoughts of traces out, and {name!r} is a teacher "
                        f"without any, or has the name of that mode, {DIRECT!r}; take another"
                    )
            if len(arm.teachers) == MOST_TEACHERS:
                raise ValueError(
                    f"{strategy} takes a token beside its teachers'; give {MOST_TEACHERS - 1} at "
                    "most"
                )
        if mixing.by_column:
            for name in mixing.by_column.teachers.values():
                check_known(name, dict.fromkeys(arm.teachers), strategy, "teacher of the arm")
            for task in study.tasks:
                prompts = self.tasks[task].prompts
                columns = prompts.columns if prompts else ADDITION_COLUMNS
                if mixing.by_column.column not in columns:
                    raise ValueError(
                        f"{strategy} reads the column {mixing.by_column.column!r}, and the prompts "
                        f"of task {task!r} have {', '.join(columns) or 'none'} (prompts.columns)"
                    )
