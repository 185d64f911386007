"""Tokens of prompts with responses: a tokenizer of characters, and sequences of which the response
is learnt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jinja2 import TemplateError
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from mtkd.config.generation import MOST_TEACHERS
from mtkd.errors import InputError
from mtkd.tasks.encoding import Encoded

PAD, END = "<pad>", "<end>"
# Before every prompt stands one token: nobody's, or that of a teacher, by its place in the arm.
# The last one no student has seen.
ANY, UNSEEN = "<any>", "<unseen>"
MODES = tuple(f"<mode{number}>" for number in range(1, MOST_TEACHERS + 1))


def character_tokenizer(alphabet: str) -> PreTrainedTokenizerFast:
    """A tokenizer of single characters and mode tokens.

    Raises InputError for a character that is listed twice.
    """
    special = [PAD, END, ANY, UNSEEN, *MODES]
    words = [*special, *alphabet]
    if len(set(words)) < len(words):
        twice = next(word for number, word in enumerate(words) if word in words[:number])
        raise InputError(f"{twice!r} is listed twice in the alphabet")
    backend = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, PAD))
    backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    backend.decoder = decoders.Fuse()
    backend.add_special_tokens(special)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=special[2:],
        clean_up_tokenization_spaces=False,
    )


def read_as(template: str, mode: str, prompt: str) -> str:
    """A prompt as a student reads it: in its template, behind a mode token."""
    return mode + template.replace("{prompt}", prompt)


def check_mode_tokens(tokenizer: PreTrainedTokenizerBase, modes: Sequence[str]) -> None:
    """Raises InputError for a mode token that is not a single token of its own."""
    for mode in modes:
        ids = tokenizer.encode(mode, add_special_tokens=False)
        if len(ids) != 1 or tokenizer.convert_ids_to_tokens(ids[0]) != mode:
            raise InputError(
                f"mode token {mode} is {len(ids)} tokens of this tokenizer, or an unknown one; it "
                "has to be a single token: add it to the model's vocabulary"
            )


def ids_of(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of each of N texts, without any that a tokenizer puts around them."""
    if not len(texts):
        return []
    encodings = tokenizer.backend_tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [encoding.ids for encoding in encodings]


def beginning(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The tokens that a tokenizer puts before every text, such as Llama's ``<s>``; often none."""
    backend, probe = tokenizer.backend_tokenizer, "a"
    bare = backend.encode(probe, add_special_tokens=False).ids
    whole = backend.encode(probe, add_special_tokens=True).ids
    places = range(len(whole) - len(bare) + 1)
    return next((whole[:at] for at in places if whole[at : at + len(bare)] == bare), [])


def prompt_ids(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> list[list[int]]:
    """The tokens of each of N prompts, with what a tokenizer puts before every text.

    A chat template may have put it there already.
    """
    first = beginning(tokenizer)
    found = ids_of(tokenizer, prompts)
    return [ids if ids[: len(first)] == first else [*first, *ids] for ids in found]


def chat_text(tokenizer: PreTrainedTokenizerBase, text: str, name: str) -> str:
    """A user's text as a model reads it in a conversation, by its tokenizer's chat template.

    Raises InputError where the tokenizer of model ``name`` has no template, or one that fails.
    """
    if not tokenizer.chat_template:
        raise InputError(
            f"the tokenizer of {name} has no chat template; take out 'chat' and say in 'template' "
            "what stands before and behind a prompt"
        )
    try:
        return tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
    except (TemplateError, ValueError) as error:
        raise InputError(f"chat template of {name}: {' '.join(str(error).split())}") from None


def encode_pairs(
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    responses: Sequence[str],
    longest: int | None = None,
) -> Encoded:
    """N prompts, each with its response and the end token behind it; segment 1 is what is learnt.

    Prompts are as the model is to see them, mode token included. Raises InputError for a pair of
    more than ``longest`` tokens: cut, its answer would be missing.
    """
    ends = [*ids_of(tokenizer, responses)]
    starts = prompt_ids(tokenizer, prompts)
    pairs = [
        (len(start), [*start, *end, tokenizer.eos_token_id])
        for start, end in zip(starts, ends, strict=True)
    ]
    lengths = [len(ids) for _, ids in pairs]
    if longest is not None and max(lengths, default=0) > longest:
        row = int(np.argmax(lengths))
        raise InputError(
            f"prompt {prompts[row]!r} with its response has {lengths[row]} tokens, and the model "
            f"takes {longest}; give it more positions, or shorter traces"
        )
    return encoded(pairs)


def encoded(pairs: Sequence[tuple[int, list[int]]]) -> Encoded:
    """N texts' tokens: of each, so many of a prompt as said first, and others that are learnt."""
    offsets = np.concatenate([[0], np.cumsum([len(ids) for _, ids in pairs])]).astype(np.int64)
    tokens = np.fromiter((token for _, ids in pairs for token in ids), np.int32, offsets[-1])
    segments = np.ones(offsets[-1], np.uint8)
    for (prompt, _), offset in zip(pairs, offsets, strict=False):
        segments[offset : offset + prompt] = 0
    return Encoded(tokens, segments, offsets)
