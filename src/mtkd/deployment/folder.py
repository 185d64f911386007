"""A student's folder: one of Hugging Face's, and beside it ``student.json``, how texts get into it.

Whoever labels texts, exports or measures a student starts from ``load_student``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import softmax
from transformers import PreTrainedTokenizerFast

from mtkd.deployment.facts import FACTS, read_facts
from mtkd.distillation.inference import predict
from mtkd.models.build import accepts_token_types, load_pretrained, padding_id
from mtkd.models.tokenizers import load_tokenizer
from mtkd.records.files import read_json
from mtkd.records.kept import same_file
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split
from mtkd.tasks.encoding import encode

_ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


class Student(NamedTuple):
    """A student that answers: its model, how it reads texts, and what its outputs are called."""

    model: torch.nn.Module
    tokenizer: PreTrainedTokenizerFast
    text: list[str]  # the text column, or the two of a pair
    labels: list[str]
    max_length: int
    facts: Mapping[str, Any]  # all of its student.json

    @property
    def device(self) -> torch.device:
        """Where its model lies."""
        return next(self.model.parameters()).device


def write_student(folder: Path, trained: Path, facts: Mapping[str, Any]) -> None:
    """Fill an empty folder with a model as it was trained, so that Transformers alone can use it.

    The tokenizer is saved as what it is made of, under no type's name: by a name Transformers
    repairs some types' tokenizers otherwise than ``mtkd.models.tokenizers`` does, and the student
    would read other tokens than it was trained on.
    """
    for path in trained.glob("*.safetensors*"):
        same_file(path, folder / path.name)
    shutil.copyfile(trained / "config.json", folder / "config.json")
    model = load_pretrained(trained, facts["labels"], seed=0, trained=True)
    tokenizer = load_tokenizer(trained, facts["max_length"])
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.enable_truncation(facts["max_length"])
    side = json.loads((trained / "tokenizer_config.json").read_text("utf-8")).get("padding_side")
    types = ["token_type_ids"] if accepts_token_types(model) else []
    plain = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=facts["max_length"],
        padding_side=side or "right",
        model_input_names=["input_ids", *types, "attention_mask"],
        **{f"{role}_token": getattr(tokenizer, f"{role}_token") for role in _ROLES},
    )
    plain.save_pretrained(folder)
    text = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / FACTS).write_text(text, encoding="utf-8")


def load_student(folder: Path, device: str | None = None) -> Student:
    """The student in a folder, on a device or, without one, on the GPU if there is one.

    Raises InputError.
    """
    folder = Path(folder)
    facts = read_facts(folder)
    tokenizer = load_tokenizer(folder, facts["max_length"])
    model = load_pretrained(folder, facts["labels"], seed=0, trained=True)
    # Loading a tokenizer turns it to the right: padding has a side of the model's own.
    said = read_json(folder / "tokenizer_config.json").get("padding_side", "right")
    tokenizer.padding_side = said
    model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return Student(model, tokenizer, facts["text"], facts["labels"], facts["max_length"], facts)


def encoded(student: Student, texts: Sequence[Sequence[str]]) -> DeviceTokens:
    """N texts, or pairs of texts, as the student reads them; ``texts`` has a list a column."""
    first, second = texts[0], texts[1] if len(texts) > 1 else None
    split = Split(np.arange(len(first)), list(first), second and list(second), None)
    tokens = encode(student.tokenizer, split, student.max_length)
    found = DeviceTokens(tokens, padding_id(student.model), student.device)
    found.padding_side = student.tokenizer.padding_side
    return found


def answers(student: Student, texts: Sequence[Sequence[str]]) -> np.ndarray:
    """Logits [N, C] (float32) of N texts or pairs of texts; ``texts`` has a list a column."""
    return predict(student.model, encoded(student, texts))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """softmax(logits) [N, C] at T = 1, in double precision."""
    return softmax(logits.astype(np.float64), axis=-1)


def mean_distance(logits: np.ndarray, others: np.ndarray) -> float:
    """The mean over examples of half the summed differences of probabilities, 0 to 1: [N, C]."""
    return float(np.abs(probabilities(logits) - probabilities(others)).sum(axis=1).mean() / 2)
