"""A student's ONNX forms: near the student on any batch, scored, and refused where they are not."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
import torch
from test_deployment import LABELS, MAX_LENGTH, PAIRS, RECORD, TEXTS, trained

from mtkd.costs import measure
from mtkd.costs.forms import torch_form
from mtkd.costs.measure import timings
from mtkd.deployment import onnx_costs, onnx_forms
from mtkd.deployment.card import forms_card
from mtkd.deployment.facts import student_facts
from mtkd.deployment.folder import answers, load_student, write_student
from mtkd.deployment.forms import FORMS, MEAN, MOST
from mtkd.distillation.learner import Learner
from mtkd.errors import InputError
from mtkd.models.build import load_pretrained
from mtkd.models.tokenizers import load_tokenizer
from mtkd.tasks.corpus import Split

installed = all(importlib.util.find_spec(name) for name in onnx_forms.NEEDED)
needs_extra = pytest.mark.skipif(not installed, reason="the extra onnx is not installed")
SETTINGS = {
    "suite": "tiny",
    "metrics": ["accuracy"],
    "report_splits": ["report"],
    "text": ["left", "right"],
    "model": {"architecture": "bert"},
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A student of pairs, and the folder of its forms."""
    folder = tmp_path_factory.mktemp("forms")
    source = trained(folder, "bert", "scratch")
    for name in ("model", "onnx"):
        (folder / name).mkdir()
    write_student(folder / "model", source, student_facts(RECORD, ["left", "right"], MAX_LENGTH))
    student = load_student(folder / "model")
    onnx_forms.export_forms(student, folder / "onnx")
    return student, folder / "onnx"


def write_report(folder):
    """A task's folder, as far as forms are measured on it: the report split."""
    labels = np.arange(20) % 2
    frame = pd.DataFrame({"id": [f"r{n}" for n in range(20)], "split": "report"})
    frame.assign(text_a=PAIRS[0], text_b=PAIRS[1]).to_parquet(folder / "report.parquet")
    frame.assign(label=labels).to_parquet(folder / "report_labels.parquet")
    info = {"labels": LABELS, "rows": {"train": 1, "report": 20}, "digest": "d" * 16}
    (folder / "task.json").write_text(json.dumps(info))
    return labels


@needs_extra
def test_forms_answer_as_the_student_on_any_batch(exported, tmp_path):
    student, folder = exported
    assert sorted(path.name for path in folder.iterdir()) == sorted(FORMS.values())
    sizes = [(folder / FORMS[form]).stat().st_size for form in ("onnx", "int8")]
    assert sizes[0] > sizes[1]
    # One text, and lengths that the example had not.
    for pairs in ([["a"], ["b"]], [TEXTS[:7], [f"{one} {one}" for one in TEXTS[7:14]]]):
        own = answers(student, pairs)
        found = {f: onnx_forms.form_answers(student, folder / n, pairs) for f, n in FORMS.items()}
        assert np.abs(found["onnx"] - own).max() < 1e-5
        assert 0 < np.abs(found["int8"] - own).max() < 0.2
    labels = write_report(tmp_path)
    distances, scores = onnx_forms.measured(student, folder, tmp_path, SETTINGS)
    distances = distances.set_index("form")
    assert distances.loc["onnx", "most"] < MOST and 0 < distances.loc["int8", "mean"] < MEAN
    for form, row in scores.set_index("form").iterrows():
        said = onnx_forms.form_answers(student, folder / FORMS[form], PAIRS)
        assert row.value == pytest.approx((said.argmax(1) == labels).mean())
        assert row.low < row.value < row.high and row.n == 20
    sizes = dict(zip(FORMS, sizes, strict=True))
    card = forms_card(student.facts, SETTINGS, distances.reset_index(), scores, sizes)
    assert card.count("accuracy, int8") == 1 and all(f"`{name}`" in card for name in FORMS.values())
    code = card.split("```python\n")[1].split("```")[0]
    # The tokenizer's files lie beside the forms; here, with the student.
    for name in FORMS.values():
        (exported[1].parent / "model" / name).write_bytes((folder / name).read_bytes())
    found = {}
    exec(code.replace("path/to/this/folder", str(folder.parent / "model")), found)
    assert found["logits"].shape == (2, 2)


@needs_extra
def test_costs_of_forms_are_the_students_but_for_their_files(exported, tmp_path, monkeypatch):
    student, folder = exported
    learner = Learner(student.tokenizer, student.model, {}, [])
    texts = Split(np.array([f"r{n}" for n in range(20)]), *PAIRS, None)
    own = torch_form(learner, MAX_LENGTH, texts)
    opened, now = [], torch.get_num_threads()
    monkeypatch.setattr(measure, "SECONDS", 0)
    monkeypatch.setattr(
        onnx_costs, "open_form", lambda *of: opened.append(of) or onnx_forms.open_form(*of)
    )
    forms = {f.name: f for f in onnx_costs.onnx_forms(learner, MAX_LENGTH, own, texts, folder)}
    assert list(forms) == list(FORMS)
    for name, form in forms.items():
        assert (form.parameters, form.operations) == (own.parameters, own.operations)
        assert form.size == (folder / FORMS[name]).stat().st_size and form.device == "cpu"
        wanted = onnx_forms.form_answers(student, folder / FORMS[name], PAIRS)
        np.testing.assert_allclose(form.answer(texts), wanted, atol=1e-5)
    # A session for each number of threads that torch is given, once.
    assert timings([*forms.values()], texts, now + 1)[0].rate > 0
    numbers = (now, now + 1)
    assert opened == [(folder / name, threads) for threads in numbers for name in FORMS.values()]
    other = own._replace(answer=lambda some: own.answer(some)[:, ::-1])
    with pytest.raises(InputError, match="form onnx: its probabilities are up to .* tolerated"):
        onnx_costs.onnx_forms(learner, MAX_LENGTH, other, texts, folder)
    for name in FORMS.values():
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / FORMS["int8"]).write_bytes(b"no model")
    with pytest.raises(InputError, match="an ONNX form cannot be run: .*model_quantized"):
        onnx_costs.onnx_forms(learner, MAX_LENGTH, own, texts, tmp_path)


def test_a_student_of_the_same_weights_is_exported_once(tmp_path, monkeypatch):
    source = trained(tmp_path, "word-average", "scratch")
    tokenizer = load_tokenizer(source, MAX_LENGTH)
    model = load_pretrained(source, LABELS, seed=0, trained=True)
    learner = Learner(tokenizer, model, {}, [])
    done = []

    def export(student, folder):
        done.append(student.text)
        (folder / "model.onnx").write_text("a form")

    monkeypatch.setattr(onnx_costs, "refuse_without_extra", lambda: None)
    monkeypatch.setattr(onnx_costs, "export_forms", export)
    first = onnx_costs.exported(learner, MAX_LENGTH, 2, tmp_path / "forms")
    assert onnx_costs.exported(learner, MAX_LENGTH, 2, tmp_path / "forms") == first
    assert done == [["text"] * 2] and (first / "model.onnx").read_text() == "a form"
    with torch.no_grad():
        next(model.parameters()).add_(1)
    assert onnx_costs.exported(learner, MAX_LENGTH, 1, tmp_path / "forms") != first
    assert len(done) == 2

    def fail(*_):
        raise InputError("cannot be exported")

    # What was not exported is not there the next time.
    monkeypatch.setattr(onnx_costs, "export_forms", fail)
    for _ in range(2):
        with pytest.raises(InputError, match="cannot be exported"):
            onnx_costs.exported(learner, MAX_LENGTH, 1, tmp_path / "others")


@needs_extra
def test_a_form_that_is_too_far_is_refused(exported, tmp_path, monkeypatch):
    student, folder = exported
    write_report(tmp_path)
    for name, message in (("MOST", "form onnx: its probab"), ("MEAN", "form int8: its probab")):
        with monkeypatch.context() as patch, pytest.raises(InputError, match=message):
            patch.setattr(onnx_forms, name, -1.0)
            onnx_forms.measured(student, folder, tmp_path, SETTINGS)


def test_a_model_that_cannot_be_exported_and_a_missing_extra_are_one_line(tmp_path, monkeypatch):
    source = trained(tmp_path, "word-average", "scratch")
    (tmp_path / "model").mkdir()
    write_student(tmp_path / "model", source, student_facts(RECORD, ["text"], MAX_LENGTH))
    student = load_student(tmp_path / "model")

    def fail(*_, **__):
        raise RuntimeError("an operator\nis missing\n" * 100)

    monkeypatch.setattr(onnx_forms.torch.onnx, "export", fail)
    with pytest.raises(InputError, match="cannot be exported to ONNX: an operator is mi") as error:
        onnx_forms.export_forms(student, tmp_path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    monkeypatch.setattr(onnx_forms, "NEEDED", ("json", "no_such_package"))
    with pytest.raises(InputError, match=r"no_such_package not installed: .*pip install 'mtkd\[o"):
        onnx_forms.refuse_without_extra()
