"""What a suite may say of a teacher that is not trained: a file of answers, near texts' labels.

Answers are probabilities or logits by example id, from anything: a large language model, people, an
ensemble. ``mtkd.tasks.answers`` reads the file, ``mtkd.tasks.neighbours`` asks near texts.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationError, model_validator

from mtkd.config.values import Axis, Closed, Real, Text, Whole

# What ``files`` names: rows of train with a label, rows without, and the splits that are predicted.
PARTS = ("train", "transfer", "selection", "report")

# One table of word vectors, or several side by side. What was written stays as it is: settings of
# suites that name one do not change.
Vectors = Annotated[
    Annotated[Text, Tag("[one]")] | Annotated[list[Text], Field(min_length=1), Tag("[several]")],
    Discriminator(lambda given: "[several]" if isinstance(given, list) else "[one]"),
]


class Answers(Closed):
    """A file of answers, or one for each split: an id a row, and a number for each label."""

    file: Text | None = None
    files: dict[Text, Text] = {}
    id: Text = "id"
    # Numbers are in a column for each label, called as it is or by ``columns`` in the task's order
    # of labels; or in one ``column``, of lists or, instead of numbers, of labels' names.
    column: Text | None = None
    columns: Annotated[list[Text], Field(min_length=2), *Axis] | None = None
    # What becomes of rows without an answer.
    missing: Literal["refuse", "skip"] = "refuse"
    # By task, or by the task that variants are of: what differs there.
    per_task: dict[Text, dict[Text, Any]] = {}

    @model_validator(mode="after")
    def _one_place(self):
        if self.file and self.files:
            raise ValueError("give 'file', or 'files' by split, not both")
        if self.column and self.columns:
            raise ValueError("give one of 'column' and 'columns'")
        for part in self.files:
            if part not in PARTS and not (part.startswith("report_") and part[7:].isalnum()):
                raise ValueError(
                    f"files.{part}: there are files of 'train' (its labelled rows), 'transfer' "
                    "(its rows without a label), 'selection' and 'report' (or 'report_x')"
                )
        return self

    def of_task(self, task: str, of: str | None) -> Self:
        """As it holds on a task that is a variant ``of`` another one, or of none.

        Raises ValueError for what cannot hold there.
        """
        own = self.per_task.get(task, self.per_task.get(of or "", {}))
        given = {name: getattr(self, name) for name in self.model_fields_set - {"per_task"}}
        if {"file", "files"} & own.keys():
            given = {name: value for name, value in given.items() if name not in ("file", "files")}
        if {"column", "columns"} & own.keys():
            given = {k: value for k, value in given.items() if k not in ("column", "columns")}
        try:
            return type(self).model_validate({**given, **own})
        except ValidationError as error:
            fault = error.errors()[0]
            key = ".".join(map(str, fault["loc"]))
            said = fault["msg"].removeprefix("Value error, ")
            raise ValueError(f"per_task.{task}{'.' * bool(key)}{key}: {said}") from None

    def path_of(self, part: str) -> str | None:
        """The file of a part of the rows (``PARTS``, or a report split), or None."""
        own = self.files.get(part)
        if own is None and part.startswith("report"):
            own = self.files.get("report")
        return self.file or own


class Probabilities(Answers):
    """Probabilities, or votes that are counted; zeros are raised, since they have no logarithm."""

    counts: bool = False
    smoothing: Real = Field(default=1e-4, gt=0, le=0.1)


class Neighbours(Closed):
    """The labels of the labelled rows of train whose texts are nearest, by TF-IDF or vectors."""

    k: Whole = Field(default=16, ge=1)
    vectors: Vectors | None = None
