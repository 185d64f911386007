"""What a causal model writes behind prompts: greedily, or drawn at a temperature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mtkd.distillation.device import autocast
from mtkd.generation.tokens import ids_of

# Rows that are written at a time.
ROWS = 512


@torch.no_grad()
def write(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    longest: int,
    T: float = 0.0,
    seed: int = 0,
    precision: str = "fp32",
) -> list[str]:
    """What the model writes behind each of N prompts: up to its end token, or ``longest`` tokens.

    ``T`` 0 is greedy. A draw depends on model, prompts and ``seed`` alone. Prompts are as the model
    is to see them, mode token included.
    """
    model.eval()
    device = next(model.parameters()).device
    ids = ids_of(tokenizer, prompts)
    order = np.argsort([len(one) for one in ids], kind="stable")
    generator = torch.Generator(device=device).manual_seed(seed)
    written: list[str] = [""] * len(prompts)
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        new = _continue(
            model, tokenizer, [ids[row] for row in rows], longest, T, generator, precision
        )
        for row, tokens in zip(rows, new, strict=True):
            written[row] = tokenizer.decode(
                tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
    return written


def _continue(model, tokenizer, prompts, longest, T, generator, precision) -> list[list[int]]:
    """Tokens behind some prompts, which are padded on the left, each up to its end token."""
    device = next(model.parameters()).device
    width, end = max(map(len, prompts)), tokenizer.eos_token_id
    padded = torch.full((len(prompts), width), tokenizer.pad_token_id)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, ids in enumerate(prompts):
        padded[row, width - len(ids) :] = torch.tensor(ids)
        mask[row, width - len(ids) :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0).to(device)
    inputs, mask = padded.to(device), mask.to(device)
    done = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    cache, found = None, []
    for _ in range(longest):
        with autocast(device, precision):
            output = model(
                input_ids=inputs,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
            )
        logits, cache = output.logits[:, -1].float(), output.past_key_values
        if T:
            chosen = torch.multinomial((logits / T).softmax(-1), 1, generator=generator)[:, 0]
        else:
            chosen = logits.argmax(-1)
        chosen = torch.where(done, end, chosen)
        found.append(chosen)
        done |= chosen == end
        if bool(done.all()):
            break
        inputs = chosen[:, None]
        positions = positions[:, -1:] + 1
        mask = torch.cat([mask, torch.ones_like(inputs)], dim=1)
    rows = torch.stack(found, dim=1).tolist()
    return [row[: row.index(end)] if end in row else row for row in rows]
