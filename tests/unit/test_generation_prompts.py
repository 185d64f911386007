"""Prompts of a generation task: made or read, split, the report's never among what is learnt."""

import json

import pandas as pd
import pytest

from mtkd.errors import InputError
from mtkd.generation.prompts import (
    addition_prompts,
    read_prompt_files,
    read_prompts,
    same_text,
    write_task,
)

ROWS = {"teach": 300, "transfer": 4000, "selection": 100, "report": 400}


def numbers(prompt):
    return tuple(sorted(int(part) for part in prompt.rstrip("=").split("+")))


@pytest.fixture(scope="module")
def splits():
    return addition_prompts(2, ROWS)


def test_prompts_are_as_many_as_asked_for_and_their_answers_right(splits):
    assert {split: len(pairs) for split, pairs in splits.items()} == ROWS
    for pairs in splits.values():
        for prompt, answer in pairs:
            assert sum(numbers(prompt)) == int(answer)
            assert len(prompt) == 6 and len(answer) == 3


def test_no_prompt_of_report_nor_its_twin_is_anywhere_else(splits):
    for held in ("report", "selection"):
        others = [pairs for split, pairs in splits.items() if split != held]
        elsewhere = {numbers(prompt) for pairs in others for prompt, _ in pairs}
        assert not elsewhere & {numbers(prompt) for prompt, _ in splits[held]}
    every = [prompt for pairs in splits.values() for prompt, _ in pairs]
    assert len(set(every)) == len(every)


def test_prompts_depend_on_rows_and_seed_alone(splits):
    assert addition_prompts(2, ROWS) == splits
    assert addition_prompts(2, ROWS, seed=1) != splits


@pytest.mark.parametrize("digits", [3, 5])
def test_longer_numbers(digits):
    made = addition_prompts(digits, ROWS)
    assert all(len(prompt) == 2 * digits + 2 for prompt, _ in made["transfer"])


def test_more_prompts_than_there_are_is_one_line():
    with pytest.raises(InputError, match="addition of 2 digits has .* prompts left for transfer"):
        addition_prompts(2, {**ROWS, "transfer": 20_000})


def test_a_task_is_written_with_the_report_s_answers_apart(splits, tmp_path):
    write_task(tmp_path, {"verifier": "integer"}, splits, digits=2)
    report, transfer = (
        read_prompts(tmp_path / f"{name}.parquet") for name in ("report", "transfer")
    )
    assert report.answers is None
    assert list(zip(transfer.texts, transfer.answers, strict=True)) == splits["transfer"]
    kept = pd.read_parquet(tmp_path / "report_answers.parquet")
    assert kept["id"].tolist() == report.ids
    assert kept["answer"].tolist() == [answer for _, answer in splits["report"]]
    assert read_prompts(tmp_path / "teach.parquet").texts == [text for text, _ in splits["teach"]]
    info = json.loads((tmp_path / "info.json").read_text())
    assert info["digits"] == 2 and info["rows"] == ROWS


def table(path, prompts):
    pd.DataFrame({"prompt": prompts, "answer": range(len(prompts))}).to_csv(path, index=False)
    return path


class TestTables:
    @pytest.fixture
    def files(self, tmp_path):
        return {
            "report": table(tmp_path / "report.csv", ["How many?", "How  Old?"]),
            "transfer": table(tmp_path / "transfer.csv", ["how old?", "a", "b", "c"]),
        }

    def test_prompts_of_report_are_dropped_and_counted(self, files):
        rows = {"transfer": 3, "report": 2}
        splits, dropped = read_prompt_files(files, ("prompt", "answer"), rows)
        assert [prompt for prompt, _ in splits["transfer"]] == ["a", "b", "c"]
        assert splits["transfer"][0] == ("a", "1")
        assert dropped == {"report": 0, "transfer": 1}

    def test_of_a_table_of_two_splits_drawn_prompts_are_apart(self, files):
        rows = {"transfer": 2, "selection": 1, "report": 1}
        files |= {"selection": files["transfer"]}
        splits, dropped = read_prompt_files(files, ("prompt", "answer"), rows)
        apart = {prompt for split in splits.values() for prompt, _ in split}
        assert len(apart) == 4 and dropped["transfer"] == 2

    def test_too_few_rows_is_one_line(self, files):
        with pytest.raises(InputError, match="3 prompts that are in no report or selection"):
            read_prompt_files(files, ("prompt", "answer"), {"transfer": 4, "report": 2})

    def test_an_empty_answer_is_one_line(self, files, tmp_path):
        (tmp_path / "transfer.csv").write_text("prompt,answer\na,1\nb,\n")
        with pytest.raises(InputError, match="line 3 has an empty prompt or answer"):
            read_prompt_files(files, ("prompt", "answer"), {"transfer": 1, "report": 2})

    def test_a_missing_column_is_one_line(self, files):
        with pytest.raises(InputError, match="question"):
            read_prompt_files(files, ("question", "answer"), {"transfer": 1, "report": 2})


def test_prompts_are_compared_without_case_and_spaces():
    assert same_text(" How\tOLD? ") == same_text("how old?")


def test_a_split_without_prompts_is_an_empty_table(tmp_path):
    write_task(tmp_path, {}, {"transfer": [("a", "1")], "report": [("b", "2")]})
    assert read_prompts(tmp_path / "teach.parquet") == ([], [], [])
    assert read_prompts(tmp_path / "selection.parquet").texts == []
