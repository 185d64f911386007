"""The suite with real models: its plan, and a copy at unit size with models made on the spot."""

import importlib.util
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from small_inputs import REPOSITORY, planned, run, run_snakemake, write_suite
from tiny_study import copy_folder
from tiny_writers import add_traces, problems, write_writer

from mtkd.config.load import load_suite, validate_suite
from mtkd.records.files import read_json
from mtkd.study.generation import text_arms

SHIPPED = REPOSITORY / "config/reasoning.yaml"
# What the suite's models are, by the beginning of their names on the hub.
ARCHITECTURES = {
    "Qwen": "qwen3",
    "deepseek-ai": "llama",
    "microsoft": "phi3",
    "HuggingFaceTB": "smollm3",
}
TRANSFER, N = 60, 4
# Five teachers alone at N, six times at all traces of a mixture, a pair and three mixtures of four.
CELLS = 5 + 6 + 1 + 3
STATE = "results/reasoning/state"
# The verifier that the suite names is an extra.
VERIFIER = "math" if importlib.util.find_spec("math_verify") else "integer"


def small_reasoning(folder: Path) -> dict:
    """``config/reasoning.yaml`` at unit size: GSM8K alone, a model a family, four arms, one seed.

    One teacher is a file of traces. Strategies and temperatures stay those of the file.
    """
    suite = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    suite["tasks"] = {"gsm8k": (task := suite["tasks"]["gsm8k"])}
    del task["prompts"]["hub"]
    table = problems(TRANSFER + 30, 1)
    for name, rows in (("train", table[20:]), ("test", table[:20])):
        rows.to_csv(folder / f"{name}.csv", index=False)
    files = task["prompts"]["files"]
    task["prompts"]["files"] = {split: str(folder / f"{files[split]}.csv") for split in files}
    task |= {
        "rows": {"transfer": TRANSFER, "selection": 4, "report": 6},
        "longest": 16,
        "verifier": VERIFIER,
    }
    for name in set(ARCHITECTURES.values()):
        (folder / "models" / name).mkdir(parents=True)
        write_writer(folder / "models" / name, name, turn=True)
    for learner in [*suite["teachers"].values(), *suite["students"].values()]:
        name = ARCHITECTURES[learner["model"]["hub"].split("/")[0]]
        learner["model"] = {"folder": str(folder / "models" / name)}
        learner["resources"] = {}
    for teacher in suite["teachers"].values():
        del teacher["engine"]
        # What they learnt to answer.
        teacher["template"] = "{prompt}"
    # On some of the prompts, whoever draws them.
    add_traces(folder / "traces.jsonl", table[30:])
    suite["teachers"]["qwen3-8b"] = {"traces": str(folder / "traces.jsonl")}
    student = suite["students"]["qwen3-0.6b-base"]
    student["training"] |= {"epochs": 1, "batch_size": 8, "learning_rate": 1.0e-3}
    study = suite["studies"]["main"]
    # Of the four families in each way, and the pair that has the traces that there are.
    arms = [*study["arms"][:3], study["arms"][-1]]
    study |= {"n": N, "seeds": [1], "samples": 0, "tasks": ["gsm8k"], "arms": arms}
    used = {teacher for arm in arms for teacher in arm["teachers"]}
    suite["teachers"] = {name: own for name, own in suite["teachers"].items() if name in used}
    return suite


def cells(suite):
    """The files that say what each student wrote is worth."""
    return [
        f"results/reasoning/generators/{student}/{task}/{arm.label}/{arm.strategy}/n{arm.n}/"
        f"seed{seed}/scores.parquet"
        for student in suite.chosen_study.students
        for task in suite.chosen_study.tasks
        for arm in text_arms(suite)
        for seed in suite.chosen_study.seeds
    ]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reasoning") / "study"
    folder.mkdir()
    suite = small_reasoning(folder)
    write_suite(folder / "suite.yaml", suite)
    targets = [*cells(validate_suite(suite, "x")), "results/reasoning/studies/main/traces.csv"]
    result = run(folder, *targets)
    assert result.returncode == 0, result.stdout
    return folder


def test_a_copy_at_unit_size_runs_from_prompts_to_scores(finished):
    suite = load_suite(finished / "suite.yaml")
    assert len(cells(suite)) == CELLS
    for path in cells(suite):
        record = read_json((finished / path).parent / "eval.json")
        assert record["status"] == "finished" and len(pd.read_parquet(finished / path)) >= 6
    # What a killed job would go on from is gone with what it led to.
    assert not [path for path in (finished / STATE / "traces").glob("*") if path.is_dir()]


def test_every_teacher_was_asked_and_judged(finished):
    table = pd.read_csv(finished / "results/reasoning/studies/main/traces.csv", index_col="teacher")
    assert set(table.index) == set(load_suite(finished / "suite.yaml").teachers)
    counts = table["traces"].to_dict()
    assert TRANSFER - 10 <= counts.pop("qwen3-8b") < TRANSFER and set(counts.values()) == {TRANSFER}
    assert (table["answered"] > 50).all()
    # Of traces that somebody else has, all are right here, and nobody counted tokens.
    assert table["correct"]["qwen3-8b"] == 100 and table["tokens"].isna().sum() == 1
    record = read_json(finished / "results/reasoning/traces/gsm8k/smollm3-3b/seed1/run.json")
    assert record["engine"] == "transformers" and record["rows"] == TRANSFER


def test_no_prompt_of_report_or_selection_is_learnt(finished):
    tasks = finished / "results/reasoning/tasks/gsm8k"
    held = {
        prompt
        for name in ("report", "selection")
        for prompt in pd.read_parquet(tasks / f"{name}.parquet")["prompt"]
    }
    students = finished / "results/reasoning/generators"
    learnt = [pd.read_parquet(path) for path in students.rglob("mixture.parquet")]
    assert len(learnt) == CELLS and len(held) == 10
    assert not held & set(pd.concat(learnt)["prompt"])


def test_only_right_traces_pass_the_filter(finished):
    (path,) = finished.glob(
        "results/reasoning/generators/*/gsm8k/*/correct/n4/seed1/mixture.parquet"
    )
    gold = pd.read_parquet(finished / "results/reasoning/tasks/gsm8k/transfer.parquet")
    rows = pd.read_parquet(path).merge(gold[["id", "answer"]], on="id")
    assert rows["teacher"].value_counts().to_dict() == dict.fromkeys(rows["teacher"].unique(), N)
    assert (rows["response"].str.rpartition(";")[2] == rows["answer"]).all() and len(rows) == 4 * N


def test_a_marked_student_writes_in_each_mode(finished):
    suite = yaml.safe_load((finished / "suite.yaml").read_text())
    marked = list(finished.rglob(f"marked/n{N}/seed1/generations.parquet"))
    assert {row for path in marked for row in pd.read_parquet(path)["mode"]} == {
        *suite["studies"]["main"]["arms"][0]["teachers"],
        "any",
        "unseen",
    }


def test_another_way_to_ask_asks_that_teacher_alone(finished, tmp_path):
    folder = copy_folder(finished, tmp_path / "study")
    suite = yaml.safe_load((folder / "suite.yaml").read_text())
    suite["teachers"]["smollm3-3b"]["T"] = 0.9
    write_suite(folder / "suite.yaml", suite)
    target = "results/reasoning/studies/main/traces.csv"
    counts = {"write_traces": 1, "verify_traces": 1, "traces_table": 1, "total": 3}
    assert planned(folder, target) == counts
    # Models that are here have their bytes in the plan.
    assert "\nDisk, about: 0.0 GB kept in " in run(folder, target, "--dry-run", "--quiet").stdout


def test_a_verifier_that_finds_nothing_stops_before_any_student(finished, tmp_path):
    folder = copy_folder(finished, tmp_path / "study")
    suite = yaml.safe_load((folder / "suite.yaml").read_text())
    path = tmp_path / "nothing.jsonl"
    add_traces(path, problems(TRANSFER + 30, 1)[20:], "I have no idea")
    suite["teachers"]["qwen3-8b"]["traces"] = str(path)
    write_suite(folder / "suite.yaml", suite)
    result = run(folder, cells(load_suite(folder / "suite.yaml"))[0])
    assert result.returncode == 1 and "Traceback" not in result.stdout
    assert (
        f"error: teacher qwen3-8b: verifier '{VERIFIER}' finds an answer in 0 of its {TRANSFER} "
        "traces (0%), and in none of 'I have no idea'; take another"
    ) in result.stdout
    assert "train_singles" not in re.findall(r"^rule (\w+):", result.stdout, flags=re.MULTILINE)


class TestAsShipped:
    def test_every_model_and_table_is_pinned(self):
        assert load_suite(SHIPPED).unpinned() == []

    def test_one_that_is_not_is_named(self):
        suite = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        del suite["tasks"]["math"]["prompts"]["hub"]["revision"]
        suite["teachers"]["qwen3-4b"]["model"]["revision"] = ""
        assert validate_suite(suite, "x").unpinned() == [
            "teachers.qwen3-4b.model.revision",
            "tasks.math.prompts.hub.revision",
        ]

    def test_a_dry_run_shows_the_graph_and_what_it_costs(self, tmp_path):
        options = ["--executor", "slurm", "--jobs", "8", "--default-resources", "mem_mb=1000"]
        # By default as large as its inputs, which are asked for one by one.
        options.append("disk_mb=1000")
        result = run_snakemake(tmp_path, "--configfile", SHIPPED, "--dry-run", *options)
        assert result.returncode == 0, result.stdout
        before, _, plan = result.stdout.partition("\nPlan: ")
        jobs = dict(re.findall(r"^(\w+) +(\d+)$", before, flags=re.MULTILINE))
        # Eight models; two splits of the hub a task; seven teachers on two tasks; three seeds.
        assert (jobs["fetch_model"], jobs["fetch_dataset"]) == ("8", "4")
        assert jobs["write_traces_by_vllm"] == jobs["verify_traces"] == "14"
        assert jobs["train_singles"] == jobs["train_mixtures"] == "6"
        assert plan.startswith(f"{jobs['total']} jobs, 144 cells to train\n")
        # 24 students of 3 seeds a task, and every teacher once.
        hours = (3 * 24 * (12 + 18) + 7 * (30 + 45)) / 60
        assert f"{hours:.1f}" in plan and "Disk: " in plan
        guessed = "the suite guesses: write_traces_by_vllm 14, train_singles 6, train_mixtures 6"
        assert guessed in " ".join(plan.split())
