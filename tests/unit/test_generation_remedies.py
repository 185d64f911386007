"""Routes, pools and own responses from teachers' training to students' records, in one process."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny_suites import GPT2, addition_suite

from mtkd.config.generation import CausalModel
from mtkd.config.load import validate_suite
from mtkd.config.schema import Training
from mtkd.distillation.group import Machine
from mtkd.errors import InputError
from mtkd.generation.learner import load_tokens, settle_causal
from mtkd.generation.learning import rewriting
from mtkd.generation.prompts import addition_prompts, write_task
from mtkd.generation.students import Writers, train_writers
from mtkd.generation.styles import write as style_write
from mtkd.generation.teachers import write_traces
from mtkd.study.generation import (
    mixings,
    run_along,
    text_arms,
    text_student_settings,
    writer_settings,
)

TRAINING = {"epochs": 2, "batch_size": 8, "learning_rate": 4.0e-3}
STRATEGIES = {
    "persyn": {"route": {"quality": 1, "learnability": 0.5}},
    "linear": {"pool": "linear-pool"},
    "on-policy": {"rollouts": {"share": 0.5}, "mode": "token"},
    "by-half": {"by_column": {"column": "half", "teachers": {"low": "right", "high": "left"}}},
}
SUITE = addition_suite(
    {"teach": 16, "transfer": 40, "selection": 4, "report": 8},
    {name: {"style": name, "model": GPT2, "training": TRAINING} for name in ("right", "left")},
    {"model": GPT2, "training": TRAINING},
    STRATEGIES,
    longest=20,
    n=16,
    arms=[{"teachers": ["right", "left"], "strategy": name} for name in STRATEGIES],
    seeds=[1],
    samples=0,
)
SUITE["teachers"]["program"] = {"style": "carry"}
MACHINE = Machine(1, 0, False, 0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The record and the folder of each strategy's student."""
    suite, before = validate_suite(SUITE, "tiny.yaml"), os.getcwd()
    os.chdir(tmp_path_factory.mktemp("remedies"))
    try:
        yield trained(suite)
    finally:
        os.chdir(before)


def trained(suite):
    root = Path("results/tiny")
    task, state, code = root / "tasks/addition", root / "state", {"code": "1"}
    rows = SUITE["tasks"]["addition"]["rows"]
    write_task(task, SUITE["tasks"]["addition"], addition_prompts(2, rows), digits=2)
    traces = []
    for name in ("right", "left"):
        traces.append(root / "traces/addition" / name / "seed1/traces.parquet")
        job = {"settings": writer_settings(suite, "addition", name), "code": code}
        model = traces[-1].parent / "model"
        write_traces(job, job, task, name, "1", None, state, MACHINE, model, traces[-1])
    students = {
        name: root / f"generators/small/addition/right+left/{name}/n16/seed1" for name in STRATEGIES
    }
    job = {
        "settings": text_student_settings(suite, "addition", "small"),
        "code": code,
        "strategies": mixings(suite, tuple(STRATEGIES)),
    }
    outputs = [folder / "generations.parquet" for folder in students.values()]
    train_writers(Writers(job, task, traces, None, state, outputs), MACHINE)
    return {
        name: (json.loads((folder / "run.json").read_text()), folder.absolute())
        for name, folder in students.items()
    }


@pytest.mark.parametrize("name", STRATEGIES)
def test_each_is_trained_and_says_what_each_teacher_had_of_it(finished, name):
    record, folder = finished[name]
    assert record["status"] == "finished"
    mixture = pd.read_parquet(folder / "mixture.parquet")
    shares = record["by_teacher"]
    assert sum(record["traces"].values()) == len(mixture) == 32
    for teacher, rows in mixture.groupby("teacher"):
        assert shares[teacher]["rows"] == len(rows) / len(mixture)
    for what in ("rows", "tokens", "loss_share"):
        assert sum(one[what] for one in shares.values()) == pytest.approx(1)


def test_own_responses_follow_the_cold_start(finished):
    _, folder = finished["on-policy"]
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [(row["epoch"], row["step"], row.get("own_responses")) for row in rows] == [
        (1, 4, None),
        (2, 8, True),
    ]


def test_no_state_of_a_training_is_left(finished):
    _, folder = finished["on-policy"]
    state = folder.parents[6] / "state"
    assert list(state.glob("cells/*")) and not list(state.glob("training/*.safetensors"))


def test_models_are_asked_for_where_they_are_read_alone():
    suite = validate_suite(SUITE, "tiny.yaml")
    arms = text_arms(suite)
    assert run_along(suite, arms) == ["right", "left"]
    assert run_along(suite, [arm for arm in arms if arm.strategy in ("plain", "persyn")]) == []


@pytest.mark.parametrize(
    ("arm", "strategies", "message"),
    [
        (
            {"teachers": ["right", "program"], "strategy": "linear"},
            {},
            "'program' is no model that is trained here; give it a 'model' and a 'style'",
        ),
        ({"teachers": ["program"], "strategy": "on-policy"}, {}, "'program' is no model"),
        (
            {"teachers": ["right"], "strategy": "on-policy"},
            {"on-policy": {"rollouts": {"share": 0.1}}},
            "'small' has 2; give it at least one on either side",
        ),
        (
            {"teachers": ["right"], "strategy": "linear"},
            {"linear": {"pool": "linear-pool", "rollouts": {"share": 0.5}}},
            "give 'pool' or 'rollouts', not both",
        ),
        (
            {"teachers": ["right"], "strategy": "linear"},
            {"linear": {"pool": "linear-pool", "protocol": "union"}},
            "a 'pool' is learnt along each teacher's own traces",
        ),
    ],
)
def test_what_cannot_be_learnt_is_one_line(arm, strategies, message):
    content = {**SUITE, "strategies": {**STRATEGIES, **strategies}}
    content["studies"] = {"main": {**SUITE["studies"]["main"], "arms": [arm]}}
    with pytest.raises(InputError, match=message) as caught:
        validate_suite(content, "tiny.yaml")
    assert "\n" not in str(caught.value)


def test_a_student_that_learns_from_itself_needs_no_model():
    content = {**SUITE, "strategies": {"itself": {"rollouts": {"share": 0.5, "of": "itself"}}}}
    arms = [{"teachers": ["program"], "strategy": "itself"}]
    content["studies"] = {"main": {**SUITE["studies"]["main"], "arms": arms}}
    suite = validate_suite(content, "tiny.yaml")
    assert mixings(suite, ("itself",)) == {"itself": {"rollouts": {"share": 0.5, "of": "itself"}}}
    assert run_along(suite, text_arms(suite)) == []


def read(**changes):
    """A rewriting student's source, tokenizer and pairs."""
    model = {**GPT2, "config": {**GPT2["config"], **changes}}
    source = settle_causal(CausalModel.model_validate(model), None)
    prompts = [prompt for prompt, _ in addition_prompts(2, {"transfer": 8})["transfer"]]
    styles = {"response": "left", "rewritten": "right"}
    pairs = pd.DataFrame({"prompt": prompts})
    for column, style in styles.items():
        pairs[column] = [style_write(style, prompt) for prompt in prompts]
    return rewriting(
        source, load_tokens(source), Training(epochs=2, batch_size=4), 1, 20,
        torch.device("cpu"), "{prompt}",
    ), pairs  # fmt: skip


def test_a_student_that_rewrites_reads_a_trace_and_writes_the_same_every_time():
    rewrite, pairs = read()
    made = rewrite(pairs, pairs[:3])
    assert len(made) == 3 and all(len(text) <= 20 for text in made)
    assert rewrite(pairs, pairs[:3]) == made


def test_a_trace_that_does_not_fit_behind_its_prompt_is_one_line():
    rewrite, pairs = read(n_positions=40)
    with pytest.raises(InputError, match="with its response has 43 tokens, and the model takes 40"):
        rewrite(pairs, pairs)
