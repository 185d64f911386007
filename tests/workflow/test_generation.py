"""A tiny generation study through the graph: what is made, kept, registered and made again."""

import json
import shutil

import pandas as pd
import pytest
from small_inputs import planned, run, write_suite
from tiny_study import assert_nothing_left, copy_folder
from tiny_suites import ARMS, GPT2, SMALL_GPT2, STRATEGIES, addition_suite

TRAINING = {"epochs": 1, "batch_size": 16, "learning_rate": 4.0e-3}
SUITE = addition_suite(
    {"teach": 40, "transfer": 120, "selection": 10, "report": 40},
    {
        "right": {"style": "right"},
        "left": {"style": "left", "model": GPT2, "training": TRAINING},
        "direct": {"style": "direct"},
    },
    {
        "model": {"architecture": "gpt2", "config": SMALL_GPT2 | {"n_positions": 48}},
        "training": TRAINING,
        "together": 3,
    },
    STRATEGIES | {"both": {"direct": "beside"}},
    n=40,
    arms=[*ARMS, {"teachers": ["right"], "strategy": "both"}],
    seeds=[1, 2],
    predictions=[{"claim": "interference", "teachers": ["right", "left"], "low": -9, "high": 9}],
)
CELLS = "results/tiny/generators/small/addition"
MIXTURE = f"{CELLS}/right+left/plain/n40/seed1"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generation") / "study"
    folder.mkdir()
    write_suite(folder / "suite.yaml", SUITE)
    result = run(folder)
    assert result.returncode == 0, result.stdout
    return folder


@pytest.fixture
def study(finished, tmp_path):
    return copy_folder(finished, tmp_path / "study")


def test_everything_is_made_and_nothing_is_left(finished):
    cells = sorted(path.parent for path in (finished / CELLS).rglob("scores.parquet"))
    assert len(cells) == 2 * (4 + 4)
    together = []
    for cell in cells:
        record = json.loads((cell / "eval.json").read_text())
        assert record["status"] == "finished" and record["digests"]["cell"]
        together.append(record["together"])
        assert sum(record["traces"].values()) == len(pd.read_parquet(cell / "mixture.parquet"))
    # As many as the suite says, and those that are left.
    assert max(together) == 3
    assert_nothing_left(run, finished)


def test_what_students_wrote_is_complete(finished):
    rows = pd.read_parquet(finished / f"{CELLS}/right+left/marked/n40/seed1/scores.parquet")
    greedy = rows[(rows["decode"] == "greedy") & ~rows["forced"]]
    assert greedy.groupby("mode")["id"].nunique().to_dict() == {
        "any": 40,
        "left": 40,
        "right": 40,
        "unseen": 40,
    }
    plain = pd.read_parquet(finished / f"{MIXTURE}/scores.parquet")
    assert set(plain["mode"]) == {"any"} and set(plain["decode"]) == {"greedy", "T1"}
    assert set(plain["kind"]) <= {"pure", "slip", "mixed", "cross", "broken"}


def test_a_student_of_two_ways_is_asked_in_both(finished):
    rows = pd.read_parquet(finished / f"{CELLS}/right/both/n40/seed1/scores.parquet")
    assert rows.groupby(["mode", "decode"])["id"].nunique().to_dict() == {
        (mode, decode): 40 for mode in ("any", "direct") for decode in ("T1", "greedy")
    }
    # An answer alone is a way of working that is known here.
    alone = rows[rows["response"].str.fullmatch(";[0-9]{3}")]
    assert set(alone["style"]) <= {"direct"} and set(alone["kind"]) <= {"pure", "slip"}
    claims = pd.read_csv(finished / "results/tiny/studies/main/tables/claims.csv")
    assert "two modes v one, as many traces in all" in set(claims["claim"])


def test_no_report_prompt_nor_its_twin_is_learnt_from(finished):
    def twins(prompts):
        return {frozenset(prompt.rstrip("=").split("+")) for prompt in prompts}

    report = twins(pd.read_parquet(finished / "results/tiny/tasks/addition/report.parquet").prompt)
    learnt = [pd.read_parquet(path) for path in (finished / CELLS).rglob("mixture.parquet")]
    learnt += [pd.read_parquet(path) for path in (finished / "results").rglob("traces.parquet")]
    learnt.append(pd.read_parquet(finished / "results/tiny/tasks/addition/teach.parquet"))
    assert not report & set().union(*(twins(rows.prompt) for rows in learnt))


def test_what_is_claimed_was_registered_before_the_first_mixture(finished):
    (line,) = (finished / "results/tiny/registrations.jsonl").read_text().splitlines()
    entry = json.loads(line)
    assert entry["students_trained"] == 0
    assert entry["said"]["arms"] == [
        "right+left plain n=40",
        "right+left marked n=40",
        "right others n=40",
        "right both n=40",
    ]
    assert entry["said"]["predictions"][0]["high"] == 9


def test_a_new_arm_trains_itself_and_its_controls_alone(study):
    suite = json.loads(json.dumps(SUITE))
    suite["studies"]["main"]["arms"].append({"teachers": ["left"], "strategy": "others"})
    write_suite(study / "suite.yaml", suite)
    before = {path: path.read_bytes() for path in study.rglob("generations.parquet")}
    result = run(study, f"{CELLS}/left/others/n40/seed1/generations.parquet")
    assert result.returncode == 0, result.stdout
    log = (study / "logs/tiny/train_mixtures/small/addition/seed1.log").read_text()
    assert log.count("restored") == 4 and log.count("trained in") == 1
    assert {path: path.read_bytes() for path in before} == before
    assert len((study / "results/tiny/registrations.jsonl").read_text().splitlines()) == 2


def test_teachers_that_are_trained_as_one_are_one_job(study):
    suite = json.loads(json.dumps(SUITE))
    model = SUITE["students"]["small"]["model"]
    for style in ("left", "left-swapped"):
        suite["teachers"][style] = {
            "style": style,
            "model": model,
            "training": TRAINING,
            "together": 2,
        }
    write_suite(study / "suite.yaml", suite)
    root = "results/tiny/traces/addition"
    # The study has no use for the other, which another study's job is to find.
    result = run(study, f"{root}/left/seed1/verdicts.parquet")
    assert result.returncode == 0, result.stdout
    for style in ("left", "left-swapped"):
        record = json.loads((study / root / style / "seed1/run.json").read_text())
        assert (record["teacher"], record["style"], record["together"]) == (style, style, 2)
        assert len(pd.read_parquet(study / root / style / "seed1/traces.parquet")) == 120
        assert (study / root / style / "seed1/model/model.safetensors").is_file()
    jobs = planned(study)
    assert jobs["train_singles"] == 2 and not {"train_writer", "train_writers_1"} & set(jobs)


def test_sizes_can_be_chosen_on_singles_alone(study):
    shutil.rmtree(study / "results/tiny/generators")
    assert set(planned(study, "singles")) & {"train_singles", "train_mixtures"} == {"train_singles"}


def test_another_seed_of_training_makes_what_follows_anew(study):
    suite = json.loads(json.dumps(SUITE))
    suite["students"]["small"]["training"]["learning_rate"] = 5.0e-3
    write_suite(study / "suite.yaml", suite)
    jobs = planned(study)
    assert jobs["train_singles"] == jobs["train_mixtures"] == 2
    assert "train_writer" not in jobs and "make_prompts" not in jobs


def test_a_changed_margin_trains_nothing(study):
    write_suite(study / "suite.yaml", {**SUITE, "margin": 5.0})
    jobs = set(planned(study))
    # The page says what it had registered before.
    assert {"register", "conflict_report"} <= jobs
    assert not {job for job in jobs if job.startswith(("train_", "score_", "write_"))}


def test_numbers_are_the_same_in_another_folder(finished, tmp_path):
    write_suite(tmp_path / "suite.yaml", SUITE)
    target = f"{MIXTURE}/generations.parquet"
    assert run(tmp_path, target).returncode == 0
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / target), pd.read_parquet(finished / target)
    )
