"""A teacher that is a file of probabilities: three lines of a suite, from clean to the report."""

from __future__ import annotations

import json
import math
import os
import random
import re
import shlex
import subprocess

import numpy as np
import pandas as pd
import warm
import yaml
from small_inputs import run_script
from tiny_study import (
    ROOT,
    SUITE,
    SUITE_FILE,
    copy_project,
    planned,
    snakemake,
    write_tiny_suite,
)

from mtkd.records.logits import read_logits
from mtkd.tasks.corpus import read_info, read_split
from mtkd.tasks.prepare import prepare_task, read_tables, write_task

RESULTS = "results/tiny"
LLM = f"{RESULTS}/teachers/reviews/llm/seed1"
ANSWERS = "answers/llm.parquet"
# Neither in the file: a row of train, and one of report.
SKIPPED = ("train-r4", "report-r7")


def shown(kind: str, what: str) -> str:
    """What README's walk shows: the block of a kind that has some words."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [block.partition("\n") for block in text.split("```")[1::2]]
    (found,) = [rest for name, _, rest in blocks if name == kind and what in rest]
    return found


def walk(folder) -> None:
    """README's commands, with a model in between that says of two texts nothing."""
    commands = shown("", "mtkd texts").replace("mine", "tiny").splitlines()
    assert len(commands) == 3
    for number, command in enumerate(commands):
        if number == 2:
            ask(folder)
        module, *arguments = shlex.split(command)
        result = subprocess.run(
            [warm.python(), "-m", module, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder / "src")},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stdout + result.stderr
    assert "143 of the 145 rows of task reviews have an answer" in result.stdout


def ask(folder) -> None:
    """A model that is right of nine texts of ten."""
    rng, said = random.Random(3), []
    for line in (folder / "texts.jsonl").read_text().splitlines():
        asked = json.loads(line)
        assert asked.keys() == {"id", "split", "text"}
        is_good = any(word in asked["text"] for word in ("fine", "lovely", "great"))
        sure = rng.uniform(0.5, 0.99) if rng.random() < 0.9 else rng.uniform(0.1, 0.5)
        good = sure if is_good else 1 - sure
        tokens = {" Good": math.log(good), "bad": math.log(1 - good)}
        said.append({"id": asked["id"], "logprobs": tokens if asked["id"] not in SKIPPED else {}})
    (folder / "said.jsonl").write_text("".join(json.dumps(one) + "\n" for one in said))


def test_a_teacher_is_replaced_by_a_file_in_three_lines(tmp_path):
    folder = copy_project(tmp_path)
    write_tiny_suite(folder)
    for split in ("train", "report"):
        path = folder / f"corpus/reviews_{split}.csv"
        table = pd.read_csv(path)
        table.assign(id=split + "-" + table["id"]).to_csv(path, index=False)
    walk(folder)
    suite = yaml.safe_load(SUITE)
    lines = shown("yaml", "probabilities:")
    assert len(lines.splitlines()) == 3
    suite["teachers"] = yaml.safe_load(lines)["teachers"]
    suite["teachers"]["llm"]["model"]["probabilities"]["missing"] = "skip"
    suite["teachers"]["near"] = {"model": {"neighbours": {"k": 5}}}
    suite["studies"] = {"main": suite["studies"]["main"]}
    suite["studies"]["main"]["arms"] = [
        {"strategy": "none"},
        {"strategy": "single", "teachers": ["llm"]},
        {"strategy": "average", "teachers": ["llm", "near"]},
    ]
    suite["studies"]["main"]["seeds"] = [1]
    suite["students"]["distilbert"]["training"]["epochs"] = 1
    suite["bundle"] = ["arm", "T", "alpha", "seed"]
    (folder / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))

    page = f"{RESULTS}/studies/main/report.html"
    result = snakemake(folder, page)
    assert result.returncode == 0, result.stdout
    assert not {"train_teacher", "teacher_logits"} & set(re.findall(r"rule (\w+):", result.stdout))

    # The record counts what has no answer, and the report says it.
    splits, record = read_logits(folder / LLM / "logits/train.safetensors")
    assert record["answers"]["missing"] in (
        {"train": 1, "report": 1},
        {"selection": 1, "report": 1},
    )
    assert json.loads((folder / LLM / "eval.json").read_text())["answers"] == record["answers"]
    said = (folder / page).read_text()
    assert "teacher llm: 1 of 45 rows of report have no answer" in said
    assert "llm, near: not trained, the same for every seed" in said
    answers = pd.read_parquet(folder / ANSWERS).set_index("id")
    first = answers.loc[splits["train"].ids[0], ["bad", "good"]].astype(float)
    np.testing.assert_allclose(np.exp(splits["train"].logits[0]), first, rtol=1e-5)

    # The card of its student leaves that row out; of the other nothing, since `near` answers.
    for teachers, left_out in (("llm/single", True), ("llm+near/average", False)):
        cell = next((folder / RESULTS / "students/distilbert/reviews" / teachers).glob("*/seed1"))
        model = cell.relative_to(folder) / "model"
        result = snakemake(folder, model)
        assert result.returncode == 0, result.stdout
        card = (folder / model / "README.md").read_text()
        assert ("left out of all four: " in card) == left_out
        assert ("1 of 45 on report" in card) == left_out
        assert "(a file's answers)" in card and ("(near texts' labels)" in card) != left_out

    # Another file's numbers make again what depends on them, and no student without a teacher.
    answers = answers.assign(bad=answers["good"], good=answers["bad"]).reset_index()
    answers.to_parquet(folder / ANSWERS, index=False)
    jobs = planned(folder, page)
    assert jobs["given_logits"] == 1 and jobs["train_students"] == 1 and jobs["report"] == 1
    assert not {"train_undistilled", "prepare_task", "fit_reference"} & jobs.keys()


def given(folder, columns) -> subprocess.CompletedProcess[str]:
    """Run the script on a task of 80 rows, half of them selection, with answers in columns."""
    task = {"text": ["text"], "labels": ["no", "yes"], "selection": {"fraction": 0.5}}
    table = pd.DataFrame({"text": [f"words {row}" for row in range(80)], "label": [0, 1] * 40})
    table.to_csv(folder / "t.csv", index=False)
    tables = read_tables(task, dict.fromkeys(("train", "report"), folder / "t.csv"))
    write_task(folder / "ask", task, prepare_task({**task, "max_overlap": 1}, tables))
    splits = [read_split(folder / "ask", name) for name in read_info(folder / "ask").rows]
    texts = {i: text for one in splits for i, text in zip(one.ids, one.text_a, strict=True)}
    yes = [0.8 if int(text.split()[1]) % 2 else 0.2 for text in texts.values()]
    answers = pd.DataFrame({"id": list(texts), "no": [1 - p for p in yes], "yes": yes})
    answers.rename(columns=columns).to_csv(folder / "llm.csv", index=False)
    source = {"file": str(folder / "llm.csv")}
    return run_script(
        "given_logits.py",
        job={"settings": {"probabilities": source, "text": ["text"], "metric": "accuracy"},
             "code": {}},
        task=folder / "ask",
        teacher="llm",
        seed="1",
        outputs=[folder / f"{name}.safetensors" for name in ("train", "selection", "report")],
    )  # fmt: skip


def test_columns_with_each_others_names_are_refused_where_answers_are_read(tmp_path):
    assert given(tmp_path, {}).returncode == 0
    (tmp_path / "train.safetensors").unlink()
    result = given(tmp_path, {"no": "yes", "yes": "no"})
    assert result.returncode == 1 and "Traceback" not in result.stdout + result.stderr
    said = result.stdout + result.stderr
    assert "its outputs fit the labels in the order yes, no, not no, yes" in said
    assert "the columns of its file have each other's names" in said
    assert not (tmp_path / "train.safetensors").exists()
