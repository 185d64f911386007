"""What systems cost to train, in tokens x parameters, with the teachers they learn from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mtkd.config.schema import Training

# A forward pass is a third of a step of training, whose backward pass is twice as long.
FORWARD = 1 / 3


def spent(records: Sequence[Mapping[str, Any]]) -> float:
    """Tokens x parameters of some trainings."""
    return float(sum(record["tokens"] * record["parameters"] for record in records))


def labelling(
    weights: np.ndarray, lengths: np.ndarray, records: Sequence[Mapping[str, Any]]
) -> float:
    """Tokens x parameters of soft labels: rows of so many tokens [N], by the teachers [N, K] that
    have a weight in them."""
    tokens = lengths @ (weights > 0)
    return FORWARD * float(tokens @ np.array([record["parameters"] for record in records]))


def with_epochs(training: Training, epochs: float) -> Training:
    """A training of so many epochs, rounded, at least one."""
    return training.model_copy(update={"epochs": max(1, round(epochs))})


def epochs_of_steps(training: Training, rows: int, taught_rows: int) -> float:
    """Epochs over some rows that take as many steps as a student's over all that it is taught."""
    steps = math.ceil(taught_rows / training.batch_size) * training.epochs
    return steps / math.ceil(rows / training.batch_size)


def epochs_of_compute(wanted: float, tokens: int, parameters: int) -> float:
    """Epochs over so many tokens that take so much compute."""
    return wanted / (tokens * parameters)
