"""Mixtures: as many traces of each teacher as asked for, by filter, ratio, protocol and mode."""

import numpy as np
import pandas as pd
import pytest

from mtkd.errors import InputError
from mtkd.generation.evaluation import own_modes, wrong_thoughts
from mtkd.generation.mixtures import Written, build_mixture
from mtkd.generation.prompts import Prompts, addition_prompts
from mtkd.generation.styles import write
from mtkd.generation.teachers import existing_traces, program_traces
from mtkd.generation.thoughts import implied, split
from mtkd.generation.tokens import ANY, MODES
from mtkd.generation.verify import answer_alone

PAIRS = addition_prompts(2, {"transfer": 300, "report": 20})["transfer"]


def written(style, **own):
    rng = np.random.default_rng(0)
    prompts = [prompt for prompt, _ in PAIRS]
    return Written(
        pd.DataFrame(
            {
                "id": [f"t{number}" for number in range(len(PAIRS))],
                "prompt": prompts,
                "answer": [answer for _, answer in PAIRS],
                "response": program_traces({"style": style, **own}, prompts, rng),
            }
        ),
        style,
    )


TEACHERS = {
    "right": written("right"),
    "left": written("left"),
    "careless": written("right", wrong_steps=0.5),
    "direct": written("direct"),
}


def mixture(teachers, n, seed=1, **mixing):
    return build_mixture(mixing, TEACHERS, teachers, n, seed, "integer")


def test_each_teacher_gives_n_traces_of_prompts_of_its_own():
    rows, said = mixture(["right", "left"], 100)
    assert rows["teacher"].value_counts().to_dict() == {"right": 100, "left": 100}
    assert not rows["id"].duplicated().any()
    for row in rows.itertuples():
        assert row.response == write(row.teacher, row.prompt) and row.mode == ANY
    assert said == {
        "looked_at": {"right": 100, "left": 100},
        "traces": {"right": 100, "left": 100},
    }


def test_a_single_learns_what_its_teacher_gives_a_mixture():
    both, _ = mixture(["right", "left"], 100)
    alone, _ = mixture(["right"], 100)
    pd.testing.assert_frame_equal(both[:100], alone)


def test_the_draw_of_prompts_follows_the_seed():
    one, again, other = (mixture(["right"], 50, seed)[0]["id"].tolist() for seed in (1, 1, 2))
    assert one == again and one != other


def test_of_a_union_every_teacher_answers_each_prompt():
    rows, _ = mixture(["right", "left"], 100, protocol="union")
    assert (rows.groupby("id")["teacher"].nunique() == 2).all()


def test_shares_by_ratio():
    _, said = mixture(["right", "left"], 75, ratio=[0.9, 0.1])
    assert said["traces"] == {"right": 135, "left": 15}
    _, said = mixture(["right", "left", "careless"], 33, ratio=[0.5, 0.25, 0.25])
    assert sum(said["traces"].values()) == 99


def test_modes_say_whose_a_trace_is():
    rows, _ = mixture(["right", "left"], 100, mode="token")
    assert rows.groupby("teacher")["mode"].unique().map(list).to_dict() == {
        "right": [MODES[0]],
        "left": [MODES[1]],
    }
    assert own_modes({"mode": "token"}, ["right", "left"]) == {"right": MODES[0], "left": MODES[1]}
    assert own_modes({}, ["right", "left"]) == {"any": ANY}


def test_shuffled_modes_say_nothing():
    rows, _ = mixture(["right", "left"], 100, mode="shuffled")
    right = rows[rows["teacher"] == "right"]["mode"]
    assert rows["mode"].value_counts().tolist() == [100, 100]
    assert 30 < (right == MODES[0]).sum() < 70


def test_dropout_leaves_some_tokens_out():
    rows, _ = mixture(["right", "left"], 100, mode="token", mode_dropout=0.2)
    assert 20 < (rows["mode"] == ANY).sum() < 60


def test_only_right_answers_pass_the_filter():
    rows, said = mixture(["careless"], 50, filter="correct")
    gold = dict(PAIRS)
    assert all(split(row.response)[1] == gold[row.prompt] for row in rows.itertuples())
    assert said["looked_at"]["careless"] > 60


def test_a_teacher_with_too_few_accepted_traces_is_one_line():
    with pytest.raises(InputError, match=r"teacher careless: \d+ of its 300 traces are accepted"):
        mixture(["careless"], 290, filter="correct")


def test_a_teacher_without_a_trace_of_each_prompt_gives_those_that_it_has():
    some = TEACHERS["left"].traces.copy()
    some["response"] = some["response"].astype(object)
    some.loc[::2, "response"] = None
    written = {**TEACHERS, "some": Written(some, "left")}
    rows, _ = build_mixture({}, written, ["right", "some"], 100, 1, "integer")
    for row in rows.itertuples():
        assert row.response == write({"some": "left"}.get(row.teacher, row.teacher), row.prompt)
    # The others' prompts are those that they are with any teacher.
    alone, _ = build_mixture({}, written, ["right"], 100, 1, "integer")
    assert rows[rows["teacher"] == "right"]["id"].tolist() == alone["id"].tolist()
    rows, _ = build_mixture({"answers_of": "some"}, written, ["right"], 100, 1, "integer")
    assert set(rows["id"]) <= set(some[some["response"].notna()]["id"])
    with pytest.raises(InputError, match="teacher some: 150 of its 150 traces are accepted"):
        build_mixture({}, written, ["some"], 151, 1, "integer")


def test_answers_of_another_teacher_and_the_filter_that_keeps_what_follows():
    rows, _ = mixture(["careless"], 100, answers_of="direct")
    gold = dict(PAIRS)
    own = TEACHERS["careless"].traces.set_index("id")["response"]
    for row in rows.itertuples():
        thought, answer = split(row.response)
        assert thought == split(own[row.id])[0] and answer == gold[row.prompt]
    kept, said = mixture(["careless"], 50, answers_of="direct", filter="consistent")
    for row in kept.itertuples():
        thought, answer = split(row.response)
        assert implied(thought, row.prompt, ["right"]) == answer
    assert said["looked_at"]["careless"] > 50


def test_wrong_thoughts_imply_a_wrong_answer_in_the_student_s_own_style():
    prompts = [prompt for prompt, _ in PAIRS[:20]]
    responses = [write("left", prompt) for prompt in prompts[:10]] + ["?"] * 10
    found = wrong_thoughts(prompts, responses, ["right", "left"], 1)
    assert set(found) == set(range(10))
    for row, thought in found.items():
        assert implied(thought, prompts[row], ["left"]) not in (None, dict(PAIRS)[prompts[row]])


class TestExistingTraces:
    PROMPTS = Prompts(["t0", "t1"], ["How many?", "How old?"], ["1", "2"])
    REPORT = Prompts(["r0"], ["How far?"], None)

    def read(self, tmp_path, lines):
        path = tmp_path / "traces.jsonl"
        path.write_text("\n".join(lines) + "\n")
        return existing_traces(path, self.PROMPTS, self.REPORT)

    def test_traces_are_found_by_their_prompt(self, tmp_path):
        rows, facts = self.read(
            tmp_path,
            [
                '{"prompt": "how  OLD?", "response": "#### 2"}',
                '{"prompt": "Why?", "response": "So."}',
            ],
        )
        assert rows.to_dict("records") == [{"id": "t1", "prompt": "How old?", "response": "#### 2"}]
        assert facts == {"left_out": 1}

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (['{"prompt": "how far?", "response": "2"}'], "line 1 is a prompt of the report split"),
            (['{"prompt": "How old?", "response": " "}'], "line 1 has an empty prompt or response"),
            (['{"prompt": "Why?", "response": "a"}'], "none of its prompts is one of the task's"),
            (
                ['{"prompt": "How old?", "response": "2"}'] * 2,
                "line 2 is a second trace of the prompt of line 1",
            ),
            (['{"prompt": "How old?"}'], "response"),
            (['{"prompt": "How old?", "response": "2"}', '{"prompt": "Why?"}'], "line 2"),
        ],
    )
    def test_what_cannot_be_learnt_from_is_one_line(self, tmp_path, lines, message):
        with pytest.raises(InputError, match=message) as caught:
            self.read(tmp_path, lines)
        assert "\n" not in str(caught.value)


def test_an_unknown_style_is_one_line():
    with pytest.raises(InputError, match="unknown style 'up'"):
        program_traces({"style": "up"}, ["12+34="], np.random.default_rng(0))


def test_half_of_the_traces_have_no_thought_and_a_token_of_their_own():
    rows, said = mixture(["right", "left"], 40, direct="beside")
    thinks, at_once = rows[:80], rows[80:]
    pd.testing.assert_frame_equal(thinks, mixture(["right", "left"], 40)[0])
    gold = dict(PAIRS)
    assert set(at_once["mode"]) == {MODES[2]} and not rows["id"].duplicated().any()
    assert at_once["teacher"].value_counts().to_dict() == {"right": 40, "left": 40}
    assert all(row.response == f";{gold[row.prompt]}" for row in at_once.itertuples())
    assert said["traces"] == said["looked_at"] == {"right": 80, "left": 80}
    assert own_modes({"direct": "beside"}, ["right"]) == {"any": ANY, "direct": MODES[1]}


def test_answers_alone_are_of_the_prompts_that_a_thinking_student_has():
    rows, _ = mixture(["right"], 40, direct="alone")
    assert rows["id"].tolist() == mixture(["right"], 40)[0]["id"].tolist()
    assert (
        set(rows["mode"]) == {MODES[1]} == set(own_modes({"direct": "alone"}, ["right"]).values())
    )
    assert rows["response"].str.fullmatch(";[0-9]{3}").all()


def test_only_right_answers_are_given_at_once_where_a_filter_says_so():
    rows, said = mixture(["careless"], 30, direct="beside", filter="correct")
    gold = dict(PAIRS)
    assert all(split(row.response)[1] == gold[row.prompt] for row in rows.itertuples())
    assert said["looked_at"]["careless"] > 75


def test_ratios_are_those_of_both_ways():
    rows, said = mixture(["right", "left"], 40, direct="beside", ratio=[0.75, 0.25])
    assert said["traces"] == {"right": 120, "left": 40}
    assert (rows["mode"] == ANY).sum() == 80


def test_a_trace_without_an_answer_is_none_that_is_given_at_once():
    assert answer_alone("integer", "7+5=12,3+8=11;122") == ";122"
    assert answer_alone("math", r"so it is \boxed{12}, I think") == r"\boxed{12}"
    assert answer_alone("integer", "no answer") is answer_alone("integer", None) is None
