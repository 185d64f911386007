"""Forward passes over a whole split: logits, and the states that heads read and the gate sees."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from mtkd.distillation.training import PROGRESS_SECONDS
from mtkd.models.build import head_state, model_inputs, read_position
from mtkd.tasks.batches import DeviceTokens, evaluation_batches

BATCH_SIZE = 256


def predict(
    model: torch.nn.Module, tokens: DeviceTokens, rows: np.ndarray | None = None
) -> np.ndarray:
    """Logits [N, C] (float32) of every example, or of some ``rows`` [N], without dropout."""

    def compute(inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return model(**model_inputs(model, **inputs)).logits

    return _forward(model, tokens, compute, rows)


def head_states(model: torch.nn.Module, tokens: DeviceTokens) -> np.ndarray:
    """The states [N, H] (float32) that the model's head reads, in row order, without dropout."""
    model.eval()
    # A short, a long and a middling text show where that is.
    order = np.argsort(tokens.cpu_lengths, kind="stable")
    rows = order[[0, len(order) // 2, -1]]
    index = torch.from_numpy(rows).to(tokens.tokens.device)
    position = read_position(model, tokens.batch(index, int(tokens.cpu_lengths[rows].max())))
    return _forward(model, tokens, lambda inputs: head_state(model, inputs, position))


@torch.inference_mode()
def _forward(model, tokens: DeviceTokens, compute, rows: np.ndarray | None = None) -> np.ndarray:
    # Never in bfloat16: it would quantise the soft labels and tie logits.
    model.eval()
    rows = np.arange(len(tokens.cpu_lengths)) if rows is None else rows
    lengths = tokens.cpu_lengths[rows]
    batches = evaluation_batches(lengths, BATCH_SIZE)
    parts, done = [], 0
    start = last = time.perf_counter()
    for places in batches:
        index = torch.from_numpy(rows[places]).to(tokens.tokens.device)
        parts.append(compute(tokens.batch(index, int(lengths[places].max()))))
        done += len(places)
        now = time.perf_counter()
        if now - last >= PROGRESS_SECONDS:
            last, rate = now, done / (now - start)
            print(
                f"predicted {done}/{len(rows)}  {rate:.0f} examples/s  "
                f"{(len(rows) - done) / rate:.0f} s left",
                file=sys.stderr,
                flush=True,
            )
    gathered = torch.cat(parts).cpu().numpy()
    result = np.empty_like(gathered)
    result[np.concatenate(batches)] = gathered
    return result
