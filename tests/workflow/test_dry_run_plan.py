"""The plan at the end of a dry run."""

import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
from small_inputs import REPOSITORY, run_snakemake
from tiny_study import change_suite, snakemake

from mtkd.config.load import load_suite
from mtkd.records.files import write_json

NO_RECORD = ["no", "record", "yet"]
LEARNING_RATES = {"students.distilbert": 5.0e-3, "teachers.cnn": 1.0e-2}
TRAINED = "results/tiny/students/distilbert/reviews/cnn/single/T4_a0.7/seed1"


def plan_of(folder, *arguments, suite="config/tiny.yaml"):
    """The lines of the plan, by their first word; None without a plan."""
    result = snakemake(folder, "--dry-run", *arguments, suite=suite)
    assert result.returncode == 0, result.stdout
    _, found, text = result.stdout.partition("\nPlan: ")
    lines = [line for line in text.splitlines() if line]
    return {line.split()[0]: line.split()[1:] for line in lines} if found else None


def test_a_study_that_has_not_begun(project):
    slurm = ["--executor", "slurm", "--jobs", "1", "--default-resources", "slurm_partition=cpu"]
    slurm += ["--set-resources", "train_students:slurm_partition=gpu"]
    plan = plan_of(project, *slurm, "--config", "study=grid", suite="config/glue.yaml")
    # 4 tasks of 3 seeds: undistilled, three single teachers and four fusions of 3 T x 3 alpha each.
    strategies = ["none", "single", "average", "weighted", "best-per-sample", "gating"]
    assert plan["cells"][2:] == [*strategies, "total"]
    for task in ("sst2", "mnli", "qqp", "mrpc"):
        assert plan[task] == ["3", "81", "27", "27", "27", "27", "192"]
    assert plan["total"] == ["12", "324", "108", "108", "108", "108", "768"]
    # A job for each of 7 distilled arms, 4 tasks and 3 seeds, each on one GPU; 9 cells in each take
    # 60.4 minutes of guesses, and twice as much is asked for, in whole minutes.
    hours = 21 * 9 * (4.9 + 27 + 28 + 0.5) / 60
    asked = 21 * (89 + 486 + 504 + 10) / 60
    assert plan["gpu"] == [
        word for _ in range(2) for word in ("84", f"{hours:.1f}", f"{asked:.1f}")
    ]
    # Teachers, their logits and undistilled students beside gates, references and preparations.
    assert [plan["cpu"][n] for n in (0, 3)] == [str(12 + 12 + 12 + 12 + 4 + 4), "36"]
    # What runs where Snakemake runs asks for nothing.
    assert plan["here"][-4:] == ["0"] * 4
    assert plan["Disk:"][1:3] == ["files;", "bytes"]


# Of the hub's models, megabytes and a key of their configuration; rows of GLUE's splits.
MODELS = {
    "bert-large-uncased": (1344, {"hidden_size": 1024}),
    "roberta-large": (1421, {"hidden_size": 1024}),
    "deberta-base": (556, {"hidden_size": 768}),
    "distilbert-base-uncased": (268, {"dim": 768}),
}
ROWS = {
    "sst2": {"train": 67_349, "report": 872},
    "mnli": {"train": 392_702, "report_m": 9_815, "report_mm": 9_832},
    "qqp": {"train": 363_846, "report": 40_430},
    "mrpc": {"train": 3_668, "report": 408},
}


def test_gigabytes_are_known_once_models_and_datasets_are_here(tmp_path):
    fetched = tmp_path / "results/glue/fetched"
    suite = load_suite(REPOSITORY / "config/glue.yaml")
    for name, learner in {**suite.teachers, **suite.students}.items():
        size, config = MODELS[name]
        folder = tmp_path / "cache" / name
        folder.mkdir(parents=True)
        tensor = {"dtype": "F32", "shape": [size * 250_000], "data_offsets": [0, size * 10**6]}
        header = json.dumps({"weights": tensor}).encode()
        with open(folder / "model.safetensors", "wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            file.truncate(size * 10**6)  # which takes no room
        (folder / "config.json").write_text(json.dumps(config))
        hub, commit = learner.model.hub.replace("/", "--"), learner.model.revision[:12]
        write_json(fetched / f"models/{hub}@{commit}.json", {"folder": str(folder)})
    for task, splits in ROWS.items():
        (fetched / "datasets" / task).mkdir(parents=True)
        for split, rows in splits.items():
            table = pa.table({"nothing": pa.nulls(rows)})
            pq.write_table(table, fetched / "datasets" / task / f"{split}.parquet")
    call = ["--configfile", "config/glue.yaml", "--workflow-profile", "profiles/slurm"]
    # The folder is not the one that the command is given in.
    result = run_snakemake(tmp_path, "--dry-run", "--quiet", *call)
    (disk,) = (line for line in result.stdout.splitlines() if line.startswith("Disk"))
    assert re.match(r"Disk, about: 20\.1 GB kept in [23],\d{3} files; ", disk)
    assert disk.endswith(
        "up to 53.1 GB of 12 trainings of teachers or 80.4 GB of 100 trainings of students"
    )


def test_what_was_recorded_is_asked_for_twice_unless_the_suite_says_how_much(study):
    call = ["--dry-run", "--forcerun", "train_teacher", "--executor", "slurm", "--jobs", "1"]

    def asked():
        result = snakemake(study, *call)
        found = {}
        for rule, minutes in re.findall(
            r"rule (\w+):\n(?:    .+\n)*?.*runtime=(\d+)", result.stdout
        ):
            found.setdefault(rule, set()).add(int(minutes))
        return found

    # All took seconds.
    known = asked()
    assert known["train_teacher"] == known["teacher_logits"] == known["train_students"] == {10}
    change_suite(study, "teachers.cnn.resources", {"runtime": 90})
    assert asked() == known | {"train_teacher": {10, 90}}


def test_nothing_pending_is_no_plan_and_a_lost_cell_is_one(study):
    assert plan_of(study) is None
    for name in ("predictions.safetensors", "eval.json"):
        (study / TRAINED / name).unlink()
    # As if the bundle's two cells had taken four hours.
    (times,) = (study / "results/tiny/benchmarks/train_students").rglob("*/cnn/single.tsv")
    head, row = times.read_text().splitlines()
    times.write_text("\n".join([head, "14400\t" + row.partition("\t")[2]]) + "\n")
    # Tables that exist do not ask for it again, a target does.
    plan = plan_of(study, f"{TRAINED}/eval.json")
    # Its bundle has two seeds: the other cell is restored, not trained.
    assert plan["cells"][2:] == ["single", "total"]
    assert plan["reviews"] == ["1", "1"]
    # Trained and scored; the hours are known from the run's own records and logs.
    jobs, hours, gpu_jobs, gpu_hours = plan["none"]
    assert (jobs, gpu_jobs, gpu_hours) == ("2", "0", "0")
    # Four hours over the twelve cells that were trained; the others took seconds.
    assert 0.3 < float(hours) < 0.4
    assert "Jobs" not in plan
    # Not so when the cells' settings, or those of their teacher, have changed besides.
    for key in ("students.distilbert", "teachers.cnn"):
        change_suite(study, f"{key}.training.learning_rate", 0.004)
        plan = plan_of(study, f"{TRAINED}/eval.json")
        assert plan["reviews"] == ["2", "2"]
        change_suite(study, f"{key}.training.learning_rate", LEARNING_RATES[key])


def test_more_seeds_are_more_cells_and_no_other_is_counted(study):
    change_suite(study, "studies.main.seeds", [1, 2, 3])
    plan = plan_of(study)
    assert plan["reviews"] == ["1", "2", "1", "1", "1", "1", "7"]


def test_a_quiet_dry_run_prints_the_plan_alone(project):
    result = snakemake(project, "--dry-run", "--quiet", suite=None)
    assert "\nPlan: 59 jobs, 135 cells to train\n" in result.stdout
    assert "Job stats" not in result.stdout
    assert "Plan" not in snakemake(project, "--dry-run", "--quiet", "all", suite=None).stdout


def test_a_graph_that_cannot_be_built_has_no_plan(project):
    result = snakemake(project, "results/embedded/nothing", "--dry-run", suite=None)
    assert result.returncode != 0
    assert "Plan" not in result.stdout
    assert "Traceback" not in result.stdout
