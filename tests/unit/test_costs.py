"""What models cost to run: sizes and operations by hand, and how forms are timed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mtkd.config.load import validate_suite
from mtkd.costs import measure
from mtkd.costs import table as costs_of
from mtkd.costs.forms import Form, ensemble_form, torch_form, words_form
from mtkd.costs.measure import ANSWERS, sample, timings
from mtkd.costs.table import costs_table, ensembles, measured
from mtkd.distillation.inference import predict
from mtkd.distillation.learner import Learner
from mtkd.errors import InputError
from mtkd.models.build import build_model, save_model
from mtkd.models.tokenizers import train_tokenizer
from mtkd.report.costs import CROWDED, _short, costs_shown
from mtkd.study.settings import costs_settings
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split
from mtkd.tasks.encoding import encode
from mtkd.tasks.reference import fit_words, refit_words

ROOT = Path(__file__).parents[2]
WORDS = [f"word{number}" for number in range(20)]
TEXTS = [" ".join(WORDS[row : row + 3 + row % 5]) for row in range(12)] * 4
SIZES = {
    "bilstm": {"embedding_size": 12, "hidden_size": 8},
    "bert": {
        "hidden_size": 12,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 3,
        "max_position_embeddings": 32,
    },
}


def split(texts, labels=None):
    ids = np.array([str(row) for row in range(len(texts))])
    return Split(ids, list(texts), None, None if labels is None else np.array(labels))


@pytest.fixture(scope="module", params=SIZES)
def learner(request):
    tokenizer = train_tokenizer("word", TEXTS, 100, 32)
    tokenizer.padding_side = "right"
    model = build_model(request.param, SIZES[request.param], ["no", "yes"], tokenizer, 1)
    return Learner(tokenizer, model, {}, [])


def by_hand(model, lengths) -> float:
    """Multiplications and additions of products of matrices, for each token of texts."""
    total, config = 0, model.config
    for n in lengths:
        if config.model_type == "bilstm":
            gates = 2 * 4 * config.hidden_size * (config.embedding_size + config.hidden_size)
            total += n * 2 * gates
            (head,) = (m for m in model.modules() if isinstance(m, torch.nn.Linear))
            total += 2 * head.in_features * head.out_features
        else:
            width, inner = config.hidden_size, config.intermediate_size
            layer = n * (4 * width * width + 2 * width * inner) + 2 * n * n * width
            total += 2 * (config.num_hidden_layers * layer + width * width + 2 * width)
    return total / sum(lengths)


def test_a_model_is_counted_as_by_hand(learner, tmp_path):
    texts = split(TEXTS[:12])
    form = torch_form(learner, 32, texts)
    lengths = encode(learner.tokenizer, texts, 32).lengths
    assert form.operations == pytest.approx(by_hand(learner.model, lengths))
    assert form.parameters == sum(one.numel() for one in learner.model.parameters())
    save_model(learner.model, learner.tokenizer, tmp_path)
    on_disk = (tmp_path / "model.safetensors").stat().st_size
    # A header tells names and shapes.
    assert form.size <= on_disk < form.size + 200 * len(learner.model.state_dict()) + 200


def test_a_form_says_what_the_study_predicts(learner):
    texts = split(TEXTS)
    tokens = DeviceTokens(encode(learner.tokenizer, texts, 32), 0, torch.device("cpu"))
    tokens.pad_token_id = learner.tokenizer.pad_token_id
    wanted = predict(learner.model, tokens)
    form = torch_form(learner, 32, split(TEXTS[:2]))
    np.testing.assert_allclose(form.answer(texts), wanted, atol=1e-5)


def test_a_reference_is_refitted_to_its_own_predictions():
    labels = [int(row % 3 == 0) for row in range(len(TEXTS))]
    told = [text + " fine" * label for text, label in zip(TEXTS, labels, strict=True)]
    train = split(told, labels)
    fitted = fit_words({"train": train, "report": split(TEXTS)}, 2, range(len(TEXTS)))
    form = words_form(train, fitted.chosen, split(TEXTS[:4]))
    np.testing.assert_allclose(form.answer(split(TEXTS)), fitted.predictions["report"], atol=1e-5)
    features, regression = refit_words(train, fitted.chosen)
    assert form.parameters == features(split(TEXTS)).shape[1] + 1
    words = sum(len(text.split()) for text in TEXTS[:4])
    assert form.operations == 2 * features(split(TEXTS[:4])).nnz / words
    with pytest.raises(InputError, match="none in common"):
        refit_words(train, {"features": "class shares", "C": None, "folds": 0})


def toy(name, value=0.0, asked=None, device="cpu"):
    def answer(texts):
        if asked is not None:
            asked.append((name, tuple(texts.ids)))
        return np.full((len(texts.ids), 2), value)

    return Form(name, answer, 10, 40, 5.0, device)


def test_an_ensemble_is_the_sum_of_its_members_and_their_mean_answer():
    (key, (form,)), *rest = ensembles({"a": [toy("torch", 1.0)], "b": [toy("torch", 3.0)]}).items()
    assert key == ("ensemble", "a+b") and not rest
    assert (form.parameters, form.size, form.operations) == (20, 80, 10.0)
    assert form.answer(split(TEXTS[:3])).tolist() == [[2.0, 2.0]] * 3
    assert ensembles({"a": [toy("torch")]}) == ensembles({}) == {}
    # In a form that one of them lacks there is none.
    of = {"a": [toy("torch"), toy("onnx")], "b": [toy("torch")]}
    assert [form.name for form in ensembles(of)["ensemble", "a+b"]] == ["torch"]
    assert ensemble_form([toy("onnx")]).name == "onnx"


def test_forms_are_asked_the_same_texts_in_turn(monkeypatch):
    monkeypatch.setattr(measure, "SECONDS", 0)
    asked, threads = [], torch.get_num_threads()
    forms = [toy("a", asked=asked), toy("b", asked=asked)]
    found = timings(forms, split(TEXTS), 1)
    assert torch.get_num_threads() == threads
    assert [one.timed for one in found] == [ANSWERS] * 2
    for one in found:
        assert 0 < one.median <= one.p95 and one.rate > 0
    warm, timed = asked[:4], asked[4:]
    assert [name for name, _ in warm] == ["a", "a", "b", "b"]
    assert [name for name, _ in timed] == ["a", "b"] * (len(timed) // 2)
    assert all(one[1] == other[1] for one, other in zip(timed[::2], timed[1::2], strict=True))
    assert {len(ids) for _, ids in timed} == {1, 32}


def test_a_sample_is_spread_over_a_split():
    assert sample(split(TEXTS), 3).ids.tolist() == ["0", "23", "47"]
    assert len(sample(split(TEXTS[:2]), 5).ids) == 2


def test_a_table_says_which_machine_it_is_of_and_how_a_reader_sees_it(monkeypatch):
    monkeypatch.setattr(measure, "SECONDS", 0)
    models = {("teacher", "a"): [toy("torch")], ("student", "s"): [toy("torch"), toy("onnx")]}
    rows = measured("reviews", models, split(TEXTS), [1, 2, 2])
    table = costs_table(rows, 3.14159)
    of_forms = [("teacher", "a", "torch"), *(("student", "s", name) for name in ("torch", "onnx"))]
    assert table[["kind", "name", "form", "threads"]].values.tolist() == [
        [*model, threads] for threads in (1, 2) for model in of_forms
    ]
    assert set(table.device) == {"cpu"} and set(table.load) == {3.14}
    assert set(table.torch) == {torch.__version__} and table.notna().all(axis=None)
    arms = [{"teachers": "a+llm", "strategy": "average"}]
    study = {"suite": "tiny", "study": "main", "arms": arms, "references": ["tfidf"]}
    shown = costs_shown(table, study)
    assert "Without a row: llm (no model to run), the ensemble, tfidf" in shown.note
    assert shown.rows["model"].tolist() == ["Teacher: a", "Student: s", "Student: s"]
    assert {"one example, 1 thread (ms)", "examples a second, 2 threads"} <= set(shown.rows)
    assert f"torch {torch.__version__}" in shown.caption and "3.1 processes" in shown.caption
    assert (CROWDED in shown.note) == (table.cores[0] < 3.14159)
    assert [_short(value) for value in (0.0123, 1.234, 12.34, 123.4, 1234.5)] == [
        "0.012", "1.23", "12.3", "123", "1,234"
    ]  # fmt: skip


def shown_of(rows, students=("s", "t")):
    """What is shown of a study of two tasks whose students have some forms."""
    arms = [{"teachers": "a", "strategy": "single"}]
    study = {"suite": "tiny", "study": "main", "arms": arms, "references": []}
    models = {("teacher", "a"): [toy("torch", device="a GPU")]}
    table = []
    for task, forms in rows.items():
        own = {("student", name): [toy(form) for form in forms[name]] for name in students}
        table += measured(task, models | own, split(TEXTS), [1])
    return costs_shown(costs_table(table, 1.0), study), study, table


def test_a_student_without_onnx_forms_is_named_with_the_reason(monkeypatch):
    monkeypatch.setattr(measure, "SECONDS", 0)
    every, torch_alone = ["torch", "onnx", "int8"], ["torch"]
    of_one_task = {"s": every, "t": torch_alone}
    rows = {"reviews": of_one_task, "pairs": {"s": torch_alone, "t": torch_alone}}
    shown, study, table = shown_of(rows)
    assert shown.rows["form"].tolist() == ["torch", *every, "torch", *["torch"] * 3]
    log = "(the log of measure_costs says why)"
    without = f"Without a row: t for ONNX Runtime {log}, s for ONNX Runtime on pairs {log}."
    assert without in shown.note and "with weights of eight bits (int8)" in shown.note
    assert "other forms ran on the processor" in shown.note

    def none_there(library):
        raise PackageNotFoundError(library)

    with monkeypatch.context() as patch:
        patch.setattr(costs_of, "version", none_there)
        without = costs_table(table, 1.0)
    assert without.onnxruntime.isna().all()
    note = costs_shown(without, study).note
    assert "t for ONNX Runtime (the extra onnx is not installed)" in note
    everything, *_ = shown_of(dict.fromkeys(["reviews"], {"s": every, "t": every}))
    assert "Without a row" not in everything.note


def test_training_is_no_part_of_what_is_measured():
    content = yaml.safe_load((ROOT / "config/embedded.yaml").read_text(encoding="utf-8"))
    found = costs_settings(validate_suite(content, "x"))
    assert [one["name"] for one in found["teachers"]] == ["textcnn", "bilstm", "bert"]
    assert found["references"] == ["words"] and "movies" not in found["tasks"]
    names = ("textcnn", "bilstm", "bert")
    trained = [content["teachers"][name] for name in names] + [*content["students"].values()]
    for learner in trained:
        learner["training"] = {**learner["training"], "epochs": 99}
    content["studies"]["main"]["seeds"] = [7]
    assert costs_settings(validate_suite(content, "x")) == found
    content["students"]["word-average"]["model"]["config"]["hidden_size"] = 4
    assert costs_settings(validate_suite(content, "x")) != found
