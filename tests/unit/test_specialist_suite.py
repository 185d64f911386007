"""Suites of specialists: what they may say, and in one line what they may not."""

import pytest
import yaml
from tiny_suites import changed

from mtkd.config.load import is_specialists, load_suite, validate_suite
from mtkd.config.specialists import SpecialistSuite
from mtkd.errors import InputError
from mtkd.study.prepared import prepared_tasks, variants
from mtkd.study.specialists import (
    integration_settings,
    integrations,
    merges_settings,
    specialist_study_settings,
    specialists_settings,
)

TASK = {
    "splits": {"train": "a.csv", "report": "b.csv"},
    "text": ["text"],
    "labels": ["bad", "good"],
    "metrics": ["accuracy"],
    "selection": {"fraction": 0.2},
    "max_length": 12,
}
MODEL = {"architecture": "text-cnn", "tokenizer": {"kind": "word"}}
SUITE = {
    "suite": "small",
    "tasks": {
        "films": TASK,
        "goods": {**TASK, "labels": ["bad", "so", "good"], "max_length": 16},
        "films-20": {"of": "films", "labelled": 20},
        "songs": TASK,
    },
    "bases": {
        "shared": {"model": MODEL, "tasks": ["films-20", "goods"]},
        "own": {"model": MODEL, "tasks": ["goods"], "own": True},
    },
    "merges": {
        "soup": {"method": "average"},
        "ties": {"method": "ties", "density": 0.2, "scale": 1},
    },
    "students": {"same": {"training": {"epochs": 2}}},
    "strategies": {"by-column": {"fusion": "by-column"}, "mixed": {"fusion": "none"}},
    "studies": {
        "main": {
            "bases": ["shared", "own"],
            "tasks": ["films", "goods"],
            "students": ["same"],
            "strategies": ["by-column", "mixed"],
            "seeds": [1, 2],
        }
    },
}


def test_the_shipped_suite_is_one():
    suite = load_suite("config/specialists.yaml")
    assert isinstance(suite, SpecialistSuite) and not suite.unpinned()
    assert variants(suite, suite.chosen_study.tasks) == suite.chosen_study.tasks
    assert prepared_tasks(suite, suite.chosen_study.tasks) == ["movies", "tweets", "products"]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("studies.main.tasks", ["films", "tweets"],
         "studies.main.tasks: unknown task 'tweets'; known: films"),
        ("studies.main.bases", ["other"], "unknown base 'other'; known: shared, own"),
        ("studies.main.students", ["s"], "unknown student 's'; known: same"),
        ("studies.main.strategies", ["x"], "unknown strategy 'x'; known: by-column, mixed"),
        ("studies.main.tasks", ["films"], "studies.main.tasks: .* at least 2 items"),
        ("studies.main.bases", ["own", "shared"], "the first base is the one that students begin"),
        ("studies.main.seeds", [1, 1000], "whose seeds begin at 1000; take smaller seeds"),
        ("studies.other", {**SUITE["studies"]["main"], "tasks": ["films", "songs"]},
         "studies.other: studies of one suite have the same tasks"),
        ("bases.shared.tasks", ["dramas"], "bases.shared.tasks: unknown task 'dramas'"),
        ("merges.soup.scale", 1, "'scale' belongs with 'task-arithmetic' and 'ties'"),
        ("merges.ties", {"method": "ties", "scale": 1}, "'density' belongs with 'method: ties'"),
        ("merges.soup.drop", 0.5, "'drop' is of task vectors"),
        ("merges.ties.drop", 1, "less than 1"),
        ("merges.oracle", {"method": "average"}, "merges.oracle: a system of the table has this"),
        ("merges.mixed", {"method": "average"}, "merges.mixed: a system of the table has this"),
        ("strategies.ensemble", {"fusion": "average"}, "strategies.ensemble: a router has this"),
        ("strategies.mixed.heads", "each", "learns from the task's own specialist"),
        ("strategies.by-column.budget", "compute", "'budget' is of a student without specialists"),
        ("strategies.by-column.students", "each", "has its own labels; give 'heads: each'"),
        ("strategies.by-column.fusion", "by-colum", "'by-column', 'average', 'gate' or 'none'"),
        ("strategies.by-column.heads", "each", "studies.main.strategies: all other systems are "
         "compared with the first, and 'by-column' answers each task's own labels alone; put one"),
        ("study", "nothing", "^suite.yaml: study: unknown study 'nothing'; known: main"),
        ("study", "mian", "unknown study 'mian'; did you mean 'main'"),
        ("studies", {}, "^suite.yaml: studies: a suite needs at least one study"),
        ("bases.shared.model", {"folder": "{m}"}, "bases.shared.model.folder: '{m}' has a brace"),
        ("students.same.model", {"folder": "m}"}, "students.same.model.folder: 'm}' has a brace"),
        ("tasks.films.splits", {"train": "a.txt", "report": "b.csv"}, "is no .parquet, .csv"),
        ("tasks.films-20.of", "dramas", "tasks.films-20.of: unknown task 'dramas'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(path, value, said):
    with pytest.raises(InputError, match=said) as error:
        validate_suite(changed(SUITE, path, value), "suite.yaml")
    assert str(error.value).startswith("suite.yaml: ") and "\n" not in str(error.value)


def test_what_of_the_hub_has_no_revision_is_named():
    content = changed(SUITE, "students.same.model", {"hub": "org/model"})
    source = {"hub": {"name": "org/text"}, "text": ["text"]}
    content["tasks"]["films-20"]["transfer"] = [source]
    assert validate_suite(content, "x").unpinned() == [
        "tasks.films-20.transfer.0.hub.revision",
        "students.same.model.revision",
    ]


def test_settings_hold_what_changes_a_stage_and_no_default():
    suite = validate_suite(SUITE, "suite.yaml")
    assert specialists_settings(suite, "shared") == {
        "model": MODEL,
        "training": {},
        "specialists": {},
        "max_length": 16,
    }
    assert specialists_settings(suite, "own")["own"] is True
    assert merges_settings(suite, "own")["merges"] == {
        "soup": {"method": "average"},
        "ties": {"density": 0.2, "method": "ties", "scale": 1.0},
    }
    assert integration_settings(suite, "same") == {
        "model": None,
        "training": {"epochs": 2},
        "max_length": 16,
    }
    assert integrations(suite) == {
        "by-column": {"fusion": "by-column"},
        "mixed": {"fusion": "none"},
    }
    study = specialist_study_settings(suite)
    assert study["merges"] == ["soup", "ties"]
    assert study["own_labels"] == study["student_a_task"] == study["bases_alone"] == []
    shipped = specialist_study_settings(load_suite("config/specialists.yaml"))
    assert shipped["own_labels"] == ["heads", "separate"] and shipped["bases_alone"] == ["base"]
    assert shipped["student_a_task"] == ["separate"]


def test_a_suite_of_another_kind_is_none():
    with open("config/embedded.yaml", encoding="utf-8") as file:
        assert not is_specialists(yaml.safe_load(file))
