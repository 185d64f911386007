"""Routes: each prompt to the teacher of the best trace, and the controls of that."""

import numpy as np
import pandas as pd
import pytest

from mtkd.config.generation import Route
from mtkd.errors import InputError
from mtkd.generation.mixtures import Written, build_mixture
from mtkd.generation.prompts import addition_prompts
from mtkd.generation.routes import routed
from mtkd.generation.students import by_teacher
from mtkd.generation.styles import write
from mtkd.generation.teachers import program_traces
from mtkd.generation.tokens import ANY, MODES
from mtkd.generation.verify import answer_of, is_right

PAIRS = addition_prompts(2, {"transfer": 200, "report": 20})["transfer"]


def written(responses, style="right"):
    prompts, answers = zip(*PAIRS, strict=True)
    ids = [f"t{number}" for number in range(len(PAIRS))]
    columns = {"id": ids, "prompt": prompts, "answer": answers, "response": responses}
    return Written(pd.DataFrame(columns), style)


def traces(style, seed=0, **own):
    rng = np.random.default_rng(seed)
    return written(program_traces({"style": style, **own}, [p for p, _ in PAIRS], rng), style)


TEACHERS = {
    "right": traces("right"),
    "left": traces("left"),
    "careless": traces("right", wrong_steps=0.4),
    "careless-left": traces("left", seed=1, wrong_steps=0.4),
    "wrong": written([";999"] * len(PAIRS)),
}


def mixture(teachers, n, seed=1, likelihood=None, **mixing):
    return build_mixture(mixing, TEACHERS, teachers, n, seed, "integer", likelihood)


@pytest.mark.parametrize("teachers", [["right", "wrong"], ["wrong", "right"]])
def test_a_constant_route_is_that_teacher_s_single_arm(teachers):
    rows, said = mixture(teachers, 40, route={"quality": 1})
    alone, _ = mixture(["right"], 80)
    pd.testing.assert_frame_equal(rows, alone)
    assert said["traces"] == {"right": 80, "wrong": 0}


def test_a_perfect_router_is_the_oracle():
    names = ["careless", "careless-left"]
    rows, said = mixture(names, 60, route={"quality": 1})
    by_id = {name: TEACHERS[name].traces.set_index("id") for name in names}
    right = {
        name: {
            row.Index: is_right("integer", answer_of("integer", row.response), row.answer)
            for row in frame.itertuples()
        }
        for name, frame in by_id.items()
    }
    both = 0
    for row in rows.itertuples():
        verdicts = {name: right[name][row.id] for name in names}
        # Nobody who is wrong is learnt from where another is right.
        assert verdicts[row.teacher] or not any(verdicts.values())
        assert row.response == by_id[row.teacher].loc[row.id, "response"]
        both += len(set(verdicts.values())) == 1
    # Ties go to either.
    assert both > 20 and min(said["traces"].values()) > 35
    assert set(rows["id"]) == set(mixture(names, 60)[0]["id"])


def test_likelihoods_settle_what_the_verdict_leaves_open():
    asked = []

    def likelihood(warmup, pairs):
        asked.append((warmup, pairs))
        return -pairs["response"].str.len().to_numpy() / 10

    names = ["right", "left", "careless"]
    rows, said = mixture(
        names, 20, route={"quality": 9, "learnability": 1, "warmup": 0.25}, likelihood=likelihood
    )
    ((warmup, pairs),) = asked
    assert len(warmup) == 3 * 5 and len(pairs) == 3 * 60
    assert not set(warmup["prompt"]) & set(pairs["prompt"])
    assert not pairs["prompt"].str.startswith(ANY).any()
    assert len(rows) == 60 and set(said["looked_at"].values()) == {65}


def test_learnability_alone_takes_what_the_student_finds_likely():
    def likes_left(warmup, pairs):
        return np.array(
            [
                0.0 if response == write("left", prompt) else -1.0
                for prompt, response in pairs.itertuples(index=False)
            ]
        )

    rows, _ = mixture(["wrong", "left"], 40, route={"learnability": 1}, likelihood=likes_left)
    assert set(rows["teacher"]) == {"left"}


def test_a_shuffled_route_has_the_shares_of_the_route_and_nothing_else_of_it():
    names = ["careless", "left"]
    routed_rows, routed_said = mixture(names, 60, route={"quality": 1})
    rows, said = mixture(names, 60, route={"quality": 1, "shuffled": True})
    assert said["traces"] == routed_said["traces"]
    assert said["traces"]["left"] > said["traces"]["careless"]
    assert set(rows["id"]) == set(routed_rows["id"])
    to = {row.id: row.teacher for row in routed_rows.itertuples()}
    same = np.mean([to[row.id] == row.teacher for row in rows.itertuples()])
    assert 0.35 < same < 0.8


def test_ties_are_drawn_by_the_seed():
    right = np.ones((2, 400), bool)
    one, again, other = (routed(Route(quality=1), right, None, seed) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any() and 150 < one.sum() < 250


def test_routed_traces_can_be_marked():
    rows, _ = mixture(["careless", "left"], 40, route={"quality": 1}, mode="token")
    assert rows.groupby("teacher")["mode"].unique().map(list).to_dict() == {
        "careless": [MODES[0]],
        "left": [MODES[1]],
    }


def test_shares_show_a_starved_teacher():
    rows = pd.Series(["right"] * 3 + ["left"])
    found = by_teacher(
        ["right", "left", "carry"], rows, np.array([-1.0, -1.0, -2.0, -12.0]), np.full(4, 10)
    )
    assert found["carry"] == {"rows": 0, "tokens": 0, "loss": None, "loss_share": 0}
    assert found["left"] == pytest.approx(
        {"rows": 0.25, "tokens": 0.25, "loss": 1.2, "loss_share": 0.75}
    )
    assert found["right"]["loss"] == pytest.approx(4 / 30)


def test_a_route_that_weighs_nothing_is_refused():
    with pytest.raises(ValueError, match="give a weight to 'quality'"):
        Route(shuffled=True)


def test_filters_and_routes_exclude_each_other():
    from test_generation_suite import SUITE
    from tiny_suites import changed

    from mtkd.config.load import validate_suite

    for other in ({"ratio": [0.5, 0.5]}, {"filter": "correct"}, {"protocol": "union"}):
        content = changed(SUITE, "strategies.marked", {"route": {"quality": 1}, **other})
        with pytest.raises(InputError, match="strategies.marked.*'route' settles whose trace"):
            validate_suite(content, "tiny.yaml")
    content = changed(SUITE, "strategies.marked", {"route": {"learnability": 1, "warmup": 0.9}})
    with pytest.raises(InputError, match="need 40 prompts, and 36 apart from them for the route"):
        validate_suite(content, "tiny.yaml")
