"""Causal language models: built from scratch, or loaded from a folder; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from mtkd.errors import InputError
from mtkd.models.build import check_keys, seeded
from mtkd.models.weights import reading

# Set from the tokenizer, so a config may not contradict them.
DERIVED_KEYS = ("vocab_size", "pad_token_id", "bos_token_id", "eos_token_id")


def build_causal(
    architecture: str, config: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase, seed: int
) -> PreTrainedModel:
    """A causal model with new weights, in evaluation mode, that depend on the arguments alone.

    ``architecture`` is a Transformers model type that writes text, "gpt2" or "llama" for example.
    Raises InputError for an unknown one, unknown keys of its ``config``, sizes that contradict.
    """
    known = architecture in CONFIG_MAPPING
    if not known or CONFIG_MAPPING[architecture] not in MODEL_FOR_CAUSAL_LM_MAPPING:
        raise InputError(
            f"architecture {architecture!r} writes no text; use a causal model type of "
            "Transformers such as 'gpt2' or 'llama'"
        )
    config_class = CONFIG_MAPPING[architecture]
    check_keys(architecture, config_class, config, DERIVED_KEYS)
    try:
        full = config_class(
            **config,
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )
        with seeded(seed):
            model = AutoModelForCausalLM.from_config(full)
    except (StrictDataclassError, ValueError, TypeError) as error:
        raise InputError(f"config of {architecture!r}: {' '.join(str(error).split())}") from error
    return model.eval()


def load_causal(folder: Path, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The causal model saved in ``folder``, in evaluation mode.

    Raises InputError where config or safetensors weights are missing, unreadable or incomplete.
    """
    with reading(folder):
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            output_loading_info=True,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
        )
    if report["missing_keys"]:
        raise InputError(
            f"{folder} lacks weights of a causal model: {', '.join(sorted(report['missing_keys']))}"
        )
    return model.eval()


def positions_of(model: PreTrainedModel) -> int | None:
    """How many tokens a model takes; None where its config names no limit."""
    return getattr(model.config, "max_position_embeddings", None)
