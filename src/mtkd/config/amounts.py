"""Durations in minutes and memory in MB, as numbers or as users of SLURM write them."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from mtkd.config.values import number

# More was meant in seconds, or in kilobytes or bytes.
MOST_DAYS = 30
FEWEST_MB, MOST_MB = 400, 8 * 1024**2

_MINUTES = {"s": 1 / 60, "m": 1, "h": 60, "d": 24 * 60}
# 2h, 1d12h, 90 min, 1.5 hours
_PART = re.compile(
    r"(\d+(?:\.\d*)?)\s*(d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)\s*"
)
# SLURM's: minutes:seconds, hours:minutes:seconds, days-hours, days-hours:minutes and so on.
_CLOCK = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")
_SIZE = re.compile(r"(\d+(?:\.\d*)?)\s*([kmgt])(?:i?b)?")


def duration(value: Any) -> Any:
    """Minutes, from a number of them or from a text such as ``2h``, ``1d12h`` or ``2:00:00``.

    Clock times have SLURM's meaning: ``30:00`` is half an hour and ``1-12`` a day and a half.
    Raises ValueError for a text that is none of these; other values are for the field to refuse.
    """
    value = number(value)
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text and not _PART.sub("", text):
        return sum(float(amount) * _MINUTES[unit[0]] for amount, unit in _PART.findall(text))
    if not (match := _CLOCK.fullmatch(text)):
        raise ValueError(f"{value!r} is no duration; write minutes, 2h, 1d12h or '2:00:00'")
    days, *clock = match.groups()
    if days is None and clock[2] is None:
        clock = ["0", *clock[:2]]
    hours, minutes, seconds = (int(part or 0) for part in clock)
    return int(days or 0) * 24 * 60 + hours * 60 + minutes + seconds / 60


def _runtime(value: Any) -> Any:
    minutes = duration(value)
    if isinstance(number(value), str):
        # Digits of 1.1 h that are none of a minute.
        minutes = math.ceil(round(minutes, 6))
    if isinstance(minutes, int | float) and (days := minutes / 24 / 60) > MOST_DAYS:
        raise ValueError(
            f"{value} is {days:,.0f} days, and {MOST_DAYS} are the most: numbers are minutes"
        )
    return minutes


def _memory(value: Any) -> Any:
    size = number(value)
    if isinstance(size, str):
        if not (match := _SIZE.fullmatch(size.strip().lower())):
            raise ValueError(f"{value!r} is no size; write MB or, with its unit, 16G")
        size = math.ceil(float(match[1]) * 1024.0 ** ("kmgt".index(match[2]) - 1))
    if isinstance(size, int | float) and not FEWEST_MB <= size <= MOST_MB:
        raise ValueError(
            f"{value} is not between {FEWEST_MB} MB and 8 TB: numbers are MB; for more, 16G"
        )
    return size


Minutes = Annotated[int, BeforeValidator(_runtime)]
Duration = Annotated[float, BeforeValidator(duration)]
# As in SLURM, each unit is 1024 of the next smaller one.
Megabytes = Annotated[int, BeforeValidator(_memory)]
