"""What a suite file may say: teachers, students, strategies, training, studies, the suite itself.

Tasks are in ``mtkd.config.tasks``. ``config/README.md`` explains each key to its user; a test keeps
it in step.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mtkd.config.amounts import Duration, Megabytes, Minutes
from mtkd.config.answers import Answers, Neighbours, Probabilities, Vectors
from mtkd.config.any_suite import AnySuite, unpinned_models
from mtkd.config.losses import declared_losses
from mtkd.config.tasks import COMMIT, Task, unpinned_tasks
from mtkd.config.values import (
    LONGEST_FILE_NAME,
    TFIDF,
    Alpha,
    Axis,
    Closed,
    Interval,
    Name,
    Real,
    Seed,
    TeacherName,
    Temperature,
    Text,
    Whole,
    as_number,
    number,
)

# Pooling operators of mtkd.fusion.operators that are strategies by their names alone.
POOLS = (
    "linear-pool",
    "log-linear-pool",
    "hellinger-barycentre",
    "fisher-rao-barycentre",
    "quadratic-mean",
    "harmonic-pool",
    "median",
    "trimmed-mean",
    "majority-vote",
    "entropy-weighted",
    "confidence-weighted",
    "dictator",
)
# The arm without distillation, and the one of a single teacher.
UNDISTILLED, SINGLE = "none", "single"
# Where those that weigh teachers have the weights from: their selection scores, or a gate's output.
WEIGHTS_FROM = {"weighted": "scores", "gating": "gate"}
# What a student minimises where its strategy does not say.
LOSS = "hinton"
SEVERAL = (2, None)
# The claims that a study is run for: does distillation help at all; does the average of all
# teachers help more than the teacher that one would have taken; are soft labels what helps.
PRIMARY_CLAIMS = ("distillation", "average v best teacher", "soft v hard labels")
# How many teachers each strategy fuses: (fewest, most). A suite's own fuse several.
STRATEGIES: dict[str, tuple[int, int | None]] = {
    UNDISTILLED: (0, 0),
    SINGLE: (1, 1),
    "average": SEVERAL,
    "weighted": SEVERAL,
    "best-per-sample": SEVERAL,
    "gating": SEVERAL,
    **dict.fromkeys(POOLS, SEVERAL),
}
# A user's function: of a Python file, or of a module that is installed.
FUNCTION = re.compile(r"(?P<source>[\w./-]+\.py|[A-Za-z_]\w*(\.\w+)*):(?P<name>[A-Za-z_]\w*)")


class Tokenizer(Closed):
    """A tokenizer trained on the task's train texts; with word vectors, of their words."""

    kind: Literal["word", "bpe", "wordpiece"]
    vocab_size: Whole = Field(default=8000, ge=100)


# A key of a model's own configuration: which kind it wants is not known here.
ModelSetting = Annotated[int | float | str | bool | list[int], BeforeValidator(as_number)]


def as_list(vectors: str | list[str] | None) -> list[str]:
    """Tables of word vectors, however many were named."""
    return [vectors] if isinstance(vectors, str) else vectors or []


class Model(Closed):
    """Where an encoder comes from: the hub, a folder, or an architecture trained from scratch."""

    hub: Text | None = Field(default=None, pattern=r"^[\w.-]+(/[\w.-]+)?$")
    revision: Text = Field(default="", pattern=f"^({COMMIT})?$")
    folder: Text | None = None
    # Of a pretrained encoder, so many of its layers, the first ones; None: all.
    layers: Whole | None = Field(default=None, ge=1)
    architecture: Text | None = None
    config: dict[Text, ModelSetting] = {}
    tokenizer: Tokenizer | None = None
    vectors: Vectors | None = None
    # Of what exactly one is given.
    SOURCES: ClassVar[tuple[str, ...]] = ("hub", "folder", "architecture")

    @property
    def vector_files(self) -> list[str]:
        """The tables of word vectors, whose columns stand side by side."""
        return as_list(self.vectors)

    @model_validator(mode="after")
    def _one_source(self):
        given = [key for key in self.SOURCES if getattr(self, key)]
        if len(given) != 1:
            *some, last = map(repr, self.SOURCES)
            raise ValueError(f"give exactly one of {', '.join(some)} and {last}")
        if (self.architecture is None) != (self.tokenizer is None):
            raise ValueError("'tokenizer' belongs with 'architecture', and only there")
        if not self.architecture and (self.config or self.vectors):
            raise ValueError("'config' and 'vectors' belong with 'architecture'")
        if self.layers and not (self.hub or self.folder):
            raise ValueError("'layers' belongs with 'hub' or 'folder', and only there")
        if not self.hub and self.revision:
            raise ValueError("'revision' belongs with 'hub'")
        return self


class TeacherModel(Model):
    """Where a teacher comes from: an encoder, a file of its answers, or near texts' labels."""

    probabilities: Probabilities | None = None
    logits: Answers | None = None
    neighbours: Neighbours | None = None
    SOURCES: ClassVar[tuple[str, ...]] = (*Model.SOURCES, "probabilities", "logits", "neighbours")

    @property
    def answers(self) -> Answers | None:
        """The file of its answers, where it is one."""
        return self.probabilities or self.logits

    @property
    def is_given(self) -> bool:
        """Whether there is no encoder, and nothing to train."""
        return self.answers is not None or self.neighbours is not None

    @property
    def vector_files(self) -> list[str]:
        return as_list(self.neighbours.vectors) if self.neighbours else super().vector_files


class Training(Closed):
    """AdamW with linear warm-up and decay. Every field changes numbers."""

    epochs: Whole = Field(default=3, ge=0)
    batch_size: Whole = Field(default=32, ge=1)
    learning_rate: Real = Field(default=2e-5, gt=0)
    weight_decay: Real = Field(default=0.01, ge=0)
    warmup: Real = Field(default=0.06, ge=0, lt=1)
    adam_beta2: Real = Field(default=0.999, gt=0, lt=1)
    adam_epsilon: Real = Field(default=1e-8, gt=0)
    max_grad_norm: Real = Field(default=1.0, gt=0)
    precision: Literal["auto", "fp32"] = "auto"


class Resources(Closed):
    """What a job asks of the machine; never changes a result, so never reruns one."""

    threads: Whole = Field(default=1, ge=1, le=1024)
    gpu: Whole = Field(default=0, ge=0)
    mem_mb: Megabytes = 4000
    runtime: Minutes = Field(default=60, ge=1)
    runtime_per_task: dict[Text, Annotated[Minutes, Field(ge=1)]] = {}
    # Minutes by task, a guess: what is asked for where no runtime is given follows from it.
    expected: dict[Text, Annotated[Duration, Field(gt=0)]] = {}

    @field_validator("gpu")
    @classmethod
    def _no_gpu_idles(cls, gpu):
        if gpu > 1:
            raise ValueError(
                f"a job computes on one GPU, and of {gpu} the others would idle; give 1"
            )
        return gpu

    def own_minutes(self, task: str) -> int | None:
        """The runtime that is given for a task, whose sizes differ a hundredfold; None: none is."""
        if "runtime" in self.model_fields_set:
            return self.runtime_per_task.get(task, self.runtime)
        return self.runtime_per_task.get(task)


def greatest_requests(requests: list[Resources], runtime: int) -> Resources:
    """Of each resource the most that any of some jobs asks for; minutes add up elsewhere."""
    names = ("threads", "gpu", "mem_mb")
    greatest = {name: max(getattr(one, name) for one in requests) for name in names}
    return Resources(**greatest, runtime=runtime)


# Fields of a Training that hold where they are given.
Overrides = dict[Text, Annotated[int | float | str, BeforeValidator(number)]]


class Learner(Closed):
    """A teacher or a student: an encoder, how it is trained, what its jobs ask for."""

    model: Model
    training: Training = Training()
    per_task: dict[Text, Overrides] = {}
    resources: Resources = Resources()

    @model_validator(mode="after")
    def _cut_and_trained(self):
        epochs = [self.training.epochs, *(own.get("epochs") for own in self.per_task.values())]
        if self.model.layers and 0 in epochs:
            raise ValueError(
                "'layers': a ready-made classifier ('training: {epochs: 0}') needs all of its "
                "layers; remove it, or train"
            )
        return self

    def training_for(self, task: str) -> Training:
        return Training.model_validate(
            {**self.training.model_dump(), **self.per_task.get(task, {})}
        )


class Teacher(Learner):
    """A teacher. ``label_order`` says which label each output of a ready-made one stands for."""

    model: TeacherModel
    label_order: list[Text] | None = None
    # The epoch that is kept: the one that is best on selection, or the last.
    keep: Literal["best", "last"] = "best"

    @model_validator(mode="after")
    def _nothing_to_train(self):
        if self.model.is_given:
            for key in ("training", "per_task", "keep", "resources"):
                if key in self.model_fields_set:
                    raise ValueError(
                        f"'{key}' is for a teacher that is trained, and this one is "
                        + ("a file of answers" if self.model.answers else "its texts' neighbours")
                    )
            if self.label_order and not (self.model.answers and self.model.answers.column):
                raise ValueError(
                    "'label_order' is for a list of numbers in one 'column', whose names it gives"
                )
        return self

    @model_validator(mode="after")
    def _order_of_ready_made(self):
        if self.label_order and self.training.epochs and not self.model.is_given:
            raise ValueError(
                "'label_order' is for a teacher used as it is ('training: {epochs: 0}'); "
                "fine-tuning learns the task's own order"
            )
        return self


class Student(Learner):
    """A student; its cells are trained in bundles, those of some strategies otherwise."""

    per_strategy: dict[Text, Overrides] = {}


class Strategy(Closed):
    """A recipe of the suite's own: how teachers are fused, and what the student minimises.

    They are fused by a strategy there is (``fusion``), or by an operator, ours or a user's, with
    weights and temperatures.
    """

    fusion: Text | None = None
    operator: Text | None = None
    weights: dict[TeacherName, Annotated[Real, Field(ge=0, le=1)]] = {}
    # Weights that each teacher has in turn (mtkd.config.sweeps): one strategy for many.
    sweep: list[Annotated[Real, Field(ge=0, lt=1)]] = []
    T: dict[TeacherName, Temperature] = {}
    loss: Text = LOSS
    options: dict[str, Real] = {}
    # The loss' share on rows of train without a gold label, which have nothing else; alpha is that
    # on the rest.
    alpha_unlabelled: Real = Field(default=1, gt=0, le=1)
    # Whether the student learns the fused distribution, or its likeliest class (pseudo-labels).
    labels: Literal["soft", "hard"] = "soft"
    # Which rows of train it learns from, and how confident the fused labels of the others have to
    # be: their greatest probability at T = 1.
    rows: Literal["all", "labelled"] = "all"
    confidence: Real = Field(default=0, ge=0, lt=1)
    # Of how many folds the logits are that labelled rows are taught: each row's are of teachers
    # that were trained without its fold. None: of the teachers that were trained on all of them.
    crossfit: Whole | None = Field(default=None, ge=2)
    # Which gold labels a student without distillation learns from: those of the labelled rows, or
    # those of transfer rows as well.
    gold: Literal["labelled", "all"] = "labelled"
    # Whether arms of it are there for others to be compared with, and never the best.
    control: bool = False

    @model_validator(mode="after")
    def _one_fusion(self):
        if (self.fusion is None) == (self.operator is None):
            raise ValueError("give one of 'fusion' and 'operator'")
        if self.fusion and (self.weights or self.T):
            raise ValueError("'weights' and 'T' are for an operator; give 'operator'")
        if self.fusion and self.sweep:
            raise ValueError("'sweep' is for an operator; give 'operator'")
        if self.weights and self.sweep:
            raise ValueError("'weights' are given or swept; give one of 'weights' and 'sweep'")
        if self.fusion and self.fusion not in STRATEGIES:
            known = ", ".join(STRATEGIES)
            raise ValueError(f"fusion: unknown strategy {self.fusion!r}; known: {known}")
        return self

    @model_validator(mode="after")
    def _without_teachers(self):
        if self.fusion != UNDISTILLED:
            if self.gold != "labelled":
                raise ValueError(
                    "'gold' is for a student without distillation; give 'fusion: none'"
                )
            return self
        if given := self.model_fields_set - {"fusion", "gold", "control"}:
            raise ValueError(f"{sorted(given)[0]!r}: there are no soft labels without distillation")
        if not self.control:
            raise ValueError(
                "another student without distillation is a control; give 'control: true'"
            )
        return self

    @model_validator(mode="after")
    def _rows_to_choose_from(self):
        if self.confidence and self.rows == "labelled":
            raise ValueError("'confidence' is for rows without a label, and 'rows' leaves them out")
        return self

    @model_validator(mode="after")
    def _loss_and_options(self):
        declared = declared_losses()
        if self.loss not in declared:
            raise ValueError(f"unknown loss {self.loss!r}; known: {', '.join(declared)}")
        known = declared[self.loss].options
        for name in self.options:
            if name not in known:
                of = f"its options are {', '.join(known)}" if known else "it has none"
                raise ValueError(f"options.{name}: no option of loss {self.loss!r}; {of}")
        if self.crossfit and "along" in declared[self.loss].needs:
            raise ValueError(
                f"'crossfit': loss {self.loss!r} runs its teachers along, and those of "
                f"{self.crossfit} folds are {self.crossfit} models of each; take another loss"
            )
        return self

    @model_validator(mode="after")
    def _weights_and_operator(self):
        if self.operator is None:
            return self
        if self.weights and not math.isclose(sum(self.weights.values()), 1, abs_tol=1e-6):
            raise ValueError(f"weights sum to {sum(self.weights.values()):g}, not to 1")
        if self.operator == "random-teacher":
            raise ValueError(
                "operator 'random-teacher' draws anew at every step, which no cached soft labels "
                "can; on average it is 'linear-pool'"
            )
        if self.operator not in (*POOLS, "best-per-sample") and not FUNCTION.fullmatch(
            self.operator
        ):
            raise ValueError(
                f"unknown operator {self.operator!r}; give one of {', '.join(POOLS)}, "
                "best-per-sample, or your own as 'file.py:function' or 'module:function'"
            )
        return self


def check_teachers(strategy: str, number: int, fewest: int, most: int | None) -> None:
    """Raises ValueError where a strategy cannot fuse so many teachers."""
    if number < fewest or (most is not None and number > most):
        wanted = str(fewest) if most == fewest else f"at least {fewest}"
        raise ValueError(f"strategy {strategy!r} takes {wanted} teacher(s), not {number}")


class Arm(Closed):
    """A strategy with its teachers."""

    strategy: Text
    teachers: Annotated[list[TeacherName], *Axis[1:]] = []

    @model_validator(mode="after")
    def _strategy_fits(self):
        # Whether the suite has one of another name is for the suite to say.
        if self.strategy in STRATEGIES:
            check_teachers(self.strategy, len(self.teachers), *STRATEGIES[self.strategy])
        if len(self.label) > LONGEST_FILE_NAME:
            raise ValueError(
                f"the teachers' names, joined to one folder's, have {len(self.label)} letters, "
                f"and file systems take {LONGEST_FILE_NAME}; shorten them"
            )
        return self

    @property
    def label(self) -> str:
        """The ``teachers`` axis value: ``none``, one name, or several joined by ``+``."""
        return "+".join(self.teachers) or UNDISTILLED


class Prediction(Interval):
    """What is expected of a primary claim, in points, before there is any student."""

    claim: Literal["distillation", "average v best teacher", "soft v hard labels"]
    task: Text | None = None


class Study(Closed):
    """One product: students x tasks x arms x T x alpha x seeds."""

    students: Annotated[list[Text], *Axis]
    tasks: Annotated[list[Text], *Axis]
    arms: Annotated[list[Arm], *Axis]
    T: Annotated[list[Temperature], *Axis]
    alpha: Annotated[list[Alpha], *Axis]
    seeds: Annotated[list[Seed], *Axis]
    predictions: list[Prediction] = []
    # Which students' models are made to be taken away: changes no number, so reruns nothing.
    keep: Literal["none", "chosen", "all"] = "none"

    @model_validator(mode="before")
    @classmethod
    def _one_student(cls, content):
        if not isinstance(content, dict) or "student" not in content:
            return content
        if "students" in content:
            raise ValueError("give 'student' or 'students', not both")
        if isinstance(content["student"], list):
            raise ValueError("'student' is one name; several are 'students', a list of them")
        rest = {key: value for key, value in content.items() if key != "student"}
        return {**rest, "students": [content["student"]]}

    @property
    def strategies(self) -> tuple[str, ...]:
        """The arms' strategies, each once."""
        return tuple(dict.fromkeys(arm.strategy for arm in self.arms))

    @property
    def teachers(self) -> list[str]:
        """What the arms call their teachers, each once."""
        return list(dict.fromkeys(teacher for arm in self.arms for teacher in arm.teachers))


class Reference(Closed):
    """A logistic regression beside students and teachers: on words, or on mean word vectors."""

    kind: Literal["words", "vectors"]
    vectors: Vectors | None = None

    @model_validator(mode="after")
    def _vectors_of_their_kind(self):
        if (self.kind == "vectors") != (self.vectors is not None):
            raise ValueError("'vectors' belongs with 'kind: vectors', and only there")
        return self

    @property
    def vector_files(self) -> list[str]:
        """The tables of word vectors, whose columns stand side by side."""
        return as_list(self.vectors)


class Figures(Closed):
    """How figures are drawn."""

    dpi: Whole = Field(default=200, ge=50)


class Suite(AnySuite):
    """A whole suite file of classification."""

    tasks: dict[Name, Task]
    teachers: dict[Name, Teacher]
    students: dict[Name, Student]
    strategies: dict[Name, Strategy] = {}
    # Beside students and teachers in every table, from the same labels.
    references: Annotated[dict[Name, Reference], Field(min_length=1)] = {
        TFIDF: Reference(kind="words")
    }
    teacher_seed: Literal["paired"] | Seed = "1"
    studies: dict[Name, Study]
    figures: Figures = Figures()
    # Points, hundredths of the primary metric; two arms closer than that are equivalent.
    margin: Real = Field(default=0.5, gt=0)
    bundle: list[Literal["arm", "T", "alpha", "seed"]] | Literal["cell"] = ["T", "alpha"]
    # Changes no setting of a job: whether the report says what models cost to run.
    costs: bool = False

    def unpinned(self) -> list[str]:
        """Keys whose hub revision is empty."""
        learners = [("teachers", self.teachers), ("students", self.students)]
        return unpinned_tasks(self.tasks) + unpinned_models(learners)
