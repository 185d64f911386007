"""One training step of a small model: whether a device computes what trainings will ask of it."""

from __future__ import annotations

import time

import numpy as np
import torch

from mtkd.config.schema import Training
from mtkd.distillation.inference import predict
from mtkd.distillation.objective import hard_labels
from mtkd.distillation.training import train
from mtkd.errors import InputError
from mtkd.models.build import build_model
from mtkd.models.tokenizers import train_tokenizer
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split
from mtkd.tasks.encoding import encode

SIZES = {"dim": 64, "hidden_dim": 128, "n_layers": 2, "n_heads": 4, "max_position_embeddings": 16}
ROWS = 32


def try_step(device: torch.device) -> tuple[float, float]:
    """Train a small DistilBERT for one step and predict with it; the loss, and seconds in all.

    Raises InputError for numbers that are not finite; what torch cannot do it says itself.
    """
    start = time.perf_counter()
    texts = [f"a thing that is {word}" for word in ("good", "bad")] * (ROWS // 2)
    labels = np.arange(ROWS) % 2
    split = Split(np.arange(ROWS).astype(str), texts, None, labels)
    tokenizer = train_tokenizer("word", texts, 100, 16)
    tokens = DeviceTokens(encode(tokenizer, split, 16), tokenizer.pad_token_id, device)
    model = build_model("distilbert", SIZES, ["good", "bad"], tokenizer, seed=1).to(device)
    gold = torch.from_numpy(labels).to(device)
    outcome = train(
        model,
        tokens,
        hard_labels(gold),
        Training(epochs=1, batch_size=ROWS),
        seed=1,
    )
    if outcome.status != "finished" or not np.isfinite(predict(model, tokens)).all():
        raise InputError(f"a training step on {device} gave numbers that are not finite")
    return outcome.history[-1]["loss"], time.perf_counter() - start
