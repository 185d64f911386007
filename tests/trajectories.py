"""The loss of every step of short trainings, by kind of device and by engine.

``python tests/trajectories.py`` writes those of the processor into ``fixtures/trajectories.json``
anew (``cuda`` behind it for a GPU's), which belongs in a commit that changes on purpose how
students are trained. Others round otherwise, so the file names what it was made with.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from mtkd.config.schema import Model, Tokenizer, Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.device import prepare_device, processor
from mtkd.distillation.engines import single
from mtkd.distillation.learner import settle_source
from mtkd.records.leases import Claim
from mtkd.tasks.corpus import read_info
from mtkd.tasks.prepare import Prepared, write_task

FIXTURE = Path(__file__).parent / "fixtures" / "trajectories.json"
ENGINES = {"single": single}
# Two epochs of five steps, the last of an epoch with fewer examples; the third is stopped here.
TRAINING = Training(epochs=2, batch_size=8, learning_rate=5e-3, warmup=0.2)
STEPS, STOP = 10, 7
# Strategy, T and alpha.
CELLS = {
    "undistilled": (None, "NA", "NA"),
    "T 4, alpha 0.7": ("average", "4", "0.7"),
    "T 1, alpha 1": ("average", "1", "1"),
}
# Without dropout, whose draws are another library's on another processor.
MODEL = Model(
    architecture="distilbert",
    config={
        **{"dim": 8, "hidden_dim": 16, "n_layers": 1, "n_heads": 2, "max_position_embeddings": 16},
        **{"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0},
    },
    tokenizer=Tokenizer(kind="word"),
)


class Stopped(Checkpoint):
    """Saves its state after one step, and ends the training there."""

    steps = 0

    def due(self) -> bool:
        self.steps += 1
        return self.steps == STOP

    def save(self, tensors, facts) -> None:
        super().save(tensors, facts)
        raise SystemExit


def here(device: str) -> dict[str, str | int]:
    """What numbers depend on, bit for bit, on a kind of device."""
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    if device == "cuda":
        return {**versions, "GPU": torch.cuda.get_device_name()}
    return {
        **versions,
        "processor": f"{processor()}, {torch.backends.cpu.get_cpu_capability()}",
        "threads": torch.get_num_threads(),
    }


def stage_of(folder: Path, device: str) -> single.Stage:
    """A task of three labels, and a student of it."""
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(30)]
    splits = {}
    for split, rows in (("train", 37), ("selection", 9), ("report", 9)):
        texts = [" ".join(rng.choice(words, rng.integers(2, 9))) for _ in range(rows)]
        ids = [f"{split}{row}" for row in range(rows)]
        splits[split] = pd.DataFrame({"id": ids, "text_a": texts, "label": np.arange(rows) % 3})
    task = {"labels": ["a", "b", "c"], "text": ["text"]}
    write_task(folder / "task", task, Prepared(splits, pd.DataFrame({"split": []}), {}))
    source, info = settle_source(MODEL, None), read_info(folder / "task")
    on = prepare_device(torch.get_num_threads(), gpus=int(device == "cuda"))
    return single.load_stage(source, TRAINING, 16, folder / "task", info, folder / "tokens", on)


def cell_of(name: str, folder: Path, checkpoint: Checkpoint | None) -> single.Cell:
    """One of ``CELLS``, with two teachers that are nearly right."""
    strategy, T, alpha = CELLS[name]
    noise = np.random.default_rng(1).normal(size=(2, 37, 3))
    teachers = (noise + 2 * np.eye(3)[np.arange(37) % 3]).astype(np.float32)
    recipe = {"loss": "hinton", "options": {}} if strategy else {"loss": None}
    return single.Cell(
        {"T": T, "alpha": alpha, "seed": "1"},
        recipe,
        TRAINING,
        teachers.mean(axis=0) if strategy else None,
        teachers if strategy else None,
        [],
        None,
        {},
        folder / "cell",
        checkpoint,
    )


@contextmanager
def recorded(engine: ModuleType) -> Iterator[list[float]]:
    """The values of the objectives that an engine makes within, as they are computed."""
    values: list[float] = []

    def recording(make):
        def made(*arguments: Any):
            objective = make(*arguments)

            def value(*batch: Any):
                found = objective.value(*batch)
                values.append(found.item())
                return found

            return objective._replace(value=value)

        return made

    with pytest.MonkeyPatch.context() as patch:
        for name in ("hard_labels", "distillation"):
            patch.setattr(engine, name, recording(getattr(engine, name)))
        yield values


def losses(engine: ModuleType, name: str, stop: bool = False, device: str = "cpu") -> list[float]:
    """The loss [STEPS] of each step; with ``stop``, of a training that is stopped and goes on."""
    with tempfile.TemporaryDirectory() as path, recorded(engine) as values:
        folder, checkpoint = Path(path), None
        stage = stage_of(folder, device)
        if stop:
            (folder / "claim").write_text("mine")
            claim = Claim(folder / "cell", folder / "claim", "mine")
            whose = (folder / "state", folder / "cell", "d", 0.0, claim)
            cell, checkpoint = cell_of(name, folder, Stopped(*whose)), Checkpoint(*whose)
            with pytest.raises(SystemExit):
                list(engine.train_cells(stage, [cell], False))
            assert len(values) == STOP
        list(engine.train_cells(stage, [cell_of(name, folder, checkpoint)], False))
        return values


def trajectories(device: str) -> dict[str, dict[str, list[float]]]:
    """Losses by engine and cell."""
    return {
        name: {cell: losses(engine, cell, device=device) for cell in CELLS}
        for name, engine in ENGINES.items()
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    kind = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    content = json.loads(FIXTURE.read_text(encoding="utf-8"))
    content[kind] = {"made with": here(kind), "losses": trajectories(kind)}
    FIXTURE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
