"""The engine that trains cells one by one, each in the one training loop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mtkd.config.losses import declared_losses
from mtkd.config.schema import Training
from mtkd.distillation.along import Along, check_same_tokens, insides
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.device import machine, peak_memory_mb, provenance
from mtkd.distillation.inference import head_states, predict
from mtkd.distillation.learner import Source, load_learner, make_model
from mtkd.distillation.objective import Objective, distillation, hard_labels
from mtkd.distillation.training import Outcome, train
from mtkd.models.build import save_model
from mtkd.models.inside import SHOWN
from mtkd.records.files import keep_folder, write_json, write_text
from mtkd.records.logits import Logits, write_logits, write_tensors
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import GATE, Split, TaskInfo, read_split

# Train examples on which students are compared with their soft labels, spread over the split: a
# standard error of at most 1.2 points.
TRAIN_SAMPLE = 2000


class Cell(NamedTuple):
    """A cell to train: what it learns from, and where its files go."""

    axes: Mapping[str, str]
    recipe: Mapping[str, Any]  # see mtkd.study.recipes
    training: Training
    fused: np.ndarray | None  # fused logits on train [N, C]; None for hard labels alone
    teachers: np.ndarray | None  # each one's [K, N, C]
    along: Sequence[Along]  # teachers that are run along
    untrainable: str | None  # the reason, where there is nothing to learn from
    record: Mapping[str, Any]  # what its run.json begins with
    folder: Path
    checkpoint: Checkpoint | None
    rows: np.ndarray | None = None  # of train that it learns from; None for all
    labels: np.ndarray | None = None  # gold labels of train [N]; None for those it comes with
    answered: np.ndarray | None = None  # rows [N] that a teacher has an answer to; None for all
    weights: Path | None = None  # where its model is kept; None: it is not


class Stage(NamedTuple):
    """What all cells of a group share, loaded once."""

    source: Source
    info: TaskInfo
    splits: dict[str, Split]
    tokenizer: object
    tokens: dict[str, DeviceTokens]
    labels: torch.Tensor
    device: torch.device
    warnings: Sequence[str] = ()  # for every cell's record


def load_stage(
    source: Source,
    training: Training,
    max_length: int,
    task_folder: Path,
    info: TaskInfo,
    cache: Path,
    device: torch.device,
) -> Stage:
    """Read, tokenise and place every split of a task on the device, and try the model on it."""
    splits = {name: read_split(task_folder, name) for name in info.predicted}
    # Every cell has a model of its own, from its seed; what is tried does not depend on it.
    learner = load_learner(
        source, training.epochs == 0, max_length, info, info.labels, splits, 0, cache, device
    )
    labels = torch.from_numpy(splits["train"].labels).to(device)
    return Stage(
        source,
        info,
        splits,
        learner.tokenizer,
        learner.tokens,
        labels,
        device,
        learner.warnings,
    )


def train_cells(stage: Stage, cells: Iterable[Cell], with_features: bool) -> Iterator[Cell]:
    """Train cells and write each one's files into its folder; yields them as they are done.

    One that diverges, or has nothing to learn from, is written too: without logits, its record
    says why, and where.
    """
    for cell in cells:
        outcome, model = _train(stage, cell)
        predictions, features = {}, {}
        if outcome.status == "finished":
            predictions, features = _outputs(stage, model, with_features)
            if not all(np.isfinite(split.logits).all() for split in predictions.values()):
                # The very last step can blow up without a loss that shows it.
                last = outcome.history[-1]["step"]
                reason = f"predictions are not finite after step {last} of {last}"
                outcome = outcome._replace(status="diverged", reason=reason, step=last)
                predictions, features = {}, {}
        if cell.weights and predictions:
            keep_folder(cell.weights, partial(save_model, model, stage.tokenizer))
        _write(stage, cell, outcome, predictions, features if with_features else None)
        yield cell


def _train(stage: Stage, cell: Cell) -> tuple[Outcome, torch.nn.Module | None]:
    if cell.untrainable:
        here = machine(stage.device, cell.training.precision)
        return Outcome("diverged", cell.untrainable, None, [], 0.0, 0.0, 0.0, [here]), None
    seed = int(cell.axes["seed"])
    model = make_model(stage.source, stage.tokenizer, stage.info.labels, seed).to(stage.device)
    outcome = train(
        model,
        stage.tokens["train"],
        _objective(stage, cell, model),
        cell.training,
        seed,
        checkpoint=cell.checkpoint,
        rows=cell.rows,
    )
    return outcome, model


def _objective(stage: Stage, cell: Cell, model: torch.nn.Module) -> Objective:
    labels = stage.labels
    if cell.labels is not None:
        labels = torch.from_numpy(cell.labels).to(stage.device)
    if cell.fused is None:
        return hard_labels(labels)
    needs = declared_losses()[cell.recipe["loss"]].needs
    if "same-tokens" in needs:
        check_same_tokens(stage.tokens["train"], cell.along, cell.recipe["loss"])
    return distillation(
        cell.recipe,
        float(cell.axes["T"]),
        float(cell.axes["alpha"]),
        labels,
        cell.fused,
        cell.teachers,
        getattr(model.config, "hidden_size", 0),
        int(cell.axes["seed"]),
        insides(cell.along, SHOWN & needs, cell.training.precision),
        cell.rows,
        cell.answered,
    )


def _outputs(
    stage: Stage, model: torch.nn.Module, with_features: bool
) -> tuple[dict[str, Logits], dict[str, np.ndarray]]:
    """Logits on the evaluated splits and a sample of train; the head's states where wanted."""
    predictions = {
        name: Logits(stage.splits[name].ids, predict(model, tokens))
        for name, tokens in stage.tokens.items()
        if name != "train"
    }
    ids = stage.splits["train"].ids
    rows = np.linspace(0, len(ids) - 1, min(TRAIN_SAMPLE, len(ids))).astype(int)
    predictions["train"] = Logits(ids[rows], predict(model, stage.tokens["train"], rows))
    # Half precision: the gate standardises them, and train splits are long.
    features = {
        name: head_states(model, tokens).astype(np.float16)
        for name, tokens in stage.tokens.items()
        if with_features and name != GATE
    }
    return predictions, features


def _write(
    stage: Stage,
    cell: Cell,
    outcome: Outcome,
    predictions: dict[str, Logits],
    features: dict[str, np.ndarray] | None,
) -> None:
    record = {
        **cell.record,
        "warnings": list(stage.warnings),
        "status": outcome.status,
        "reason": outcome.reason,
        "step": outcome.step,
        "training": cell.training.model_dump(mode="json"),
        "seconds": round(outcome.seconds, 3),
        "examples_per_second": round(outcome.examples_per_second, 1),
        "peak_memory_mb": None if cell.untrainable else peak_memory_mb(stage.device),
        **provenance(outcome.machines),
    }
    history = "".join(json.dumps(row) + "\n" for row in outcome.history)
    write_text(cell.folder / "history.jsonl", history)
    write_json(cell.folder / "run.json", record)
    if features is not None:
        write_tensors(cell.folder / "features.safetensors", features, record)
    write_logits(cell.folder / "predictions.safetensors", predictions, record)
