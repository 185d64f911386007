"""Teachers that are run along with a student, for losses that look inside both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mtkd.config.schema import Model
from mtkd.distillation.device import autocast
from mtkd.distillation.learner import load_learner, settle_source
from mtkd.errors import InputError
from mtkd.models.inside import Inside, logits_and_inside, open_model
from mtkd.records.files import digest_folder
from mtkd.records.teachers import TeacherLogits
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split, TaskInfo


class Along(NamedTuple):
    """A teacher on the student's device, with the train texts as its own tokenizer reads them."""

    key: str
    model: torch.nn.Module
    tokens: DeviceTokens


def load_along(
    folder: Path,
    teacher: TeacherLogits,
    max_length: int,
    info: TaskInfo,
    train: Split,
    cache: Path,
    device: torch.device,
) -> Along:
    """Load a teacher from its folder, which must be what its logits were computed by.

    Raises InputError for another model, and for one that cannot be run.
    """
    if digest_folder(folder) != teacher.model_digest:
        raise InputError(
            f"{folder}: not the model that computed the logits of {teacher.key}; rerun rule "
            "teacher_logits"
        )
    source = settle_source(Model(folder=str(folder)), None)
    labels = teacher.outputs
    learner = load_learner(
        source, True, max_length, info, labels, {"train": train}, 0, cache, device
    )
    model = learner.model.eval().requires_grad_(False)
    return Along(teacher.key, model, learner.tokens["train"])


def insides(
    teachers: Sequence[Along], shown: Collection[str], precision: str
) -> Callable[[torch.Tensor], tuple[Inside | None, ...]]:
    """What each teacher shows of some rows of train [B], which lie on its device; no dropout."""
    for teacher in teachers:
        open_model(teacher.model, shown)

    @torch.no_grad()
    def of(rows: torch.Tensor) -> tuple[Inside | None, ...]:
        found, places = [], rows.cpu().numpy()
        for teacher in teachers:
            batch = teacher.tokens.batch(rows, int(teacher.tokens.cpu_lengths[places].max()))
            with autocast(rows.device, precision):
                found.append(logits_and_inside(teacher.model, batch, shown)[1])
        return tuple(found)

    return of


def check_same_tokens(student: DeviceTokens, teachers: Collection[Along], loss: str) -> None:
    """Refuse teachers that read the texts in other tokens than the student.

    Raises InputError; a loss that compares token by token would compare different ones.
    """
    for along in teachers:
        other = along.tokens
        if (
            not np.array_equal(student.cpu_lengths, other.cpu_lengths)
            or not torch.equal(student.tokens, other.tokens)
            or student.padding_side != other.padding_side
        ):
            raise InputError(
                f"loss {loss!r} compares token by token, and teacher {along.key} reads the texts "
                "in other tokens than the student; give both the same tokenizer"
            )
