"""Models from a config or a folder, saving them, and calling any of them alike.

Importing this module makes the project's own models known to the Auto classes.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    AutoConfig,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

import mtkd.models.bilstm
import mtkd.models.text_cnn  # noqa: F401  both register their models
from mtkd.errors import InputError

# What a checkpoint lacks is reported below in one line; bars for local files flood a job's log.
logging.set_verbosity_error()
logging.disable_progress_bar()

# Set from the tokenizer and the task, so a config may not contradict them.
_DERIVED_KEYS = ("vocab_size", "pad_token_id", "num_labels", "id2label", "label2id")


def build_model(
    architecture: str,
    config: Mapping[str, Any],
    labels: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    vectors: tuple[Sequence[str], np.ndarray] | None = None,
) -> PreTrainedModel:
    """A classifier with new weights, in evaluation mode, that depend on the arguments alone.

    Args:
        architecture: a Transformers model type that has a sequence classifier, for example
            "text-cnn", "bilstm", "bert" or "distilbert".
        config: keys of that model type's config class; vocabulary, padding and labels excepted,
            which come from the tokenizer and ``labels``.
        labels: names of the classes in the task's canonical order.
        tokenizer: gives the vocabulary size, the padding id and the longest input.
        seed: determines the initialisation; the caller's random state is neither used nor changed.
        vectors: V tokens and their word vectors [V, E], E the model's embedding size; they replace
            the embedding rows of those tokens that the tokenizer knows.

    Raises:
        InputError: unknown architecture or config key, sizes that contradict each other, the
            tokenizer or the vectors.
    """
    config_class = _config_class(architecture)
    _check_keys(architecture, config_class, config)
    try:
        full = config_class(
            **config,
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            **_label_maps(labels),
        )
        _check_length(full, tokenizer.model_max_length, architecture)
        with _seeded(seed):
            model = AutoModelForSequenceClassification.from_config(full)
    except (StrictDataclassError, ValueError, TypeError) as error:
        raise InputError(f"config of {architecture!r}: {' '.join(str(error).split())}") from error
    if vectors is not None:
        _set_vectors(model, tokenizer, *vectors)
    return model.eval()


def load_pretrained(folder: Path, labels: Sequence[str], seed: int) -> PreTrainedModel:
    """The classifier saved in ``folder``, in float32 and evaluation mode; nothing is downloaded.

    A checkpoint of an encoder without a classification head gets a new one, initialised from
    ``seed``; the caller's random state is neither used nor changed.

    Raises:
        InputError: folder, config or safetensors weights are missing or unreadable; the weights
            lack parts of the encoder; the checkpoint's head has another number of labels, or the
            same labels in another order.
    """
    if not folder.is_dir():
        raise InputError(f"no such model folder: {folder}")
    if not (folder / "config.json").is_file():
        raise InputError(f"no config.json in model folder {folder}")
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"no *.safetensors weights in model folder {folder}; other formats are not read, "
            "so fetch a revision that has them"
        )
    try:
        saved_labels = AutoConfig.from_pretrained(folder, local_files_only=True).id2label
        with _seeded(seed):
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder,
                **_label_maps(labels),
                # The default keeps the checkpoint's type, half precision included.
                dtype=torch.float32,
                # Reported below in one line rather than a table.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
            )
    except (OSError, ValueError, KeyError, StrictDataclassError, SafetensorError) as error:
        raise InputError(f"unreadable model in {folder}: {' '.join(str(error).split())}") from error
    _check_weights(folder, model, report, saved_labels, labels)
    return model.eval()


def save_model(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write config, safetensors weights and tokenizer, as the Auto classes load them."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def model_inputs(
    model: PreTrainedModel,
    input_ids: Tensor,
    attention_mask: Tensor,
    token_type_ids: Tensor | None = None,
) -> dict[str, Tensor]:
    """Keyword arguments for ``model`` or its encoder; token types only where it has them.

    DistilBERT would swallow token types unused; RoBERTa has an embedding for type 0 alone.
    """
    inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
    if token_type_ids is not None and accepts_token_types(model):
        inputs["token_type_ids"] = token_type_ids
    return inputs


def accepts_token_types(model: PreTrainedModel) -> bool:
    """Whether the model tells the two segments of a pair apart by token types."""
    parameters = inspect.signature(model.base_model.forward).parameters
    return "token_type_ids" in parameters and getattr(model.config, "type_vocab_size", 0) > 1


def cls_state(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """[B, H] the encoder's last state at the first position, before any head.

    For the project's pooled encoders this is the pooled vector.
    """
    inputs = model_inputs(
        model, batch["input_ids"], batch["attention_mask"], batch.get("token_type_ids")
    )
    return model.base_model(**inputs).last_hidden_state[:, 0]


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    # fork_rng without devices and the CPU generator's own seed: models are initialised on the CPU,
    # and torch.manual_seed would also reset the accelerators' generators.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _label_maps(labels: Sequence[str]) -> dict[str, dict]:
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _config_class(architecture: str) -> type[PreTrainedConfig]:
    if architecture not in CONFIG_MAPPING:
        raise InputError(
            f"unknown architecture {architecture!r}; use a Transformers model type such as "
            "'bert' or 'distilbert', or 'text-cnn' or 'bilstm'"
        )
    config_class = CONFIG_MAPPING[architecture]
    if config_class not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise InputError(f"architecture {architecture!r} has no sequence classifier")
    return config_class


def _check_keys(
    architecture: str, config_class: type[PreTrainedConfig], config: Mapping[str, Any]
) -> None:
    # Config classes accept any keyword, so a misspelt key would silently leave the default.
    known = {field.name for field in dataclasses.fields(config_class)}
    known |= config_class.attribute_map.keys()
    for key in config:
        if key in _DERIVED_KEYS:
            raise InputError(
                f"config of {architecture!r}: {key!r} comes from the tokenizer and the task's "
                "labels; remove it"
            )
        if key not in known:
            raise InputError(
                f"config of {architecture!r}: unknown key {key!r}; "
                f"known: {', '.join(sorted(known.difference(_DERIVED_KEYS)))}"
            )


def _check_length(config: PreTrainedConfig, max_length: int, architecture: str) -> None:
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and positions < max_length:
        raise InputError(
            f"config of {architecture!r}: max_position_embeddings is {positions}, but the "
            f"tokenizer encodes up to {max_length} tokens"
        )


def _set_vectors(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tokens: Sequence[str],
    table: np.ndarray,
) -> None:
    weight = model.get_input_embeddings().weight
    if table.ndim != 2 or table.shape != (len(tokens), weight.shape[1]):
        raise InputError(
            f"word vectors have shape {table.shape}, but {len(tokens)} tokens and the model's "
            f"embedding size need {(len(tokens), weight.shape[1])}"
        )
    vocabulary = tokenizer.get_vocab()
    rows = [row for row, token in enumerate(tokens) if token in vocabulary]
    if not rows:
        raise InputError("no token of the word vectors occurs in the tokenizer's vocabulary")
    ids = torch.tensor([vocabulary[tokens[row]] for row in rows])
    with torch.no_grad():
        weight[ids] = torch.as_tensor(table[rows], dtype=weight.dtype)


def _check_weights(
    folder: Path,
    model: PreTrainedModel,
    report: Mapping[str, Any],
    saved_labels: Mapping[int, str],
    labels: Sequence[str],
) -> None:
    if report["mismatched_keys"]:
        name, saved_shape, shape = sorted(report["mismatched_keys"])[0]
        raise InputError(
            f"weights in {folder}: {name} has shape {tuple(saved_shape)}, but {len(labels)} labels "
            f"and config.json need {tuple(shape)}"
        )
    # Poolers belong to the head: checkpoints of masked language models come without one.
    encoder = f"{model.base_model_prefix}."
    missing = [key for key in report["missing_keys"] if key.startswith(encoder)]
    missing = sorted(key for key in missing if "pooler" not in key)
    if missing:
        raise InputError(
            f"weights in {folder} lack {len(missing)} of the encoder's tensors, first {missing[0]}"
        )
    if report["missing_keys"]:
        return
    saved = [saved_labels[index].casefold() for index in sorted(saved_labels)]
    wanted = [label.casefold() for label in labels]
    if saved != wanted and sorted(saved) == sorted(wanted):
        raise InputError(
            f"the head in {folder} has labels in the order {', '.join(saved)}, the task in the "
            f"order {', '.join(wanted)}; reorder the task's labels"
        )
