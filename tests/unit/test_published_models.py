"""Models as they are published: each works, or is refused in one line before it is trained."""

from __future__ import annotations

import io
import json
import random
import shutil

import numpy as np
import pytest
import sentencepiece
import torch
import transformers
from tokenizers import (
    BertWordPieceTokenizer,
    ByteLevelBPETokenizer,
    Tokenizer,
    models,
    pre_tokenizers,
)

from mtkd.config.schema import Model, Training
from mtkd.distillation.inference import head_states, predict
from mtkd.distillation.learner import load_learner, settle_source
from mtkd.distillation.teachers import train_teacher
from mtkd.distillation.trial import padding_side, usable_positions
from mtkd.errors import InputError
from mtkd.fusion.gate import varies
from mtkd.models.build import head_state, read_position, save_model
from mtkd.models.tokenizers import load_tokenizer, train_tokenizer
from mtkd.models.vectors import read_vectors
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split, TaskInfo
from mtkd.tasks.encoding import encode

CPU = torch.device("cpu")
LABELS = ["bad", "good"]
LENGTH = 24
POSITIONS = 40


def _texts(rows=40):
    rng = random.Random(0)
    words = ["film", "plot", "cast", "score", "scene", "story", "actor", "ending", "Berlin", "The"]
    words += ["dull", "weak", "poor", "good", "fine"]
    return [" ".join(rng.choices(words, k=rng.randint(2, 16))) + "." for _ in range(rows)]


TEXTS = _texts()
SPLIT = Split(
    np.array([str(row) for row in range(40)]), TEXTS, None, np.array([row % 2 for row in range(40)])
)
INFO = TaskInfo(LABELS, {"train": 40}, "data")


def pieces(path, **ids):
    """A sentencepiece vocabulary, normalised by NFKC as published ones are."""
    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXTS + ["… ½ １２３ Ｆｉｌｍ"] * 3),
        model_writer=written,
        vocab_size=90,
        hard_vocab_limit=False,
        minloglevel=2,
        **ids,
    )
    path.write_bytes(written.getvalue())


def write_pieces(folder, model_type):
    roles = {"unk_id": 0, "bos_id": 1, "eos_id": 2}
    match model_type:
        case "deberta-v2":
            roles = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
            roles |= {"pad_piece": "[PAD]", "bos_piece": "[CLS]"}
            pieces(folder / "spm.model", **roles, eos_piece="[SEP]", unk_piece="[UNK]")
        case "xlm-roberta" | "camembert":
            pieces(folder / "sentencepiece.bpe.model", **roles)
        case "rembert":
            pieces(folder / "sentencepiece.model", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
        case "albert":
            special = ["[CLS]", "[SEP]", "[MASK]"]
            roles = {"pad_id": 0, "unk_id": 1, "bos_id": -1, "eos_id": -1}
            pieces(folder / "spiece.model", **roles, user_defined_symbols=special)
            (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
        case "xlnet":
            special = ["<cls>", "<sep>", "<pad>", "<mask>", "<eod>"]
            pieces(folder / "spiece.model", **roles, control_symbols=special)


def write_words(folder, cased=True):
    """BERT's vocabulary file."""
    tokenizer = BertWordPieceTokenizer(lowercase=not cased)
    tokenizer.train_from_iterator(TEXTS, vocab_size=120, min_frequency=1, show_progress=False)
    tokenizer.save_model(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": not cased}))


def write_bytes(folder, special):
    """The vocabulary files of RoBERTa and of decoders."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(TEXTS, 300, special_tokens=special, show_progress=False)
    tokenizer.save_model(str(folder))


SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": POSITIONS,
    "initializer_range": 0.3,
}
RELATIVE = {"relative_attention": True, "position_biased_input": False, "type_vocab_size": 0}
GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": POSITIONS, "eos_token_id": 0}
XLNET = {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, "initializer_range": 0.3}
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
DEBERTA = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
# By model type: what its configuration differs in, how its vocabulary is written, how many tokens
# a text may have, the side that padding must stand on, and the state that its head reads.
ENDLESS = 1000
PUBLISHED = {
    "bert": ({}, write_words, 40, "right", "first"),
    "electra": ({"embedding_size": 8}, write_words, 40, "right", "first"),
    "mpnet": ({}, write_words, 38, "right", "first"),
    "roberta": ({}, lambda f: write_bytes(f, ROBERTA), 38, "right", "first"),
    "deberta": (RELATIVE, lambda f: write_bytes(f, DEBERTA), ENDLESS, "right", "first"),
    "deberta-v2": (RELATIVE, None, ENDLESS, "right", "first"),
    "xlm-roberta": ({}, None, 38, "right", "first"),
    "camembert": ({}, None, 38, "right", "first"),
    "rembert": ({"input_embedding_size": 8}, None, 40, "right", "first"),
    "albert": ({"embedding_size": 8}, None, 40, "right", "first"),
    "xlnet": (XLNET, None, ENDLESS, "left", "last"),
    "modernbert": ({"classifier_pooling": "mean"}, None, ENDLESS, "right", "mean"),
    "gpt2": (GPT2, lambda f: write_bytes(f, ["<|endoftext|>"]), 40, "right", "last"),
    "qwen2": (
        {"num_key_value_heads": 2},
        lambda f: write_bytes(f, ["<|endoftext|>"]),
        ENDLESS,
        "right",
        "last",
    ),
}
SIZELESS = {"xlnet", "gpt2"}


def write_published(folder, model_type):
    """A folder as the hub serves it: an encoder's weights without a head, its vocabulary."""
    changes, write, *_ = PUBLISHED[model_type]
    folder.mkdir()
    if model_type == "modernbert":
        fast = BertWordPieceTokenizer(lowercase=False)
        fast.train_from_iterator(TEXTS, vocab_size=120, min_frequency=1, show_progress=False)
        special = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=fast._tokenizer, **{f"{k}_token": v for k, v in special.items()}
        ).save_pretrained(folder)
    elif write:
        write(folder)
    else:
        write_pieces(folder, model_type)
    config_class = transformers.CONFIG_MAPPING[model_type]
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    tokenizer = load_tokenizer(folder, LENGTH)
    pad = {} if tokenizer.pad_token is None else {"pad_token_id": tokenizer.pad_token_id}
    sizes = {} if model_type in SIZELESS else SIZES
    config = config_class(**{**sizes, **changes}, vocab_size=len(tokenizer), **pad)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.AutoModel.from_config(config).save_pretrained(folder)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Folders by model type, each written once."""
    root, made = tmp_path_factory.mktemp("published"), {}

    def folder_of(model_type):
        if model_type not in made:
            made[model_type] = root / model_type
            write_published(made[model_type], model_type)
        return made[model_type]

    return folder_of


@pytest.fixture(scope="module")
def learner_of(published, tmp_path_factory):
    """Learners by model type, each loaded once; tests leave them as they are."""
    cache, loaded = tmp_path_factory.mktemp("cache"), {}

    def learner(model_type):
        if model_type not in loaded:
            loaded[model_type] = load(published(model_type), cache)
        return loaded[model_type]

    return learner


@pytest.fixture
def changed(published, tmp_path):
    """A copy of a published folder that a test may change."""

    def copy(model_type):
        shutil.copytree(published(model_type), tmp_path / "model")
        return tmp_path / "model"

    return copy


def load(folder, tmp_path, split=SPLIT, trained=False, max_length=LENGTH, info=INFO):
    source = settle_source(Model(folder=str(folder)), None)
    labels, splits = info.labels, {"train": split}
    return load_learner(
        source, trained, max_length, info, labels, splits, 1, tmp_path / "tokens", CPU
    )


def refused(words, *arguments, **options):
    with pytest.raises(InputError, match=words) as caught:
        load(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model_type", PUBLISHED)
class TestPublishedTypes:
    def test_a_text_has_the_same_logits_in_any_batch(self, learner_of, model_type):
        *_, side, _ = PUBLISHED[model_type]
        tokenizer, model, tokens, warnings = learner_of(model_type)
        assert tokens["train"].padding_side == tokenizer.padding_side == side
        assert warnings == []
        together = predict(model, tokens["train"])
        alone = [predict(model, tokens["train"], np.array([row])) for row in range(12)]
        np.testing.assert_allclose(
            np.concatenate(alone), together[:12], atol=1e-4 * abs(together).max()
        )

    def test_it_is_the_same_model_after_it_was_saved(self, learner_of, tmp_path, model_type):
        tokenizer, model, tokens, _ = learner_of(model_type)
        save_model(model, tokenizer, tmp_path / "saved")
        again = load(tmp_path / "saved", tmp_path, trained=True)
        assert torch.equal(again.tokens["train"].tokens, tokens["train"].tokens)
        expected = predict(model, tokens["train"])
        assert np.array_equal(predict(again.model, again.tokens["train"]), expected)

    def test_features_are_what_its_head_reads(self, learner_of, model_type):
        *_, where = PUBLISHED[model_type]
        _, model, tokens, _ = learner_of(model_type)
        batch = tokens["train"].batch(torch.arange(40), int(tokens["train"].cpu_lengths.max()))
        assert read_position(model, batch) == where
        features = head_states(model, tokens["train"])
        assert varies(features.astype(np.float16))
        # They are the text's own, whatever else is in its batch.
        for row in range(3):
            alone = tokens["train"].batch(
                torch.tensor([row]), int(tokens["train"].cpu_lengths[row])
            )
            with torch.no_grad():
                own = head_state(model, alone, where)[0]
            np.testing.assert_allclose(own, features[row], atol=1e-4)

    def test_usable_positions_are_counted(self, learner_of, published, tmp_path, model_type):
        usable = PUBLISHED[model_type][2]
        assert usable_positions(learner_of(model_type).model, 100) == min(usable, 100)
        if model_type in ("bert", "roberta", "gpt2"):
            words = f"positions for {usable} tokens, fewer than the max_length {usable + 1}"
            refused(words, published(model_type), tmp_path, max_length=usable + 1)
            load(published(model_type), tmp_path, max_length=usable)


@pytest.mark.parametrize("model_type", ["deberta-v2", "xlm-roberta", "camembert", "xlnet"])
def test_a_sentencepiece_file_alone_gives_its_own_pieces(published, tmp_path, model_type):
    folder = published(model_type)
    own = sentencepiece.SentencePieceProcessor(model_file=str(next(folder.glob("*.model"))))
    texts = [*TEXTS[:5], "Ｆｉｌｍ … ½ １２３", "  two   spaces and a ﬁlm"]
    loaded = load_tokenizer(folder, LENGTH)
    loaded.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    for tokenizer in (loaded, load_tokenizer(tmp_path, LENGTH)):
        assert [tokenizer.tokenize(text) for text in texts] == own.encode(texts, out_type=str)
        ids = tokenizer("film", "plot")["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.cls_token_id in ids and tokenizer.sep_token_id in ids


def json_of(path, **changes):
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**content, **changes}))


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 231508\n"


def slow(folder):
    (folder / "vocab.txt").write_text("film 10\nplot 9\n")
    (folder / "bpe.codes").write_text("#version: 0.2\nt h 10\n")
    json_of(folder / "tokenizer_config.json", tokenizer_class="BertweetTokenizer")


def adapter(folder):
    json_of(folder / "adapter_config.json", base_model_name_or_path="unit/base")
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")


def no_special_tokens(folder, **roles):
    (folder / "tokenizer_config.json").unlink(missing_ok=True)
    words = Tokenizer(models.WordLevel({"film": 0, "plot": 1, "?": 2}, **roles))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    json_of(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast")


def another_types(folder, write, *names):
    for path in folder.glob("*token*"):
        path.unlink()
    for name in names:
        (folder / name).unlink()
    write(folder)
    (folder / "tokenizer_config.json").unlink(missing_ok=True)


REFUSED = {
    "a git-lfs pointer for weights": (
        "bert",
        lambda f: (f / "model.safetensors").write_text(POINTER),
        "model.safetensors is a git-lfs pointer, .*git lfs pull",
    ),
    "a git-lfs pointer for a vocabulary": (
        "xlm-roberta",
        lambda f: (f / "sentencepiece.bpe.model").write_text(POINTER),
        "sentencepiece.bpe.model is a git-lfs pointer",
    ),
    "an adapter": ("bert", adapter, "an adapter of unit/base, which alone is no model: merge it"),
    "label names as a list": (
        "bert",
        lambda f: json_of(f / "config.json", id2label=["bad", "good"]),
        'config.json: "id2label" is no mapping',
    ),
    "label names the wrong way round": (
        "bert",
        lambda f: json_of(f / "config.json", id2label={"bad": 0, "good": 1}),
        'config.json: "id2label" is no mapping',
    ),
    "a slow tokenizer": ("bert", slow, "BertweetTokenizer, has no fast version"),
    "a slow tokenizer that lacks files": (
        "bert",
        lambda f: json_of(f / "tokenizer_config.json", tokenizer_class="XLMTokenizer"),
        "XLMTokenizer, has no fast version",
    ),
    "RoBERTa with BERT's vocabulary": (
        "roberta",
        lambda f: another_types(f, write_words, "vocab.json", "merges.txt"),
        "knows no word: its type, RobertaTokenizer, reads merges.txt, tokenizer.json, vocab.json",
    ),
    "BERT with RoBERTa's vocabulary": (
        "bert",
        lambda f: another_types(f, lambda g: write_bytes(g, ROBERTA), "vocab.txt"),
        "knows no word: its type, BertTokenizer, reads tokenizer.json, vocab.txt",
    ),
    "MPNet with RoBERTa's vocabulary": (
        "mpnet",
        lambda f: another_types(f, lambda g: write_bytes(g, ROBERTA), "vocab.txt"),
        "knows no word: its type, MPNetTokenizer, reads tokenizer.json, vocab.txt",
    ),
    "ModernBERT with BERT's vocabulary": (
        "modernbert",
        lambda f: another_types(f, write_words),
        "unreadable tokenizer in .*: it holds no vocabulary that this type",
    ),
    "XLM-R with BERT's vocabulary": (
        "xlm-roberta",
        lambda f: another_types(f, write_words, "sentencepiece.bpe.model"),
        "knows no word: its type, XLMRobertaTokenizer",
    ),
    "a cut vocabulary": (
        "bert",
        lambda f: (f / "vocab.txt").write_text("\n".join(DEBERTA + ["film", "plot", "."])),
        "does not know .*% of the train texts' tokens; it has 8 tokens for the model's .* whole",
    ),
    "lower-casing for a cased vocabulary": (
        "bert",
        lambda f: json_of(f / "tokenizer_config.json", do_lower_case=True),
        'lower-cases texts, but .*% of its vocabulary.* "do_lower_case": false',
    ),
    "a cased vocabulary without a configuration": (
        "electra",
        lambda f: (f / "tokenizer_config.json").unlink(),
        "lower-cases texts, but",
    ),
    "capitals for a lower-cased vocabulary": (
        "bert",
        lambda f: (
            write_words(f, cased=False),
            json_of(f / "tokenizer_config.json", do_lower_case=False),
        ),
        'keeps capitals, but no word of its vocabulary has one.* "do_lower_case": true',
    ),
    "more tokens than embeddings": (
        "gpt2",
        lambda f: json_of(f / "tokenizer_config.json", pad_token="<|pad|>"),
        "tokens up to 300 \\('<|pad|>'\\), its embeddings end at 299",
    ),
    "no token for what is unknown": (
        "bert",
        no_special_tokens,
        "cannot encode a text: WordLevel error: Missing",
    ),
    "neither padding nor end": (
        "gpt2",
        lambda f: no_special_tokens(f, unk_token="?"),
        "neither a padding nor an end token",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_be_trained_is_refused_in_one_line(changed, tmp_path, fault):
    model_type, spoil, words = REFUSED[fault]
    folder = changed(model_type)
    spoil(folder)
    refused(words, folder, tmp_path)


def test_another_types_vocabulary_works_once_its_class_is_named(changed, tmp_path):
    """As Chinese RoBERTas come, which have BERT's."""
    folder = changed("roberta")
    another_types(folder, write_words, "vocab.json", "merges.txt")
    json_of(folder / "tokenizer_config.json", tokenizer_class="BertTokenizer", do_lower_case=False)
    tokenizer, _, tokens, _ = load(folder, tmp_path)
    known = tokens["train"].tokens != tokenizer.unk_token_id
    assert known.all() and len(tokens["train"].tokens.unique()) > 15


@pytest.mark.parametrize("model_type", ["bert", "roberta", "xlnet", "gpt2"])
def test_weights_without_a_head_are_no_ready_made_classifier(published, tmp_path, model_type):
    refused(
        "hold no trained head: .* would be random", published(model_type), tmp_path, trained=True
    )


def test_an_architecture_is_no_ready_made_classifier(tmp_path):
    model = Model(architecture="text-cnn", tokenizer={"kind": "bpe"})
    with pytest.raises(InputError, match="architecture text-cnn is built without trained weights"):
        load_learner(
            settle_source(model, None), True, 16, INFO, LABELS, {"train": SPLIT}, 1, tmp_path, CPU
        )


def test_label_names_that_are_numbers_are_compared_as_text(changed, tmp_path):
    folder = changed("bert")
    learner = load(folder, tmp_path)
    save_model(learner.model, learner.tokenizer, folder)
    json_of(folder / "config.json", id2label={"0": 0, "1": 1})
    load(folder, tmp_path, trained=True)
    load(folder, tmp_path, trained=True, info=TaskInfo(["0", "1"], {"train": 40}, "data"))
    refused(
        "labels in the order 0, 1, the task in",
        folder,
        tmp_path,
        info=TaskInfo(["1", "0"], {"train": 40}, "data"),
    )


def test_a_ready_made_classifier_is_used_as_it_is(changed, tmp_path):
    folder = changed("gpt2")
    learner = load(folder, tmp_path)
    save_model(learner.model, learner.tokenizer, folder)
    assert learner.model.config.pad_token_id == learner.tokenizer.pad_token_id == 0
    teacher = train_teacher(
        settle_source(Model(folder=str(folder)), None),
        training=Training(epochs=0),
        max_length=LENGTH,
        info=INFO,
        outputs=LABELS,
        splits={"train": SPLIT, "selection": SPLIT},
        seed=1,
        score=lambda logits: float((logits.argmax(1) == SPLIT.labels).mean()),
        cache=tmp_path / "tokens",
        device=CPU,
    )
    assert (teacher.epoch, teacher.outcome.status, teacher.warnings) == (0, "finished", [])


def test_the_models_own_padding_id_is_what_batches_are_padded_with(changed, tmp_path):
    """A decoder finds a text's last token by the id in its configuration."""
    folder = changed("qwen2")
    json_of(folder / "config.json", pad_token_id=7)
    learner = load(folder, tmp_path)
    assert learner.tokens["train"].pad_token_id == 7
    assert learner.tokens["train"].padding_side == "right"
    json_of(folder / "config.json", pad_token_id=-1)
    assert load(folder, tmp_path).model.config.pad_token_id == 0


def test_a_model_that_padding_moves_on_either_side_is_refused(tmp_path):
    class Counting(torch.nn.Module):
        """Its logits depend on the width of the batch."""

        config = transformers.BertConfig(vocab_size=300)
        base_model_prefix = "none"
        device = CPU

        def __init__(self):
            super().__init__()
            self.base_model, self.embeddings = self, torch.nn.Embedding(300, 2)

        def get_input_embeddings(self):
            return self.embeddings

        def forward(self, input_ids, attention_mask):
            logits = self.embeddings(input_ids).mean(1)
            return transformers.modeling_outputs.SequenceClassifierOutput(logits=logits)

    tokens = DeviceTokens(encode(train_tokenizer("word", TEXTS, 90, LENGTH), SPLIT, LENGTH), 0, CPU)
    with pytest.raises(InputError, match="model counting: the padding beside a text changes its"):
        padding_side(Counting(), [tokens], LENGTH, "counting")
    # Where every text fills the batch, nothing is ever padded.
    full = DeviceTokens(encode(train_tokenizer("word", TEXTS, 90, 4), SPLIT, 4), 0, CPU)
    assert padding_side(Counting(), [full], 4, "counting") == "right"


CHINESE = [f"这部电影{a}很{b}精彩" for a in "天地人山水火" for b in "木金土日月年"]
VOCABULARIES = {
    "unknown words": (CHINESE, "word", 16, "does not know 100% .* kind wordpiece or bpe"),
    "cut to the same": (
        ["the same start of " + text for text in TEXTS],
        "word",
        5,
        "raise max_length",
    ),
}


@pytest.mark.parametrize("what", VOCABULARIES)
def test_a_tokenizer_that_makes_nothing_of_the_texts_is_refused(tmp_path, what):
    texts, kind, max_length, words = VOCABULARIES[what]
    split = Split(np.arange(len(texts)).astype(str), texts, None, np.arange(len(texts)) % 2)
    model = Model(architecture="text-cnn", tokenizer={"kind": kind}, config={"filters": 2})
    source = settle_source(model, None)
    arguments = (max_length, INFO, LABELS, {"train": split}, 1, tmp_path, CPU)
    with pytest.raises(InputError, match=words):
        load_learner(source, False, *arguments)


@pytest.mark.parametrize("rare", [0, 7])
def test_a_tokenizer_that_makes_little_of_the_texts_is_a_warning(tmp_path, capsys, rare):
    # A word seen once is unknown to a tokenizer of words.
    words = [[f"rare{row}x{number}" for number in range(rare)] for row in range(40)]
    texts = [" ".join([text, *own]) for text, own in zip(TEXTS, words, strict=True)]
    split = SPLIT._replace(text_a=texts)
    model = Model(architecture="text-cnn", tokenizer={"kind": "word"}, config={"filters": 2})
    source = settle_source(model, None)
    learner = load_learner(source, False, LENGTH, INFO, LABELS, {"train": split}, 1, tmp_path, CPU)
    expected = ["the tokenizer of text-cnn does not know"] if rare else []
    assert [line[: len(expected[0])] for line in learner.warnings] == expected
    assert capsys.readouterr().err == "".join(f"warning: {line}\n" for line in learner.warnings)


def test_too_many_embeddings_are_a_warning_where_the_texts_are_known(changed, tmp_path):
    folder = changed("bert")
    config = transformers.BertConfig(**SIZES, vocab_size=1000)
    transformers.BertModel(config).save_pretrained(folder)
    (line,) = load(folder, tmp_path).warnings
    assert "tokens for the model's 1000 embeddings" in line


def test_word_vectors_that_are_pointers_or_no_vectors_are_refused(tmp_path):
    path = tmp_path / "vectors.safetensors"
    path.write_text(POINTER)
    with pytest.raises(InputError, match="is a git-lfs pointer"):
        read_vectors([path])
    path.write_text("no vectors")
    with pytest.raises(InputError, match="cannot be read as word vectors"):
        read_vectors([path])
