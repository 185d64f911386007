"""Which code a stage's numbers come from, as digests by package.

A script's imports are followed inside ``mtkd``; comments, docstrings and layout do not count. So
an edit of the fusion code reruns the stages that fuse, a reworded docstring reruns nothing.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from mtkd.config.schema import FUNCTION
from mtkd.errors import InputError

PACKAGE_ROOT = Path(__file__).resolve().parents[1]

# Code that moves settings and files about but computes no number: settings are compared by value,
# and a change of the files' format that old readers would misread raises RECORD_FORMAT.
WITHOUT_NUMBERS = {"__init__", "config", "errors", "records", "study"}
RECORD_FORMAT = "1"


def code_digests(script: Path) -> dict[str, str]:
    """Digests of the code behind a script: ``{"script": ..., "fusion": ..., "tasks": ...}``.

    Each value covers those modules of one package that the script imports, directly or not.
    """
    by_package = defaultdict(list)
    for module in sorted(_reachable(Path(script))):
        package = module.relative_to(PACKAGE_ROOT).parts[0].removesuffix(".py")
        if package in WITHOUT_NUMBERS:
            continue
        by_package[package].append(f"{module.relative_to(PACKAGE_ROOT)} {_fingerprint(module)}")
    digests = {
        name: hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
        for name, lines in sorted(by_package.items())
    }
    return {"format": RECORD_FORMAT, "script": _fingerprint(Path(script))[:12], **digests}


def script_files(script: Path) -> set[Path]:
    """A script and the modules of this project that it imports, directly or not."""
    return {Path(script).resolve(), *_reachable(Path(script))}


def meaning(path: Path) -> str:
    """Digest of a file of code without what is for people: comments, docstrings and layout.

    Raises OSError, and SyntaxError or ValueError for what is no Python.
    """
    if path.suffix == ".py":
        return _fingerprint(path)
    # Snakemake's language: docstrings and the comments behind code count.
    lines = [line.rstrip() for line in read_source(path).decode().splitlines()]
    told = [line for line in lines if line and not line.lstrip().startswith("#")]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def module_digests(modules: Sequence[Path]) -> dict[str, str]:
    """Digests, by name, of modules that are loaded by path rather than imported: a metric's."""
    return {path.stem: _fingerprint(path)[:12] for path in modules}


def function_digest(spec: str) -> dict[str, str]:
    """Digest of the file behind a user's function, ``{"code": ...}``; of one of ours, nothing.

    ``spec`` is ``file.py:function`` or ``module:function``, an installed module. What the file
    itself imports is not followed. Raises InputError where there is no such function.
    """
    try:
        path = operator_file(spec)
        if path is None:
            return {}
        name = spec.rpartition(":")[2]
        if name not in {getattr(node, "name", None) for node in _tree(path).body}:
            raise InputError(f"operator {spec!r}: {path} defines no {name}")
        return {"code": _fingerprint(path)[:12]}
    except (OSError, SyntaxError, ImportError, ValueError) as error:
        raise InputError(f"operator {spec!r}: {' '.join(str(error).split())}") from None


def operator_file(spec: str) -> Path | None:
    """The file of a user's function; None for one of ours. Raises ImportError and ValueError."""
    match = FUNCTION.fullmatch(spec)
    if match is None:
        return None
    source = match["source"]
    found = None if source.endswith(".py") else importlib.util.find_spec(source)
    return Path(found.origin if found and found.origin else source)


def _reachable(script: Path) -> set[Path]:
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        for module in _imports(waiting.pop()):
            if module not in found:
                found.add(module)
                # What config asks, such as which metrics there are, is asked to check settings.
                if module.relative_to(PACKAGE_ROOT).parts[0] != "config":
                    waiting.append(module)
    return found


@cache
def read_source(path: Path) -> bytes:
    """A file as this process first read it, so that all its digests are of one state."""
    return path.read_bytes()


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(read_source(path))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all statements below it; not their expressions, which are nine nodes of ten."""
    yield node
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for child in getattr(node, field, ()):
            yield from _statements(child)


@cache
def _imports(path: Path) -> frozenset[Path]:
    names = set()
    for node in _statements(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    files = {_module_file(name) for name in names if name.split(".")[0] == "mtkd"}
    return frozenset(files - {None})


def _module_file(name: str) -> Path | None:
    path = PACKAGE_ROOT.joinpath(*name.split(".")[1:])
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None


@cache
def _fingerprint(path: Path) -> str:
    """SHA-256 of the module's syntax tree without docstrings."""
    tree = _tree(path)
    for node in _statements(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
