"""Axes, product, paths, settings and code digests."""

from pathlib import Path

import pytest

from mtkd.config.load import load_suite
from mtkd.config.schema import Model, Resources, Tokenizer, Training
from mtkd.config.tasks import Carve, HubDataset, Task
from mtkd.errors import InputError
from mtkd.study import code, settings
from mtkd.study.code import code_digests
from mtkd.study.grid import (
    TeacherRun,
    cells,
    folded_axes,
    teacher_runs,
    teacher_seeds,
)
from mtkd.study.paths import CELL, parse_cell
from mtkd.tasks.prepare import MAX_OVERLAP

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def glue():
    return load_suite(ROOT / "config/glue.yaml")


def test_number_of_cells(glue):
    # 4 tasks x (1 hard-label arm x seeds + 7 arms x T x alpha x seeds)
    assert len(cells(glue.studies["main"])) == 4 * (5 + 7 * 5)
    assert len(cells(glue.studies["grid"])) == 4 * (3 + 7 * 9 * 3)
    assert len(cells(glue.studies["published_grid"])) == 4 * (3 + 2 * 9 * 3)


def test_cells_are_distinct_and_hard_labels_have_no_temperature(glue):
    all_cells = cells(glue.studies["grid"])
    assert len(set(all_cells)) == len(all_cells)
    assert {(c.T, c.alpha) for c in all_cells if c.strategy == "none"} == {("NA", "NA")}


def test_every_cell_path_is_read_back(glue):
    for cell in cells(glue.studies["grid"]):
        path = CELL.format(suite="glue", **cell._asdict()) + "/eval.json"
        assert parse_cell(path) == {"suite": "glue", **cell._asdict()}
        assert parse_cell(f"/elsewhere/{path}")["seed"] == cell.seed


@pytest.mark.parametrize("path", ["results/glue/teachers/sst2/x/seed1/eval.json", "", "a/b"])
def test_a_path_of_no_cell_is_refused(path):
    with pytest.raises(InputError):
        parse_cell(path)


def test_folded_axes_follow_the_study(glue):
    grid = glue.model_copy(update={"study": "grid"})
    assert folded_axes(grid) == {"T": ["3", "6", "9"], "alpha": ["0.3", "0.5", "0.7"]}
    assert folded_axes(grid.model_copy(update={"bundle": "cell"})) == {}
    assert folded_axes(grid.model_copy(update={"bundle": ["seed"]})) == {"seed": ["1", "2", "3"]}


def test_teacher_seeds_are_fixed_or_the_students(glue):
    assert teacher_seeds(glue, ["1", "2"]) == ["1"]
    assert teacher_seeds(glue.model_copy(update={"teacher_seed": "paired"}), ["1", "2"]) == [
        "1",
        "2",
    ]


def test_teachers_are_needed_once_and_with_their_own_seeds(glue):
    assert glue.studies["main"].teachers == list(glue.teachers)
    assert teacher_runs(["cnn", "cnn@7"], ["1", "2"]) == [
        TeacherRun("cnn", "cnn", "1"),
        TeacherRun("cnn", "cnn", "2"),
        TeacherRun("cnn@7", "cnn", "7"),
    ]


def test_a_teachers_settings_hold_its_own_keys_alone(glue):
    text = settings.canonical_json(settings.teacher_settings(glue, "mrpc", "roberta-large"))
    assert '"batch_size":16' in text and '"learning_rate":0.00001' in text.replace(
        "1e-05", "0.00001"
    )
    for other in ("bert-large", "deberta", "mem_mb", "seeds", "sst2", "accuracy"):
        assert other not in text


def test_metrics_are_no_setting_of_the_task_data(glue):
    assert "metrics" not in settings.canonical_json(settings.task_settings(glue, "qqp"))


def test_defaults_are_frozen():
    """Settings leave defaults out, so changing one would silently change finished runs' meaning."""
    assert Training().model_dump() == {
        "epochs": 3,
        "batch_size": 32,
        "learning_rate": 2e-5,
        "weight_decay": 0.01,
        "warmup": 0.06,
        "adam_beta2": 0.999,
        "adam_epsilon": 1e-8,
        "max_grad_norm": 1.0,
        "precision": "auto",
    }
    assert Tokenizer(kind="bpe").vocab_size == 8000
    assert Carve(fraction=0.1).group is None
    assert HubDataset(name="a/b").model_dump() == {"name": "a/b", "subset": None, "revision": ""}
    assert Model(hub="a/b").model_dump() == {
        "hub": "a/b",
        "revision": "",
        "folder": None,
        "architecture": None,
        "config": {},
        "tokenizer": None,
        "vectors": None,
        "layers": None,
    }
    fields = Task.model_fields
    assert {name: fields[name].default for name in ("label", "id", "max_length", "selection")} == {
        "label": "label",
        "id": None,
        "max_length": 128,
        "selection": None,
    }
    dropped = ("drop_unlabelled", "drop_blank", "drop_overlap")
    assert [fields[name].default for name in dropped] == [False] * 3
    assert fields["max_overlap"].default == MAX_OVERLAP == 0.05
    assert not any("resources" in text for text in map(str, [settings.student_settings.__doc__]))
    assert Resources().gpu == 0


@pytest.mark.parametrize(
    "script", sorted((ROOT / "workflow/scripts").glob("*.py")), ids=lambda p: p.stem
)
def test_metrics_are_behind_what_scores_and_not_behind_what_config_checks(script):
    reached = code._reached([code._Used(script, ())], all_parts=True)
    has = any("metrics" in used.path.parts for used in reached if used.statements)
    silent = ("fit_gate", "fit_reference", "teacher_logits", "train_students", "prepare_task")
    assert not (has and script.stem in silent)
    assert has or script.stem not in ("score", "state_claims", "train_teacher")


@pytest.mark.parametrize(
    "script", sorted((ROOT / "workflow/scripts").glob("*.py")), ids=lambda p: p.stem
)
def test_library_imports_no_snakemake(script):
    assert code_digests(script)["script"]
    for module in (ROOT / "src").rglob("*.py"):
        assert "import snakemake" not in module.read_text(), module
