"""Axis values and names as canonical strings: one spelling each, safe inside a path."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

NOT_APPLICABLE = "NA"
RESERVED_NAMES = {"none", NOT_APPLICABLE}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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
    return text


def _name(value: Any) -> str:
    # A YAML `no` arrives as False and `2` as an int: neither was meant as a name.
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a name; quote it")
    if not _NAME.fullmatch(value):
        raise ValueError(
            f"name {value!r} may hold letters, digits, '.', '_' and '-' only, "
            "beginning with a letter or digit (names become paths)"
        )
    if value in RESERVED_NAMES:
        raise ValueError(f"name {value!r} is reserved")
    return value


Name = Annotated[str, BeforeValidator(_name)]
Temperature = Annotated[str, BeforeValidator(_temperature)]
Alpha = Annotated[str, BeforeValidator(_alpha)]
Seed = Annotated[str, BeforeValidator(_seed)]


def _unique(values: list) -> list:
    seen = []
    for value in values:
        if value in seen:
            raise ValueError(f"{value!r} is listed twice")
        seen.append(value)
    return values


def _not_empty(values: list) -> list:
    if not values:
        raise ValueError("the list is empty")
    return values


Axis = [AfterValidator(_not_empty), AfterValidator(_unique)]
