"""A whole study through profiles/slurm on a real SLURM."""

import csv
import subprocess

from conftest import submit
from tiny_study import change_suite

# One cell a job: each of these arms at each T.
ARMS = [
    {"strategy": "none"},
    {"strategy": "single", "teachers": ["cnn"]},
    {"strategy": "average", "teachers": ["cnn", "bert"]},
    {"strategy": "gating", "teachers": ["cnn", "bert"]},
]
CELLS = {
    f"distilbert_reviews_{arm}_{T}_0.7_1"
    for arm in ("cnn_single", "cnn+bert_average", "cnn+bert_gating")
    for T in (2, 4)
}
GPU_RULES = {"train_teacher", "teacher_logits", "train_students", "train_undistilled"}


def test_a_study_of_one_cell_a_job_runs_to_its_tables_and_is_then_done(project):
    change_suite(project, "bundle", "cell")
    changed = {"arms": ARMS, "T": [2, 4], "alpha": [0.7], "seeds": [1]}
    for key, value in changed.items():
        change_suite(project, f"studies.main.{key}", value)
    result = submit(project)
    assert result.returncode == 0, result.stdout
    with open(project / "results/tiny/studies/main/tables/runs.csv") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} >= {"student", "teacher"}
    again = submit(project)
    assert "Nothing to be done" in again.stdout, again.stdout

    # Stages that compute on a GPU asked for one, the others did not.
    columns = "Comment%200,AllocTRES%200,State,WorkDir%300"
    found = subprocess.run(
        ["sacct", "-X", "-n", "-P", "-o", columns], capture_output=True, text=True
    )
    rows = [line.split("|") for line in found.stdout.splitlines()]
    rows = [row for row in rows if row[3] == str(project)]
    asked = {row[0].removeprefix("rule_").split("_wildcards")[0]: row[1] for row in rows}
    assert asked.keys() >= GPU_RULES | {"fit_gate", "prepare_task"}
    assert {rule for rule, given in asked.items() if "gres/gpu" in given} == GPU_RULES
    assert {row[2] for row in rows} == {"COMPLETED"}
    # Every wildcard of a cell is in its own job's name.
    names = [row[0].partition("rule_train_students_wildcards_")[2] for row in rows]
    assert sorted(filter(None, names)) == sorted(CELLS)
    # Light stages never became jobs.
    assert not asked.keys() & {"make_tables", "draw_figures", "score_students", "state_claims"}
    assert list((project / "logs/slurm/efficiency").glob("*.csv"))


def test_settings_that_lose_work_are_refused_before_anything_is_submitted(project):
    profile = project / "profiles/slurm/profile.yaml"
    profile.write_text(profile.read_text().replace("slurm-no-requeue: true", "slurm-requeue: true"))
    result = submit(project)
    assert result.returncode != 0
    assert "error: slurm-requeue with slurm-status-command: sacct" in result.stdout
    assert not (project / "logs/slurm").exists()
