"""Sweeps of teachers' weights: one strategy of a suite that stands for many."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mtkd.config.load import validate_suite
from mtkd.errors import InputError
from mtkd.study.recipes import recipe

SUITE = (Path(__file__).parents[1] / "fixtures/first_embedded/suite.yaml").read_text("utf-8")
LINEAR = {"operator": "linear-pool", "sweep": [0, "0.25", 0.5]}
ALL = ["textcnn", "bilstm", "bert"]


def validated(*arms, **strategies):
    content = yaml.safe_load(SUITE)
    content["strategies"] = strategies
    study = {**content["studies"]["main"], "arms": [{"strategy": "none"}, *arms]}
    content["studies"] = {"main": study}
    return validate_suite(content, "s")


def swept(teachers, strategy="linear"):
    return {"strategy": strategy, "teachers": teachers}


def test_each_teacher_has_each_weight_in_turn_and_the_others_share_the_rest():
    suite = validated(swept(ALL), {"strategy": "single", "teachers": ["bert"]}, linear=LINEAR)
    arms = suite.chosen_study.arms
    assert [arm.strategy for arm in arms] == [
        "none",
        *(f"linear-{name}-{w}" for name in ALL for w in (0, 25, 50)),
        "single",
    ]
    assert all(arm.teachers == ALL for arm in arms[1:-1])
    assert suite.strategies["linear-bert-25"].weights == {
        "textcnn": 0.375, "bilstm": 0.375, "bert": 0.25,
    }  # fmt: skip
    assert "linear" not in suite.strategies
    fusion = recipe(suite, "linear-bert-0")["fusion"]
    assert fusion["operator"] == "linear-pool" and fusion["weights"]["bert"] == 0


def test_weights_that_come_up_twice_are_one_arm():
    half = {"operator": "median", "sweep": [0.25, 0.5, 0.75]}
    arms = validated(swept(ALL[:2]), linear=half).chosen_study.arms
    assert [arm.strategy for arm in arms[1:]] == [f"linear-textcnn-{w}" for w in (25, 50, 75)]


def test_a_sweep_keeps_what_else_its_strategy_says():
    own = LINEAR | {"sweep": [0.5], "T": {"bert": 2}, "control": True}
    suite = validated(swept(["textcnn@2", "bert"]), linear=own)
    (name,) = suite.strategies
    strategy = suite.strategies[name]
    assert name == "linear-textcnn.2-50"
    assert strategy.T == {"bert": "2"} and strategy.control
    assert strategy.weights == {"textcnn@2": 0.5, "bert": 0.5}


def test_one_list_of_arms_for_several_studies_is_swept_alike():
    content = yaml.safe_load(SUITE)
    content["strategies"] = {"linear": LINEAR}
    arms = [{"strategy": "none"}, swept(ALL)]
    content["studies"] = {
        name: {**content["studies"]["main"], "arms": arms} for name in ("one", "two")
    }
    studies = validate_suite(content, "s").studies
    assert studies["one"].arms == studies["two"].arms and len(studies["one"].arms) == 10


@pytest.mark.parametrize(
    ("arms", "own", "said"),
    [
        ([swept(ALL)], {"fusion": "average", "sweep": [0.5]}, "strategies.linear: 'sweep' is for"),
        ([swept(ALL)], LINEAR | {"weights": {"bert": 1}}, "give one of 'weights' and 'sweep'"),
        ([swept(ALL)], LINEAR | {"sweep": [1]}, "strategies.linear.sweep.0: .*less than 1"),
        ([swept(ALL)], LINEAR | {"sweep": 0.5}, "strategies.linear.sweep: .*list"),
        ([swept(ALL[:1])], LINEAR, "studies.main.arms.1: strategy 'linear' sweeps weights, of two"),
        ([swept(ALL), swept(ALL[:2])], LINEAR, "give each group of teachers a sweep of its own"),
        ([swept(["textcnn", "bret"])], LINEAR, "bret"),
    ],
)
def test_sweeps_that_mean_nothing_are_refused_in_a_line(arms, own, said):
    with pytest.raises(InputError, match=said) as found:
        validated(*arms, linear=own)
    assert "\n" not in str(found.value)


def test_a_sweep_that_no_arm_has_is_no_strategy():
    assert validated(swept(ALL, "average"), linear=LINEAR).strategies == {}
