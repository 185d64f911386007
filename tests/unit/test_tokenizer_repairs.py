"""mtkd.models.tokenizers: what Transformers gets wrong in published tokenizers is put right."""

from __future__ import annotations

import json

import pytest
from tokenizers import ByteLevelBPETokenizer

from mtkd.models.tokenizers import load_tokenizer
from mtkd.tasks.corpus import Split
from mtkd.tasks.encoding import encode

TEXTS = ["the plot is dull", "a clever film, never dull", "the film is dull"] * 3
SPECIAL = {
    "deberta": ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"],
    "roberta": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
}


def folder_of(model_type, folder):
    """A model folder as the hub serves it, weights apart: vocab.json, merges.txt, config.json."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        TEXTS, vocab_size=290, special_tokens=SPECIAL[model_type], show_progress=False
    )
    tokenizer.save_model(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    return folder


def encoded(tokenizer, text_a, text_b=None, max_length=32):
    """Tokens and segments of one example, by the way the project encodes."""
    pair = None if text_b is None else [text_b]
    result = encode(tokenizer, Split(["0"], [text_a], pair, None), max_length)
    tokens = tokenizer.convert_ids_to_tokens(result.tokens.tolist())
    return [token.replace("Ġ", "") for token in tokens], result.segments.tolist()


@pytest.fixture(params=["from the hub's files", "saved and loaded again"])
def deberta(request, tmp_path):
    tokenizer = load_tokenizer(folder_of("deberta", tmp_path), 32)
    if request.param == "saved and loaded again":
        tokenizer.save_pretrained(tmp_path)
        assert (tmp_path / "tokenizer.json").is_file()
        tokenizer = load_tokenizer(tmp_path, 32)
    return tokenizer


def test_deberta_has_one_separator_between_a_pair(deberta):
    tokens, segments = encoded(deberta, "film", "dull")
    middle = tokens.index("[SEP]")
    assert tokens[0] == "[CLS]"
    assert "".join(tokens[1:middle]) == "film"
    assert "".join(tokens[middle + 1 : -1]) == "dull"
    assert tokens[-1] == "[SEP]"
    assert segments == [0] * (middle + 1) + [1] * (len(tokens) - middle - 1)


def test_deberta_encodes_one_text_as_before(deberta):
    tokens, segments = encoded(deberta, "film")
    assert (tokens[0], "".join(tokens[1:-1]), tokens[-1]) == ("[CLS]", "film", "[SEP]")
    assert segments == [0] * len(tokens)


def test_deberta_pairs_are_cut_to_length_with_both_separators(deberta):
    tokens, _ = encoded(deberta, "a clever film " * 9, "never dull " * 9, max_length=12)
    assert len(tokens) == 12
    assert tokens.count("[SEP]") == 2
    assert tokens[-1] == "[SEP]"


def test_roberta_keeps_its_own_two_separators(tmp_path):
    tokens, _ = encoded(load_tokenizer(folder_of("roberta", tmp_path), 32), "film", "dull")
    middle = tokens.index("</s>")
    assert tokens[0] == "<s>"
    assert tokens[middle : middle + 2] == ["</s>", "</s>"]
    assert tokens.count("</s>") == 3
