"""Suites of generation: what they may say, in one line what they may not, and arms' controls."""

import copy
from pathlib import Path

import pytest
import yaml
from tiny_suites import ARMS, STRATEGIES, addition_suite, changed, keys_of

from mtkd.config.generation import GenerationSuite
from mtkd.config.load import load_suite, validate_suite
from mtkd.errors import InputError
from mtkd.study.generation import (
    dataset_settings,
    mixings,
    prompts_settings,
    text_arms,
    text_student_settings,
    text_study_settings,
    verdict_settings,
    writer_settings,
    writers_of,
)
from mtkd.study.generation_words import (
    AT_ONCE,
    BY_COLUMN,
    DEALT,
    REWRITTEN,
    ROUTE_CONTROL,
    TWO_MODES,
    UNEQUAL,
)

SUITE = addition_suite(
    {"teach": 20, "transfer": 60, "selection": 10, "report": 20},
    {name: {"style": name} for name in ("right", "left", "direct")},
    {"model": {"architecture": "gpt2"}, "training": {"epochs": 1}},
    STRATEGIES,
    n=20,
    arms=ARMS,
    seeds=[1, 2],
)


def suite():
    return validate_suite(copy.deepcopy(SUITE), "tiny.yaml")


def test_every_mixture_comes_with_its_singles():
    arms = {(arm.label, arm.strategy, arm.n): arm.role for arm in text_arms(suite())}
    assert arms == {
        ("right", "plain", 20): "single",
        ("left", "plain", 20): "single",
        ("right", "plain", 40): "single-budget",
        ("left", "plain", 40): "single-budget",
        ("right+left", "plain", 20): "mixture",
        ("right+left", "marked", 20): "remedy",
        ("right", "others", 20): "remedy",
    }


def test_a_remedy_without_its_plain_mixture_gets_it():
    content = copy.deepcopy(SUITE)
    del content["studies"]["main"]["arms"][0]
    arms = text_arms(validate_suite(content, "tiny.yaml"))
    assert ("right+left", "plain") in {(arm.label, arm.strategy) for arm in arms}


def test_whose_traces_are_needed():
    assert writers_of(suite(), text_arms(suite())) == ["right", "left", "direct"]


def test_settings_leave_defaults_out():
    assert mixings(suite(), ("plain", "marked")) == {"plain": {}, "marked": {"mode": "token"}}
    assert writer_settings(suite(), "addition", "left")["teacher"] == {"style": "left"}
    assert text_study_settings(suite())["arms"][0]["role"] == "single"


def test_the_shipped_suite_is_valid():
    shipped = load_suite("config/styles.yaml")
    assert {"mixture", "remedy", "single", "single-budget"} == {
        arm.role for arm in text_arms(shipped)
    }


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tasks.addition.rows", {"transfer": 5}, "rows.report: this key is missing"),
        ("tasks.addition.verifier", "word", "tasks.addition.verifier"),
        ("tasks.addition.digts", 3, "unknown key; the nearest is 'digts'|tasks.addition.digts"),
        ("teachers.right", {}, "give a 'style', a 'model', or 'traces'"),
        ("teachers.right", {"traces": "a.jsonl", "style": "left"}, "'traces' are there already"),
        ("teachers.right", {"model": {"architecture": "gpt2"}}, "knows nothing; give the 'style'"),
        ("teachers.right", {"style": "left", "rows": 3}, "'rows' are what a 'model' learns"),
        ("teachers.right", {"style": "left", "template": "x"}, r"no \{prompt\} in it"),
        (
            "teachers.right",
            {"style": "left", "chat": True},
            "'chat' belongs with a 'model' as it is",
        ),
        ("teachers.right", {"traces": "a.jsonl", "engine": "vllm"}, "'engine' belongs with a 'mod"),
        ("teachers.right", {"model": {"folder": "m"}, "engine": "tgi"}, "teachers.right.engine"),
        ("teachers.right", {"traces": "a.txt"}, "'a.txt' is no .parquet, .csv or .jsonl file"),
        ("teachers.right", {"traces": "{a}.jsonl"}, r"traces: '\{a\}.jsonl' has a brace"),
        (
            "teachers.right",
            {"model": {"folder": "{m}"}},
            r"teachers.right.model.folder: .* a brace",
        ),
        ("students.small.template", "x", r"no \{prompt\} in it"),
        ("students.small.resources", {"expected": {"sums": 3}}, "unknown task 'sums'"),
        ("students.small.model", {"hub": "a/b", "folder": "c"}, "exactly one of 'hub', 'folder'"),
        ("strategies.marked", {"mode_dropout": 0.1}, "'mode_dropout' belongs with 'mode'"),
        ("strategies.marked", {"ratio": [0.5, 0.4]}, "ratio sums to 0.9, not to 1"),
        ("strategies.others", {"answers_of": "nobody"}, "unknown teacher 'nobody'"),
        (
            "strategies.marked",
            {"route": {"quality": 1}, "by_column": {"column": "half"}},
            "'by_column' does not go with 'route'; take one of them out",
        ),
        (
            "strategies.marked",
            {"by_column": {"column": "half"}, "filter": "correct"},
            "'by_column' settles whose trace of a prompt is learnt; give no 'ratio', no 'filter'",
        ),
        ("strategies.marked", {"by_column": {"column": "size"}}, "'size', and the prompts of task"),
        (
            "strategies.marked",
            {"by_column": {"column": "half", "teachers": {"low": "nobody"}}},
            "strategies.marked: unknown teacher 'nobody'",
        ),
        (
            "strategies.marked",
            {"by_column": {"column": "half", "teachers": {"low": "direct"}}},
            "unknown teacher of the arm 'direct'; known: right, left",
        ),
        (
            "strategies.marked",
            {"direct": "beside", "mode": "token"},
            "'direct' does not go with 'mode'; take one of them out",
        ),
        ("strategies.others", {"rewrite": {"into": "left"}}, "'left'; give the arm that teacher"),
        ("strategies.others", {"rewrite": {"into": "nobody"}}, "unknown teacher 'nobody'"),
        (
            "strategies.marked",
            {"rewrite": {"into": "left"}, "filter": "correct"},
            "'rewrite' does not go with 'filter'",
        ),
        ("strategies.plain", {}, "this is the one without any treatment"),
        ("studies.main.n", 50, "2 teachers with 50 traces each need 100 prompts"),
        ("studies.main.arms.0", {"teachers": ["up"]}, "unknown teacher 'up'"),
        ("studies.main.arms.0", {"teachers": ["right"], "strategy": "x"}, "unknown strategy 'x'"),
        ("studies.main.arms.0", {"teachers": []}, "the list is empty"),
        (
            "studies.main.predictions",
            [{"claim": "interference", "teachers": ["left"], "low": 0, "high": 1}],
            "left with plain is no arm",
        ),
        ("study", "mian", "^tiny.yaml: study: unknown study 'mian'; did you mean 'main'"),
        ("studies", {}, "^tiny.yaml: studies: a suite needs at least one study"),
        (
            "studies.main.tasks",
            ["adition"],
            "^tiny.yaml: studies.main.tasks: unknown task 'adition'; did you mean 'addition'",
        ),
        (
            "studies.main.predictions",
            [{"claim": "interference", "teachers": ["right", "left"], "low": 1, "high": 1}],
            "studies.main.predictions.0: low 1 is not below high 1",
        ),
    ],
)
def test_wrong_suites_are_one_line(path, value, message):
    with pytest.raises(InputError, match=message) as caught:
        validate_suite(changed(SUITE, path, value), "tiny.yaml")
    assert "\n" not in str(caught.value) and str(caught.value).startswith("tiny.yaml: ")


TABLES = {
    "kind": "generation",
    "prompts": {"files": {"transfer": "a.csv", "report": "b.csv"}},
    "rows": {"transfer": 60, "report": 20},
}


@pytest.mark.parametrize(
    ("prompts", "rows", "message"),
    [
        ({"files": {"transfer": "a.csv"}}, {}, "prompts.files.report: this key is missing"),
        ({"files": {"transfer": "a.txt", "report": "b.csv"}}, {}, "files.transfer: 'a.txt' is no"),
        ({"files": {"transfer": "{a}.csv", "report": "b.csv"}}, {}, "files.transfer: .* a brace"),
        ({}, {"selection": 5}, "prompts.files.selection: this key is missing"),
        ({}, {"selection": 0}, None),
        ({"hub": {"name": "a/b"}, "files": {"transfer": "train", "report": "test"}}, {}, None),
    ],
)
def test_tables_of_prompts(prompts, rows, message):
    task = {
        **TABLES,
        "prompts": {**TABLES["prompts"], **prompts},
        "rows": {**TABLES["rows"], **rows},
    }
    content = changed(SUITE, "tasks.addition", task)
    if message is None:
        found = validate_suite(content, "x")
        assert found.tasks["addition"].splits == ["transfer", "report"]
        unpinned = ["tasks.addition.prompts.hub.revision"] if "hub" in prompts else []
        assert found.unpinned() == unpinned
        return
    with pytest.raises(InputError, match=message):
        validate_suite(content, "x")


def test_a_hub_split_is_fetched_by_itself():
    prompts = {
        "hub": {"name": "a/b", "subset": "main"},
        "files": {"transfer": "train", "report": "t"},
    }
    content = changed(SUITE, "tasks.addition", {**TABLES, "prompts": prompts})
    assert dataset_settings(validate_suite(content, "x"), "addition", "report") == {
        "hub": {"name": "a/b", "subset": "main"},
        "splits": {"report": "t"},
    }


def test_every_key_is_explained():
    text = Path("config/generation.md").read_text(encoding="utf-8")
    assert sorted({key for key in keys_of(GenerationSuite) if f"`{key}`" not in text}) == []


def test_settings_of_students_and_verdicts_leave_defaults_out():
    found = text_student_settings(suite(), "addition", "small")
    assert "template" not in found
    content = changed(SUITE, "students.small.template", "{prompt} ")
    assert text_student_settings(validate_suite(content, "x"), "addition", "small") == {
        **found,
        "template": "{prompt} ",
    }
    assert verdict_settings(suite(), "addition", "left") == {
        "teacher": "left",
        "verifier": "integer",
        "style": "left",
    }


def test_ratios_are_as_many_as_teachers():
    content = changed(SUITE, "strategies.marked", {"ratio": [0.2, 0.3, 0.5]})
    with pytest.raises(InputError, match="has 3 ratios for 2 teachers"):
        validate_suite(content, "tiny.yaml")


def test_unpinned_models_of_the_hub_are_named():
    content = changed(SUITE, "students.small.model", {"hub": "org/model"})
    assert validate_suite(content, "x").unpinned() == ["students.small.model.revision"]
    assert yaml.safe_dump(content)


def study_of(strategies, arms, **task):
    content = copy.deepcopy(SUITE)
    content["strategies"] = strategies
    content["teachers"] |= {f"t{number}": {"style": "left"} for number in range(8)}
    content["studies"]["main"]["arms"] = arms
    content["tasks"]["addition"] |= task
    return validate_suite(content, "tiny.yaml")


BOTH = {"direct": "beside"}


@pytest.mark.parametrize(
    ("strategy", "teachers", "n", "message"),
    [
        (BOTH, ["right"], 31, "31 traces each with a thought and as many without need 62 prompts"),
        (BOTH, ["direct"], 5, "leaves the thoughts of traces out, and 'direct' is a teacher"),
        (
            BOTH,
            [f"t{number}" for number in range(8)],
            1,
            "takes a token beside its teachers'; give 7 at most",
        ),
        (
            {"rewrite": {"into": "left", "pairs": 0.6}},
            ["right", "left"],
            25,
            "need 50 prompts, and 15 apart from them for the student that rewrites, and task 'a",
        ),
    ],
)
def test_traces_without_thoughts_and_rewritten_ones_take_what_they_take(
    strategy, teachers, n, message
):
    with pytest.raises(InputError, match=message) as caught:
        study_of({"new": strategy}, [{"teachers": teachers, "strategy": "new", "n": n}])
    assert "\n" not in str(caught.value)


def test_a_column_of_a_table_has_to_be_named():
    task = {**TABLES, "prompts": {**TABLES["prompts"], "columns": ["subject"]}}
    content = changed(SUITE, "tasks.addition", task)
    content["strategies"] = {"marked": {"by_column": {"column": "subject"}}, "others": {}}
    found = validate_suite(content, "x")
    assert prompts_settings(found, "addition")["task"]["prompts"]["columns"] == ["subject"]
    content["strategies"]["marked"]["by_column"]["column"] = "half"
    with pytest.raises(InputError, match="'half', and the prompts of task 'addition' have subject"):
        validate_suite(content, "x")
    task["prompts"]["columns"] = ["answer"]
    with pytest.raises(InputError, match="'answer' has a meaning of its own; rename that column"):
        validate_suite(content, "x")


def treatments(strategies, arms):
    found = text_study_settings(study_of(strategies, arms))["arms"]
    return {one["recipe"]: one for one in found if one["role"] == "remedy"}, found


def test_what_each_treatment_is_and_what_it_is_compared_with():
    column = {"column": "half", "teachers": {"low": "right", "high": "left"}}
    strategies = {
        "by-half": {"by_column": column},
        "dealt": {"by_column": {**column, "shuffled": True}, "control": True},
        "rewritten": {"rewrite": {"into": "left"}},
        "both": {"direct": "beside"},
        "alone": {"direct": "alone", "control": True},
        "seldom": {"ratio": [0.1, 0.9]},
        "oracle": {"route": {"quality": 1}, "control": True},
    }
    arms = [{"teachers": ["right", "left"], "strategy": name, "n": 10} for name in strategies]
    found, _ = treatments(strategies, arms)
    assert {name: one["kind"] for name, one in found.items()} == {
        "by-half": BY_COLUMN,
        "dealt": DEALT,
        "rewritten": REWRITTEN,
        "both": TWO_MODES,
        "alone": AT_ONCE,
        "seldom": UNEQUAL,
        "oracle": ROUTE_CONTROL,
    }
    assert found["by-half"]["against"] == "dealt" and found["rewritten"]["into"] == "left"
    assert found["both"]["alone"] == "alone" and "against" not in found["both"]
    # Without the arm there is nothing to compare with but the plain traces.
    assert "against" not in treatments(strategies, arms[:1])[0]["by-half"]


def test_a_student_of_two_ways_comes_with_as_many_traces_of_one():
    _, arms = treatments(
        {"both": {"direct": "beside"}}, [{"teachers": ["right"], "strategy": "both"}]
    )
    assert [(one["recipe"], one["n"], one["role"]) for one in arms] == [
        ("plain", 20, "single"),
        ("plain", 40, "single-budget"),
        ("both", 20, "remedy"),
    ]
