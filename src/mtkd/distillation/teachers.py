"""Fine-tuning a teacher: every epoch is scored on selection, and the best one kept, or the last."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from mtkd.config.schema import Model, Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.inference import predict
from mtkd.distillation.learner import Source, load_learner, settle_source
from mtkd.distillation.objective import hard_labels, with_labels
from mtkd.distillation.training import Memory, Outcome, train
from mtkd.metrics.names import declared
from mtkd.metrics.scores import score, try_metric
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split, TaskInfo
from mtkd.tasks.label_map import in_task_order


class TrainedTeacher(NamedTuple):
    """The kept model with its tokenizer, the epoch it comes from, its score there, the outcome.

    ``warnings`` are for its record; ``tokens`` are its splits' as it reads them.
    """

    model: torch.nn.Module
    tokenizer: object
    epoch: int
    score: float
    outcome: Outcome
    warnings: list[str]
    tokens: dict[str, DeviceTokens]


def train_by_settings(
    settings: Mapping[str, Any],
    fetched: Path | None,
    info: TaskInfo,
    splits: dict[str, Split],
    seed: int,
    cache: Path,
    device: torch.device,
    checkpoint: Checkpoint,
) -> TrainedTeacher:
    """Train a teacher as its settings say (``mtkd.study.settings.teacher_settings``).

    ``fetched`` is the record of its model's download. Raises InputError for a model that cannot be
    trained, and for a metric that has no value on selection.
    """
    labels, metric = splits["selection"].labels, settings["metric"]
    order = settings.get("label_order")

    def selection_score(logits: np.ndarray) -> float:
        logits = in_task_order(logits, order, info.labels) if order else logits
        return score(logits, labels, [metric])[metric]

    try_metric(labels, len(info.labels), metric)
    return train_teacher(
        settle_source(Model.model_validate(settings["model"]), fetched),
        Training.model_validate(settings["training"]),
        settings["max_length"],
        info,
        order or info.labels,
        splits,
        seed,
        selection_score,
        cache,
        device,
        checkpoint,
        declared(metric).greater_is_better,
        settings.get("keep", "best"),
    )


def train_teacher(
    source: Source,
    training: Training,
    max_length: int,
    info: TaskInfo,
    outputs: list[str],
    splits: dict[str, Split],
    seed: int,
    score: Callable[[np.ndarray], float],
    cache: Path,
    device: torch.device,
    checkpoint: Checkpoint | None = None,
    greater_is_better: bool = True,
    keep: Literal["best", "last"] = "best",
) -> TrainedTeacher:
    """Fine-tune on train, keep the epoch of the best ``score`` of selection logits [N, C].

    Rows of train without a label are left out. The best is the greatest, or the least where not
    ``greater_is_better``; the earliest epoch wins ties. To ``keep`` the "last" leaves selection to
    be reported, and nothing to be chosen by it. ``outputs`` names what the model's outputs stand
    for. With ``epochs: 0`` the model is kept as it came.
    """
    trained = training.epochs == 0
    tokenizer, model, tokens, warnings = load_learner(
        source, trained, max_length, info, outputs, splits, seed, cache, device
    )
    labels = torch.from_numpy(splits["train"].labels).to(device)
    best = Memory({}, {"epoch": 0, "score": None, "fault": None})

    def after_epoch(epoch: int) -> dict:
        logits = predict(model, tokens["selection"])
        if not np.isfinite(logits).all():
            # A step can blow up without a loss that shows it before the epoch's end.
            best.facts["fault"] = f"selection logits are not finite after epoch {epoch}"
            return {"selection": None}
        value = score(logits)
        kept = best.facts["score"]
        if keep == "last":
            best.facts.update(epoch=epoch, score=value)
        elif kept is None or (value > kept if greater_is_better else value < kept):
            best.facts.update(epoch=epoch, score=value)
            weights = model.state_dict().items()
            best.tensors.update({name: tensor.detach().cpu().clone() for name, tensor in weights})
        return {"selection": value}

    if training.epochs == 0:
        after_epoch(0)
    outcome = train(
        model,
        tokens["train"],
        hard_labels(labels),
        training,
        seed,
        after_epoch,
        best,
        checkpoint,
        with_labels(splits["train"].labels),
    )
    if best.facts["fault"] and outcome.status == "finished":
        outcome = outcome._replace(status="diverged", reason=best.facts["fault"])
    if best.tensors:
        model.load_state_dict(best.tensors)
    return TrainedTeacher(
        model, tokenizer, best.facts["epoch"], best.facts["score"], outcome, warnings, tokens
    )
