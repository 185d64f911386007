"""What the values of a label column mean: a label's name, its index, or no label at all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from mtkd.errors import InputError
from mtkd.tasks.spelling import listed, nfc, quoted
from mtkd.tasks.tables import kind_of

# In place of an index: the row has no label. Hub datasets write this number themselves.
UNLABELLED = -1
_NUMBER = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?\s*")
_TRUTH = {"true": True, "false": False}


def label_indices(
    values: Sequence[Any],
    names: Sequence[str],
    place: Callable[[int], str],
    *,
    typed: bool,
    class_names: Sequence[str] | None = None,
) -> np.ndarray:
    """Indices into ``names`` [N] of a column's values, ``UNLABELLED`` for a missing one or -1.

    A value that is a name is that label, also where names are numbers or booleans. Otherwise whole
    numbers are indices, if all values are numbers and no name is a number in another place. Where
    the format has no types (``typed``), text that looks like a number or boolean is one, unless it
    is a name. ``class_names``: the file's own names for its integers, which then are indices.
    ``place`` says where a row stands. Raises InputError for a value that is none of these.
    """
    first = _first_rows(values, place)
    by_name = {nfc(name): index for index, name in enumerate(names)}
    meaning = {key: key[1] if typed else _parsed(key[1], by_name) for key in first}
    numbers = {} if class_names else _numbers(names)
    indices = range(len(names) if class_names or _are_indices(meaning.values(), numbers) else 0)

    def index_of(value: Any) -> int | None:
        if is_missing(value):
            return by_name.get(value, UNLABELLED)
        if isinstance(value, str):
            return by_name.get(nfc(value))
        if isinstance(value, bool):
            words = [i for name, i in by_name.items() if _TRUTH.get(name.casefold()) is value]
            return words[0] if len(words) == 1 else numbers.get(Decimal(value))
        if not isinstance(value, int | float | Decimal) or not math.isfinite(value):
            return None
        number = Decimal(str(value))
        if number in indices:
            return int(number)
        return numbers.get(number, UNLABELLED if number == UNLABELLED else None)

    found = {key: index_of(value) for key, value in meaning.items()}
    unknown = {key for key, index in found.items() if index is None}
    if unknown:
        rows = [row for row, value in enumerate(values) if (type(value), value) in unknown]
        value = meaning[type(values[rows[0]]), values[rows[0]]]
        said = quoted(value, names) if isinstance(value, str) else value
        beside = [value] if isinstance(value, str) else []
        raise InputError(
            f"label {said} is not in the task's labels {listed(names, beside)} "
            f"({_rows(rows, place)}){_remedy(value, names, numbers, indices)}"
        )
    return np.array([found[type(value), value] for value in values], dtype=np.int64)


def no_label(
    values: Sequence[Any], indices: np.ndarray, names: Sequence[str], place: Callable[[int], str]
) -> InputError:
    """What is wrong with rows without a label, where the suite does not leave them out."""
    rows = np.flatnonzero(indices == UNLABELLED)
    value = values[rows[0]]
    said = (
        f"{_rows(rows, place)} has no label"
        if is_missing(value)
        else f"label {value} is not in the task's labels {listed(names)} ({_rows(rows, place)})"
    )
    return InputError(f"{said}; 'drop_unlabelled: true' leaves rows without a label out")


def possible_texts(names: Sequence[str]) -> set[str]:
    """What stands in a CSV's label column: names, or indices."""
    return {*map(nfc, names), *map(str, range(len(names)))}


def is_missing(value: Any) -> bool:
    """Whether a value says nothing."""
    if isinstance(value, float | Decimal):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def compare_class_names(known: Sequence[str], names: Sequence[str]) -> str | None:
    """Compare a file's own label names, in the order of its indices, with the task's.

    Returns None where they are the same, or what to know where they are spelt so differently that
    nobody can tell. Raises InputError where the same names stand in another order.
    """
    theirs, ours = [_letters(name) for name in known], [_letters(name) for name in names]
    if theirs == ours:
        return None
    in_place = {i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if _same(a, b)}
    for index, one in enumerate(theirs):
        others = (other for i, other in enumerate(ours) if i not in in_place)
        if index not in in_place and any(_same(one, other) for other in others):
            raise InputError(
                f"the file's own labels are, by index, {listed(known, names)}, but the task's are "
                f"{listed(names, known)}; list 'labels' in the file's order"
            )
    return (
        f"the file calls its labels {listed(known, names)}, the task {listed(names, known)}: they "
        "are taken to be the same, index by index"
    )


def _first_rows(values: Iterable[Any], place: Callable[[int], str]) -> dict[tuple[type, Any], int]:
    """The first row of each distinct value; True, 1 and 1.0 are three."""
    first: dict[tuple[type, Any], int] = {}
    for row, value in enumerate(values):
        if isinstance(value, list | dict | bytes):
            raise InputError(
                f"the label column holds {kind_of(value)} in {place(row)}; give each row one name "
                "or index"
            )
        first.setdefault((type(value), value), row)
    return first


def _parsed(text: str, by_name: dict[str, int]) -> Any:
    """A CSV's text as what it stands for."""
    if nfc(text) in by_name:
        return text
    if _NUMBER.fullmatch(text):
        return Decimal(text.strip())
    return _TRUTH.get(text.casefold(), text)


def _numbers(names: Sequence[str]) -> dict[Decimal, int]:
    """The index of each name that is a number, by its value; of equal numbers, none."""
    numbers = [Decimal(name.strip()) if _NUMBER.fullmatch(name) else None for name in names]
    return {n: i for i, n in enumerate(numbers) if n is not None and numbers.count(n) == 1}


def _are_indices(values: Iterable[Any], numbers: dict[Decimal, int]) -> bool:
    said = [value for value in values if not is_missing(value)]
    return all(number == index for number, index in numbers.items()) and not any(
        isinstance(value, bool | str) for value in said
    )


def _remedy(value: Any, names: Sequence[str], numbers: dict[Decimal, int], indices: range) -> str:
    if isinstance(value, bool):
        return "; it is a boolean: name the labels False and True, or store their names"
    if not isinstance(value, int | float | Decimal):
        return ""
    if indices:
        return f"; whole numbers are indices, here 0 to {len(names) - 1}"
    if numbers:
        return "; numbers are names here, not indices"
    return "; numbers are indices only where every row has one"


def _rows(rows: Sequence[int], place: Callable[[int], str]) -> str:
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    return f"{place(rows[0])}{more}"


def _letters(name: str) -> str:
    """A label's name without case, spaces and signs; a number keeps its signs."""
    name = nfc(name).casefold()
    if _NUMBER.fullmatch(name):
        return name.strip()
    return "".join(letter for letter in name if letter.isalnum()) or name


def _same(one: str, other: str) -> bool:
    """Whether two names are one, or one begins the other: neg and negative, 1 and 1 star."""
    short, long = sorted((one, other), key=len)
    if short.isdigit():
        return re.match("[0-9]*", long)[0] == short
    return one == other or (len(short) >= 3 and long.startswith(short))
