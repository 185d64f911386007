"""Verdicts on teachers' traces: what each is, a teacher that cannot be judged, quality and cost."""

import json

import pandas as pd
import pytest

from mtkd.errors import InputError
from mtkd.generation.prompts import write_task
from mtkd.generation.verdicts import shown, traces_table, verdicts, verify_traces
from mtkd.records.files import write_json
from mtkd.records.parquet import write_parquet

PAIRS = [("37+85=", "122"), ("10+20=", "030"), ("11+11=", "022"), ("40+02=", "042")]
RIGHT = "7+5=12,3+8=11;122"


@pytest.fixture
def folder(tmp_path):
    write_task(tmp_path, {}, {"transfer": PAIRS, "report": [("99+99=", "198")]})
    # Whoever reads these would be caught.
    (tmp_path / "report_answers.parquet").unlink()
    return tmp_path


def traces(folder, *responses, **facts):
    ids = [f"transfer-{number:06d}" for number in range(len(responses))]
    prompts = [prompt for prompt, _ in PAIRS][: len(responses)]
    rows = pd.DataFrame({"id": ids, "prompt": prompts, "response": responses})
    if "tokens" in facts:
        rows["tokens"] = facts.pop("tokens")
    write_parquet(folder / "traces.parquet", rows)
    write_json(folder / "run.json", {"task": "addition", "teacher": "ann", **facts})
    return folder / "traces.parquet"


def verify(folder, path, **more):
    settings = {"teacher": "ann", "verifier": "integer", **more}
    verify_traces(path, folder / "transfer.parquet", settings, folder / "verdicts.parquet")
    return pd.read_parquet(folder / "verdicts.parquet")


def test_each_trace_gets_its_verdict(folder):
    said = [RIGHT, "0+0=00,1+2=03;31", "1+1=02,1+1=03;032", "no answer"]
    found = verify(folder, traces(folder, *said), style="right")
    assert found["id"].tolist() == [f"transfer-{number:06d}" for number in range(4)]
    assert found["answer"].tolist()[:3] == ["122", "31", "032"] and pd.isna(found["answer"][3])
    assert found["correct"].tolist() == [True, False, False, False]
    # 31 does not follow from the thought; the third follows from a wrong step.
    assert found["consistent"].tolist()[:3] == [True, False, True]
    assert found["steps"].tolist()[:3] == [1.0, 1.0, 0.5]


def test_without_a_style_nothing_is_said_of_steps(folder):
    found = verify(folder, traces(folder, RIGHT, ";030"))
    assert found["consistent"].isna().all() and found["steps"].isna().all()
    assert found["correct"].all()


class TestAnswersThatNobodyFinds:
    SAID = (RIGHT, "It is 30,\nI think.", "twenty-two", "I do not know")

    def test_a_teacher_from_elsewhere_is_refused_in_one_line(self, folder):
        with pytest.raises(InputError) as caught:
            verify(folder, traces(folder, *self.SAID))
        assert str(caught.value).startswith(
            "teacher ann: verifier 'integer' finds an answer in 1 of its 4 traces (25%), and in "
            "none of 'It is 30, I think.'; take another 'verifier'"
        )
        assert not (folder / "verdicts.parquet").exists()

    def test_half_of_them_are_enough(self, folder):
        assert len(verify(folder, traces(folder, RIGHT, *self.SAID[1:3], "x;042"))) == 4

    def test_one_that_learnt_here_is_what_it_is(self, folder, capsys):
        found = verify(folder, traces(folder, *self.SAID), learnt=True)
        assert found["correct"].sum() == 1 and "1 of its 4 traces" in capsys.readouterr().err

    def test_the_end_of_a_long_text_is_shown(self):
        assert shown("a" * 200 + "\nend") == "'..." + "a" * 76 + " end'"


def test_a_table_of_quality_and_cost(folder):
    path = traces(folder, RIGHT, ";30", ";1", tokens=[17, 3, 2], cut=1, seconds=2.5)
    verify(folder, path, style="right")
    traces_table([folder / "verdicts.parquet"], folder / "traces.csv")
    (row,) = pd.read_csv(folder / "traces.csv").to_dict("records")
    assert row == {
        "task": "addition",
        "teacher": "ann",
        "traces": 3,
        "answered": 100,
        "correct": pytest.approx(200 / 3),
        "consistent": 100,
        "both": pytest.approx(100 / 3),
        "per_correct": pytest.approx(1.5),
        "per_both": pytest.approx(3),
        "steps": pytest.approx(100 / 3),
        "characters": pytest.approx((17 + 3 + 2) / 3),
        "tokens": pytest.approx(22 / 3),
        "cut": pytest.approx(100 / 3),
        "seconds": 2.5,
    }


def test_traces_that_nobody_counted_have_no_tokens(folder):
    verify(folder, traces(folder, RIGHT))
    traces_table([folder / "verdicts.parquet"], folder / "traces.csv")
    row = pd.read_csv(folder / "traces.csv").loc[0]
    assert row[["consistent", "steps", "tokens", "cut", "seconds"]].isna().all()
    assert json.loads((folder / "run.json").read_text())["teacher"] == "ann"


def test_no_trace_is_no_verdict(folder):
    rows = pd.DataFrame(columns=["id", "prompt", "response"])
    assert verdicts(rows, {}, "integer", None).dtypes.astype(str).to_dict()["correct"] == "bool"
