"""Values as people write them in YAML: texts, numbers, names and axes of one spelling, mappings.

Axis values and names are canonical strings, safe inside a path. YAML makes numbers, truth values
and dates of unquoted words, and leaves some numbers texts: what it made is refused where a text is
wanted, and read where a number is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    WithJsonSchema,
    model_validator,
)

NOT_APPLICABLE = "NA"
# The reference of suites that name none, and the one that no suite names.
TFIDF = "tfidf"
CONSTANT = "constant"
RESERVED_NAMES = {"none", NOT_APPLICABLE}
# A name is that of a folder, or with others or an ending beside it that of a file.
LONGEST_NAME = 200
LONGEST_FILE_NAME = 255
# T and alpha stand in one folder's name.
MOST_DIGITS = 40
# Torch's generators take no greater ones.
GREATEST_SEED = 10**13
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


def canonical_number(value: Any) -> str:
    """Spell a number in the one way used in paths and tables: ``.50`` -> ``0.5``, ``6.0`` -> ``6``.

    Raises ValueError for what is not a finite number; YAML's true and false are not numbers here.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError(f"{value!r} is not a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{value!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not finite")
    if max(abs(number.adjusted()), len(number.as_tuple().digits)) > MOST_DIGITS:
        raise ValueError(f"{value!r} has more than {MOST_DIGITS} digits")
    text = format(number.normalize(), "f")
    return "0" if text in ("-0", "") else text


def _temperature(value: Any) -> str:
    text = canonical_number(value)
    if Decimal(text) <= 0:
        raise ValueError(f"temperature {text} is impossible: T must be greater than 0")
    return text


def _alpha(value: Any) -> str:
    text = canonical_number(value)
    if not 0 < Decimal(text) <= 1:
        raise ValueError(
            f"alpha {text} is impossible: the soft labels' share lies in (0, 1]; "
            "training on hard labels alone is the strategy 'none'"
        )
    return text


def _seed(value: Any) -> str:
    text = canonical_number(value)
    if not text.isdigit():
        raise ValueError(f"seed {text} is impossible: seeds are whole numbers from 0 up")
    if int(text) > GREATEST_SEED:
        raise ValueError(f"seed {text} is impossible: the greatest is {GREATEST_SEED}")
    return text


def number(value: Any) -> Any:
    """A number, also where it is a text: YAML takes ``1e-5``, without a point, for one.

    What is neither is for the field to refuse. Raises ValueError for true and false.
    """
    if isinstance(value, bool):
        raise ValueError(f"a number is wanted; {_read_by_yaml(value)}")
    return as_number(value)


def as_number(value: Any) -> Any:
    """A text that spells a number as that number; anything else as it is."""
    if not isinstance(value, str) or not _NUMBER.fullmatch(text := value.strip()):
        return value
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _text(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | date):
        raise ValueError(f"a text is wanted; {_read_by_yaml(value)}: quote it")
    return value


def _asked_for(value: Any) -> Any:
    """A name to look up; ``--config`` makes a number of one that has only digits."""
    return str(value) if type(value) is int else _text(value)


def _read_by_yaml(value: Any) -> str:
    """What YAML made of an unquoted word, in words."""
    match value:
        case bool():
            words = "yes, on and true" if value else "no, off and false"
            return f"YAML reads {words} as a truth value"
        case None:
            return "YAML reads null, ~ and nothing at all as no value"
        case date():
            return f"YAML reads {value} as a date"
        case _:
            return f"YAML reads {value} as a number"


def _name(value: Any) -> str:
    # A YAML `no` arrives as False and `2` as an int: neither was meant as a name.
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a name; quote it")
    if len(value) > LONGEST_NAME:
        raise ValueError(f"name {value[:20]!r}... has {len(value)} letters, {LONGEST_NAME} at most")
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"name {value!r} may hold letters, digits, '.', '_' and '-' only, "
            "beginning with a letter or digit (names become paths)"
        )
    if value in RESERVED_NAMES:
        raise ValueError(f"name {value!r} is reserved")
    return value


Text = Annotated[str, BeforeValidator(_text)]
# For editors: YAML's numbers are taken as well.
_NUMBER_OR_TEXT = WithJsonSchema({"type": ["number", "string"]})
AskedFor = Annotated[
    str, BeforeValidator(_asked_for), WithJsonSchema({"type": ["integer", "string"]})
]
Whole = Annotated[int, BeforeValidator(number)]
Real = Annotated[float, BeforeValidator(number)]
Name = Annotated[str, BeforeValidator(_name)]
Temperature = Annotated[str, BeforeValidator(_temperature), _NUMBER_OR_TEXT]
Alpha = Annotated[str, BeforeValidator(_alpha), _NUMBER_OR_TEXT]
Seed = Annotated[str, BeforeValidator(_seed), _NUMBER_OR_TEXT]


def split_teacher(name: str) -> tuple[str, str | None]:
    """A teacher as arms name it, and its seed where it has one of its own: ``textcnn@2``."""
    teacher, _, seed = name.partition("@")
    return teacher, seed or None


def _teacher(value: Any) -> str:
    teacher, mark, seed = _text(value).partition("@")
    if not mark:
        return teacher
    try:
        return f"{teacher}@{_seed(seed)}"
    except ValueError as error:
        raise ValueError(
            f"teacher {value!r}: behind the @ stands a seed of its own: {error}"
        ) from None


TeacherName = Annotated[str, BeforeValidator(_teacher)]


def _unique(values: list) -> list:
    seen = []
    for value in values:
        if value in seen:
            keys = isinstance(value, BaseModel)
            shown = value.model_dump(exclude_unset=True) if keys else value
            raise ValueError(f"{shown!r} is listed twice")
        seen.append(value)
    return values


def _not_empty(values: list) -> list:
    if not values:
        raise ValueError("the list is empty")
    return values


Axis = [AfterValidator(_not_empty), AfterValidator(_unique)]


class Closed(BaseModel):
    """A mapping that refuses unknown keys, so that a misspelled one is never ignored."""

    # Built when one is read: a process has suites of one kind.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Interval(Closed):
    """What is expected of a claim, in points."""

    low: Real
    high: Real

    @model_validator(mode="after")
    def _in_order(self):
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        return self


def check_path(path: str, place: str) -> None:
    """Raises ValueError for a path that Snakemake would take for a pattern."""
    if "{" in path or "}" in path:
        raise ValueError(
            f"{place}: {path!r} has a brace, which Snakemake takes for a wildcard; rename it"
        )


def check_known(name: str, known: Iterable[str], place: str, kind: str) -> None:
    """Raises ValueError, with the nearest one, for a name that is none of the known."""
    if name not in known:
        raise ValueError(f"{place}: unknown {kind} {name!r}{nearest(name, known)}")


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a sentence on a word that is unknown: the one that it may have meant, or all."""
    words = list(words)
    close = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(words)}"
