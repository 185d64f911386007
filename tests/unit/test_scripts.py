"""workflow/scripts: how scripts present themselves, and the environments their rules declare."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from mtkd.study.code import PACKAGE_ROOT

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = sorted((REPOSITORY / "workflow" / "scripts").glob("*.py"))
ENVIRONMENTS = sorted((REPOSITORY / "envs").glob("*.yaml"))
# What takes a second or more to import, or is no part of answering --help.
HEAVY = ["torch", "transformers", "datasets", "evaluate", "sklearn", "scipy", "pandas", "numpy"]
HEAVY += ["matplotlib", "pyarrow", "huggingface_hub"]
# What has an environment of its own, where nothing here is installed.
ELSEWHERE = {"vllm"}

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
every_environment = pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda path: path.stem)


def pinned(lines):
    """``name==version`` lines by lower-case name."""
    return dict(line.lower().split("==") for line in lines)


def constraints():
    return (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()


def packages_of(environment):
    dependencies = yaml.safe_load(environment.read_text(encoding="utf-8"))["dependencies"]
    return next(entry["pip"] for entry in dependencies if isinstance(entry, dict))


def rules():
    """The text of each rule, by its name; a rule made from another one keeps that one's script.

    Rules that are made in a loop are one, by the variable that names them.
    """
    found, beginning = {}, r"^(?:(?:rule|checkpoint) | {4}rule:\n {8}name:\n {12})(\w+):?\n"
    for path in (REPOSITORY / "rules").rglob("*.smk"):
        text = path.read_text("utf-8")
        parts = re.split(beginning, text, flags=re.MULTILINE)
        found |= zip(parts[1::2], parts[2::2], strict=True)
    return found


def test_report_labels_are_read_by_what_scores_and_nothing_else():
    reads = re.compile(r"report_labels=(expand\()?rules\.")
    readers = {name for name, text in rules().items() if reads.search(text)}
    scored = ("students", "undistilled", "teachers", "reference", "constant")
    scoring = {f"score_{what}" for what in scored}
    # One made from another rule is named where it is made.
    text = (REPOSITORY / "rules" / "scores.smk").read_text("utf-8")
    made = set(re.findall(r"^use rule \w+ as (\w+) with:", text, flags=re.MULTILINE))
    # What is taken away is scored once more, as it is taken.
    taken = {"student_model", "student_onnx"}
    assert readers | made == scoring | taken | {"collect_examples", "specialist_tables"}


# The distributions of each package that is installed; looking takes half a second.
distributions = cache(packages_distributions)


@cache
def imported_names(path):
    """What a file imports, but for types alone: modules, and what may be one in a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = set()
    for node in set(ast.walk(tree)) - for_types:
        if isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


def imported_packages(script):
    """Third-party packages that a script imports, directly or through mtkd's modules."""
    found, seen, waiting = set(), set(), [script]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imported_names(path):
            module = PACKAGE_ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")
            if name.split(".")[0] != "mtkd":
                found.add(name.split(".")[0])
            elif module.is_file():
                waiting.append(module)
    return {
        distributions()[name][0].lower().replace("_", "-")
        for name in found - set(sys.stdlib_module_names) - ELSEWHERE
    }


def test_the_environment_of_vllm_has_what_its_job_loads():
    # Those that vLLM brings, and what no module loads that is loaded with it.
    brought = {"numpy", "torch", "transformers", "tokenizers", "jinja2"}
    code = (
        "import sys, mtkd.distillation.group, mtkd.generation.teachers, "
        "mtkd.generation.vllm_engine, mtkd.models.tokenizers;"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    (environment,) = [path for path in ENVIRONMENTS if path.stem == "vllm"]
    available = {name.replace("_", "-") for name in pinned(packages_of(environment))} | brought
    direct = {"pandas", "pyarrow", "pydantic", "yaml", "safetensors", "scipy", "sklearn"}
    named = {distributions()[name][0].lower() for name in direct & set(loaded)}
    assert named and named <= available


def test_a_script_ends_without_going_through_all_that_is_left():
    code = (
        "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0));"
        "from mtkd.errors import run; run(lambda: None)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.stdout == "True\n", said.stderr


def test_there_are_scripts_and_environments():
    assert len(SCRIPTS) > 10
    assert len(ENVIRONMENTS) == 4


@every_script
def test_a_script_says_what_it_does(script):
    first, *rest = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))).split("\n")
    assert first.endswith(".")
    assert len(first) < 100
    assert not rest or rest[0] == ""


# Runs scripts with --help, and with nothing, one after the other.
ASK = """
import contextlib, io, json, os, runpy, sys
heavy, *scripts = sys.argv[1:]
sys.modules.update(dict.fromkeys(json.loads(heavy)))
answers = {}
for script in scripts:
    for options in (["--help"], []):
        sys.argv, code = [os.path.basename(script), *options], None
        with contextlib.redirect_stdout(io.StringIO()) as out:
            with contextlib.redirect_stderr(io.StringIO()) as said:
                try:
                    runpy.run_path(script, run_name="__main__")
                except SystemExit as end:
                    code = end.code
        answers[" ".join(sys.argv)] = code, out.getvalue(), said.getvalue()
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def answers():
    """What each script says to --help, and to no arguments, where nothing heavy can be imported."""
    result = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(HEAVY), *map(str, SCRIPTS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@every_script
def test_help_needs_no_heavy_import(script, answers):
    code, out, _ = answers[f"{script.name} --help"]
    assert code == 0
    assert out.startswith(f"usage: {script.name}")
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8")))
    assert " ".join(docstring.split()) in " ".join(out.split())


@every_script
def test_a_script_without_its_arguments_says_which(script, answers):
    code, _, said = answers[script.name]
    assert code == 2
    assert "the following arguments are required: --" in said.splitlines()[-1]


def test_every_script_belongs_to_a_rule():
    called = {name for text in rules().values() for name in re.findall(r"(\w+)\.py", text)}
    assert called == {script.stem for script in SCRIPTS}


@pytest.mark.parametrize("rule", [name for name, text in rules().items() if "envs/" in text])
def test_a_rule_declares_an_environment_that_has_what_its_script_imports(rule):
    # One that is made from it has another, where nothing is that ours have.
    text = rules()[rule].split("\nuse rule")[0]
    (environment,) = re.findall(r"envs/\w+\.yaml", text)
    available = {name.replace("_", "-") for name in pinned(packages_of(REPOSITORY / environment))}
    for script in set(re.findall(r"\w+\.py", text)):
        assert imported_packages(REPOSITORY / "workflow" / "scripts" / script) <= available


@every_environment
def test_environments_pin_the_versions_of_the_constraints(environment):
    wanted = pinned(constraints())
    found = pinned(packages_of(environment))
    # Nothing else needs vLLM, which needs others' versions of much.
    assert (found.pop("vllm", None) is not None) == (environment.stem == "vllm")
    for name, version in found.items():
        assert (name, version) == (name, wanted.get(name))


def test_constraints_hold_pinned_versions_and_no_address():
    for line in constraints():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
