"""The job graphs of the shipped suites, counted by hand, and targets that are refused. Dry runs."""

import re
import subprocess

import pytest
import warm
from tiny_study import SUITE_FILE, change_suite, planned, snakemake, write_tiny_suite

CELLS = "results/embedded/students/word-average"
ONE_CELL = ("--config", "bundle=cell")
# What a variant's data are made by.
DATA = ["prepare_task", "derive_task"]

# GLUE has 4 tasks, 3 teachers with one seed each, 8 arms: the undistilled one and 7 that distil,
# one of them gating. The embedded suite has 3 variants of tasks, and no gate in its first study.
# The graphs differ in how many jobs (bundles) an arm has on a task.
TASKS, TEACHERS, DISTILLED = 4, 3, 7
VARIANTS = 3


def expected(bundles, distilled=DISTILLED, gates=1, tasks=TASKS):
    """Job counts when each arm has ``bundles`` jobs on a task: 1, or one a seed."""
    counts = {
        "prepare_task": tasks,
        "fit_reference": tasks,
        "score_reference": tasks,
        "score_constant": tasks,
        "train_teacher": tasks * TEACHERS,
        # Where one job trains all arms of a task, one job also serves its teachers.
        "teacher_logits": tasks if distilled == 1 else tasks * TEACHERS,
        "score_teachers": tasks if distilled == 1 else tasks * TEACHERS,
        "train_undistilled": tasks * bundles,
        "score_undistilled": tasks * bundles,
        "fit_gate": tasks * bundles * gates,
        "train_students": tasks * bundles * distilled,
        "score_students": tasks * bundles * distilled,
        "make_tables": 1,
        "collect_examples": tasks,
        "master_table": 1,
        "audit_teachers": tasks,
        "analyse_examples": 1,
        "state_claims": 1,
        **dict.fromkeys(["audit", "register", "report", "latex_tables", "draw_figures"], 1),
    }
    return {rule: count for rule, count in counts.items() if count}


# Variants of as many tasks, all arms of one in one job.
EMBEDDED = expected(1, distilled=1, gates=0, tasks=VARIANTS) | {"derive_task": VARIANTS}
EMBEDDED |= {"measure_costs": 1}
# A study of several T asks of each whether fusing pays there.
SEVERAL_T = {"state_interactions": 1}
# 9 downloads of splits: MNLI has two report splits. 4 of models: three teachers, one student.
FETCHED = {"fetch_dataset": 2 + 3 + 2 + 2, "fetch_model": TEACHERS + 1}


@pytest.mark.parametrize(
    ("suite", "study", "jobs"),
    [
        # The embedded suite folds arms, T, alpha and seeds: one job trains all of a task.
        (None, "main", EMBEDDED),
        (None, "grid", EMBEDDED | SEVERAL_T),
        (None, "controls", EMBEDDED | {"fit_gate": VARIANTS}),
        # The GLUE suite folds T and alpha: one job for each arm, task and seed.
        ("config/glue.yaml", "main", expected(5) | FETCHED),
        ("config/glue.yaml", "grid", expected(3) | FETCHED | SEVERAL_T),
        # Two arms that distil, DeBERTa and the average of all three; no gate.
        ("config/glue.yaml", "published_grid", expected(3, 2, gates=0) | FETCHED | SEVERAL_T),
    ],
)
def test_jobs_of_each_shipped_study(project, suite, study, jobs):
    # Were the two suites merged, GLUE's jobs would fold arms and seeds as the embedded suite's do.
    assert planned(project, "--config", f"study={study}", suite=suite) == jobs


def test_the_frameworks_experiments_train_no_student(project):
    teachers = {"train_teacher": VARIANTS * TEACHERS, "teacher_logits": VARIANTS}
    teachers |= dict.fromkeys(DATA, VARIANTS)
    own = {"certify_operators": 1, "fusion_experiments": VARIANTS, "draw_experiments": 1}
    assert planned(project, "fusion", suite=None) == teachers | own | {"fusion": 1}


def test_a_study_of_pools_reports_on_the_framework_too(project):
    jobs = planned(project, "--config", "study=fusion", suite=None)
    main = expected(1, distilled=1)
    own = {"certify_operators": 1, "fusion_experiments": 2, "draw_experiments": 1}
    own |= {"framework_claims": 1, "draw_figures": 1}
    assert {rule: jobs[rule] for rule in own} == own
    assert not main.keys() & {"certify_operators", "framework_claims"}
    # One job trains all pools of a task, as it does all other arms.
    assert jobs["train_students"] == 2


# What a cluster's nodes compute. All else takes seconds, and runs where Snakemake runs.
SUBMITTED = {"prepare_task", "fit_reference", "train_teacher", "teacher_logits", "fit_gate"}
SUBMITTED |= {"train_undistilled", "train_students", "fusion_experiments"}


def submitted(project, attempt):
    """What a dry run of GLUE's main study and of the experiments prints, in a try of its jobs."""
    arguments = ["all", "fusion", "--dry-run", "--printshellcmds", "--attempt", str(attempt)]
    arguments += ["--workflow-profile", "profiles/slurm"]
    result = snakemake(project, *arguments, suite="config/glue.yaml")
    assert result.returncode == 0, result.stdout
    return result.stdout


def requests(printed):
    """Memory and minutes of all jobs of each rule; of no local one."""
    found = {}
    jobs = r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    resources: (.*)$"
    for rule, resources in re.findall(jobs, printed, flags=re.MULTILINE):
        values = dict(part.split("=") for part in resources.split(", "))
        asked = found.setdefault(rule, [])
        if rule in SUBMITTED:
            asked.append((int(values["mem_mb"]), int(values["runtime"])))
    return found


def told_of_gpus(printed):
    """Scripts that compute with a GPU, and how many each is told that it asked for."""
    return set(re.findall(r"(train_\w+|teacher_logits)\.py (?:.* --gpu (\d))?", printed))


def with_gpus(number):
    return {(s, number) for s in ("train_teacher", "teacher_logits", "train_students")}


def test_every_submitted_job_asks_for_more_at_its_second_try(project):
    printed = submitted(project, 1)
    first, second = requests(printed), requests(submitted(project, 2))
    declared = {"all"}
    for path in (project / "rules").glob("*.smk"):
        for block in re.findall(r"^localrules:\n((?:    .*\n)+)", path.read_text(), re.MULTILINE):
            declared |= set(re.findall(r"\w+", block))
    assert set(first) - declared == SUBMITTED
    for rule in SUBMITTED:
        doubled = sorted((2 * memory, 2 * minutes) for memory, minutes in first[rule])
        assert sorted(second[rule]) == doubled, rule
    assert told_of_gpus(printed) == with_gpus("1")


def test_without_a_gpu_jobs_are_told_that_they_asked_for_none(project):
    printed = snakemake(project, "teachers", "students", "-n", "--printshellcmds", suite=None)
    assert told_of_gpus(printed.stdout) == with_gpus("0")


def test_one_cell_needs_its_task_its_teacher_and_nothing_else(project):
    cell = f"{CELLS}/movies-300/textcnn/single/T2_a0.7/seed1/eval.json"
    rules = ["train_teacher", "teacher_logits", "train_students", "score_students"]
    assert planned(project, cell, *ONE_CELL, suite=None) == dict.fromkeys([*DATA, *rules], 1)


def test_an_undistilled_cell_needs_no_teacher(project):
    cell = f"{CELLS}/movies-300/none/none/TNA_aNA/seed1/eval.json"
    rules = [*DATA, "train_undistilled", "score_undistilled"]
    assert planned(project, cell, *ONE_CELL, suite=None) == dict.fromkeys(rules, 1)


def test_a_gating_cell_needs_the_undistilled_student_of_its_seed(project):
    cell = f"{CELLS}/movies-300/textcnn+bilstm+bert/gating/T2_a0.7/seed2/eval.json"
    jobs = planned(project, cell, *ONE_CELL, "study=controls", suite=None)
    teachers = {"train_teacher": 3, "teacher_logits": 3}
    rules = ["train_undistilled", "fit_gate", "train_students", "score_students"]
    assert jobs == teachers | dict.fromkeys([*DATA, *rules], 1)


def test_cores_need_not_be_given(project):
    write_tiny_suite(project)
    target = "results/tiny/tasks/reviews/task.json"
    call = [warm.python(), "-m", "snakemake", target, "--configfile", SUITE_FILE]
    for options, cores in (([], 2), (["-c1", "--force"], 1)):
        result = subprocess.run([*call, *options], cwd=project, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert f"Provided cores: {cores}" in result.stderr


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("movie-300/textcnn/single/T2_a0.7/seed1", "No rule to produce {target}"),
        ("movies-300/textcnn/single/T3_a0.7/seed1", "No rule to produce {target}"),
        ("movies-300/textcnn/single/T2_a0.70/seed1", "No rule to produce {target}"),
        (
            "movies-300/textcnn+bert/average/T2_a0.7/seed1",
            "textcnn+bert/average is no arm of study 'main'; its arms are bert/single, ",
        ),
    ],
)
def test_a_target_outside_the_study_is_refused(project, cell, message):
    target = f"{CELLS}/{cell}/eval.json"
    result = snakemake(project, target, "--dry-run", *ONE_CELL, suite=None)
    assert result.returncode != 0
    assert message.format(target=target) in result.stdout


def test_a_misspelled_key_on_the_command_line_is_refused_in_one_line(project):
    result = snakemake(project, "--dry-run", "--config", "bundel=cell", suite=None)
    assert result.returncode != 0
    assert "bundel: unknown key; did you mean 'bundle'?" in result.stdout.splitlines()[-1]
    assert "Traceback" not in result.stdout


def test_an_unpinned_suite_is_shown_but_not_run(project):
    change_suite(project, "teachers.roberta-large.model.revision", "", suite="config/glue.yaml")
    counts = planned(project, "teachers", suite="config/glue.yaml")
    assert counts["fetch_model"] == TEACHERS and counts["train_teacher"] == TASKS * TEACHERS
    for _ in range(2):  # the second time: the refusal has left no lock behind
        result = snakemake(project, "teachers", suite="config/glue.yaml")
        assert result.returncode != 0
        assert result.stdout.splitlines()[-1].startswith("error: ")
        assert "no commit is given at teachers.roberta-large.model.revision" in result.stdout
    assert not (project / "results").exists()
