"""The schema that editors check a suite's file by."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from any_suite import suites
from hypothesis import HealthCheck, given, settings
from tiny_suites import changed

from mtkd.config.editors import generation_schema, specialists_schema, suite_schema
from mtkd.config.load import is_generation, is_specialists

ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"
SHIPPED = sorted((ROOT / "config").glob("*.yaml"))
SCHEMA, GENERATION, SPECIALISTS = (
    json.loads((ROOT / f"config/{kind}.schema.json").read_text(encoding="utf-8"))
    for kind in ("suite", "generation", "specialists")
)
CHECK = jsonschema.Draft7Validator(SCHEMA)
EMBEDDED = yaml.safe_load(FIRST.read_text(encoding="utf-8"))


def test_the_file_is_what_the_models_say():
    command = "python -m mtkd.config.editors"
    assert suite_schema() == SCHEMA, f"{command} > config/suite.schema.json"
    again = f"{command} generation > config/generation.schema.json"
    assert generation_schema() == GENERATION, again
    again = f"{command} specialists > config/specialists.schema.json"
    assert specialists_schema() == SPECIALISTS, again


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_suites_point_to_it_and_are_right_by_it(path):
    text = path.read_text(encoding="utf-8")
    suite = yaml.safe_load(text)
    kind, schema = "suite", SCHEMA
    if is_generation(suite):
        kind, schema = "generation", GENERATION
    if is_specialists(suite):
        kind, schema = "specialists", SPECIALISTS
    assert text.startswith(f"# yaml-language-server: $schema={kind}.schema.json\n")
    assert not list(jsonschema.Draft7Validator(schema).iter_errors(suite))


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
    assert list(CHECK.iter_errors(changed(EMBEDDED, place, value)))
