"""A student's ONNX forms: near the student on any batch, scored, and refused where they are not."""

from __future__ import annotations

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest
from test_deployment import LABELS, MAX_LENGTH, PAIRS, RECORD, TEXTS, trained

from mtkd.deployment import onnx_forms
from mtkd.deployment.card import forms_card
from mtkd.deployment.facts import student_facts
from mtkd.deployment.folder import answers, load_student, write_student
from mtkd.deployment.forms import FORMS, MEAN, MOST
from mtkd.errors import InputError

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
