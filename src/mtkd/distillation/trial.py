"""What is tried on a model and on its train texts before anything is trained; faults are one line.

A model that cannot be trained as it is raises InputError; what may be meant is a warning, which
goes into the log and into the run's record.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from mtkd.distillation.device import exact_float32
from mtkd.errors import InputError
from mtkd.models.build import model_inputs, padding_id
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split
from mtkd.tasks.encoding import Encoded, encode

# Train texts that are looked at, spread over the split; all, where there are fewer.
SAMPLE = 2000
# Shares of train tokens that are unknown, and of train texts whose tokens are another's.
UNKNOWN_WARNED, UNKNOWN_REFUSED = 0.25, 0.9
SAME_WARNED, SAME_REFUSED = 0.5, 0.9
# A vocabulary that holds a smaller part of the model's embeddings is cut off, or another model's.
PART_OF_EMBEDDINGS = 0.5
# From this share of its longer words with capitals on, a vocabulary is cased.
CASED = 0.05
# Share of train tokens that may be unknown for their capitals alone.
LOST_TO_CAPITALS = 0.05
# Of how many texts the longest stands beside the shortest, and how far that may move the logits of
# the one, as a share of the largest.
PADDED_TEXTS = 8
PADDING_TOLERANCE = 1e-4


class _Stop(Exception):
    """Raised where a forward pass has gone far enough."""


def check_sizes(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, max_length: int, name: str
) -> None:
    """Refuse a model whose embeddings or positions end before the tokenizer's tokens do.

    The model is to lie on the CPU: a GPU does not outlive an index that is out of range.
    """
    embeddings = len(model.get_input_embeddings().weight)
    token, last = max(tokenizer.get_vocab().items(), key=lambda item: item[1])
    if last >= embeddings:
        raise InputError(
            f"model {name}: its tokenizer knows tokens up to {last} ({token!r}), its embeddings "
            f"end at {embeddings - 1}; take out the tokens that were added, or resize the "
            "embeddings, and save both"
        )
    usable = usable_positions(model, max_length)
    if usable < max_length:
        raise InputError(
            f"model {name}: it has positions for {usable} tokens, fewer than the max_length "
            f"{max_length} at which the task's texts are cut; set max_length to {usable} or less, "
            "or give the model more"
        )


def usable_positions(model: PreTrainedModel, wanted: int) -> int:
    """How many tokens a text may have, at most ``wanted``.

    Found by trying, as configurations do not say it: RoBERTa's positions begin behind the padding
    id, XLNet's never end, those of rotary models are no limit.
    """
    if _takes(model, wanted) or not _takes(model, 1):
        return wanted
    fits, fails = 1, wanted
    while fails - fits > 1:
        middle = (fits + fails) // 2
        fits, fails = (middle, fails) if _takes(model, middle) else (fits, middle)
    return fits


@torch.no_grad()
def _takes(model: PreTrainedModel, length: int) -> bool:
    """Whether a text of this length gets through the embeddings and the first layer."""

    def stop(*_):
        raise _Stop

    layers = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList)]
    hooks = [part[1].register_forward_pre_hook(stop) for part in layers if len(part) > 1]
    token = 1 if padding_id(model) == 0 else 0
    ids = torch.full((1, length), token, device=model.device)
    try:
        model(**model_inputs(model, ids, torch.ones_like(ids)))
    except _Stop:
        return True
    # Whatever a model raises when its tables end.
    except Exception:
        return False
    finally:
        for hook in hooks:
            hook.remove()
    return True


def check_tokens(
    tokenizer: PreTrainedTokenizerFast,
    embeddings: int,
    train: Encoded,
    split: Split,
    max_length: int,
    name: str,
    remedy: str,
) -> list[str]:
    """Warnings where the tokenizer makes little of the train texts; refused if next to nothing.

    ``embeddings`` is how many the model has; ``remedy`` says what to use instead.
    """
    rows = _spread(len(split.ids))
    tokens = [train.tokens[train.offsets[row] : train.offsets[row + 1]] for row in rows]
    share = _unknown(tokenizer, np.concatenate(tokens))
    line = f"the tokenizer of {name} does not know {share:.0%} of the train texts' tokens"
    if len(tokenizer) < PART_OF_EMBEDDINGS * embeddings:
        # Harmless where the embeddings were made too many; with unknown tokens it is not.
        small = f"it has {len(tokenizer)} tokens for the model's {embeddings} embeddings"
        whole = f"{small}: save the model's own vocabulary, whole, beside its weights"
        _weigh(share, 1, UNKNOWN_WARNED, line, whole)
        warnings = [f"the tokenizer of {name}: {small}"]
    else:
        warnings = _weigh(share, UNKNOWN_WARNED, UNKNOWN_REFUSED, line, remedy)
    share = _same([_text(split, row) for row in rows], [row.tobytes() for row in tokens])
    line = f"the tokenizer of {name} gives {share:.0%} of the train texts another text's tokens"
    if np.mean([len(row) == max_length for row in tokens]) > 0.5:
        line, remedy = f"{line}, most being cut at max_length {max_length}", "raise max_length"
    return warnings + _weigh(share, SAME_WARNED, SAME_REFUSED, line, remedy)


def _weigh(share: float, warned: float, refused: float, line: str, remedy: str) -> list[str]:
    if share > refused:
        raise InputError(f"{line}; {remedy}")
    return [line] if share > warned else []


def _spread(rows: int, most: int = SAMPLE) -> np.ndarray:
    return np.linspace(0, rows - 1, min(most, rows)).astype(int)


def _text(split: Split, row: int) -> tuple[str, ...]:
    return (split.text_a[row],) if split.text_b is None else (split.text_a[row], split.text_b[row])


def _unknown(tokenizer: PreTrainedTokenizerFast, tokens: np.ndarray) -> float:
    """The share of tokens that stand for something unknown; special tokens do not count."""
    unknown = tokenizer.unk_token_id
    roles = {getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "cls", "sep", "pad")}
    # Tokenizers of bytes know everything, and name some other token.
    if unknown is None or unknown in roles:
        return 0.0
    special = set(tokenizer.all_special_ids) - {unknown}
    said = tokens[~np.isin(tokens, list(special))]
    return float(np.mean(said == unknown)) if len(said) else 0.0


def _same(texts: list[tuple[str, ...]], tokens: list[bytes]) -> float:
    """The share of different texts that have another's tokens: 0 if all differ, 1 if none does."""
    different = len(set(texts))
    return (different - len(set(tokens))) / (different - 1) if different > 1 else 0.0


def check_case(
    tokenizer: PreTrainedTokenizerFast, split: Split, max_length: int, name: str
) -> None:
    """Refuse a tokenizer that lower-cases for a cased vocabulary, or the reverse.

    Only where it matters: in texts with capitals.
    """
    rows = _spread(len(split.ids))
    texts = [text for row in rows for text in _text(split, row)]
    lowered = [text.lower() for text in texts]
    normalizer = tokenizer.backend_tokenizer.normalizer
    shown = normalizer.normalize_str("A") if normalizer else "A"
    words = _longer_words(tokenizer)
    if lowered == texts or not words:
        return
    cased = sum(word != word.lower() for word in words) / len(words)
    if "A" not in shown:
        if cased >= CASED:
            raise InputError(
                f"the tokenizer of {name} lower-cases texts, but {cased:.0%} of its vocabulary's "
                'words have capitals; set "do_lower_case": false in its tokenizer_config.json'
            )
    elif not cased:
        both = [
            encode(tokenizer, Split(np.arange(len(t)), t, None, None), max_length).tokens
            for t in (texts, lowered)
        ]
        lost = _unknown(tokenizer, both[0]) - _unknown(tokenizer, both[1])
        if lost > LOST_TO_CAPITALS:
            raise InputError(
                f"the tokenizer of {name} keeps capitals, but no word of its vocabulary has one: "
                f"{lost:.0%} of the train tokens are unknown for that alone; set "
                '"do_lower_case": true in its tokenizer_config.json'
            )


def _longer_words(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The vocabulary's words of two Latin letters or more; tokens of bytes look like others."""
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    return [
        word
        for word in tokenizer.get_vocab()
        if word not in special
        and word[0] not in "[<"
        and sum(letter.isascii() and letter.isalpha() for letter in word) > 1
    ]


def padding_side(
    model: PreTrainedModel, splits: Sequence[DeviceTokens], max_length: int, name: str
) -> str:
    """The side to pad on, where padding changes no text's logits; "right" if both will do.

    The shortest text there is, of at least one token, is run alone and beside the longest of
    eight, in full float32. Refused where neither side will do: a text's logits would depend on what
    else is in its batch.

    Returns:
        The side, "right" or "left".
    """
    lengths = [np.where(split.cpu_lengths, split.cpu_lengths, max_length) for split in splits]
    number = min(range(len(splits)), key=lambda number: lengths[number].min())
    split, lengths = splits[number], lengths[number]
    shortest = lengths.argmin()
    rows = _spread(len(lengths), PADDED_TEXTS)
    longest = rows[lengths[rows].argmax()]
    # Texts of one length are padded all the same: others need not be.
    width = max(int(lengths[longest]), min(int(lengths[shortest]) + 8, max_length))
    alone = _logits(model, split, [shortest], int(lengths[shortest]), name)
    moved = {}
    for side in ("right", "left"):
        split.padding_side = side
        beside = _logits(model, split, [shortest, longest], width, name)
        difference = (beside[0] - alone[0]).abs().max()
        # Logits that are not finite are reported where they are used.
        if not torch.isfinite(beside).all() or not torch.isfinite(alone).all():
            return side
        moved[side] = float(difference / beside.abs().max()) if difference else 0.0
        if moved[side] <= PADDING_TOLERANCE:
            return side
    raise InputError(
        f"model {name}: the padding beside a text changes its logits (on the right by "
        f"{moved['right']:.1e} of the largest, on the left by {moved['left']:.1e}), so that they "
        "would depend on the batch it is in; use another model"
    )


# Not in inference mode: what a model keeps from its first run would be of no use to training.
@torch.no_grad()
def _logits(
    model: PreTrainedModel, tokens: DeviceTokens, rows: list[int], width: int, name: str
) -> torch.Tensor:
    batch = tokens.batch(torch.tensor(rows, device=tokens.tokens.device), width)
    try:
        with exact_float32():
            return model(**model_inputs(model, **batch)).logits
    except torch.OutOfMemoryError:
        raise
    # Each kind of model has its own ways to refuse an input.
    except Exception as error:
        cause = " ".join(str(error).split())
        raise InputError(
            f"model {name} cannot be run on the task's texts: {type(error).__name__}: {cause}"
        ) from error
