"""What a model shows of the way to its logits: hidden states and attention of every layer."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor
from transformers import PreTrainedModel

from mtkd.models.build import model_inputs

# What may be asked for: the fields of Inside that a model has, or has not.
SHOWN = frozenset({"states", "attentions"})


class Inside(NamedTuple):
    """What a model computed of B texts. None is what was not asked for, empty what it has not."""

    mask: Tensor  # [B, tokens], 1 where a text has a token, 0 where it is padded
    states: tuple[Tensor, ...] | None = None  # the embeddings' and each layer's [B, tokens, hidden]
    attentions: tuple[Tensor, ...] | None = None  # each layer's [B, heads, tokens, tokens]


def open_model(model: PreTrainedModel, shown: Collection[str]) -> None:
    """Have a model compute attention in the one way that can be shown, where it is to be."""
    if "attentions" in shown:
        model.set_attn_implementation("eager")


def logits_and_inside(
    model: PreTrainedModel, batch: Mapping[str, Tensor], shown: Collection[str]
) -> tuple[Tensor, Inside | None]:
    """Logits [B, C] of a batch of tokens, and what of the way to them is to be ``shown``."""
    inputs: dict[str, Any] = model_inputs(model, **batch)
    if model.can_generate():
        # Its keys and values are for writing on, token by token.
        inputs["use_cache"] = False
    if not shown:
        return model(**inputs).logits, None
    with _showing(model, shown):
        output = model(**inputs)
    states = (output.hidden_states or ()) if "states" in shown else None
    attentions = (output.attentions or ()) if "attentions" in shown else None
    return output.logits, Inside(batch["attention_mask"], states, attentions)


@contextmanager
def _showing(model: PreTrainedModel, shown: Collection[str]) -> Iterator[None]:
    """Set for one forward pass: what is shown takes memory, and is no part of a saved model."""
    config = model.config
    before = config.output_hidden_states, config.output_attentions
    config.output_hidden_states, config.output_attentions = "states" in shown, "attentions" in shown
    try:
        yield
    finally:
        config.output_hidden_states, config.output_attentions = before
