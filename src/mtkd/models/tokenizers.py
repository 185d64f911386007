"""Training a tokenizer from texts (without importing torch), and loading one from a folder."""

from __future__ import annotations

import base64
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
from mtkd.models.files import check_folder, json_content
from mtkd.models.words import WORDS

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

# A word seen once is better unknown: its vector would be learnt from one example.
WORD_MIN_FREQUENCY = 2


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

    A sentencepiece file will do where there is no ``tokenizer.json``.

    Raises:
        InputError: the folder or its tokenizer is missing or unreadable; the tokenizer has no fast
            version, or no vocabulary, its files being those of another type.
    """
    check_folder(folder)
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
        _refuse_slow(folder, _declared_class(folder))
        cause = " ".join(str(error).split())
        # Its own advice, to install something, does not help.
        if cause.startswith("Couldn't instantiate the backend tokenizer"):
            cause = "it holds no vocabulary that this type of model reads, such as tokenizer.json"
        raise InputError(f"unreadable tokenizer in {folder}: {cause}") from error
    _refuse_slow(folder, type(tokenizer))
    _refuse_made_up(folder, tokenizer)
    if isinstance(tokenizer, DebertaTokenizer):
        # Transformers 5.23 puts two [SEP] between a pair's texts; DeBERTa was trained with one. It
        # does so at every load, whatever was saved.
        tokenizer.backend_tokenizer.post_processor = _template(tokenizer.backend_tokenizer)
    if not (folder / "tokenizer.json").is_file() and tokenizer.cls_token:
        _restore_template(tokenizer)
    _restore_normalizer(folder, tokenizer)
    return tokenizer


def _declared_class(folder: Path) -> type | None:
    """The class that a tokenizer's own configuration names, if Transformers knows it."""
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

    for name in ("tokenizer_config.json", "config.json"):
        declared = json_content(folder / name).get("tokenizer_class")
        if declared:
            return tokenizer_class_from_name(declared)
    return None


def _refuse_slow(folder: Path, tokenizer_class: type | None) -> None:
    if tokenizer_class is None or issubclass(tokenizer_class, PreTrainedTokenizerFast):
        return
    raise InputError(
        f"the tokenizer in {folder}, {tokenizer_class.__name__}, has no fast version, which is "
        "needed here; use a model whose tokenizer has one (a tokenizer.json)"
    )


def _refuse_made_up(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """Without the files of its class, Transformers makes up a tokenizer of special tokens.

    Every word becomes unknown, or nothing at all, and a model trains on that to the end.
    """
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    # Some of those that are made up know one more, the sign for a space.
    if len(set(tokenizer.get_vocab()) - special) > 1:
        return
    files = {"tokenizer.json", *tokenizer.vocab_files_names.values()}
    raise InputError(
        f"the tokenizer in {folder} knows no word: its type, {type(tokenizer).__name__}, reads "
        f"{', '.join(sorted(files))}, and the vocabulary there is another type's; put its own "
        'there, or name the type that it is of as "tokenizer_class" in tokenizer_config.json'
    )


def _restore_template(tokenizer: PreTrainedTokenizerFast) -> None:
    """Put [CLS] and [SEP] back around texts.

    Transformers 5.23 leaves them out of some types that it reads from a sentencepiece file, and
    puts them in once such a tokenizer was saved.
    """
    backend = tokenizer.backend_tokenizer
    if tokenizer.cls_token_id not in backend.encode("").ids:
        backend.post_processor = _template(backend, tokenizer.cls_token, tokenizer.sep_token)


def _restore_normalizer(folder: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """Put back the table of characters that a sentencepiece vocabulary was learnt with.

    Transformers 5.23 drops it for some types at every load, DeBERTa-v3's among them, whereupon
    full-width letters, ligatures, an ellipsis and the like are unknown.
    """
    backend = tokenizer.backend_tokenizer
    has_table = backend.normalizer is not None and "Precompiled" in str(backend.normalizer)
    if not isinstance(backend.model, models.Unigram) or has_table:
        return
    table = _character_table(folder, tokenizer)
    if table:
        own = [backend.normalizer] if backend.normalizer else []
        backend.normalizer = normalizers.Sequence([normalizers.Precompiled(table), *own])


def _character_table(folder: Path, tokenizer: PreTrainedTokenizerFast) -> bytes:
    if (folder / "tokenizer.json").is_file():
        normalizer = json_content(folder / "tokenizer.json").get("normalizer") or {}
        for step in normalizer.get("normalizers", [normalizer]):
            if step.get("type") == "Precompiled":
                return base64.b64decode(step["precompiled_charsmap"])
        return b""
    path = folder / tokenizer.vocab_files_names.get("vocab_file", "tokenizer.model")
    if not path.is_file():
        return b""
    from sentencepiece import sentencepiece_model_pb2

    file = sentencepiece_model_pb2.ModelProto()
    file.ParseFromString(path.read_bytes())
    return file.normalizer_spec.precompiled_charsmap


def _word_backend(vocabulary: dict[str, int]) -> Tokenizer:
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    # As mtkd.models.words has it.
    backend.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace("’", "'"), normalizers.Lowercase()]
    )
    backend.pre_tokenizer = pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True)
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


def _template(
    backend: Tokenizer, cls: str = "[CLS]", sep: str = "[SEP]"
) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(
        single=f"{cls}:0 $A:0 {sep}:0",
        pair=f"{cls}:0 $A:0 {sep}:0 $B:1 {sep}:1",
        special_tokens=[(token, backend.token_to_id(token)) for token in (cls, sep)],
    )


_TRAINERS = {"word": _train_words, "bpe": _train_bpe, "wordpiece": _train_wordpiece}
