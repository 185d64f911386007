"""What a study claims is written down before its students, and a later change shows."""

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mtkd.analysis.registration import changes, entries_of, register, statement, trained_students
from mtkd.config.load import validate_suite
from mtkd.errors import InputError
from mtkd.generation.registration import trained_mixtures
from mtkd.report.registration import registration_shown
from mtkd.study.settings import registration_settings

ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"


def study_settings(change=lambda suite: None):
    """What of the embedded suite's first study is registered, with a change to the suite."""
    content = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    change(content)
    return registration_settings(validate_suite(content, "suite"))


def said(change=lambda suite: None):
    settings = study_settings(change)
    return statement(settings["study"], settings["predictions"], settings["suite"])


def first_study(content):
    return next(iter(content["studies"].values()))


def margin(content):
    content["margin"] = 0.25


def fewer_seeds(content):
    first_study(content)["seeds"] = [1, 2, 77]


def predict(content):
    first_study(content)["predictions"] = [{"claim": "distillation", "low": 1, "high": 4}]


def patience(content):
    for student in content["students"].values():
        student["training"]["epochs"] = 77


def test_what_is_claimed_is_said_in_words():
    claims = {one["claim"]: one for one in said()["claims"]}
    assert claims["distillation"]["b"] == "no distillation"
    practice = claims["average v best teacher"]
    assert practice["b"] == "the student of the teacher that selection prefers"


def test_a_line_is_added_only_for_what_is_new(tmp_path):
    path = tmp_path / "registrations.jsonl"
    first = register(path, "main", said(), 0)
    assert register(path, "main", said(), 9) == first
    assert len(path.read_text().splitlines()) == 1
    # Another study of the suite has entries of its own.
    register(path, "grid", said(margin), 0)
    assert len(register(path, "main", said(margin), 7)) == 2
    assert [entry["students_trained"] for entry in entries_of(path, "main")] == [0, 7]
    lines = path.read_text().splitlines()
    assert lines[0] == json.dumps(first[0], sort_keys=True, ensure_ascii=False)
    assert len({json.loads(line)["previous"] for line in lines}) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (margin, "margin: "),
        (fewer_seeds, "seeds: "),
        (predict, "predictions: "),
        (patience, ".training.epochs: "),
        (lambda suite: suite.update(bundle="cell"), None),
        (lambda suite: suite.update(figures={"dpi": 77}), None),
        (lambda suite: [one.update(resources={"threads": 2}) for one in suite["teachers"].values()],
         None),
    ],
)  # fmt: skip
def test_every_change_that_can_change_a_number_shows(change, words):
    found = changes(said(), said(change))
    assert (said() != said(change)) == bool(found) == (words is not None)
    assert all(words in line or ".epochs" in line for line in found)


@pytest.mark.parametrize("damage", ["edited", "taken out"])
def test_a_line_that_was_edited_or_taken_out_is_a_line(tmp_path, damage):
    path = tmp_path / "registrations.jsonl"
    register(path, "main", said(), 0)
    register(path, "main", said(margin), 5)
    lines = path.read_text().splitlines(keepends=True)
    lines[0] = lines[0].replace('"students_trained": 0', '"students_trained": 1')
    path.write_text("".join(lines if damage == "edited" else lines[1:]))
    with pytest.raises(InputError, match="was added to other lines than stand before it"):
        entries_of(path, "main")
    path.write_text("not JSON\n")
    with pytest.raises(InputError, match="line 1 is no registration"):
        register(path, "main", said(), 0)


def test_students_are_counted_by_their_studys_arms(tmp_path):
    study = study_settings()["study"]
    student, task = study["students"][0], study["tasks"][0]
    for arm in ("none/none", "textcnn/single", "other/single"):
        cell = tmp_path / student / task / arm / "T1_a1" / "seed1"
        cell.mkdir(parents=True)
        (cell / "predictions.safetensors").touch()
    assert trained_students(tmp_path, study) == 2
    assert trained_students(tmp_path / "none yet", study) == 0


def test_the_report_quotes_the_first_registration_and_every_change(tmp_path):
    path = tmp_path / "registrations.jsonl"
    register(path, "main", said(predict), 0)
    before = json.loads(path.read_text())["said"]["margin"]
    entries = register(path, "main", said(lambda suite: (predict(suite), margin(suite))), 12)
    claims = pd.DataFrame(
        [
            {"claim": "distillation", "task": task, "a": "a", "b": "b", "seeds": 3}
            | dict(zip(("effect", "low", "high"), values, strict=True))
            for task, values in {
                "hit": (2.0, 1.0, 3.0),
                "miss": (0.2, 0.0, 0.4),
                "near": (0.8, 0.2, 1.4),
            }.items()
        ]
    )
    shown = registration_shown(entries, claims)
    assert shown.margin == before
    [(_, trained, changed)] = shown.amendments
    assert trained == 12 and changed == [f"margin: {before} became 0.25"]
    assert [one.outcome for one in shown.predictions] == [
        "as predicted",
        "not as predicted",
        "not as predicted, but the interval reaches into it",
    ]


def test_students_of_text_count_that_are_the_study_s_own(tmp_path):
    arms = [
        {"teachers": "right+left", "recipe": "plain", "n": 40, "role": "mixture"},
        {"teachers": "right", "recipe": "plain", "n": 40, "role": "single"},
    ]
    study = {"students": ["small"], "tasks": ["sums"], "seeds": ["1", "2"], "arms": arms}
    for place in (
        "right+left/plain/n40/seed1",
        # Of another study's seeds, n and strategy, and a control.
        "right+left/plain/n40/seed3",
        "right+left/plain/n80/seed1",
        "right+left/marked/n40/seed1",
        "right/plain/n40/seed1",
    ):
        path = tmp_path / "small" / "sums" / place / "generations.parquet"
        path.parent.mkdir(parents=True)
        path.touch()
    assert trained_mixtures(tmp_path, study) == 1
