"""Training a tokenizer from texts (without importing torch), and loading one from a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import DebertaTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from mtkd.errors import InputError

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# A word seen once is better unknown: its vector would be learnt from one example.
WORD_MIN_FREQUENCY = 2

# Words as in GloVe's tables (Penn Treebank): "doesn't" is "does n't", "film's" is "film 's". Runs
# of punctuation stay whole, since ":)" and "!!!" are words of their own in tweets and reviews.
_WORDS = Regex(r"\w+(?=n't\b)|n't\b|'\w+|\w+|[^\w\s]+")


def train_tokenizer(
    kind: str,
    texts: Iterable[str],
    vocab_size: int,
    max_length: int,
    vocabulary: Sequence[str] | None = None,
) -> PreTrainedTokenizerFast:
    """Train a tokenizer; the same texts give the same tokenizer in every process.

    Args:
        kind: "word" (lower-cased words), "bpe" (bytes, cased) or "wordpiece" (BERT's, lower-cased).
        texts: the training texts.
        vocab_size: upper bound on the vocabulary, the five special tokens included.
        max_length: tokens of an encoded example, special tokens included; kept with the tokenizer
            as ``model_max_length``.
        vocabulary: for "word" only: exactly these words, in this order after the special tokens
            (those of a table of word vectors); texts and vocab_size then do not matter.

    Returns:
        A tokenizer that encodes ``[CLS] a [SEP]`` and ``[CLS] a [SEP] b [SEP]``, with token type 1
        for ``b [SEP]``, and pads on the right.

    Raises:
        InputError: unknown kind, no texts, a vocab_size too small for the alphabet, or a
            vocabulary for a kind other than "word" or with repeated words.
    """
    if kind not in _TRAINERS:
        raise InputError(f"unknown tokenizer kind {kind!r}; known: {', '.join(_TRAINERS)}")
    if vocabulary is not None:
        if kind != "word":
            raise InputError(f"a fixed vocabulary needs a tokenizer of kind 'word', not {kind!r}")
        backend = _fixed_words(vocabulary)
    else:
        texts = list(texts)
        if not texts:
            raise InputError(f"no texts to train a {kind!r} tokenizer on")
        # Byte-level BPE knows all 256 bytes beforehand.
        smallest = len(SPECIAL_TOKENS) + (256 if kind == "bpe" else 1)
        if vocab_size < smallest:
            raise InputError(
                f"vocab_size {vocab_size} is too small for a {kind!r} tokenizer: "
                f"special tokens and alphabet alone need {smallest}"
            )
        backend = _TRAINERS[kind](texts, vocab_size)
    backend.post_processor = _template(backend)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        model_max_length=max_length,
        # Without this the token types are not returned.
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        padding_side="right",
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def load_tokenizer(folder: Path, max_length: int) -> PreTrainedTokenizerBase:
    """The tokenizer saved in ``folder``, encoding to at most ``max_length`` tokens.

    Raises:
        InputError: the folder or its tokenizer is missing or unreadable.
    """
    if not folder.is_dir():
        raise InputError(f"no such model folder: {folder}")
    # Without a vocabulary Transformers makes up a tokenizer of five special tokens for a model type
    # it knows, and every word becomes [UNK].
    vocabularies = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
    if not any(any(folder.glob(pattern)) for pattern in vocabularies):
        raise InputError(
            f"no tokenizer in {folder}: none of {', '.join(vocabularies)} found; "
            "save the model's tokenizer beside its weights"
        )
    # AutoTokenizer imports torch, which training a tokenizer does without.
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            model_max_length=max_length,
            padding_side="right",
        )
    # A broken vocabulary surfaces as whatever its parser raises, bare Exception included.
    except Exception as error:
        cause = " ".join(str(error).split())
        raise InputError(f"unreadable tokenizer in {folder}: {cause}") from error
    if isinstance(tokenizer, DebertaTokenizer):
        # Transformers 5.23 puts two [SEP] between a pair's texts; DeBERTa was trained with one. It
        # does so at every load, whatever was saved.
        tokenizer.backend_tokenizer.post_processor = _template(tokenizer.backend_tokenizer)
    return tokenizer


def _word_backend(vocabulary: dict[str, int]) -> Tokenizer:
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace("’", "'"), normalizers.Lowercase()]
    )
    backend.pre_tokenizer = pre_tokenizers.Split(_WORDS, behavior="removed", invert=True)
    return backend


def _fixed_words(vocabulary: Sequence[str]) -> Tokenizer:
    words = [*SPECIAL_TOKENS, *vocabulary]
    if len(set(words)) != len(words):
        raise InputError("the fixed vocabulary repeats a word or contains a special token")
    backend = _word_backend({word: index for index, word in enumerate(words)})
    backend.add_special_tokens(list(SPECIAL_TOKENS))
    return backend


def _train_words(texts: list[str], vocab_size: int) -> Tokenizer:
    backend = _word_backend({"[UNK]": 0})
    backend.train_from_iterator(
        texts,
        trainers.WordLevelTrainer(
            vocab_size=vocab_size,
            min_frequency=WORD_MIN_FREQUENCY,
            special_tokens=list(SPECIAL_TOKENS),
            show_progress=False,
        ),
    )
    return backend


def _train_bpe(texts: list[str], vocab_size: int) -> Tokenizer:
    backend = Tokenizer(models.BPE(unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=list(SPECIAL_TOKENS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return backend


def _wordpiece_backend(vocabulary: dict[str, int]) -> Tokenizer:
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece(prefix="##")
    return backend


def _train_wordpiece(texts: list[str], vocab_size: int) -> Tokenizer:
    """WordPiece with a fixed alphabet: the commonest characters, in at most half the vocabulary.

    Left to itself the trainer numbers the "##x" pieces in the order of a randomly seeded hash map
    and breaks ties between merges by these numbers, so every process learns another vocabulary.
    Passed as special tokens the pieces have fixed numbers; a second backend then takes over the
    vocabulary without their special status.
    """
    learner = _wordpiece_backend({"[UNK]": 0})
    normalize = learner.normalizer.normalize_str
    counts = Counter(letter for text in texts for letter in "".join(normalize(text).split()))
    ranked = sorted(counts, key=lambda letter: (-counts[letter], letter))
    alphabet = ranked[: (vocab_size - len(SPECIAL_TOKENS)) // 4]
    learner.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(
            vocab_size=vocab_size,
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
            special_tokens=[*SPECIAL_TOKENS, *(f"##{letter}" for letter in alphabet)],
            show_progress=False,
        ),
    )
    backend = _wordpiece_backend(json.loads(learner.to_str())["model"]["vocab"])
    backend.add_special_tokens(list(SPECIAL_TOKENS))
    return backend


def _template(backend: Tokenizer) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )


_TRAINERS = {"word": _train_words, "bpe": _train_bpe, "wordpiece": _train_wordpiece}
