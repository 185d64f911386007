"""Imports between the library's packages point one way: down CONTRIBUTING's list."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/mtkd"
# Beside the packages, for all of them and for users. They import within functions alone.
BESIDE = ["", "__main__", "errors"]


def listed(text: str) -> list[str]:
    """Packages, and modules with a place of their own, from the top to the bottom of the list."""
    table = text.split("\n| package |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]


LISTED = listed((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))


def place(module: str, places: list[str]) -> str:
    """Which of the list's places a module (without ``mtkd.``) belongs to; its package, if none."""
    parts = module.split(".")
    above = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((name for name in above if name in places), parts[0])


def imported(nodes: Iterator[ast.AST]) -> set[str]:
    """Modules of mtkd, or what is in them, that some nodes import."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("mtkd.") for name in found if name.startswith("mtkd.")}


@cache
def sources() -> list[tuple[str, ast.Module]]:
    found = []
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found.append((module.removesuffix("__init__").rstrip("."), tree))
    return found


def upward(module: str, tree: ast.Module, places: list[str]) -> list[str]:
    """What a module imports of places that are above its own, or in no list."""
    own = place(module, places)
    allowed = [*places[places.index(own) :], *BESIDE]
    return [name for name in sorted(imported(ast.walk(tree))) if place(name, places) not in allowed]


def test_every_package_is_in_the_list_once():
    packages = [path.parent.name for path in SOURCE.glob("*/__init__.py")]
    assert sorted(name for name in LISTED if "." not in name) == sorted(packages)
    modules = {module for module, _ in sources()}
    assert set(LISTED) <= modules and len(LISTED) == len(set(LISTED))


def test_imports_point_down_the_list():
    found = {module: upward(module, tree, LISTED) for module, tree in sources()
             if module not in BESIDE}  # fmt: skip
    assert {module: names for module, names in found.items() if names} == {}


def test_no_files_import_each_other_in_a_circle():
    files = {module for module, _ in sources()}
    after = {
        module: {place for name in imported(ast.walk(tree)) if (place := file_of(name, files))}
        for module, tree in sources()
        if module not in BESIDE
    }
    # Who imports nothing that is left goes, until nobody is left, or a circle.
    while free := {module for module, names in after.items() if not names & after.keys()}:
        after = {module: names for module, names in after.items() if module not in free}
    assert sorted(after) == []


def file_of(name: str, files: set[str]) -> str:
    """The file that an imported name is, or is in."""
    return name if name in files else name.rpartition(".")[0]


def test_what_stands_beside_the_packages_imports_none_of_them_when_it_is_imported():
    for module, tree in sources():
        if module in BESIDE:
            assert imported(node for node in tree.body) == set()


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("b.x", "from mtkd.a import y", ["a.y"]),
        ("b.x", "import mtkd.a.y", ["a.y"]),
        ("b.x", "def f():\n    from mtkd.a.y import z", ["a.y.z"]),
        ("b.low", "from mtkd.b import x", ["b.x"]),
        ("b.low", "from mtkd.new import x", ["new.x"]),
        ("a.x", "from mtkd.b import y\nfrom mtkd.errors import InputError", []),
        ("a.x", "import a\nfrom mtkd.b.low import y\nfrom mtkd.a import z", []),
    ],
)
def test_upward_imports_are_found(module, source, found):
    assert upward(module, ast.parse(source), ["a", "b", "b.low"]) == found
