"""A job's text: what it holds, how scripts read it, and what of it determines a training."""

import argparse
import json
from pathlib import Path

import pytest

from mtkd.config.load import load_suite
from mtkd.study import settings
from mtkd.study.code import code_digests
from mtkd.study.jobs import determinants, job_argument, same_training
from mtkd.study.recipes import recipes

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "workflow/scripts"
JOB = {"settings": {"training": {"epochs": 3}}, "code": {"script": "a"}, "metrics": {"f1": "b"}}


@pytest.fixture(scope="module")
def suites():
    return [load_suite(ROOT / f"config/{name}.yaml") for name in ("glue", "embedded")]


def test_a_text_holds_the_parts_that_a_rule_names_and_the_code(suites):
    glue = suites[0]
    script = SCRIPTS / "train_students.py"
    student = glue.chosen_study.students[0]
    parts = {
        "settings": (settings.student_settings, "mrpc", student),
        "recipes": (recipes, ("none", "average")),
    }
    job = json.loads(settings.job_text(glue, script, parts))
    assert job == {
        "settings": settings.student_settings(glue, "mrpc", student),
        "recipes": recipes(glue, ["none", "average"]),
        "code": code_digests(script, all_parts=False),
    }
    assert settings.job_text(glue, None, {}) == "{}"


def test_parts_that_no_recipes_hold_are_in_the_code(suites):
    script = SCRIPTS / "certify_operators.py"
    pools = {"pools": (settings.pool_settings, ())}
    text, other = (settings.job_text(suite, script, pools) for suite in suites)
    assert json.loads(text) == {"pools": {}, "code": code_digests(script)}
    assert text == other, "certificates belong to all suites"


def test_a_script_gets_the_object():
    parser = argparse.ArgumentParser()
    job_argument(parser, "settings", "code")
    assert parser.parse_args(["--job", json.dumps(JOB)]).job == JOB


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("settings", "this is no JSON: Expecting value"),
        ("[]", "a JSON object is needed, with settings, code"),
        ('{"metrics": {}}', "no settings, code in it"),
        ('{"settings": {}}', "no code in it"),
    ],
)
def test_another_text_is_refused_in_a_line(capsys, text, said):
    parser = argparse.ArgumentParser()
    job_argument(parser, "settings", "code")
    with pytest.raises(SystemExit):
        parser.parse_args(["--job", text])
    assert f"error: argument --job: {said}" in capsys.readouterr().err.splitlines()[-1]


def test_all_of_a_job_determines_a_training_but_the_recipes_of_other_cells():
    own = {"data": "d", "seed": "1"}
    known = determinants(JOB, **own)
    assert known == {**JOB, **own}
    for part in JOB:
        assert determinants({**JOB, part: {}}, **own) != known
    for part in ("recipes", "strategies"):
        assert determinants({**JOB, part: {"average": {}}}, **own) == known
    assert determinants(JOB, **own, recipe={"loss": "hinton"})["recipe"] == {"loss": "hinton"}


def text(recipes, **settings):
    return json.dumps({"settings": settings, "code": {"code": "1"}, "recipes": recipes})


def test_a_cell_is_trained_alike_whoever_is_trained_with_it():
    single, average = {"fusion": "single"}, {"fusion": "average"}
    alone = text({"single": single}, epochs=3)
    together = text({"single": single, "average": average}, epochs=3)
    # As Snakemake keeps a param, or as it stands.
    for before in (alone, repr(alone)):
        assert same_training(before, together, "single")
    assert same_training(together, alone, "single")
    # The strategy's own recipe, settings and code count; a text without it is another job's.
    assert not same_training(alone, text({"single": average}, epochs=3), "single")
    assert not same_training(alone, text({"single": single}, epochs=4), "single")
    assert not same_training(alone, together.replace('"1"', '"2"'), "single")
    assert not same_training(alone, together, "average")
    for other in ("", "results/state", repr("['a']"), "17", repr(None)):
        assert not same_training(other, together, "single")
