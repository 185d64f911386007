"""Forward passes over a whole split: logits, and the [CLS] states that the gate sees."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from mtkd.distillation.training import PROGRESS_SECONDS
from mtkd.models.build import cls_state, model_inputs
from mtkd.tasks.batches import DeviceTokens, evaluation_batches

BATCH_SIZE = 256


def predict(
    model: torch.nn.Module, tokens: DeviceTokens, rows: np.ndarray | None = None
) -> np.ndarray:
    """Logits [N, C] (float32) of every example, or of some ``rows`` [N], without dropout."""

    def compute(inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return model(**model_inputs(model, **inputs)).logits

    return _forward(model, tokens, compute, rows)


def cls_states(model: torch.nn.Module, tokens: DeviceTokens) -> np.ndarray:
    """[CLS] states [N, H] (float32) of every example, in row order, without dropout."""
    return _forward(model, tokens, lambda inputs: cls_state(model, inputs))


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
