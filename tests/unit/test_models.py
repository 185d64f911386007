"""mtkd.models: building, saving, loading and calling encoders, and their tokenizers."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from mtkd.errors import InputError
from mtkd.models.build import (
    accepts_token_types,
    build_model,
    head_state,
    load_pretrained,
    model_inputs,
    read_position,
    save_model,
)
from mtkd.models.tokenizers import SPECIAL_TOKENS, load_tokenizer, train_tokenizer
from mtkd.models.vectors import principal_components
from mtkd.models.words import words_of

LABELS = ["bad", "fine", "good"]
MAX_LENGTH = 48
TEXTS = [
    "A film's charm doesn't fade :)",
    "the plot isn't clever, and the acting is dull",
    "charming acting and a clever plot !!!",
    "dull dull dull film",
    "the film is clever, charming and never dull",
] * 3
PAIR = ("a clever film with charming acting", "dull plot")

CONFIGS = {
    "text-cnn": {"embedding_size": 6, "kernel_sizes": [2, 3], "filters": 5},
    "bilstm": {"embedding_size": 6, "hidden_size": 5, "num_layers": 2},
    "word-average": {"embedding_size": 6, "hidden_size": 5},
    "bert": {
        "hidden_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "max_position_embeddings": 64,
        "initializer_range": 0.5,  # the default leaves so small a model's logits all but constant
    },
    "distilbert": {
        "dim": 12,
        "n_layers": 1,
        "n_heads": 2,
        "hidden_dim": 16,
        "max_position_embeddings": 64,
        "initializer_range": 0.5,
    },
}
POOLED = ["text-cnn", "bilstm", "word-average"]
every_architecture = pytest.mark.parametrize("architecture", CONFIGS)


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer("word", TEXTS, vocab_size=100, max_length=MAX_LENGTH)


def small(architecture, tokenizer, seed=1, labels=LABELS, **changes):
    return build_model(architecture, CONFIGS[architecture] | changes, labels, tokenizer, seed)


def encode(tokenizer, *texts, pad_to=None):
    if pad_to is None:
        return tokenizer(*texts, padding=True, return_tensors="pt")
    return tokenizer(*texts, padding="max_length", max_length=pad_to, return_tensors="pt")


def logits_of(model, batch):
    with torch.no_grad():
        return model(**model_inputs(model, **batch)).logits


def weights_equal(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


class TestModels:
    @every_architecture
    def test_saved_model_loads_with_the_auto_classes_bit_equal(
        self, architecture, tokenizer, tmp_path
    ):
        model = small(architecture, tokenizer)
        save_model(model, tokenizer, tmp_path)
        loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
        reread = AutoTokenizer.from_pretrained(tmp_path)
        assert type(loaded) is type(model)
        assert loaded.config.id2label == dict(enumerate(LABELS))
        assert reread.model_max_length == MAX_LENGTH
        batch = encode(tokenizer, TEXTS[:3], TEXTS[2:5])
        again = encode(reread, TEXTS[:3], TEXTS[2:5])
        assert all(torch.equal(batch[name], again[name]) for name in batch)
        assert torch.equal(logits_of(model, batch), logits_of(loaded, again))
        assert torch.equal(
            logits_of(model, batch), logits_of(load_pretrained(tmp_path, LABELS, seed=9), batch)
        )

    @pytest.mark.parametrize("architecture", POOLED)
    def test_auto_model_loads_the_encoder_alone(self, architecture, tokenizer, tmp_path):
        model = small(architecture, tokenizer)
        save_model(model, tokenizer, tmp_path)
        assert weights_equal(AutoModel.from_pretrained(tmp_path), model.base_model)

    @every_architecture
    @pytest.mark.parametrize("texts", [(TEXTS[3],), PAIR])
    def test_padding_changes_nothing(self, architecture, tokenizer, texts):
        model = small(architecture, tokenizer)
        tight = encode(tokenizer, *texts)
        wide = encode(tokenizer, *texts, pad_to=MAX_LENGTH)
        assert wide["input_ids"].shape[1] > tight["input_ids"].shape[1]
        torch.testing.assert_close(logits_of(model, tight), logits_of(model, wide))
        states = [head_state(model, batch, "first") for batch in (tight, wide)]
        torch.testing.assert_close(*states)

    @pytest.mark.parametrize("architecture", POOLED)
    def test_mask_defaults_to_the_padding_id(self, architecture, tokenizer):
        model = small(architecture, tokenizer)
        batch = encode(tokenizer, TEXTS[:4])
        with torch.no_grad():
            assert torch.equal(model(batch["input_ids"]).logits, logits_of(model, batch))

    @pytest.mark.parametrize("architecture", POOLED)
    def test_padding_gets_no_gradient(self, architecture, tokenizer):
        model = small(architecture, tokenizer)
        model(**encode(tokenizer, TEXTS[:4])).logits.sum().backward()
        gradient = model.get_input_embeddings().weight.grad
        assert torch.isfinite(gradient).all()
        assert gradient.abs().sum() > 0
        assert gradient[tokenizer.pad_token_id].abs().sum() == 0

    def test_bilstm_is_that_of_packed_sequences(self, tokenizer):
        model = small("bilstm", tokenizer, num_layers=1).base_model
        batch = encode(tokenizer, TEXTS[:4])
        mask = batch["attention_mask"].bool()
        reference = torch.nn.LSTM(6, 5, batch_first=True, bidirectional=True)
        layer = model.layers[0]
        reference.load_state_dict(
            layer.ahead.state_dict()
            | {f"{name}_reverse": value for name, value in layer.back.state_dict().items()}
        )
        embedded = model.embeddings(batch["input_ids"], mask, None)
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            embedded, mask.sum(1), batch_first=True, enforce_sorted=False
        )
        expected, _ = torch.nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
        states = expected.masked_fill(~mask[..., None], -torch.inf).amax(1)
        pooled = model(batch["input_ids"], batch["attention_mask"]).last_hidden_state[:, 0]
        torch.testing.assert_close(pooled[:, :10], states)

    def test_word_average_is_two_layers_on_the_mean_of_each_segments_vectors(self, tokenizer):
        model = small("word-average", tokenizer)
        batch = encode(tokenizer, *PAIR)
        weights = {name: value.numpy() for name, value in model.state_dict().items()}
        ids, types = (batch[name][0].numpy() for name in ("input_ids", "token_type_ids"))
        vectors = weights["encoder.word.weight"][ids]
        u, v = vectors[types == 0].mean(0), vectors[types == 1].mean(0)
        features = np.concatenate([u, v, np.abs(u - v), u * v])
        layers = [weights[f"classifier.{n}.{kind}"] for n in (0, 2) for kind in ("weight", "bias")]
        hidden = np.maximum(layers[0] @ features + layers[1], 0)
        expected = layers[2] @ hidden + layers[3]
        np.testing.assert_allclose(logits_of(model, batch)[0], expected, rtol=1e-4, atol=1e-6)

    def test_word_average_drops_features_of_the_mean_in_training_alone(self, tokenizer):
        model = small("word-average", tokenizer, dropout=0.9).train()
        batch = encode(tokenizer, TEXTS[:1])
        with torch.no_grad():
            values = {tuple(model(**batch).logits[0].tolist()) for _ in range(5)}
        assert len(values) > 1
        model.eval()
        assert torch.equal(logits_of(model, batch), logits_of(model, batch))

    @every_architecture
    def test_order_of_a_pair_matters(self, architecture, tokenizer):
        model = small(architecture, tokenizer)
        ahead = logits_of(model, encode(tokenizer, *PAIR))
        back = logits_of(model, encode(tokenizer, *reversed(PAIR)))
        assert not torch.allclose(ahead, back, atol=1e-4)

    @pytest.mark.parametrize("architecture", POOLED)
    def test_a_second_segment_is_told_by_its_token_types(self, architecture, tokenizer):
        model = small(architecture, tokenizer)
        batch = encode(tokenizer, *PAIR)
        single = dict(batch) | {"token_type_ids": torch.zeros_like(batch["token_type_ids"])}
        untyped = {name: batch[name] for name in ("input_ids", "attention_mask")}
        assert not torch.allclose(logits_of(model, batch), logits_of(model, single))
        assert torch.equal(logits_of(model, single), logits_of(model, untyped))
        first, second = head_state(model, single, "first").chunk(4, dim=-1)[:2]
        assert first.abs().sum() > 0
        assert second.abs().sum() == 0

    def test_token_types_reach_only_models_that_have_them(self, tokenizer):
        batch = encode(tokenizer, *PAIR)
        for architecture in CONFIGS:
            model = small(architecture, tokenizer)
            takes = architecture != "distilbert"
            assert accepts_token_types(model) is takes
            assert ("token_type_ids" in model_inputs(model, **batch)) is takes
        config = CONFIGS["bert"] | {"type_vocab_size": 1}  # as in the published checkpoints
        roberta = build_model("roberta", config, LABELS, tokenizer, seed=1)
        assert not accepts_token_types(roberta)
        assert logits_of(roberta, batch).shape == (1, 3)

    @every_architecture
    def test_the_head_reads_the_encoders_first_state(self, architecture, tokenizer):
        model = small(architecture, tokenizer)
        batch = encode(tokenizer, TEXTS[:4])
        inputs = model_inputs(model, **batch)
        states = model.base_model(**inputs).last_hidden_state
        assert states.shape[1] == (1 if architecture in POOLED else batch["input_ids"].shape[1])
        assert read_position(model, dict(batch)) == "first"
        assert torch.equal(head_state(model, dict(batch), "first"), states[:, 0])

    def test_transformers_use_sdpa(self, tokenizer):
        assert small("bert", tokenizer).config._attn_implementation == "sdpa"


class TestSeeds:
    @every_architecture
    def test_the_seed_alone_determines_the_weights(self, architecture, tokenizer):
        torch.manual_seed(5)
        before = torch.get_rng_state()
        one = small(architecture, tokenizer, seed=1)
        assert torch.equal(torch.get_rng_state(), before)
        torch.rand(7)
        assert weights_equal(one, small(architecture, tokenizer, seed=1))
        assert not weights_equal(one, small(architecture, tokenizer, seed=2))
        assert not one.training

    @every_architecture
    def test_a_missing_head_is_initialised_from_the_seed(self, architecture, tokenizer, tmp_path):
        model = small(architecture, tokenizer)
        save_model(model.base_model, tokenizer, tmp_path)
        before = torch.get_rng_state()
        one = load_pretrained(tmp_path, ["no", "yes"], seed=1)
        assert torch.equal(torch.get_rng_state(), before)
        torch.rand(7)
        other = load_pretrained(tmp_path, ["no", "yes"], seed=2)
        assert weights_equal(one, load_pretrained(tmp_path, ["no", "yes"], seed=1))
        assert weights_equal(one.base_model, model.base_model)
        assert not weights_equal(one.classifier, other.classifier)
        assert one.config.label2id == {"no": 0, "yes": 1}
        assert not one.training

    def test_half_precision_checkpoints_load_as_float32(self, tokenizer, tmp_path):
        save_model(small("bert", tokenizer).half(), tokenizer, tmp_path)
        assert load_pretrained(tmp_path, LABELS, seed=1).dtype == torch.float32


class TestVectors:
    words = ["film", "dull", "unheard-of", "clever"]
    table = np.arange(24, dtype=np.float16).reshape(4, 6)

    def build(self, tokenizer, words=words, table=table):
        return build_model(
            "bilstm", CONFIGS["bilstm"], LABELS, tokenizer, 1, vectors=(words, table)
        )

    def test_known_words_get_their_vectors_and_other_rows_stay(self, tokenizer):
        plain = small("bilstm", tokenizer).get_input_embeddings().weight
        filled = self.build(tokenizer).get_input_embeddings().weight
        vocabulary = tokenizer.get_vocab()
        for row, word in enumerate(self.words):
            if word in vocabulary:
                assert filled[vocabulary[word]].tolist() == self.table[row].tolist()
        rest = [index for word, index in vocabulary.items() if word not in self.words]
        assert len(rest) == len(vocabulary) - 3
        assert torch.equal(filled[rest], plain[rest])

    def test_wrong_width_is_refused(self, tokenizer):
        with pytest.raises(InputError, match=r"shape \(4, 3\).*need \(4, 6\)"):
            self.build(tokenizer, table=self.table[:, :3])

    def test_wider_vectors_are_reduced_to_their_principal_components(self, tokenizer):
        rng = np.random.default_rng(0)
        table = rng.normal(size=(4, 9)).astype(np.float16)
        filled = self.build(tokenizer, table=table).get_input_embeddings().weight
        vocabulary = tokenizer.get_vocab()
        # Of the words that the tokenizer knows alone.
        expected = principal_components(table[[0, 1, 3]], 6)
        for word, row in zip(["film", "dull", "clever"], expected, strict=True):
            assert filled[vocabulary[word]].tolist() == row.tolist()

    def test_no_word_in_common_is_refused(self, tokenizer):
        with pytest.raises(InputError, match="no token of the word vectors"):
            self.build(tokenizer, words=["w", "x", "y", "z"])


class TestBuildErrors:
    @pytest.mark.parametrize(
        ("architecture", "config", "message"),
        [
            ("brt", {}, "unknown architecture 'brt'"),
            ("vit_mae", {}, "no sequence classifier"),
            ("bilstm", {"hiden_size": 3}, "unknown key 'hiden_size'; known: .*hidden_size"),
            ("bilstm", {"vocab_size": 3}, "'vocab_size' comes from the tokenizer"),
            ("bilstm", {"hidden_size": "3"}, "hidden_size"),
            ("bert", {"hidden_size": 7, "num_attention_heads": 2}, "hidden size .7."),
        ],
    )
    def test_one_line_names_the_mistake(self, tokenizer, architecture, config, message):
        with pytest.raises(InputError, match=message) as caught:
            build_model(architecture, config, LABELS, tokenizer, seed=1)
        assert "\n" not in str(caught.value)


class TestFewerLayers:
    @pytest.fixture
    def saved(self, tokenizer, tmp_path):
        save_model(small("bert", tokenizer, num_hidden_layers=3), tokenizer, tmp_path)
        return tmp_path

    def test_the_first_layers_are_kept(self, saved):
        whole = load_pretrained(saved, LABELS, seed=1).state_dict()
        cut = load_pretrained(saved, LABELS, seed=1, layers=2)
        assert cut.config.num_hidden_layers == 2
        left_out = whole.keys() - cut.state_dict().keys()
        assert left_out and all(".layer.2." in name for name in left_out)
        assert all(torch.equal(whole[name], own) for name, own in cut.state_dict().items())

    def test_more_than_there_are_is_refused(self, saved):
        with pytest.raises(InputError, match=r"^'layers: 4': the encoder in .* has 3$"):
            load_pretrained(saved, LABELS, seed=1, layers=4)


class TestLoadErrors:
    @pytest.fixture
    def saved(self, tokenizer, tmp_path):
        save_model(small("bert", tokenizer), tokenizer, tmp_path)
        return tmp_path

    def refused(self, message, folder, labels=LABELS):
        with pytest.raises(InputError, match=message) as caught:
            load_pretrained(folder, labels, seed=1)
        assert "\n" not in str(caught.value)

    def test_missing_folder(self, tmp_path):
        self.refused("no such model folder", tmp_path / "absent")
        with pytest.raises(InputError, match="no such model folder"):
            load_tokenizer(tmp_path / "absent", 8)

    def test_missing_config(self, saved):
        (saved / "config.json").unlink()
        self.refused("no config.json", saved)

    def test_unreadable_config(self, saved):
        (saved / "config.json").write_text("{")
        self.refused("unreadable model", saved)

    def test_missing_weights(self, saved):
        (saved / "model.safetensors").rename(saved / "pytorch_model.bin")
        self.refused(r"no \*\.safetensors weights", saved)

    def test_truncated_weights(self, saved):
        weights = (saved / "model.safetensors").read_bytes()
        (saved / "model.safetensors").write_bytes(weights[: len(weights) // 2])
        self.refused("unreadable model", saved)

    def test_weights_of_another_architecture(self, saved, tokenizer, tmp_path):
        save_model(small("distilbert", tokenizer), tokenizer, tmp_path / "other")
        (tmp_path / "other" / "model.safetensors").rename(saved / "model.safetensors")
        self.refused("lack .* of the encoder's tensors", saved)

    def test_another_number_of_labels(self, saved):
        self.refused(r"classifier\.\w+ has shape \(3.*2 labels", saved, ["no", "yes"])

    def test_permuted_labels(self, saved):
        self.refused(
            "bad, fine, good, the task in the order good, bad, fine",
            saved,
            [
                "Good",
                "Bad",
                "Fine",
            ],
        )

    def test_labels_with_other_names_load(self, saved):
        assert load_pretrained(saved, ["0", "1", "2"], seed=1).config.id2label[2] == "2"

    def test_missing_tokenizer(self, saved):
        (saved / "tokenizer.json").unlink()
        with pytest.raises(InputError, match="no tokenizer in"):
            load_tokenizer(saved, 8)

    def test_unreadable_tokenizer(self, saved):
        (saved / "tokenizer.json").write_text("{}")
        with pytest.raises(InputError, match="unreadable tokenizer"):
            load_tokenizer(saved, 8)


class TestTokenizers:
    @pytest.mark.parametrize("kind", ["word", "bpe", "wordpiece"])
    def test_pairs_have_special_tokens_and_types_and_are_cut(self, kind, tmp_path):
        tokenizer = train_tokenizer(kind, TEXTS, vocab_size=300, max_length=10)
        assert tokenizer.convert_ids_to_tokens(range(5)) == list(SPECIAL_TOKENS)
        tokenizer.save_pretrained(tmp_path)
        for each in (tokenizer, load_tokenizer(tmp_path, 10)):
            encoded = each(TEXTS[0], TEXTS[1], truncation=True)
            tokens = each.convert_ids_to_tokens(encoded["input_ids"])
            assert len(tokens) == 10
            assert tokens[0] == "[CLS]"
            assert [i for i, token in enumerate(tokens) if token == "[SEP]"][-1] == 9
            first = tokens.index("[SEP]") + 1
            assert encoded["token_type_ids"] == [0] * first + [1] * (10 - first)
            padded = each("dull", padding="max_length", max_length=8)["input_ids"]
            assert padded[-1] == each.pad_token_id == 0

    @pytest.mark.parametrize("kind", ["word", "bpe", "wordpiece"])
    def test_vocabulary_size_is_a_bound(self, kind):
        assert len(train_tokenizer(kind, TEXTS, 290, MAX_LENGTH)) <= 290
        if kind != "bpe":
            assert len(train_tokenizer(kind, TEXTS, 15, MAX_LENGTH)) <= 15

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("Don’t, the film's 'fine' :)", "do n't , the film 's 'fine ' :)"),
            ("so :D!!! I <3 it...:-P", "so :d !!! i <3 it ... :-p"),
            # Emoticons stand alone; these only look like them.
            ("note:d at 3:30, p=3, <33", "note : d at 3 : 30 , p = 3 , < 33"),
        ],
    )
    def test_words_are_lower_cased_treebank_tokens_and_emoticons(self, text, words):
        assert words_of([text, ""]) == [words.split(), []]
        vocabulary = sorted(set(words.split()))
        tokenizer = train_tokenizer("word", [], 0, 32, vocabulary=vocabulary)
        assert tokenizer.tokenize(text) == words.split()

    def test_words_seen_once_are_unknown(self):
        tokenizer = train_tokenizer("word", ["rare common", "common"], 50, MAX_LENGTH)
        assert set(tokenizer.get_vocab()) == {*SPECIAL_TOKENS, "common"}

    def test_a_fixed_vocabulary_is_kept_as_given(self, tmp_path):
        tokenizer = train_tokenizer("word", [], 0, MAX_LENGTH, vocabulary=["plot", "dull", "a"])
        tokenizer.save_pretrained(tmp_path)
        for each in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
            assert each.convert_ids_to_tokens(range(8)) == [*SPECIAL_TOKENS, "plot", "dull", "a"]
            assert each("Dull plot film")["input_ids"] == [2, 6, 5, 1, 3]

    def test_load_sets_the_length(self, tokenizer, tmp_path):
        tokenizer.save_pretrained(tmp_path)
        loaded = load_tokenizer(tmp_path, 6)
        assert len(loaded(TEXTS[1], truncation=True)["input_ids"]) == 6

    def test_every_process_learns_the_same(self):
        # Enough distinct words that ties between merges are certain; hash seeds differ by process.
        rng = random.Random(0)
        words = ["".join(rng.choices("abcdefghijklé", k=rng.randint(2, 8))) for _ in range(300)]
        texts = [" ".join(rng.choices(words, k=10)) for _ in range(100)]
        program = """
import json, sys
from mtkd.models.tokenizers import train_tokenizer
texts = json.load(sys.stdin)
for kind in ("word", "bpe", "wordpiece"):
    print(train_tokenizer(kind, texts, 400, 16).backend_tokenizer.to_str())
assert "torch" not in sys.modules
"""
        other = subprocess.run(
            [sys.executable, "-c", program],
            input=json.dumps(texts),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
            capture_output=True,
            check=True,
        )
        ours = [
            train_tokenizer(kind, texts, 400, 16).backend_tokenizer.to_str()
            for kind in ("word", "bpe", "wordpiece")
        ]
        assert other.stdout.splitlines() == ours

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("char", TEXTS, 50, 8), "unknown tokenizer kind 'char'"),
            (("word", [], 50, 8), "no texts"),
            (("bpe", TEXTS, 200, 8), "too small .* need 261"),
            (("bpe", TEXTS, 500, 8, ["a"]), "needs a tokenizer of kind 'word'"),
            (("word", TEXTS, 500, 8, ["a", "a"]), "repeats a word"),
            (("word", TEXTS, 500, 8, ["[PAD]"]), "contains a special token"),
        ],
    )
    def test_errors(self, arguments, message):
        with pytest.raises(InputError, match=message):
            train_tokenizer(*arguments)
