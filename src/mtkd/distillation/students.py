"""Training student cells: what one process loads once, and the cells it trains one by one."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from mtkd.config.schema import Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.device import machine, peak_memory_mb, provenance
from mtkd.distillation.inference import head_states, predict
from mtkd.distillation.learner import Source, load_learner, make_model
from mtkd.distillation.objective import distillation_loss, hard_label_loss, soft_labels
from mtkd.distillation.training import train
from mtkd.records.files import write_json, write_text
from mtkd.records.logits import Logits, write_logits, write_tensors
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split, TaskInfo, read_split

# Train examples on which students are compared with their soft labels, spread over the split: a
# standard error of at most 1.2 points.
TRAIN_SAMPLE = 2000


class Stage(NamedTuple):
    """What all cells of a bundle share, loaded once."""

    source: Source
    training: Training
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
    splits = {name: read_split(task_folder, name) for name in info.rows}
    # Every cell has a model of its own, from its seed; what is tried does not depend on it.
    learner = load_learner(
        source, training.epochs == 0, max_length, info, info.labels, splits, 0, cache, device
    )
    labels = torch.from_numpy(splits["train"].labels).to(device)
    return Stage(
        source,
        training,
        info,
        splits,
        learner.tokenizer,
        learner.tokens,
        labels,
        device,
        learner.warnings,
    )


def train_cell(
    stage: Stage,
    axes: dict[str, str],
    fused: np.ndarray | None,
    record: dict,
    folder: Path,
    with_features: bool,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Train one cell and write its files into ``folder``.

    ``fused`` holds the fused train logits [N, C], or None for hard labels alone. A diverged cell
    is written too: without logits, its record says where and why.
    """
    seed = int(axes["seed"])
    model = make_model(stage.source, stage.tokenizer, stage.info.labels, seed).to(stage.device)
    outcome = train(
        model,
        stage.tokens["train"],
        _loss(stage, axes, fused),
        stage.training,
        seed,
        checkpoint=checkpoint,
    )
    predictions, features = {}, {}
    if outcome.status == "finished":
        predictions, features = _outputs(stage, model, with_features)
        if not all(np.isfinite(split.logits).all() for split in predictions.values()):
            # The very last step can blow up without a loss that shows it.
            last = outcome.history[-1]["step"]
            reason = f"predictions are not finite after step {last} of {last}"
            outcome = outcome._replace(status="diverged", reason=reason, step=last)
            predictions, features = {}, {}
    record = {
        **record,
        "warnings": list(stage.warnings),
        "status": outcome.status,
        "reason": outcome.reason,
        "step": outcome.step,
        "training": stage.training.model_dump(mode="json"),
        "seconds": round(outcome.seconds, 3),
        "examples_per_second": round(outcome.examples_per_second, 1),
        "peak_memory_mb": peak_memory_mb(stage.device),
        **provenance(outcome.machines),
    }
    _write(folder, record, outcome.history, predictions, features if with_features else None)


def write_untrainable(stage: Stage, record: dict, reason: str, folder: Path) -> None:
    """Write a cell that has no soft labels to learn from as diverged, with the reason."""
    record = {
        **record,
        "status": "diverged",
        "reason": reason,
        "training": stage.training.model_dump(mode="json"),
        "seconds": 0.0,
        "examples_per_second": 0.0,
        "peak_memory_mb": None,
        **provenance([machine(stage.device, stage.training.precision)]),
    }
    _write(folder, record, [], {}, None)


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
        if with_features
    }
    return predictions, features


def _write(
    folder: Path,
    record: dict,
    history: list[dict],
    predictions: dict[str, Logits],
    features: dict[str, np.ndarray] | None,
) -> None:
    write_text(folder / "history.jsonl", "".join(json.dumps(row) + "\n" for row in history))
    write_json(folder / "run.json", record)
    if features is not None:
        write_tensors(folder / "features.safetensors", features, record)
    write_logits(folder / "predictions.safetensors", predictions, record)


def _loss(
    stage: Stage, axes: dict[str, str], fused: np.ndarray | None
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    labels = stage.labels
    if fused is None:
        return lambda logits, rows: hard_label_loss(logits, labels[rows])
    T, alpha = float(axes["T"]), float(axes["alpha"])
    soft = soft_labels(torch.from_numpy(fused).to(stage.device), T)
    return lambda logits, rows: distillation_loss(logits, labels[rows], soft[rows], T, alpha)
