"""Files published whole, logits keyed by id, records with a schema."""

import json
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from mtkd.errors import InputError
from mtkd.records.files import (
    digest_bytes,
    digest_folder,
    publish,
    publish_folder,
    read_json,
    write_json,
)
from mtkd.records.logits import (
    Logits,
    aligned,
    decode_ids,
    encode_ids,
    read_logits,
    write_logits,
    write_tensors,
)
from mtkd.records.runs import AXES, new_record, read_eval, scored
from mtkd.records.teachers import read_teachers

LABELS = ["negative", "positive"]
IDS = np.array(["b", "a", "é-3"])
Z = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=np.float32)
TEACHER = {
    "labels": LABELS,
    "teacher": "cnn",
    "seed": "1",
    "selection": 0.8,
    "digests": {"model": "m"},
}


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o007, 0o660)])
def test_files_have_the_mode_that_the_users_umask_asks_for(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "a.safetensors", {"x": np.zeros(2)}, {})
        publish_folder(
            tmp_path / "model",
            lambda folder: save_file({"x": np.zeros(2)}, folder / "b.safetensors"),
        )
    finally:
        os.umask(before)
    for name in ("a.safetensors", "model/b.safetensors"):
        assert (tmp_path / name).stat().st_mode & 0o777 == mode


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"a": 1})

    def torn(temporary):
        temporary.write_text("{")
        raise OSError("disk full")

    with pytest.raises(OSError):
        publish(path, torn)
    assert read_json(path) == {"a": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_nan_is_never_written_as_json(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_torn_json_is_named(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"a": ')
    with pytest.raises(InputError, match="x.json"):
        read_json(path)


def test_digests_see_boundaries_names_and_content(tmp_path):
    assert digest_bytes([b"ab", b"c"]) != digest_bytes([b"a", b"bc"])
    (tmp_path / "one").write_text("1")
    first = digest_folder(tmp_path)
    (tmp_path / "one").rename(tmp_path / "two")
    second = digest_folder(tmp_path)
    (tmp_path / "two").write_text("2")
    third = digest_folder(tmp_path)
    assert len({first, second, third}) == 3
    # Snakemake's time stamp in a folder that a rule made.
    (tmp_path / ".snakemake_timestamp").touch()
    assert digest_folder(tmp_path) == third


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1),
        min_size=1,
    )
)
def test_ids_survive(ids):
    assert decode_ids(encode_ids(ids)).tolist() == ids


def test_logits_survive_with_their_record(tmp_path):
    path = tmp_path / "logits.safetensors"
    write_logits(path, {"train": Logits(IDS, Z), "report_m": Logits(IDS[:1], Z[:1])}, {"a": [1]})
    splits, record = read_logits(path)
    assert record == {"a": [1]}
    assert splits["train"].ids.tolist() == IDS.tolist()
    assert np.array_equal(splits["train"].logits, Z)
    assert splits["report_m"].logits.dtype == np.float32


def test_rows_are_put_in_the_order_asked_for():
    asked = np.array(["é-3", "b", "a"])
    values = aligned(Logits(IDS, Z), asked, LABELS, TEACHER, "z")
    assert np.array_equal(values, Z[[2, 0, 1]])


@pytest.mark.parametrize(
    ("logits", "asked", "labels", "words"),
    [
        (Logits(IDS, Z), IDS, LABELS[::-1], "label order"),
        (Logits(IDS, Z), np.array(["b", "a"]), LABELS, "not the task's 2"),
        (Logits(IDS, Z), np.array(["b", "a", "x"]), LABELS, "not the task's 3"),
        (Logits(IDS, Z[:, :1]), IDS, LABELS, "1 logits a row for 2 labels"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(logits, asked, labels, words):
    with pytest.raises(InputError, match=words):
        aligned(logits, asked, labels, TEACHER, "z.safetensors")


def test_nan_logits_are_refused_by_name(tmp_path):
    path = tmp_path / "logits.safetensors"
    bad = Z.copy()
    bad[1, 0] = np.nan
    write_logits(path, {"train": Logits(IDS, bad)}, TEACHER)
    with pytest.raises(InputError, match="split train: logits of a are not finite"):
        read_logits(path)


def test_a_torn_file_is_refused(tmp_path):
    path = tmp_path / "logits.safetensors"
    write_logits(path, {"train": Logits(IDS, Z)}, TEACHER)
    whole = path.read_bytes()
    for size in (0, 7, 40, len(whole) - 3):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="not a whole record"):
            read_logits(path)


def test_teachers_are_found_by_the_students_seed(tmp_path):
    paths = []
    for seed in ("1", "2"):
        paths.append(tmp_path / f"{seed}.safetensors")
        write_logits(paths[-1], {"train": Logits(IDS, Z * int(seed))}, {**TEACHER, "seed": seed})
    paired = read_teachers(paths, "train", IDS, LABELS, "paired")
    assert np.array_equal(paired.of("cnn", "2").logits, 2 * Z)
    with pytest.raises(InputError, match="seed 3"):
        paired.of("cnn", "3")
    # One that has a seed of its own has it whatever the student's is.
    assert np.array_equal(paired.of("cnn@1", "2").logits, Z)
    fixed = read_teachers(paths, "train", IDS, LABELS, "1")
    assert np.array_equal(fixed.of("cnn", "2").logits, Z)
    assert np.array_equal(fixed.of("cnn@2", "3").logits, 2 * Z)
    with pytest.raises(InputError, match="no logits of teacher 'bert'"):
        fixed.of("bert", "1")


def test_eval_records_need_their_schema(tmp_path):
    record = {**new_record("student", task="movies", seed="1"), "digests": {}}
    settings = {"suite": "s", "metrics": ["accuracy"], "report_splits": ["report"]}
    full = scored(record, settings, {"report": {"accuracy": 0.5}}, {"report": 4})
    path = tmp_path / "eval.json"
    write_json(path, full)
    assert read_eval(path) == full
    assert all(axis in full for axis in AXES)
    for broken in ({**full, "schema": 0}, {k: v for k, v in full.items() if k != "scores"}, [1]):
        path.write_text(json.dumps(broken))
        with pytest.raises(InputError, match="eval.json"):
            read_eval(path)
