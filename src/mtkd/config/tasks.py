"""What a suite file may say of a task: its tables, its variants, and text without labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from unicodedata import normalize

from pydantic import BeforeValidator, Field, field_validator, model_validator

from mtkd.config.values import Axis, Closed, Name, Real, Seed, Text, Whole
from mtkd.metrics.names import check_metric

# What a variant of a task has of its own.
DRAWN_KEYS = ("labelled", "selection_rows", "gate_rows", "transfer", "draw")
VARIANT_KEYS = ("of", *DRAWN_KEYS, "metrics", "max_length")
# The source of transfer text that is the task's own rows that were not drawn.
REST = "rest"
COMMIT = r"[0-9a-f]{40}"


class HubDataset(Closed):
    """A dataset on the Hugging Face hub, pinned by commit."""

    name: Text = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")
    subset: Text | None = None
    revision: Text = Field(default="", pattern=f"^({COMMIT})?$")


class Carve(Closed):
    """How the selection split is carved from train: stratified, and whole groups at a time."""

    fraction: Real = Field(gt=0, le=0.5)
    group: Text | None = None


class Augment(Closed):
    """New texts made of a task's own: how many of each, and how probable each change is."""

    copies: Whole = Field(default=3, ge=1)
    mask: Real = Field(default=0.1, ge=0, le=1)
    replace: Real = Field(default=0.1, ge=0, le=1)
    ngram: Real = Field(default=0.25, ge=0, le=1)


class Transfer(Closed):
    """A source of text without labels: the task's other rows or new texts made of its own, a file,
    another task's texts, a dataset of the hub."""

    rest: Literal[True] | None = None
    augment: Augment | None = None
    file: Text | None = None
    task: Name | None = None
    hub: HubDataset | None = None
    split: Text = "train"
    text: Annotated[list[Text], Field(min_length=1, max_length=2)] | None = None
    # So many of its rows, drawn; all of them, where it is not given.
    rows: Whole | None = Field(default=None, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, content):
        return {REST: True} if content == REST else content

    @model_validator(mode="after")
    def _one_source(self):
        given = [key for key in (REST, "augment", "file", "task", "hub") if getattr(self, key)]
        if len(given) != 1:
            raise ValueError("give exactly one of 'rest', 'augment', 'file', 'task' and 'hub'")
        if self.text and not (self.file or self.hub):
            raise ValueError("'text' names columns of a 'file' or a 'hub' dataset")
        if "split" in self.model_fields_set and not self.hub:
            raise ValueError("'split' belongs with 'hub'")
        return self

    @property
    def is_own(self) -> bool:
        """Whether it is made of the task's own rows, and of no file beside."""
        return bool(self.rest or self.augment)


def _listed(value: object) -> object:
    """One name as a list of it."""
    return [value] if isinstance(value, str) else value


class Task(Closed):
    """A labelled text classification task; texts are one column or two (a pair)."""

    hub: HubDataset | None = None
    splits: dict[Text, Text]
    text: Annotated[list[Text], Field(min_length=1, max_length=2)]
    label: Text = "label"
    id: Text | None = None
    labels: Annotated[list[Text], Field(min_length=2), *Axis]
    human: Annotated[list[Text], Field(min_length=2), *Axis] | None = None
    # What examples share that are not independent: one column, or the two of a pair's members.
    cluster: Annotated[list[Text], BeforeValidator(_listed), Field(max_length=2), *Axis] | None = (
        None
    )
    metrics: Annotated[list[Text], *Axis]
    selection: Carve | None = None
    drop_unlabelled: bool = False
    drop_blank: bool = False
    drop_overlap: bool = False
    # The share of a split's texts that may stand in another split.
    max_overlap: Real = Field(default=0.05, ge=0, le=1)
    max_length: Whole = Field(default=128, ge=4)
    # A variant of another task: the task it shares its data with, which of its train rows have a
    # label, and which draw of them it is.
    of: Name | None = None
    labelled: Literal["all"] | int = "all"
    draw: Seed = "1"
    # How many labelled rows of selection it has, and how many of train's are for the gate.
    selection_rows: Whole | None = Field(default=None, ge=1)
    gate_rows: Whole = Field(default=0, ge=0)
    # Texts without labels, which students of soft labels learn from as well.
    transfer: list[Transfer] = []

    @field_validator("labelled", mode="before")
    @classmethod
    def _all_or_some(cls, value):
        if value != "all" and (type(value) is not int or value < 1):
            raise ValueError(f"{value!r} is neither 'all' nor a number of rows, 1 or more")
        return value

    @field_validator("transfer", mode="before")
    @classmethod
    def _one_transfer(cls, value):
        return value if isinstance(value, list) else [value]

    @property
    def report_splits(self) -> list[str]:
        return [name for name in self.splits if name.startswith("report")]

    @model_validator(mode="after")
    def _splits_have_roles(self):
        for name in self.splits:
            if name not in ("train", "selection") and not (
                name == "report" or (name.startswith("report_") and name[7:].isalnum())
            ):
                raise ValueError(
                    f"split {name!r}: splits are 'train', 'selection' and 'report' (or 'report_x')"
                )
        if "train" not in self.splits or not self.report_splits:
            raise ValueError("splits need 'train' and at least one 'report'")
        if ("selection" in self.splits) == (self.selection is not None):
            raise ValueError(
                "give either a 'selection' split or 'selection: {fraction: ...}' to carve one "
                "from train, not both and not neither"
            )
        for label in self.labels:
            # An accent may be one character with its letter, or one of its own.
            if sum(normalize("NFC", label) == normalize("NFC", other) for other in self.labels) > 1:
                raise ValueError(f"label {label!r} is listed twice, in two Unicode spellings")
        if self.human and len(self.human) != len(self.labels):
            raise ValueError(
                f"'human' names {len(self.human)} columns for {len(self.labels)} labels: give one "
                "for each label, in their order"
            )
        if self.of is None and (given := set(DRAWN_KEYS) & self.model_fields_set):
            names = " and ".join(repr(key) for key in DRAWN_KEYS if key in given)
            raise ValueError(f"{names}: for a variant of a task; give 'of'")
        if self.labelled == "all" and any(source.rest for source in self.transfer):
            raise ValueError(
                "transfer: 'rest' is the train rows that are not labelled, and 'labelled' is all"
            )
        for metric in self.metrics:
            check_metric(metric, len(self.labels))
        return self


def unpinned_tasks(tasks: Mapping[str, Task]) -> list[str]:
    """Keys of the datasets of the hub, tasks' and those of transfer text, without a revision."""
    found = [(f"tasks.{name}.hub", task.hub) for name, task in tasks.items()]
    found += [
        (f"tasks.{name}.transfer.{number}.hub", source.hub)
        for name, task in tasks.items()
        for number, source in enumerate(task.transfer)
    ]
    return [f"{key}.revision" for key, hub in found if hub and not hub.revision]
