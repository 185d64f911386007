"""Models from a config or a folder, saving them, and calling any of them alike.

Importing this module makes the project's own models known to the Auto classes.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
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
import mtkd.models.text_cnn
import mtkd.models.word_average  # noqa: F401  all three register their models
from mtkd.errors import InputError
from mtkd.models.vectors import principal_components
from mtkd.models.weights import reading

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
            "text-cnn", "bilstm", "word-average", "bert" or "distilbert".
        config: keys of that model type's config class; vocabulary, padding and labels excepted,
            which come from the tokenizer and ``labels``.
        labels: names of the classes in the task's canonical order.
        tokenizer: gives the vocabulary size and the padding id.
        seed: determines the initialisation; the caller's random state is neither used nor changed.
        vectors: V tokens and their word vectors [V, D]; those of tokens that the tokenizer knows
            replace their embedding rows. Where the embedding size E is less than D, the first E
            principal components of these vectors do.

    Raises:
        InputError: unknown architecture or config key, sizes that contradict each other or the
            vectors.
    """
    config_class = _config_class(architecture)
    check_keys(architecture, config_class, config, _DERIVED_KEYS)
    try:
        full = config_class(
            **config,
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            **_label_maps(labels),
        )
        with seeded(seed):
            model = AutoModelForSequenceClassification.from_config(full)
    except (StrictDataclassError, ValueError, TypeError) as error:
        raise InputError(f"config of {architecture!r}: {' '.join(str(error).split())}") from error
    if vectors is not None:
        _set_vectors(model, tokenizer, *vectors)
    return model.eval()


def load_pretrained(
    folder: Path,
    labels: Sequence[str],
    seed: int,
    trained: bool = False,
    layers: int | None = None,
) -> PreTrainedModel:
    """The classifier saved in ``folder``, in float32 and evaluation mode; nothing is downloaded.

    A checkpoint of an encoder without a classification head gets a new one, initialised from
    ``seed``, unless it is to be ``trained``, ready for use; the caller's random state is neither
    used nor changed. Of its layers the first ``layers`` are kept; all without a number.

    Raises:
        InputError: folder, config or safetensors weights are missing or unreadable; the weights
            lack parts of the encoder, or of a trained head; the checkpoint's head has another
            number of labels, or the same labels in another order; it has fewer layers.
    """
    with reading(folder):
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        saved_labels = config.id2label
        fewer = _fewer_layers(folder, config, layers)
        with seeded(seed):
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder,
                **_label_maps(labels),
                **fewer,
                # The default keeps the checkpoint's type, half precision included.
                dtype=torch.float32,
                # Reported below in one line rather than a table.
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
            )
    _check_weights(folder, model, report, saved_labels, labels, trained)
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
    taken = _taken(type(model.base_model))
    return "token_type_ids" in taken and getattr(model.config, "type_vocab_size", 0) > 1


@cache
def _taken(kind: type[PreTrainedModel]) -> frozenset[str]:
    """What models of a kind take: asked at every step, and as dear as a layer of a small one."""
    return frozenset(inspect.signature(kind.forward).parameters)


def padding_id(model: PreTrainedModel) -> int | None:
    """The id that the model itself takes for padding; None where its config names none there is."""
    pad = getattr(model.config.get_text_config(), "pad_token_id", None)
    return pad if pad is not None and 0 <= pad < len(model.get_input_embeddings().weight) else None


def share_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str) -> None:
    """See to it that the model and its tokenizer both have a padding token.

    Decoders are published without one. Their end token serves, and the model is told, which finds
    a text's last token by it. Raises InputError where there is no such token either.
    """
    if tokenizer.pad_token is None:
        pad = padding_id(model)
        tokenizer.pad_token = (
            tokenizer.eos_token if pad is None else tokenizer.convert_ids_to_tokens(pad)
        )
        if tokenizer.pad_token is None:
            raise InputError(
                f"the tokenizer of model {name} has neither a padding nor an end token; name one "
                'as "pad_token" in its tokenizer_config.json'
            )
    if padding_id(model) is None:
        model.config.get_text_config().pad_token_id = tokenizer.pad_token_id


def read_position(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> str:
    """Which of the encoder's last states the model's own head reads: "first", "last" or "mean".

    Found from the gradient of some texts' logits. "last" is the last token that is no padding;
    whatever else a head makes of several states counts as "mean".
    """
    kept = []

    def keep(_module, _arguments, output):
        kept.append(output[0] if isinstance(output, tuple) else output.last_hidden_state)

    hook = model.base_model.register_forward_hook(keep)
    try:
        logits = model(**model_inputs(model, **batch)).logits
    finally:
        hook.remove()
    # Of one class: over all of them the gradients of two may cancel.
    (gradient,) = torch.autograd.grad(logits[:, 0].sum(), kept[-1])
    read = gradient.abs().sum(-1) > 0
    if not read[:, 1:].any():
        return "first"
    rows = torch.arange(len(read), device=read.device)
    alone = read.sum(-1).max() == 1
    return "last" if alone and read[rows, _last(model, batch)].all() else "mean"


def head_state(model: PreTrainedModel, batch: Mapping[str, Tensor], position: str) -> Tensor:
    """[B, H] the encoder's last state where the model's head reads it, see ``read_position``.

    For the project's pooled encoders this is the pooled vector.
    """
    states = model.base_model(**model_inputs(model, **batch)).last_hidden_state
    if position == "first":
        return states[:, 0]
    if position == "last":
        return states[torch.arange(len(states), device=states.device), _last(model, batch)]
    mask = batch["attention_mask"][:, :, None].to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1)


def _last(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """[B] positions of the last token that is no padding, by its id as models tell it."""
    ids = batch["input_ids"]
    places = torch.arange(ids.shape[1], device=ids.device)
    return (places * (ids != padding_id(model))).argmax(-1)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """A seed for what is initialised within; the caller's random state stays as it is."""
    # fork_rng without devices and the CPU generator's own seed: models are initialised on the CPU,
    # and torch.manual_seed would also reset the accelerators' generators.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _fewer_layers(folder: Path, config: PreTrainedConfig, layers: int | None) -> dict[str, int]:
    """What of a config says that a model has so many of the layers that its weights have."""
    if layers is None:
        return {}
    there = getattr(config, "num_hidden_layers", None)
    if there is None or layers > there:
        has = "is of a type whose layers are not counted" if there is None else f"has {there}"
        raise InputError(f"'layers: {layers}': the encoder in {folder} {has}")
    return {"num_hidden_layers": layers}


def _label_maps(labels: Sequence[str]) -> dict[str, dict]:
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: index for index, label in enumerate(labels)},
    }


def _config_class(architecture: str) -> type[PreTrainedConfig]:
    if architecture not in CONFIG_MAPPING:
        raise InputError(
            f"unknown architecture {architecture!r}; use a Transformers model type such as "
            "'bert' or 'distilbert', or 'text-cnn', 'bilstm' or 'word-average'"
        )
    config_class = CONFIG_MAPPING[architecture]
    if config_class not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise InputError(f"architecture {architecture!r} has no sequence classifier")
    return config_class


def check_keys(
    architecture: str,
    config_class: type[PreTrainedConfig],
    config: Mapping[str, Any],
    derived: Collection[str],
) -> None:
    """Raises InputError for a key that a model's config class does not know, or is ``derived``.

    Config classes accept any keyword, so a misspelt key would silently leave the default.
    """
    known = {field.name for field in dataclasses.fields(config_class)}
    known |= config_class.attribute_map.keys()
    for key in config:
        if key in derived:
            raise InputError(
                f"config of {architecture!r}: {key!r} comes from the tokenizer and the task; "
                "remove it"
            )
        if key not in known:
            raise InputError(
                f"config of {architecture!r}: unknown key {key!r}; "
                f"known: {', '.join(sorted(known.difference(derived)))}"
            )


def _set_vectors(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tokens: Sequence[str],
    table: np.ndarray,
) -> None:
    weight = model.get_input_embeddings().weight
    if table.ndim != 2 or len(table) != len(tokens) or table.shape[1] < weight.shape[1]:
        raise InputError(
            f"word vectors have shape {table.shape}, but {len(tokens)} tokens and the model's "
            f"embedding size need {(len(tokens), weight.shape[1])}"
        )
    vocabulary = tokenizer.get_vocab()
    rows = [row for row, token in enumerate(tokens) if token in vocabulary]
    if not rows:
        raise InputError("no token of the word vectors occurs in the tokenizer's vocabulary")
    ids = torch.tensor([vocabulary[tokens[row]] for row in rows])
    known = table[rows]
    if table.shape[1] > weight.shape[1]:
        known = principal_components(known, weight.shape[1])
    with torch.no_grad():
        weight[ids] = torch.as_tensor(known, dtype=weight.dtype)


def _check_weights(
    folder: Path,
    model: PreTrainedModel,
    report: Mapping[str, Any],
    saved_labels: Mapping[int, str],
    labels: Sequence[str],
    trained: bool,
) -> None:
    if report["mismatched_keys"]:
        name, saved_shape, shape = sorted(report["mismatched_keys"])[0]
        raise InputError(
            f"weights in {folder}: {name} has shape {tuple(saved_shape)}, but {len(labels)} labels "
            f"and config.json need {tuple(shape)}; a trained head serves tasks of its own labels "
            "alone: for others take a checkpoint without one"
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
        if trained:
            raise InputError(
                f"weights in {folder} hold no trained head: "
                f"{', '.join(sorted(report['missing_keys']))} would be random; 'epochs: 0' takes a "
                "ready-made classifier, anything else has to be trained"
            )
        return
    # Label names that are numbers stay numbers in config.json.
    saved = [str(saved_labels[index]).casefold() for index in sorted(saved_labels)]
    wanted = [label.casefold() for label in labels]
    if saved != wanted and sorted(saved) == sorted(wanted):
        raise InputError(
            f"the head in {folder} has labels in the order {', '.join(saved)}, the task in the "
            f"order {', '.join(wanted)}; reorder the task's labels"
        )
