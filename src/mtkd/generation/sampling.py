"""What a causal model writes behind prompts: greedily, or drawn at a temperature."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from itertools import takewhile

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from mtkd.distillation.device import autocast
from mtkd.generation.tokens import prompt_ids

# Rows that are written at a time; and their tokens at most, prompts and responses: models of four
# billion parameters keep 150 kB of each (keys and values in bfloat16), so 20 GB.
ROWS, TOKENS = 512, 2**17


def write(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    longest: int,
    T: float = 0.0,
    seed: int = 0,
    precision: str = "fp32",
) -> list[str]:
    """What the model writes behind each of N prompts: up to an end token, or ``longest`` tokens.

    ``T`` 0 is greedy. A draw depends on model, prompts and ``seed`` alone. Prompts are as the model
    is to see them, mode token included; what a tokenizer puts before every text comes by itself.
    """
    model.eval()
    device = next(model.parameters()).device
    ids, ends = prompt_ids(tokenizer, prompts), end_tokens(model, tokenizer)
    order = np.argsort([len(one) for one in ids], kind="stable")
    generator = torch.Generator(device=device).manual_seed(seed)
    written: list[str] = [""] * len(prompts)
    for rows in batches([len(ids[row]) for row in order], longest, order):
        chosen = [ids[row] for row in rows]
        new = continued(model, tokenizer, chosen, longest, T, generator, precision, ends)
        for row, tokens in zip(rows, new, strict=True):
            written[row] = tokenizer.decode(
                tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
    return written


def batches(lengths: Sequence[int], longest: int, rows: Sequence[int]) -> Iterator[Sequence[int]]:
    """Rows in their order, as many at a time as ``ROWS`` and ``TOKENS`` allow, one at least.

    ``lengths`` are those of their prompts, ascending; all are padded to a batch's longest.
    """
    start = 0
    while start < len(rows):
        end = start + 1
        while (
            end < len(rows)
            and end - start < ROWS
            and (end - start + 1) * (lengths[end] + longest) <= TOKENS
        ):
            end += 1
        yield rows[start:end]
        start = end


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that end a response: the tokenizer's, then those that the model's files name.

    In a conversation many models end their turn by another one than a text.
    """
    declared = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    more = declared if isinstance(declared, list) else [] if declared is None else [declared]
    known = dict.fromkeys([tokenizer.eos_token_id, *more])
    return [token for token in known if token is not None]


@torch.no_grad()
def continued(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[list[int]],
    longest: int,
    T: float,
    generator: torch.Generator,
    precision: str,
    ends: Sequence[int] = (),
) -> list[list[int]]:
    """Tokens behind some prompts, each up to an end token, which is left out.

    ``ends`` are the end tokens; the tokenizer's, where none is given. One of ``longest`` tokens
    came to no end. The model is in evaluation mode.
    """
    ends = list(ends) or [tokenizer.eos_token_id]
    # Padded on the left.
    device = next(model.parameters()).device
    width = max(map(len, prompts))
    padded = torch.full((len(prompts), width), tokenizer.pad_token_id)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for row, ids in enumerate(prompts):
        padded[row, width - len(ids) :] = torch.tensor(ids)
        mask[row, width - len(ids) :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0).to(device)
    inputs, mask = padded.to(device), mask.to(device)
    stops = torch.tensor(ends, device=device)
    done = torch.zeros(len(prompts), dtype=torch.bool, device=device)
    cache, found = None, []
    # Of a large vocabulary, the logits of whole prompts are gigabytes.
    takes_fewer = "logits_to_keep" in inspect.signature(model.forward).parameters
    last = {"logits_to_keep": 1} if takes_fewer else {}
    for _ in range(longest):
        with autocast(device, precision):
            output = model(
                input_ids=inputs,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                **last,
            )
        logits, cache = output.logits[:, -1].float(), output.past_key_values
        chosen = torch.where(done, ends[0], _chosen(logits, T, generator))
        found.append(chosen)
        done |= torch.isin(chosen, stops)
        if bool(done.all()):
            break
        inputs = chosen[:, None]
        positions = positions[:, -1:] + 1
        mask = torch.cat([mask, torch.ones_like(inputs)], dim=1)
    rows, stopping = torch.stack(found, dim=1).tolist(), set(ends)
    return [list(takewhile(lambda token: token not in stopping, row)) for row in rows]


def _chosen(logits: Tensor, T: float, generator: torch.Generator) -> Tensor:
    """A next token [B] of each row's logits [B, V]."""
    if not T:
        return logits.argmax(-1)
    return torch.multinomial((logits / T).softmax(-1), 1, generator=generator)[:, 0]
