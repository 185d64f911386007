"""Arms: their families, and that nothing but their own module asks for a strategy by its name."""

import ast
from pathlib import Path

import pytest
import yaml

from mtkd.analysis.claims import planned
from mtkd.config.load import validate_suite
from mtkd.config.schema import STRATEGIES
from mtkd.study.arms import arm_settings, described

ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"
# Where strategies' names mean something.
THEIR_OWN = {"config/schema.py", "study/arms.py", "study/recipes.py"}


def names_a_strategy(node):
    """Whether an expression is ``x["strategy"]``, ``x.strategy`` or ``strategy``."""
    match node:
        case ast.Subscript(slice=ast.Constant(value="strategy")) | ast.Attribute(attr="strategy"):
            return True
        case ast.Name(id="strategy"):
            return True
    return False


def constants(node):
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}


def test_no_strategy_is_compared_with_a_name():
    found = []
    sources = [
        path for folder in ("src/mtkd", "workflow") for path in (ROOT / folder).rglob("*.py")
    ]
    for path in sorted(sources):
        name = str(path.relative_to(ROOT)).removeprefix("src/mtkd/")
        if name in THEIR_OWN or name.startswith("fusion/"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            if any(map(names_a_strategy, sides)) and constants(node) & set(STRATEGIES):
                found.append(f"{name}:{node.lineno}")
    for path in [ROOT / "Snakefile", *(ROOT / "rules").rglob("*.smk")]:
        found += [
            f"{path.name}: {line.strip()}"
            for line in path.read_text(encoding="utf-8").splitlines()
            if ".strategy ==" in line or ".strategy !=" in line
        ]
    assert found == []


@pytest.fixture(scope="module")
def suite():
    content = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    content["strategies"] |= {
        "plain": {"fusion": "average", "control": True},
        "one": {"fusion": "single"},
        "pool": {"fusion": "median"},
    }
    both = ["textcnn", "bert"]
    content["studies"]["main"]["arms"] += [
        {"strategy": "plain", "teachers": both},
        {"strategy": "one", "teachers": ["bert"]},
        {"strategy": "pool", "teachers": both},
    ]
    return validate_suite(content, "s")


def test_every_arm_has_a_family(suite):
    arms = [arm_settings(suite, arm) for arm in suite.chosen_study.arms[-3:]]
    assert [arm["family"] for arm in arms] == ["control", "single", "several"]
    assert [arm["fusion"] for arm in arms] == ["average", "single", "median"]


def test_a_recipe_of_one_teacher_takes_one(suite):
    content = suite.model_dump(mode="json", exclude_defaults=True)
    content["studies"]["main"]["arms"].append({"strategy": "one", "teachers": ["textcnn", "bert"]})
    with pytest.raises(Exception, match="strategy 'one' takes 1 teacher"):
        validate_suite(content, "s")


def test_others_of_its_teachers_are_compared_with_a_control_and_it_is_never_a_side_of_its_own():
    arms = [
        described("none", "none"),
        described("single", "a"),
        described("average", "a+b"),
        described("weighted", "a+b"),
        described("weighted", "a+c"),
        described("plain", "a+b") | {"family": "control"},
    ]
    plans = planned([{**arm, "name": str(i), "seeds": ["1"]} for i, arm in enumerate(arms)])
    of_control = [plan for plan in plans if plan.claim == "strategy v control"]
    assert [(plan.a[1], plan.b[1]) for plan in of_control] == [([2], [5]), ([3], [5])]
    rest = [plan for plan in plans if plan not in of_control]
    assert rest and not any(5 in plan.a[1] + plan.b[1] for plan in rest)
