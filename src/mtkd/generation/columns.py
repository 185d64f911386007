"""By column: the teacher of each prompt is the one that a column of its table names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mtkd.config.generation import ByColumn
from mtkd.fusion.strategies import named_teachers
from mtkd.generation.styles import carries, is_low


def assigned(how: ByColumn, rows: pd.DataFrame, teachers: Sequence[str], seed: int) -> np.ndarray:
    """The place of the teacher of each of N prompts [N]; ``shuffled``, of one dealt out by seed.

    ``rows`` are the prompts with their table's columns. Raises InputError for a value that names no
    teacher.
    """
    values = column_values(how.column, rows)
    numbers = named_teachers([how.teachers.get(value, value) for value in values], teachers)
    return np.random.default_rng([seed, 5]).permutation(numbers) if how.shuffled else numbers


def column_values(column: str, rows: pd.DataFrame) -> list[str]:
    """A column of a table of prompts as text, or one that prompts of addition have by themselves.

    ``half``: whether the first number is in the "low" or the "high" half of its range, which shows
    at once; ``carries``: how many of its columns carry, which takes working out.
    """
    if column in rows:
        return [str(value) for value in rows[column]]
    if column == "half":
        return ["low" if is_low(prompt) else "high" for prompt in rows["prompt"]]
    return [str(carries(prompt)) for prompt in rows["prompt"]]
