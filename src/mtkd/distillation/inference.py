"""Forward passes over a whole split: logits, and the [CLS] states that the gate sees."""

from __future__ import annotations

import numpy as np
import torch

from mtkd.models.build import cls_state, model_inputs
from mtkd.tasks.batches import DeviceTokens, evaluation_batches

BATCH_SIZE = 256


def predict(model: torch.nn.Module, tokens: DeviceTokens) -> np.ndarray:
    """Logits [N, C] (float32) of every example, in row order, without dropout."""
    return _forward(model, tokens, lambda inputs: model(**model_inputs(model, **inputs)).logits)


def cls_states(model: torch.nn.Module, tokens: DeviceTokens) -> np.ndarray:
    """[CLS] states [N, H] (float32) of every example, in row order, without dropout."""
    return _forward(model, tokens, lambda inputs: cls_state(model, inputs))


@torch.inference_mode()
def _forward(model, tokens: DeviceTokens, compute) -> np.ndarray:
    # Never in bfloat16: it would quantise the soft labels and tie logits.
    model.eval()
    rows_of_batches = evaluation_batches(tokens.cpu_lengths, BATCH_SIZE)
    parts = []
    for rows in rows_of_batches:
        index = torch.from_numpy(rows).to(tokens.tokens.device)
        parts.append(compute(tokens.batch(index, int(tokens.cpu_lengths[rows].max()))))
    gathered = torch.cat(parts).cpu().numpy()
    result = np.empty_like(gathered)
    result[np.concatenate(rows_of_batches)] = gathered
    return result
