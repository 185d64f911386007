"""By column and by rewriting: whose trace of a prompt is learnt, and in whose way of working."""

import numpy as np
import pandas as pd
import pytest

from mtkd.errors import InputError
from mtkd.generation.columns import column_values
from mtkd.generation.mixtures import Written, build_mixture
from mtkd.generation.prompts import addition_prompts, read_prompt_files, write_task
from mtkd.generation.rewriting import numbers_kept
from mtkd.generation.styles import is_low, write
from mtkd.generation.teachers import program_traces
from mtkd.generation.tokens import ANY, MODES
from mtkd.records.parquet import read_parquet

PAIRS = addition_prompts(2, {"transfer": 200, "report": 20})["transfer"]


def written(style, **own):
    prompts, answers = zip(*PAIRS, strict=True)
    rng = np.random.default_rng(0)
    columns = {"id": [f"t{number}" for number in range(len(PAIRS))], "prompt": prompts}
    columns |= {"answer": answers, "subject": ["sums", "more"] * (len(PAIRS) // 2)}
    columns["response"] = program_traces({"style": style, **own}, prompts, rng)
    return Written(pd.DataFrame(columns), style)


TEACHERS = {
    "right": written("right"),
    "left": written("left"),
    "careless": written("left", wrong_steps=0.5),
}


def mixture(teachers, n, seed=1, rewriter=None, **mixing):
    return build_mixture(mixing, TEACHERS, teachers, n, seed, "integer", None, rewriter)


HALVES = {"column": "half", "teachers": {"low": "right", "high": "left"}}


def test_what_prompts_of_addition_have_by_themselves():
    rows = pd.DataFrame({"prompt": ["49+50=", "50+00=", "37+85=", "37+82=", "91+20=", "99+01="]})
    assert column_values("half", rows) == ["low", "high", "low", "low", "high", "high"]
    assert column_values("carries", rows) == ["0", "0", "2", "1", "1", "2"]


def test_each_prompt_is_learnt_from_the_teacher_that_its_column_names():
    rows, said = mixture(["right", "left"], 60, by_column=HALVES)
    for row in rows.itertuples():
        assert row.teacher == ("right" if is_low(row.prompt) else "left")
        assert row.response == write(row.teacher, row.prompt) and row.mode == ANY
    assert sum(said["traces"].values()) == len(rows) == 120
    assert said["looked_at"] == said["traces"]
    # The prompts are those of the plain mixture.
    assert set(rows["id"]) == set(mixture(["right", "left"], 60)[0]["id"])


def test_a_column_of_the_table_may_name_teachers_and_leave_one_out():
    how = {"column": "subject", "teachers": {"sums": "left", "more": "left"}}
    rows, said = mixture(["right", "left"], 40, by_column=how, mode="token")
    assert said["traces"] == {"right": 0, "left": 80} and set(rows["mode"]) == {MODES[1]}


def test_dealt_out_at_random_each_has_as_many():
    rows, said = mixture(["right", "left"], 60, by_column=HALVES | {"shuffled": True})
    assert said == mixture(["right", "left"], 60, by_column=HALVES)[1]
    low = rows["prompt"].str[0] < "5"
    assert 0.3 < (rows["teacher"][low] == "right").mean() < 0.7


def test_a_value_that_names_no_teacher_is_one_line():
    with pytest.raises(InputError, match="by-column: the column names 'more' as a row's teacher"):
        mixture(
            ["right", "left"], 40, by_column={"column": "subject", "teachers": {"sums": "left"}}
        )


def test_columns_of_tables_come_with_their_prompts(tmp_path):
    table = pd.DataFrame({"q": [f"p{i}" for i in range(8)], "a": "1", "subject": list("abcdefgh")})
    table.to_csv(tmp_path / "t.csv", index=False)
    splits, _ = read_prompt_files(
        {"transfer": tmp_path / "t.csv", "report": tmp_path / "t.csv"},
        ["q", "a", "subject"],
        {"transfer": 4, "report": 3},
    )
    write_task(tmp_path, {}, splits, ["subject"])
    transfer = read_parquet(tmp_path / "transfer.parquet", ["id", "prompt", "answer", "subject"])
    expected = table.set_index("q").subject[transfer["prompt"]]
    assert transfer["subject"].tolist() == expected.tolist()
    assert "answer" not in read_parquet(tmp_path / "report.parquet", ["id", "subject"])
    table.loc[2, "subject"] = " "
    table.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(InputError, match="has an empty prompt or answer or subject"):
        read_prompt_files({"report": tmp_path / "t.csv"}, ["q", "a", "subject"], {"report": 3})


def in_right_order(pairs, traces):
    """A perfect rewriter: a trace's own sums, in the order of the other style."""

    def turned(response):
        thought, _, answer = response.partition(";")
        return f"{','.join(thought.split(',')[::-1])};{answer}"

    asked.append((pairs, traces))
    return [turned(response) for response in traces["response"]]


asked = []


def test_others_traces_are_learnt_as_they_were_rewritten():
    asked.clear()
    how = {"into": "right", "pairs": 0.5}
    rows, said = mixture(["right", "left"], 60, rewriter=in_right_order, rewrite=how)
    ((pairs, traces),) = asked
    assert len(pairs) == 30 and len(traces) == 170
    assert not set(pairs["prompt"]) & (set(traces["prompt"]) | set(rows["prompt"]))
    for row in pairs.itertuples():
        assert (row.response, row.rewritten) == (
            write("left", row.prompt),
            write("right", row.prompt),
        )
    assert all(row.response == write("right", row.prompt) for row in rows.itertuples())
    assert rows["teacher"].value_counts().to_dict() == {"right": 60, "left": 60}
    assert said["rewritten"] == {
        "left": {"rewritten": 170, "right": 1.0, "answer_kept": 1.0, "numbers_kept": 1.0}
    }


def test_what_the_verifier_does_not_find_right_is_not_learnt():
    rows, said = mixture(
        ["right", "careless"], 30, rewriter=in_right_order, rewrite={"into": "right", "pairs": 0.5}
    )
    assert all(row.response == write("right", row.prompt) for row in rows.itertuples())
    found = said["rewritten"]["careless"]
    assert found["right"] < 0.5 and found["answer_kept"] == 1 and found["numbers_kept"] == 1
    assert said["looked_at"]["careless"] > 60 and said["looked_at"]["right"] == 30


def test_a_student_that_rewrites_nothing_rightly_is_one_line():
    with pytest.raises(
        InputError, match=r"teacher left: 0 of its \d+ traces are accepted .correct"
    ):
        mixture(
            ["right", "left"],
            40,
            rewriter=lambda pairs, traces: [";000"] * len(traces),
            rewrite={"into": "right"},
        )


def test_too_few_prompts_to_learn_rewriting_from_are_one_line():
    with pytest.raises(InputError, match="learns from 200 of them .rewrite.pairs"):
        mixture(
            ["right", "left"], 200, rewriter=in_right_order, rewrite={"into": "right", "pairs": 1}
        )


def test_numbers_that_are_kept():
    assert numbers_kept("7+5=12,3+8=11;122", "3+8=11,7+5=12;122") == 1
    assert numbers_kept("7+7=14;014", "7+5=12;014") == 0.5
    assert numbers_kept("no number", "12") == 1
