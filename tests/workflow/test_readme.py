"""README's commands are planned as it says, and what its pages point to is there.

On a small study a cell alone and another study are run in test_bundles.py, ``partial`` in
test_head.py, ``fetch`` in test_fetch.py, ``mtkd`` in test_questions.py; the walks of a teacher that is a file and
of a student that is taken away in test_answers_teacher.py and test_take_away.py.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from small_inputs import run_snakemake

from mtkd.__main__ import _parser as mtkd_parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("docs/decisions/*.md")]
    if path.parts[len(ROOT.parts)] in ("docs", "config", "benchmarks", "results", "data")
    or path.parent == ROOT
)
# What is said to have been done before a command: a cell by itself, with its teacher.
ONE_CELL = Counter({"prepare_task": 1, "derive_task": 1, "train_teacher": 1})


def blocks() -> dict[str, str]:
    """What README shows of each Snakemake command, by the command."""
    shown = re.findall(r"```\n\$ (snakemake [^\n]+)\n(.*?)```", README, flags=re.DOTALL)
    return dict(shown)


def commands(program: str) -> list[str]:
    """Every command of a program that README has, in a block or in a line."""
    fences = re.findall(r"```\w*\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.removeprefix("$ ") for fence in fences for line in fence.splitlines()]
    text = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    found = [*lines, *re.findall(r"`([^`\n]+)`", text)]
    alone = (command.split(" #")[0].strip() for command in found)
    return list(dict.fromkeys(one for one in alone if one.split(" ")[0] == program))


def jobs_of(text: str) -> Counter:
    stats = text.split("Job stats:")[1].split("total ")[0]
    return Counter({rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", stats, re.M)})


def test_readme_shows_each_use_with_its_jobs():
    assert len(blocks()) == 3 and all("Job stats:" in shown for shown in blocks().values())


@pytest.mark.parametrize("command", blocks())
def test_a_command_is_planned_as_readme_says(tmp_path, command):
    shown = blocks()[command]
    for name in ("config", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    result = run_snakemake(tmp_path, "-n", "-q", "reason", *command.split()[1:])
    assert result.returncode == 0, result.stdout
    before = ONE_CELL if "pending" in README.split(f"$ {command}")[0][-200:] else Counter()
    assert jobs_of(shown) == jobs_of(result.stdout) - before
    if not before:
        # The plan is shown line by line, where it is shown at all.
        lines = [line.rstrip() for line in result.stdout.splitlines()]
        plan = shown.split("\nPlan: ")[1] if "\nPlan: " in shown else ""
        for line in filter(None, map(str.rstrip, plan.splitlines()[1:])):
            assert line == "..." or line in lines, line


# Suites of one's own are none of the repository's.
@pytest.mark.parametrize(
    "command", [c for c in commands("snakemake") if c not in blocks() and "mine" not in c]
)
def test_a_command_in_a_line_is_planned(tmp_path, command):
    for name in ("config", "data"):
        (tmp_path / name).symlink_to(ROOT / name)
    result = run_snakemake(tmp_path, "-q", "rules", "-n", *command.split()[1:])
    assert result.returncode == 0 and "error" not in result.stdout.lower(), result.stdout


def test_make_has_the_targets_that_readme_names():
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    named = {word for command in commands("make") for word in command.split()[1:]}
    assert named and named <= set(targets.split())


@pytest.mark.parametrize("command", commands("mtkd"))
def test_mtkd_takes_what_readme_gives_it(command):
    words = re.sub(r"[][]", "", command).split()[1:]
    if len(words) > 1:
        assert mtkd_parser().parse_args(words).command
        return
    # In a sentence a command stands without its arguments.
    with pytest.raises(SystemExit) as ended:
        mtkd_parser().parse_args([*words, "--help"])
    assert not ended.value.code


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        to = (page.parent / path).resolve() if path else page
        assert to.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", to.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in anchors, target
