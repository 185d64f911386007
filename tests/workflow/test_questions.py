"""The command mtkd on a finished study: why outputs would be made again, and what is wrong."""

import os
import re
import shutil
import subprocess
import sys

import pytest
import warm
from test_reruns import edit, setting
from tiny_study import SUITE_FILE, snakemake

CELLS = "results/tiny/students/distilbert/reviews"
AVERAGE = f"{CELLS}/cnn+bert/average/T4_a0.7/seed1"
GATING = f"{CELLS}/cnn+bert/gating/T4_a0.7/seed1"
SUITE = ("--configfile", SUITE_FILE)


def mtkd(folder, *arguments, python=None):
    """A finished call of the command, of the checkout in ``folder``."""
    return subprocess.run(
        [python or warm.python(), "-m", "mtkd", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
    )


def why(folder, target, *config):
    """What the command says of a target: its lines, the target's name left out."""
    done = mtkd(folder, "why", target, *SUITE, *(["--config", *config] if config else []))
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout.removeprefix(f"{target}: ").splitlines()


def everything(folder):
    """Every file and folder with its time stamps; what Python and Snakemake cache aside."""
    paths = (path for path in folder.rglob("*") if "__pycache__" not in path.parts)
    return {path: path.stat().st_mtime_ns for path in paths if path.exists()}


def remove(name):
    return lambda folder: (folder / name).unlink()


def add_row(folder):
    with open(folder / "corpus/reviews_train.csv", "a") as file:
        file.write("r999,thing1 fine thing2,good\n")


def several(*changes):
    def change(folder):
        for one in changes:
            one(folder)

    return change


# A change, a target, and of the lines: the first, by its beginning, and the others.
CHANGES = {
    "a setting": (
        setting("students.distilbert.training.learning_rate", 0.004),
        f"{AVERAGE}/eval.json",
        "2 jobs would run for it, score_students last; what has changed lies upstream",
        ["settings.training.learning_rate: 0.005 -> 0.004",
         f"  train_students of {AVERAGE}/predictions.safetensors and 1 more"],
    ),
    "a setting of a teacher, by a default that is no more": (
        setting("teachers.cnn.training.batch_size", 16),
        f"{AVERAGE}/predictions.safetensors",
        "3 jobs would run for it, train_students last; what has changed lies upstream",
        [r"settings.training.batch_size: not set -> 16 \(not set: the default, if it has one\)",
         "  train_teacher of results/tiny/teachers/reviews/cnn/seed1/model and 1 more"],
    ),
    "a function of a strategy": (
        edit("src/mtkd/fusion/strategies.py", "logits.mean(axis=0", "0.5 * logits.sum(axis=0"),
        f"{AVERAGE}/predictions.safetensors",
        "one job would run for it",
        [r"recipes.average.code.fusion: \w+ -> \w+ \(code of the strategy's fusion\)",
         f"  train_students of {AVERAGE}/predictions.safetensors and 1 more"],
    ),
    "a function of the package": (
        edit("src/mtkd/fusion/gate.py", "STEPS = 150", "STEPS = 200"),
        f"{GATING}/eval.json",
        "3 jobs would run for it, score_students last; what has changed lies upstream",
        [r"code.code: \w+ -> \w+ \(what the script uses of the mtkd package\)",
         "  fit_gate of .*weights.safetensors and 1 more"],
    ),
    "a script, and a metric": (
        several(
            edit("workflow/scripts/score.py", "scores = {}", "scores = dict()"),
            edit("src/mtkd/metrics/modules/accuracy/definition.py", "==", "<="),
        ),
        "results/tiny/references/reviews/tfidf/eval.json",
        "one job would run for it",
        [r"code.script: \w+ -> \w+ \(the rule's script\)",
         r"metrics.accuracy: \w+ -> \w+ \(code of the metric accuracy\)",
         "  score_reference of results/tiny/references/reviews/tfidf/eval.json"],
    ),
    "a rule's command": (
        edit("rules/references.smk", "/fit_reference.py --job", "/fit_reference.py  --fast --job"),
        "results/tiny/references/reviews/tfidf/predictions.safetensors",
        "one job would run for it",
        ["the rule's command: .* -> .*--fast.*", "  fit_reference of .*"],
    ),
    "an input's content": (
        add_row,
        f"{CELLS}/none/none/TNA_aNA/seed1/eval.json",
        "3 jobs would run for it, score_undistilled last; what has changed lies upstream",
        [r"an input has changed since: corpus/reviews_train.csv \(other content\)",
         "  prepare_task of results/tiny/tasks/reviews/train.parquet and 5 more"],
    ),
    "an input's name": (
        several(
            lambda folder: shutil.copy2(
                folder / "corpus/reviews_train.csv", folder / "corpus/other.csv"
            ),
            setting("tasks.reviews.splits.train", "corpus/other.csv"),
        ),
        "results/tiny/tasks/reviews/task.json",
        "one job would run for it",
        ["settings.task.splits.train: corpus/reviews_train.csv -> corpus/other.csv",
         'a parameter: .*"train=corpus/reviews_train.csv".* -> .*"train=corpus/other.csv".*',
         "no input any more: corpus/reviews_train.csv",
         "a new input: corpus/other.csv",
         "  prepare_task of .*"],
    ),
    "outputs that are gone": (
        remove(f"{AVERAGE}/predictions.safetensors"),
        f"{AVERAGE}/predictions.safetensors",
        "one job would run for it",
        [r"1 of 2 outputs missing, made on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
         f"  train_students of {AVERAGE}/predictions.safetensors and 1 more"],
    ),
    "another seed, and a setting": (
        several(
            setting("studies.main.seeds", [1, 2, 3]),
            setting("students.distilbert.training.epochs", 4),
        ),
        f"{CELLS}/cnn/single/T4_a0.7/seed3/predictions.safetensors",
        "one job would run for it",
        ["1 of 3 outputs never made",
         "settings.training.epochs: 2 -> 4",
         "  train_students of .*/seed3/predictions.safetensors and 2 more"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_named_where_it_begins(study, what):
    change, target, first, others = CHANGES[what]
    change(study)
    told = why(study, target)
    assert told[0] == first and told[1] == ""
    assert len(told) == len(others) + 2, told
    for line, pattern in zip(told[2:], others, strict=True):
        assert line == pattern or re.fullmatch(pattern, line), line


def test_what_is_up_to_date_is_said_to_be_and_nothing_is_touched(study):
    before = everything(study)
    told = why(study, f"{AVERAGE}/eval.json")
    made = r"nothing, it is up to date; score_students made it on [\d: -]+, when it was not there"
    assert re.fullmatch(made, told[0]) and len(told) == 1
    assert why(study, "all")[0].startswith("nothing, it is up to date")
    checked = mtkd(study, "check")
    assert checked.returncode == 0 and "nothing is wrong" in checked.stdout, checked.stdout
    assert "studies/main/**/*.pdf (12)" in checked.stdout
    teachers = [f"results/tiny/teachers/reviews/{name}/seed1" for name in ("cnn", "bert")]
    compared = mtkd(study, "diff", *teachers).stdout
    assert re.search(r"settings.model.architecture +text-cnn +bert", compared)
    assert everything(study) == before


def test_of_a_rerun_that_has_ended_the_log_of_it_says_why(study):
    target = f"{AVERAGE}/eval.json"
    setting("students.distilbert.training.learning_rate", 0.004)(study)
    assert snakemake(study, target, cores=1).returncode == 0
    first, by, _, *reasons = why(study, target)
    assert re.fullmatch(r"nothing, it is up to date; score_students made it on [\d: -]+", first)
    assert re.fullmatch(r"why it was made then, by \.snakemake/log/\S+\.snakemake\.log:", by)
    assert reasons == [
        "settings.training.learning_rate: 0.005 -> 0.004",
        f"  train_students of {AVERAGE}/predictions.safetensors and 1 more",
    ]


def test_another_study_is_never_made_and_mistakes_are_a_line(study):
    told = why(study, "results/tiny/studies/pairs/audit.html", "study=pairs")
    assert told[0].endswith("would run for it, audit last") and told[2] == "never made"
    for arguments, said in {
        ("why", "results/none.json", *SUITE): "no job of the chosen study makes this",
        ("why", "results/none.json"): "in the default suite, not one of --configfile",
        ("why", AVERAGE, *SUITE): "it is a folder: name a file in it",
        ("why", "all", *SUITE, "--config", "study=none"): "unknown study 'none'",
        ("why", "all", "--configfile", "none.yaml"): "none.yaml",
        ("check", "results"): "give one",
        ("diff", AVERAGE, "none"): "there is no such run",
    }.items():
        done = mtkd(study, *arguments)
        assert done.returncode == 1 and not done.stdout
        assert done.stderr.startswith("error: ") and said in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1
    remove("corpus/reviews_train.csv")(study)
    remove("results/tiny/tasks/reviews/train.parquet")(study)
    done = mtkd(study, "why", "results/tiny/tasks/reviews/train.parquet", *SUITE)
    gone, error = done.stderr.splitlines()
    assert gone.startswith("warning: tasks.reviews.splits.train: corpus/reviews_train.csv is not")
    assert error.startswith("error: ") and "corpus/reviews_train.csv" in error


def test_damage_to_a_real_study_is_found(study):
    tiny = study / "results/tiny"
    with open(tiny / "teachers/reviews/cnn/seed1/logits/train.safetensors", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x7f")
    (tiny / "studies/main/tables/claims.csv").write_text("task\n")
    (tiny / "studies/main/figures/claims.pdf").write_bytes(b"")
    (tiny / "studies/main/tables/latex/gap.tex").unlink()
    (study / AVERAGE / "run.json").unlink()
    (tiny / "tasks/reviews/notes.txt").write_text("mine\n")
    done = mtkd(study, "check", "results/tiny")
    assert done.returncode == 1 and not done.stderr
    wrong = re.findall(r"^(\w+): (\S+): ", done.stdout, flags=re.MULTILINE)
    assert set(wrong) == {
        ("edited", "teachers/reviews/cnn/seed1/logits/train.safetensors"),
        ("edited", "studies/main/tables/claims.csv"),
        ("truncated", "studies/main/figures/claims.pdf"),
        ("missing", f"{AVERAGE.removeprefix('results/tiny/')}/run.json"),
        ("foreign", "tasks/reviews/notes.txt"),
    }


def test_no_command_loads_torch_or_another_checkouts_code(study):
    program = (
        "import runpy, sys\n"
        "for words in sys.argv[1:]:\n"
        "    sys.argv = ['mtkd', *words.split()]\n"
        "    try: runpy.run_module('mtkd', run_name='__main__')\n"
        "    except SystemExit: pass\n"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])\n"
    )
    commands = [f"diff {AVERAGE} {GATING}", "check", f"why {AVERAGE}/eval.json {' '.join(SUITE)}"]
    done = subprocess.run(
        [sys.executable, "-c", program, *commands],
        cwd=study,
        env={**os.environ, "PYTHONPATH": str(study / "src")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
    assert "nothing, it is up to date" in done.stdout
    shutil.move(study / "src", study / "elsewhere")
    (study / "src").mkdir()
    done = subprocess.run(
        [warm.python(), "-m", "mtkd", "why", "all", *SUITE],
        cwd=study,
        env={**os.environ, "PYTHONPATH": str(study / "elsewhere")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "of another checkout" in done.stderr
