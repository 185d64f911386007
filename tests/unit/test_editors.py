"""The schema that editors check a suite's file by."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from any_suite import suites
from hypothesis import HealthCheck, given, settings

from mtkd.config.editors import suite_schema

ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"
SHIPPED = sorted((ROOT / "config").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "config/suite.schema.json").read_text(encoding="utf-8"))
CHECK = jsonschema.Draft7Validator(SCHEMA)
EMBEDDED = yaml.safe_load(FIRST.read_text(encoding="utf-8"))


def test_the_file_is_what_the_models_say():
    assert suite_schema() == SCHEMA, "python -m mtkd.config.editors > config/suite.schema.json"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_suites_point_to_it_and_are_right_by_it(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=suite.schema.json\n")
    assert not list(CHECK.iter_errors(yaml.safe_load(text)))


@settings(max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=suites())
def test_no_suite_that_validates_is_marked(content):
    assert not list(CHECK.iter_errors(content))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("studies.main.alphas", [0.5]),
        ("tasks.movies.labels", "negative"),
        ("teachers.bert.keep", "first"),
        ("teachers.bert.training.epochs", [3]),
        ("tasks.v", {"labelled": "all"}),
        ("studies.s", {"tasks": ["movies"], "arms": [], "T": [4], "alpha": [1], "seeds": [1]}),
    ],
)
def test_mistakes_are_marked(place, value):
    content = copy.deepcopy(EMBEDDED)
    *parents, last = place.split(".")
    part = content
    for key in parents:
        part = part[key]
    part[last] = value
    assert list(CHECK.iter_errors(content))
