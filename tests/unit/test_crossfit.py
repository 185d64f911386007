"""Out-of-fold logits: folds, models that never saw a row, what is kept, who learns from which."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import warm
import yaml
from torch.nn import functional

from mtkd.analysis import audit
from mtkd.analysis.claims import OUT_OF_FOLD, PRIMARY, planned
from mtkd.config import schema
from mtkd.config.load import validate_suite
from mtkd.config.losses import Declared, declared_losses
from mtkd.config.schema import Strategy
from mtkd.distillation import checkpoints, teachers
from mtkd.distillation.crossfit import Crossfit, crossfit_teacher
from mtkd.distillation.group import Machine
from mtkd.distillation.objective import distillation
from mtkd.errors import InputError
from mtkd.fusion.targets import fuse_teachers, stacked_teachers, teacher_determinants
from mtkd.records.leases import claim_output
from mtkd.records.logits import Logits, read_logits, write_logits
from mtkd.records.teachers import read_teachers
from mtkd.study.arms import arm_settings, described
from mtkd.study.recipes import fusions, recipes
from mtkd.tasks.corpus import read_info, read_labels, read_split
from mtkd.tasks.folds import assign_folds, fold_groups, folds_digest
from mtkd.tasks.prepare import Prepared, write_task

ROOT = Path(__file__).parents[2]
LABELS = ["bad", "good"]
FOLDS = 3
# Pairs of rows, each of a word that no other row has: who has learnt one of them knows the other.
PAIRS, UNLABELLED = 30, 4
MEMORISING = {
    "model": {
        "architecture": "word-average",
        "config": {"embedding_size": 16, "hidden_size": 16, "dropout": 0.0},
        "tokenizer": {"kind": "word"},
    },
    "training": {"epochs": 12, "batch_size": 8, "learning_rate": 0.05, "weight_decay": 0.0},
    "max_length": 8,
    "metric": "accuracy",
    "keep": "last",
}
JOB = {"settings": MEMORISING, "code": {"script": "s"}, "metrics": {}}
# Where it does not matter what is learnt.
SHORT = {**JOB, "settings": {**MEMORISING, "training": {"epochs": 1}}}


# --- Folds


def test_folds_spread_labels_keep_groups_whole_and_leave_out_rows_without_a_label():
    labels = np.array([0, 1, 1] * 40 + [-1] * 10)
    groups = np.arange(130) // 2
    folds = assign_folds(labels, groups, 4, LABELS)
    assert (folds[120:] == -1).all() and set(folds[:120]) == {0, 1, 2, 3}
    for group in range(60):
        assert len(set(folds[2 * group : 2 * group + 2])) == 1
    counts = np.array([np.bincount(labels[folds == fold], minlength=2) for fold in range(4)])
    assert (abs(counts - [10, 20]) <= 2).all()
    assert np.array_equal(folds, assign_folds(labels, groups, 4, LABELS))


def test_rows_without_groups_are_spread_alike():
    labels = np.array([0, 1] * 21)
    folds = assign_folds(labels, np.arange(42), 3, LABELS)
    assert [np.bincount(labels[folds == fold]).tolist() for fold in range(3)] == [[7, 7]] * 3


def test_the_digest_is_of_rows_and_their_folds_in_whatever_order():
    ids, folds = np.array(["b", "a", "c"]), np.array([0, 1, -1])
    order = [2, 0, 1]
    assert folds_digest(ids, folds) == folds_digest(ids[order], folds[order])
    assert folds_digest(ids, folds) != folds_digest(ids, np.array([1, 0, -1]))
    assert folds_digest(ids, folds) != folds_digest(np.array(["b", "a", "d"]), folds)


@pytest.mark.parametrize(
    ("labels", "groups", "number", "words"),
    [
        ([0, 1] * 4, range(8), 5, ["crossfit: 5 folds need as many rows of each label", "has 4"]),
        ([0] * 20 + [1, 1], range(22), 3, ["'good' has 2", "take fewer folds"]),
        # Two rows of one group are one.
        ([0, 1] * 4, [0, 1, 2, 3, 4, 5, 4, 5], 4, ["'bad' has 3"]),
        # One group has nearly all rows.
        ([0, 1] * 40, [0] * 72 + list(range(1, 9)), 4, ["fold", "of the 80", "groups stay whole"]),
    ],
)
def test_folds_that_cannot_be_made_are_refused_in_a_line(labels, groups, number, words):
    with pytest.raises(InputError) as caught:
        assign_folds(np.array(labels), np.array(groups), number, LABELS)
    message = str(caught.value)
    assert "\n" not in message and all(word in message for word in words)


def make_task(folder, group=True):
    """A task of pairs, a row each of a word of its own, with some transfer rows; returns it."""
    rng = np.random.default_rng(0)
    gold = np.repeat(rng.permutation([0, 1] * (PAIRS // 2)), 2)
    names = [f"{chr(97 + p // 26)}{chr(97 + p % 26)}" for p in range(PAIRS)]
    texts = [f"{names[row // 2]} {'one' if row % 2 else 'two'}" for row in range(2 * PAIRS)]
    train = pd.DataFrame(
        {
            "id": [f"r{row}" for row in range(2 * PAIRS + UNLABELLED)],
            "text_a": texts + [f"transfer {name}" for name in "wxyz"],
            "label": [*gold, *[-1] * UNLABELLED],
        }
    )
    if group:
        train["group"] = [f"pair {row // 2}" for row in range(len(train))]
    few = train.iloc[: 2 * PAIRS : 4].drop(columns="group", errors="ignore")
    splits = {name: few.assign(id=few["id"] + name) for name in ("selection", "report")}
    prepared = Prepared({"train": train, **splits}, pd.DataFrame(), {})
    write_task(folder, {"labels": LABELS, "text": ["text_a"]}, prepared)
    return folder


def test_rows_of_a_group_or_of_one_text_share_a_fold(tmp_path):
    train = read_split(make_task(tmp_path / "pairs"), "train")
    groups = fold_groups(tmp_path / "pairs", train)
    assert len(set(groups[: 2 * PAIRS])) == PAIRS
    assert (groups[: 2 * PAIRS : 2] == groups[1 : 2 * PAIRS : 2]).all()
    # Case and punctuation aside; of the task's own groups whole ones are joined by such a text.
    same = train._replace(text_a=[train.text_a[3].upper() + "!", *train.text_a[1:]])
    assert len(set(fold_groups(tmp_path / "pairs", same)[:4])) == 1
    make_task(tmp_path / "rows", group=False)
    groups = fold_groups(tmp_path / "rows", same)
    assert groups[0] == groups[3] and len(set(groups)) == len(groups) - 1


# --- Models that never saw a row


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return make_task(tmp_path_factory.mktemp("task") / "words")


def crossfit(task, state, job=JOB, folds=FOLDS, output="out.safetensors"):
    output = state / output
    whole = Crossfit(job, task, read_info(task), "memory", "1", folds, None, state, output)
    return crossfit_teacher(whole, Machine(1, 0, False, 0), claim_output(state, output))


@pytest.fixture(scope="module")
def undisturbed(task, tmp_path_factory):
    return crossfit(task, tmp_path_factory.mktemp("state"))


def in_sample(task, state):
    """Logits on train of the teacher that was trained on all of its labelled rows."""
    splits = {name: read_split(task, name) for name in ("train", "selection")}
    output = state / "whole"
    checkpoint = checkpoints.Checkpoint(state, output, "d", 0, claim_output(state, output))
    device = torch.device("cpu")
    teacher = teachers.train_by_settings(
        MEMORISING, None, read_info(task), splits, 1, state / "tokens", device, checkpoint
    )
    return teachers.predict(teacher.model, teacher.tokens["train"])


def test_no_row_is_predicted_by_a_model_that_saw_it_or_its_group(task, undisturbed, tmp_path):
    gold = read_labels(task / "train.parquet")[1]
    known = gold >= 0
    memorised = in_sample(task, tmp_path).argmax(axis=-1)
    assert (memorised == gold)[known].all()
    # Its label is chance: a model that knew the other row of the pair would have it right.
    right = (undisturbed.logits.argmax(axis=-1) == gold)[known].mean()
    assert 0.2 < right < 0.8
    assert np.isfinite(undisturbed.logits[known]).all()
    assert np.isnan(undisturbed.logits[~known]).all()


def test_each_folds_model_is_the_teacher_trained_without_it(task, undisturbed, tmp_path):
    """By hand: the fold's rows out of train, and everything else as for the teacher."""
    train = read_split(task, "train")
    folds = assign_folds(train.labels, fold_groups(task, train), FOLDS, LABELS)
    rows = np.flatnonzero(folds == 1)
    masked = np.where(np.isin(np.arange(len(folds)), rows), -1, train.labels)
    splits = {"train": train._replace(labels=masked), "selection": read_split(task, "selection")}
    checkpoint = checkpoints.Checkpoint(tmp_path, Path("x"), "d", 0, claim_output(tmp_path, "x"))
    alone = teachers.train_by_settings(
        MEMORISING, None, read_info(task), splits, 1, tmp_path, torch.device("cpu"), checkpoint
    )
    expected = teachers.predict(alone.model, alone.tokens["train"])[rows]
    assert np.array_equal(undisturbed.logits[rows], expected)
    record = undisturbed.models[1]
    assert (record["fold"], record["rows"], record["selection"]) == (2, len(rows), alone.score)
    assert [one["fold"] for one in undisturbed.models] == [1, 2, 3]
    assert undisturbed.digest == folds_digest(train.ids, folds)


class Counted:
    """Trainings of teachers, counted; before the n-th of them something happens."""

    def __init__(self, monkeypatch, at=None, act=None):
        self.number, self.at, self.act = 0, at, act
        self.train = teachers.train_by_settings
        monkeypatch.setattr(teachers, "train_by_settings", self)

    def __call__(self, *arguments):
        self.number += 1
        if self.number == self.at:
            self.act()
        return self.train(*arguments)


def fail():
    raise InputError("the node is gone")


def stop():
    checkpoints._signals.append(signal.SIGTERM)


@pytest.mark.parametrize(
    ("act", "error", "said"),
    [(fail, InputError, ""), (stop, SystemExit, "going on from the state of step 1")],
)
def test_what_ends_in_the_last_fold_trains_no_finished_fold_again(
    task, undisturbed, tmp_path, monkeypatch, capfd, act, error, said
):
    counted = Counted(monkeypatch, FOLDS, act)
    with pytest.raises(error):
        crossfit(task, tmp_path)
    checkpoints._signals.clear()
    assert counted.number == FOLDS and len(list((tmp_path / "folds").iterdir())) == FOLDS - 1
    capfd.readouterr()
    again = crossfit(task, tmp_path)
    assert counted.number == FOLDS + 1
    told = capfd.readouterr().err
    assert said in told and told.count("of memory  restored") == FOLDS - 1
    assert np.array_equal(again.logits, undisturbed.logits, equal_nan=True)
    assert not list((tmp_path / "training").glob("*"))


def test_a_kept_fold_is_of_its_settings_data_seed_and_folds(task, tmp_path, monkeypatch, capfd):
    counted = Counted(monkeypatch)
    crossfit(task, tmp_path, SHORT, 2)
    crossfit(task, tmp_path, SHORT, 2, "elsewhere.safetensors")
    assert counted.number == 2
    crossfit(task, tmp_path, {**SHORT, "code": {"script": "edited"}}, 2)
    assert counted.number == 4
    crossfit(task, tmp_path, SHORT, 3)
    assert counted.number == 7
    kept = list((tmp_path / "folds").glob("*/logits.safetensors"))
    assert len(kept) == counted.number
    for path in kept:
        path.write_bytes(path.read_bytes()[:-8])
    crossfit(task, tmp_path, SHORT, 2)
    assert counted.number == 9 and "damaged, removed; the fold is" in capfd.readouterr().err


EXPLODING = {**MEMORISING, "training": {"epochs": 2, "learning_rate": 1e30, "warmup": 0.0}}


def test_a_fold_that_diverges_is_said_in_a_line_and_not_tried_again(task, tmp_path, monkeypatch):
    counted, job = Counted(monkeypatch), {**JOB, "settings": EXPLODING}
    found = []
    for _ in range(2):
        with pytest.raises(InputError, match="^teacher memory without fold 1 of 3 diverged") as one:
            crossfit(task, tmp_path, job)
        found.append(str(one.value))
    assert found[0] == found[1] and "\n" not in found[0] and counted.number == 1
    (verdict,) = (tmp_path / "diverged").iterdir()
    assert str(verdict) in found[0] and json.loads(verdict.read_text())["fold"] == 1


# --- The file, and who reads it


def own_logits(path, task, **changes):
    """A teacher's own logits on train, which no out-of-fold ones are like."""
    ids, gold = read_labels(task / "train.parquet")
    record = {"labels": LABELS, "teacher": "memory", "seed": "1", "selection": 0.75}
    record |= {"digests": {"model": "m", "data": "d"}, "metric": "accuracy"} | changes
    write_logits(path, {"train": Logits(ids, np.full((len(ids), 2), 99.0))}, record)
    return path


def run_crossfit(task, folder, settings=MEMORISING):
    options = {
        "--job": json.dumps({**JOB, "settings": settings}),
        "--task": task,
        "--teacher": "memory",
        "--seed": 1,
        "--folds": FOLDS,
        "--logits": own_logits(folder / "train.safetensors", task),
        "--state": folder / "state",
        "--output": folder / "train_oof3.safetensors",
    }
    return subprocess.run(
        [
            warm.python(),
            str(ROOT / "workflow/scripts/crossfit_logits.py"),
            *(str(part) for option in options.items() for part in option),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


def test_the_file_has_labelled_rows_out_of_fold_and_the_teachers_own_transfer_rows(
    task, undisturbed, tmp_path
):
    result = run_crossfit(task, tmp_path)
    assert result.returncode == 0, result.stderr
    splits, record = read_logits(tmp_path / "train_oof3.safetensors")
    known = read_labels(task / "train.parquet")[1] >= 0
    assert np.array_equal(splits["train"].logits[known], undisturbed.logits[known])
    assert (splits["train"].logits[~known] == 99).all()
    assert (record["folds"], record["selection"], record["teacher"]) == (3, 0.75, "memory")
    assert record["digests"]["folds"] == undisturbed.digest and record["digests"]["model"] == "m"
    scores = [model["selection"] for model in undisturbed.models]
    assert [model["selection"] for model in record["fold_models"]] == scores
    assert not list((tmp_path / "state/claims").iterdir())


def test_a_teacher_that_is_not_trained_is_refused_by_the_job_too(task, tmp_path):
    result = run_crossfit(task, tmp_path, {**MEMORISING, "training": {"epochs": 0}})
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "teacher memory is used as it came" in result.stderr.splitlines()[-1]


AXES = {"strategy": "s", "teachers": "a+b", "seed": "1", "T": "4"}


@pytest.fixture
def both(tmp_path):
    """Teachers a and b with in-sample logits, and with those of 3 folds, twice as large."""
    ids, z = np.array(["x", "y"]), np.array([[1.0, 0.0], [0.5, 2.0]], np.float32)
    paths = []
    for number, name in enumerate("ab", start=1):
        for folds in ({}, {"folds": 3}):
            record = {"labels": LABELS, "teacher": name, "seed": "1", "selection": 0.1 * number}
            record |= {"digests": {"model": name}} | folds
            paths.append(tmp_path / f"{name}{len(folds)}.safetensors")
            logits = Logits(ids, z * number * (1 + len(folds)))
            write_logits(paths[-1], {"train": logits}, record)
    return read_teachers(paths, "train", ids, LABELS, "1")


@pytest.mark.parametrize("fusion", ["average", "weighted", "gating", {"operator": "linear-pool"}])
def test_a_recipe_with_folds_fuses_out_of_fold_logits_by_the_same_weights(both, fusion):
    gates = {("a+b", "1"): np.array([[0.25, 0.75], [0.5, 0.5]])}
    plain, folded = {"fusion": fusion}, {"fusion": fusion, "crossfit": 3}
    assert np.array_equal(
        stacked_teachers(AXES, folded, both), 2 * stacked_teachers(AXES, plain, both)
    )
    fused = fuse_teachers(AXES, folded, both, gates)
    # Half of the logits at half of T are those at T.
    expected = 2 * fuse_teachers({**AXES, "T": "2"}, plain, both, gates)
    np.testing.assert_allclose(
        functional.softmax(torch.tensor(fused) / 4, -1),
        functional.softmax(torch.tensor(expected) / 4, -1),
        atol=1e-6,
    )


def test_in_sample_and_out_of_fold_logits_are_kept_apart(both):
    plain, folded = {"fusion": "average"}, {"fusion": "average", "crossfit": 3}
    known = teacher_determinants(AXES, plain, both, {})
    apart = teacher_determinants(AXES, folded, both, {})
    assert known.keys() == apart.keys() and known != apart
    # A cell that learns in-sample is the cell that it was before there were folds.
    alone = both._replace(out_of_fold={})
    assert teacher_determinants(AXES, plain, alone, {}) == known
    with pytest.raises(InputError, match=r"no out-of-fold logits \(3 folds\) of teacher 'a'"):
        fuse_teachers(AXES, folded, alone, {})
    with pytest.raises(InputError, match=r"no out-of-fold logits \(5 folds\)"):
        fuse_teachers(AXES, {**folded, "crossfit": 5}, both, {})
    with pytest.raises(InputError, match="no logits of teacher 'a'"):
        fuse_teachers(AXES, plain, both._replace(by_run={}), {})


# --- Suites


def suite_with(strategies, arms, **teacher):
    content = yaml.safe_load(
        (ROOT / "tests/fixtures/first_embedded/suite.yaml").read_text(encoding="utf-8")
    )
    content["strategies"] = {**content.get("strategies", {}), **strategies}
    content["studies"] = {"main": {**content["studies"]["main"], "arms": arms}}
    content["teachers"]["bert"] |= teacher
    return content


ARM = {"strategy": "s", "teachers": ["textcnn", "bert"]}


def test_a_recipe_without_folds_is_what_it_was():
    own = {"s": {"fusion": "average", "labels": "hard"}, "t": {"fusion": "average", "crossfit": 3}}
    suite = validate_suite(suite_with(own, [ARM, {**ARM, "strategy": "t"}]), "s")
    for made in (recipes, fusions):
        found = made(suite, ["average", "s", "t"])
        assert "crossfit" not in {**found["average"], **found["s"]} and found["t"]["crossfit"] == 3
    assert arm_settings(suite, suite.studies["main"].arms[0]) == {
        "strategy": "s", "teachers": "textcnn+bert", "family": "several", "fusion": "average",
        "labels": "hard",
    }  # fmt: skip


def test_a_ready_made_teacher_is_refused_wherever_it_is_used_as_it_came():
    own = {"s": {"fusion": "average", "crossfit": 2}}
    for teacher in ({"training": {"epochs": 0}}, {"per_task": {"tweets": {"epochs": 0}}}):
        with pytest.raises(InputError, match="'crossfit', and teacher 'bert' is used on task") as e:
            validate_suite(suite_with(own, [ARM], **teacher), "s")
        assert "\n" not in str(e.value)
        plain = suite_with({"s": {"fusion": "average"}}, [ARM], **teacher)
        assert validate_suite(plain, "s")


def test_a_loss_that_runs_teachers_along_has_no_folds(monkeypatch):
    known = {**declared_losses(), "inner": Declared(frozenset({"states", "along"}), (2, None), {})}
    monkeypatch.setattr(schema, "declared_losses", lambda: known)
    own = {"fusion": "average", "loss": "inner"}
    assert Strategy.model_validate(own)
    with pytest.raises(ValueError, match="'crossfit': loss 'inner' runs its teachers along"):
        Strategy.model_validate({**own, "crossfit": 4})


# --- What is said of them


def arm_of(strategy, own=None, others=None, teachers="a+b"):
    own = own and Strategy(**own)
    others = {name: Strategy(**one) for name, one in (others or {}).items()}
    return {**described(strategy, teachers, own, others), "seeds": ["1"], "name": strategy}


def pairs_of(claim, arms):
    plans = planned([*arms])
    return [(plan.a[1], plan.b[1]) for plan in plans if plan.claim == claim]


def test_an_arm_is_compared_with_the_one_that_differs_in_the_logits_alone():
    others = {
        "average-oof": {"fusion": "average", "crossfit": 5},
        "hard": {"fusion": "average", "labels": "hard", "control": True},
        "hard-oof": {"fusion": "average", "labels": "hard", "crossfit": 5, "control": True},
        "labelled": {"fusion": "average", "rows": "labelled"},
        "pool": {"operator": "linear-pool"},
        "pool-oof": {"fusion": "linear-pool", "crossfit": 2},
        "single-oof": {"fusion": "single", "crossfit": 5},
    }
    arms = [arm_of("none", teachers="none"), arm_of("single", teachers="a"), arm_of("average")]
    arms += [arm_of(n, own, others, "a" if "single" in n else "a+b") for n, own in others.items()]
    arms += [arm_of("average", teachers="a+c")]
    by = {arm["strategy"]: number for number, arm in enumerate(arms[:-1])}
    expected = [("average", "average-oof"), ("hard", "hard-oof"), ("pool", "pool-oof")]
    expected += [("single", "single-oof")]
    found = pairs_of(OUT_OF_FOLD, arms)
    assert sorted(found) == sorted(([by[a]], [by[b]]) for a, b in expected)
    assert OUT_OF_FOLD not in PRIMARY
    # Beside its own in-sample arm it has no part in means, nor in comparisons but a control's.
    apart = {by["average-oof"], by["pool-oof"], by["single-oof"]}
    rest = [plan for plan in planned(arms) if plan.claim not in (OUT_OF_FOLD, "strategy v control")]
    assert rest and not any(apart & {*plan.a[1], *plan.b[1]} for plan in rest)
    # Soft and hard labels are compared in-sample, and an arm and its control by one claim alone.
    assert pairs_of("soft v hard labels", arms) == [([by["average"]], [by["hard"]])]
    of_control = pairs_of("strategy v control", arms)
    assert ([by["hard"]], [by["hard-oof"]]) not in of_control


def test_without_its_in_sample_arm_or_beside_one_that_is_a_control_it_is_an_arm_like_any_other():
    others = {"oof": {"fusion": "average", "crossfit": 5}}
    none, single = arm_of("none", teachers="none"), arm_of("single", teachers="a")
    alone = arm_of("oof", others["oof"], others)
    assert pairs_of("strategy v mean single-teacher arm", [none, single, alone]) == [([2], [1])]
    assert pairs_of(OUT_OF_FOLD, [none, single, alone]) == []
    others["plain"] = {"fusion": "average", "control": True}
    arms = [none, single, arm_of("oof", others["oof"], others)]
    arms += [arm_of("plain", others["plain"], others)]
    assert pairs_of(OUT_OF_FOLD, arms) == [([3], [2])]
    assert pairs_of("strategy v control", arms) == []
    assert pairs_of("strategy v mean single-teacher arm", arms) == [([2], [1])]


def test_the_audit_has_labelled_rows_out_of_fold_for_the_teachers_that_are_crossfitted(both):
    labels = np.array([1, -1])
    one = arm_of("s", {"fusion": "single", "crossfit": 3}, teachers="b")
    (found,) = audit.out_of_fold(both, labels, [arm_of("average"), one], ["1"])
    assert (found.split, found.names) == ("train, out of fold", ["b"])
    assert found.measured.logits.tolist() == [[[[4.0, 0.0]]]] and found.measured.labels == [1]
    assert found.arms == [one]
    other = {**one, "crossfit": 5}
    with pytest.raises(InputError, match="5 folds"):
        audit.out_of_fold(both, labels, [one, other], ["1"])
    assert audit.out_of_fold(both, labels, [arm_of("average")], ["1"]) == []


# --- The loss correction of Dao et al. (2021)


def corrected_gradient(student, z, gold, T, gamma):
    """Of T² CE(soft labels, student at T) + gamma (y - p) · d/dp of it, p the teacher at T = 1."""
    p = torch.tensor(z, dtype=torch.float64).softmax(-1).requires_grad_()
    f = torch.tensor(student, dtype=torch.float64, requires_grad=True)
    tempered = (p.log() / T).softmax(-1)
    loss = -(T**2 * tempered * functional.log_softmax(f / T, dim=-1)).sum()
    (slope,) = torch.autograd.grad(loss, p, create_graph=True)
    y = functional.one_hot(torch.tensor(gold), len(z)).double()
    (loss + gamma * ((y - p.detach()) * slope).sum()).backward()
    return f.grad


STUDENT, Z, GOLD = [0.3, -1.2, 0.8], [2.0, 0.5, -1.0], 1


@pytest.mark.parametrize("gamma", [0.0, 0.3, 0.75])
def test_at_t_1_the_correction_is_a_mix_with_the_gold_label_by_alpha(gamma):
    logits = torch.tensor([STUDENT], dtype=torch.float64, requires_grad=True)
    z, labels = np.array([Z]), torch.tensor([GOLD])
    recipe = {"fusion": "single", "loss": "hinton", "options": {}}
    objective = distillation(recipe, 1.0, 1 - gamma, labels, z, z[None], 0, seed=1)
    objective.value(logits, None, torch.arange(1), 0.0).backward()
    expected = corrected_gradient(STUDENT, Z, GOLD, 1.0, gamma)
    torch.testing.assert_close(logits.grad[0], expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("T", [1.0, 2.0, 4.0])
def test_at_other_t_its_gold_share_is_each_rows_own(T):
    gamma = 0.3
    z, f = torch.tensor(Z, dtype=torch.float64), torch.tensor(STUDENT, dtype=torch.float64)
    soft, y = (z / T).softmax(-1), functional.one_hot(torch.tensor(GOLD), 3).double()
    share = gamma / T * soft[GOLD] / z.softmax(-1)[GOLD]
    mixed = T * ((f / T).softmax(-1) - ((1 - share) * soft + share * y))
    torch.testing.assert_close(corrected_gradient(STUDENT, Z, GOLD, T, gamma), mixed)
