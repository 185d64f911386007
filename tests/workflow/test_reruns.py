"""What a change reruns: exactly the stages whose numbers it can change. Dry runs, after a real one.

The study has one task, two teachers (cnn, bert) and seven arms, each trained in one job: none;
single cnn, single bert; and four that fuse both, one of them gating.
"""

import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml
from tiny_study import SUITE_FILE, change_suite, planned, snakemake

ROOT = Path(__file__).parents[2]
FIGURES = Counter(["draw_figures", "report"])
CLAIMS = FIGURES + Counter(["state_claims", "latex_tables"])
ANALYSES = Counter(["collect_examples", "analyse_examples", "state_claims"])
AUDIT = Counter(["audit_teachers", "audit"])
TABLES = FIGURES + ANALYSES + Counter(["make_tables", "master_table", "latex_tables"])
ARM = Counter(["train_students", "score_students"])
UNDISTILLED = Counter(["train_undistilled", "score_undistilled"])
TEACHER = Counter(["train_teacher", "teacher_logits", "score_teachers"])
GATE = Counter(["fit_gate"])
UNDISTILLED_SCORES = Counter(["score_undistilled", "score_reference", "score_constant"])
SCORES = Counter({"score_students": 6, "score_undistilled": 1, "score_teachers": 2})
SCORES += Counter(["score_reference", "score_constant"])


def times(count, jobs):
    return Counter({rule: count * number for rule, number in jobs.items()})


def setting(key, value):
    return lambda folder: change_suite(folder, key, value)


def edit(path, old, new):
    """Replace text in one of the copy's source files."""

    def change(folder):
        source = (folder / path).read_text()
        assert old in source, f"{path} no longer holds {old!r}"
        (folder / path).write_text(source.replace(old, new))

    return change


def add_teacher(folder):
    suite = yaml.safe_load((folder / SUITE_FILE).read_text())
    suite["teachers"]["other"] = suite["teachers"]["cnn"]
    suite["studies"]["main"]["arms"].append({"strategy": "single", "teachers": ["other"]})
    (folder / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))


def new_loss(folder):
    """A loss of one file, and a strategy that no arm has yet."""
    shutil.copy(ROOT / "tests/dkd.py", folder / "src/mtkd/distillation/losses/dkd.py")
    change_suite(folder, "strategies", {"dkd": {"fusion": "average", "loss": "dkd"}})


def add_metric(folder):
    modules = folder / "src/mtkd/metrics/modules"
    (modules / "error_rate").mkdir()
    source = (modules / "accuracy/accuracy.py").read_text()
    (modules / "error_rate/error_rate.py").write_text(source.replace("accuracy", "error_rate"))


def touch_every_source(folder):
    for path in [*folder.glob("src/**/*.py"), *folder.glob("workflow/scripts/*.py")]:
        path.touch()


# What a study claims, and on which settings, is registered anew.
REGISTERED = Counter(["register"])
# A teacher stands behind its single arm, the four fused ones, and the gate.
AFTER_A_TEACHER = TEACHER + GATE + times(5, ARM) + TABLES + AUDIT
CHANGES = {
    "a teacher's learning rate": (
        setting("teachers.cnn.training.learning_rate", 0.02),
        AFTER_A_TEACHER + REGISTERED,
    ),
    "a teacher's epochs on this task": (
        setting("teachers.bert.per_task", {"reviews": {"epochs": 3}}),
        AFTER_A_TEACHER + REGISTERED,
    ),
    "a secondary metric": (
        setting("tasks.reviews.metrics", ["accuracy", "f1"]),
        SCORES + TABLES,
    ),
    "dpi": (setting("figures.dpi", 100), FIGURES),
    # In bundles over seeds an arm's job has a new output; its finished cells are restored.
    "another seed": (
        setting("studies.main.seeds", [1, 2, 3]),
        UNDISTILLED + GATE + times(6, ARM) + TABLES + AUDIT + REGISTERED,
    ),
    "another T": (
        setting("studies.main.T", [2, 4]),
        times(6, ARM) + TABLES + AUDIT + REGISTERED + Counter(["state_interactions"]),
    ),
    "another teacher with its arm": (add_teacher, TEACHER + ARM + TABLES + AUDIT + REGISTERED),
    "the margin of equivalence": (setting("margin", 1.0), TABLES + AUDIT + REGISTERED),
    "the student's learning rate": (
        setting("students.distilbert.training.learning_rate", 0.004),
        UNDISTILLED + GATE + times(6, ARM) + TABLES + REGISTERED,
    ),
    "fusion code": (
        edit("src/mtkd/fusion/strategies.py", "logits.mean(axis=0", "0.5 * logits.sum(axis=0"),
        ARM + TABLES + AUDIT,
    ),
    "code of the loss": (
        edit("src/mtkd/distillation/losses/hinton.py", "batch.T**2", "batch.T * batch.T"),
        times(6, ARM) + TABLES,
    ),
    "gate code": (
        edit("src/mtkd/fusion/gate.py", "STEPS = 150", "STEPS = 200"),
        GATE + ARM + TABLES,
    ),
    "code of a figure": (
        edit("src/mtkd/figures/gap.py", "FRAME = (-100.0,", "FRAME = (-150.0,"),
        FIGURES,
    ),
    "code of the claims": (
        edit("src/mtkd/analysis/claims.py", "BOOTSTRAP_SEED = 0", "BOOTSTRAP_SEED = 1"),
        CLAIMS,
    ),
    "code of the tables": (
        edit("src/mtkd/analysis/tables.py", "AXES = (", "AXES = () + ("),
        TABLES + Counter(["audit"]),
    ),
    # It keeps teachers' epochs, and claims are made of its contributions.
    "code of the primary metric": (
        edit("src/mtkd/metrics/modules/accuracy/definition.py", "==", "<="),
        times(2, TEACHER) + GATE + times(6, ARM) + UNDISTILLED_SCORES + TABLES + AUDIT,
    ),
}
# Each of these alone would rerun nothing; so do all of them at once.
OF_NO_CONSEQUENCE = {
    "a teacher's epochs on another task": setting(
        "teachers.bert.per_task", {"pairs": {"epochs": 3}}
    ),
    "a default written out": setting("teachers.bert.training.batch_size", 32),
    "a task's default written out": setting("tasks.reviews.max_overlap", 0.05),
    "a teacher's resources": setting(
        "teachers.cnn.resources", {"mem_mb": 5000, "runtime": 90, "expected": {"reviews": 3}}
    ),
    "a new operator": edit(
        "src/mtkd/fusion/operators.py",
        '"random-teacher": random_teacher,',
        '"random-teacher": random_teacher, "new": linear_pool,',
    ),
    "a new loss": new_loss,
    "code that nothing uses": edit("src/mtkd/figures/gap.py", "FRAME = (", "UNUSED = 1\nFRAME = ("),
    "code of a metric that is not used": edit(
        "src/mtkd/metrics/modules/macro_f1/macro_f1.py", "import", "import os\nimport"
    ),
    "code of a metric that is not used, as its definition has it": edit(
        "src/mtkd/metrics/modules/brier/definition.py", "error**2", "error**3"
    ),
    "another metric in the library": add_metric,
    "comments and docstrings of training": edit(
        "src/mtkd/distillation/losses/hinton.py",
        '"""Soft labels, as Hinton',
        '"""Soft labels,  as Hinton',
    ),
    "time stamps of the sources": touch_every_source,
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_reruns_exactly_what_it_can_change(study, what):
    change, jobs = CHANGES[what]
    change(study)
    assert planned(study) == jobs


def test_changes_of_no_consequence_rerun_nothing(study):
    for change in OF_NO_CONSEQUENCE.values():
        change(study)
    assert planned(study) == {}


def test_a_file_that_is_gone_is_said_and_hides_what_else_has_changed(study):
    """Which is as Snakemake has it: outputs whose job lacks an input are files like any other."""
    change_suite(study, "tasks.reviews.splits.train", "trian.csv")
    change_suite(study, "tasks.reviews.selection.fraction", 0.3)
    result = snakemake(study, "--dry-run")
    assert result.returncode == 0 and "prepare_task" not in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("warning: ")]
    assert "tasks.reviews.splits.train: trian.csv is not there; what was made of it" in line
