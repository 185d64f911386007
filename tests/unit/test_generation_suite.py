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
    text_registration_settings,
    text_student_settings,
    text_study_settings,
    verdict_settings,
    writer_settings,
    writers_of,
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


def test_what_a_remedy_is_compared_with_gets_its_own_controls():
    shipped = load_suite("config/styles.yaml")
    policy = shipped.studies["policy"]
    arms = [arm for arm in policy.arms if arm.strategy == "on-policy-marked"]
    cut = {**shipped.studies, "policy": policy.model_copy(update={"arms": arms})}
    alone = shipped.model_copy(update={"study": "policy", "studies": cut})
    whole = shipped.model_copy(update={"study": "policy"})
    assert set(text_arms(alone)) == set(text_arms(whole))


def test_what_a_strategy_does_is_registered():
    def strategies(**marked):
        content = copy.deepcopy(SUITE)
        content["strategies"]["marked"] |= marked
        told = text_registration_settings(validate_suite(content, "tiny.yaml"))
        return told["suite"]["strategies"]

    assert strategies().keys() == {"plain", "marked", "others"}
    assert strategies(mode_dropout=0.1)["marked"] != strategies()["marked"]


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


HALF = {"column": "half", "teachers": {"low": "right", "high": "left"}}
COUNTERPARTS = {
    "marked": ({"mode": "token"}, "marked", "plain", False),
    "dropout": ({"mode": "token", "mode_dropout": 0.2}, "marked, dropout", "plain", False),
    "shuffled": ({"mode": "shuffled"}, "shuffled marks", "plain", True),
    "right-marked": ({"filter": "correct", "mode": "token"}, "marked", "right-alone", False),
    "right-alone": ({"filter": "correct"}, "filtered", "plain", False),
    "union-marked": ({"protocol": "union", "mode": "token"}, "marked", None, False),
    "others": ({"answers_of": "direct"}, "thought and answer from two teachers", "plain", False),
    "others-follow": (
        {"answers_of": "direct", "filter": "consistent"},
        "the same, answers that follow alone",
        "others",
        False,
    ),
    "persyn": ({"route": {"quality": 1, "learnability": 1}}, "routed", "dealt", False),
    "dealt": (
        {"route": {"quality": 1, "learnability": 1, "shuffled": True}},
        "random route",
        "plain",
        True,
    ),
    "oracle": ({"route": {"quality": 1}}, "routed, no random control", "plain", False),
    "own": ({"rollouts": {"share": 0.5}}, "", "plain", False),
    "own-marked": ({"rollouts": {"share": 0.5}, "mode": "token"}, "marked", "own", False),
    "own-right": ({"rollouts": {"share": 0.5}, "filter": "correct"}, "filtered", "own", False),
    "seldom-pool": (
        {"pool": "linear-pool", "ratio": [0.1, 0.9]},
        "pooled distributions",
        "unequal",
        False,
    ),
    "by-half": ({"by_column": HALF}, "by column", "by-half-dealt", False),
    "by-half-dealt": (
        {"by_column": {**HALF, "shuffled": True}},
        "by column, dealt out at random",
        "plain",
        True,
    ),
    "rewritten": ({"rewrite": {"into": "left"}}, "rewritten", "plain", False),
    "both": ({"direct": "beside"}, "thinking and at once", "plain", False),
    "alone": ({"direct": "alone"}, "at once alone", "plain", True),
    "dealt-marked": (
        {"route": {"quality": 1, "learnability": 1, "shuffled": True}, "mode": "token"},
        "random route",
        "marked",
        True,
    ),
    "itself": ({"rollouts": {"share": 0.5, "of": "itself"}}, "", "plain", True),
    "unequal": ({"ratio": [0.1, 0.9]}, "", "plain", True),
    "kept": ({"filter": "consistent", "control": True}, "filtered", "plain", True),
}


def with_strategies(strategies, arms):
    content = copy.deepcopy(SUITE)
    model = {"architecture": "gpt2"}
    for name in ("right", "left"):
        content["teachers"][name]["model"] = model
    content["students"]["small"]["training"]["epochs"] = 2
    content["strategies"] = strategies
    content["studies"]["main"] |= {"arms": arms}
    return validate_suite(content, "tiny.yaml")


@pytest.mark.parametrize("name", COUNTERPARTS)
def test_a_remedy_comes_with_what_differs_in_it_alone(name):
    strategies = {key: one for key, (one, *_) in COUNTERPARTS.items()}
    pair = ["right", "left"]
    found = with_strategies(strategies, [{"teachers": pair, "strategy": name, "n": 10}])
    arms = {
        (one["teachers"], one["recipe"], one["n"]): one
        for one in text_study_settings(found)["arms"]
    }
    _, kind, against, control = COUNTERPARTS[name]
    own = arms["right+left", name, 10]
    assert (own.get("kind", ""), own.get("control", False)) == (kind, control)
    assert own.get("against", "plain") == against
    assert own.get("ratio") == strategies[name].get("ratio")
    assert against is None or ("right+left", against, 10) in arms


def test_a_token_is_compared_with_a_control_that_differs_in_it_alone():
    strategies = {"all": {"protocol": "union", "control": True},
                  "all-marked": {"protocol": "union", "mode": "token"}}  # fmt: skip
    arms = [{"teachers": ["right", "left"], "strategy": "all-marked"}]
    found = text_study_settings(with_strategies(strategies, arms))["arms"]
    own = {one["recipe"]: one for one in found if one["role"] == "remedy"}
    assert own["all-marked"]["against"] == "all" and own["all"]["control"]


@pytest.mark.parametrize("study", ["policy", "pools", "routes", "dials"])
def test_the_shipped_remedies_are_compared_with_the_same_without_them(study):
    shipped = load_suite("config/styles.yaml").model_copy(update={"study": study})
    arms = text_study_settings(shipped)["arms"]
    there = {(one["teachers"], one["recipe"], one["n"]) for one in arms}
    for one in arms:
        against = one.get("against", "plain")
        assert (one["teachers"], against, one["n"]) in there
        if one.get("kind") == "marked":
            assert against == (one["recipe"].removesuffix("-marked").replace("marked", "plain"))
    assert {one["recipe"] for one in arms if one.get("own_responses")} == (
        {"on-policy", "on-policy-marked", "self-distilled", "self-distilled-marked"}
        if study == "policy"
        else set()
    )
    mending = {one["recipe"] for one in arms if one["role"] == "remedy" and "control" not in one}
    assert (
        mending
        == {
            "policy": {"on-policy", "on-policy-marked"},
            "pools": {"linear", "log-linear", "linear-marked"},
            "routes": {"persyn", "marked"},
            "dials": set(),
        }[study]
    )


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


def test_a_student_of_two_ways_comes_with_as_many_traces_of_one():
    strategies = {"both": BOTH, "alone": {"direct": "alone"}}
    found = study_of(strategies, [{"teachers": ["right"], "strategy": "both"}])
    arms = text_study_settings(found)["arms"]
    assert [(one["recipe"], one["n"], one["role"]) for one in arms] == [
        ("plain", 20, "single"),
        ("plain", 40, "single-budget"),
        ("both", 20, "remedy"),
        ("alone", 20, "remedy"),
        ("alone", 40, "remedy"),
    ]
    assert arms[2]["alone"] == "alone" and arms[3]["control"]


def test_own_responses_come_with_going_on_from_itself_and_that_with_its_beginning():
    own = {"share": 0.5}
    strategies = {
        "own": {"rollouts": own},
        "itself": {"rollouts": {**own, "of": "itself"}, "control": True},
        "cold": {"rollouts": {**own, "of": "nobody"}, "control": True},
    }
    pair = ["right", "left"]
    arms = [{"teachers": pair, "strategy": name, "n": 10} for name in ("own", "itself")]
    found = text_study_settings(with_strategies(strategies, arms))["arms"]
    own = {one["recipe"]: one for one in found if one["role"] == "remedy"}
    assert own["own"]["itself"] == "itself" and "start" not in own["own"]
    assert own["itself"]["start"] == "cold" and "itself" not in own["itself"]
    assert own["cold"]["control"] and not {"itself", "start"} & set(own["cold"])
