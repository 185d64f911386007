"""Which code a stage's numbers come from, as digests of what is written, wherever it stands.

A script's names are followed through ``mtkd`` from definition to definition. Comments, docstrings,
layout, imports and places do not count, nor does what is never used: an edit of a function reruns
the stages that call it; a moved file, a new function or a reworded docstring reruns nothing.

Parts that a setting names (operators, strategies, losses) have digests of their own and are not
followed, unless all of them are wanted: a new one reruns nothing, an edited one what uses it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mtkd.config.schema import FUNCTION
from mtkd.errors import InputError

PACKAGE_ROOT = Path(__file__).resolve().parents[1]

# Code that moves settings and files about but computes no number: settings are compared by value,
# and a change of the files' format that old readers would misread raises RECORD_FORMAT.
WITHOUT_NUMBERS = {"__init__", "config", "errors", "records", "study"}
RECORD_FORMAT = "2"
# How a module says that a dictionary of its own holds parts by their names.
CATALOGUE = "Catalogue"
# The module and, where one is named, the name in it, by the name that stands for it here.
Imports = dict[str, tuple[str, str | None]]


class _Module(NamedTuple):
    """A file: what it defines at its top level, what it imports anywhere, what it does besides."""

    definitions: dict[str, tuple[ast.stmt, ...]]
    imports: Imports
    effects: tuple[ast.stmt, ...]


class _Used(NamedTuple):
    """A definition that a stage's numbers come from: its statements, and its file."""

    path: Path
    statements: tuple[ast.AST, ...]


def code_digests(script: Path, all_parts: bool = True) -> dict[str, str]:
    """Digests of the code behind a script: ``{"format": ..., "script": ..., "code": ...}``.

    ``code`` covers the definitions of ``mtkd`` that it uses, directly or not; ``all_parts`` says
    whether those of every part of a catalogue are among them.
    """
    script = Path(script)
    reached = _reached([_Used(script, ())], all_parts)
    return {
        "format": RECORD_FORMAT,
        "script": _digest(used for used in reached if used.path == script),
        "code": _digest(used for used in reached if used.path != script),
    }


def part_digest(module: str, catalogue: str, name: str) -> str:
    """Digest of one part of a catalogue, such as ``("mtkd.fusion.operators", "OPERATORS", ...)``.

    Raises KeyError where there is none of that name.
    """
    path = _module_file(module)
    for statement in _module(path).definitions[catalogue]:
        for key, value in zip(statement.value.keys, statement.value.values, strict=True):
            if key.value == name:
                return _digest(_reached([_Used(path, (value,))], all_parts=True))
    raise KeyError(name)


def file_digest(*paths: Path) -> str:
    """Digest of a part that is a file of its own, or several, with what it uses of ``mtkd``."""
    roots = [_Used(path, tuple(_tree(path).body)) for path in paths]
    return _digest(_reached(roots, all_parts=True))


def script_files(script: Path) -> set[Path]:
    """A script and the files of ``mtkd`` that it imports, directly or not."""
    found = {Path(script).resolve()}
    waiting = list(found)
    while waiting:
        for module, name in _tree(waiting.pop()).imports.values():
            new = {_file_of(module), _file_of(f"{module}.{name}")} - found - {None}
            found |= new
            waiting += new
    return found


def meaning(path: Path) -> str:
    """Digest of a file of code without what is for people: comments, docstrings and layout.

    Raises OSError, and SyntaxError or ValueError for what is no Python.
    """
    if path.suffix == ".py":
        return _fingerprint(path, _tree(path))
    # Snakemake's language: docstrings and the comments behind code count.
    lines = [line.rstrip() for line in read_source(path).decode().splitlines()]
    told = [line for line in lines if line and not line.lstrip().startswith("#")]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


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
        return {"code": _fingerprint(path, _tree(path))[:12]}
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


def _reached(roots: Sequence[_Used], all_parts: bool) -> list[_Used]:
    """What is used from some places on, each definition once."""
    result, waiting = list(roots), list(roots)
    found: set[tuple[Path, str]] = set()
    opened: set[Path] = set()
    while waiting:
        used = waiting.pop()
        new = [_Used(path, _module(path).effects) for path in _opened(used.path, opened)]
        for path, name in set(_references(used)) - found:
            statements = _module(path).definitions[name]
            if all_parts or not any(map(_is_catalogue, statements)):
                found.add((path, name))
                new.append(_Used(path, statements))
        result += new
        waiting += new
    return result


def _opened(path: Path, opened: set[Path]) -> Iterator[Path]:
    """A file and those that importing it imports, whose effects come with them; each once."""
    if path not in opened:
        opened.add(path)
        yield path
        for module, name in _tree(path).first_imports:
            for file in (_module_file(module), _module_file(f"{module}.{name}")):
                if file is not None:
                    yield from _opened(file, opened)


def _references(used: _Used) -> Iterator[tuple[Path, str]]:
    """Files and names of the definitions that some statements name."""
    module = _module(used.path)
    for statement in used.statements:
        names, members = _names(statement)
        for name in names:
            if name in module.definitions:
                yield used.path, name
            elif name in module.imports:
                of_name = {member for of, member in members if of == name}
                yield from _imported(*module.imports[name], of_name)


def _imported(module: str, name: str | None, members: set[str]) -> Iterator[tuple[Path, str]]:
    """Definitions behind an imported name; of a module those of its ``members`` that are used."""
    path = _module_file(module)
    known = _module(path) if path else _Module({}, {}, ())
    if name is None:
        yield from ((path, member) for member in members & set(known.definitions))
    elif name in known.definitions:
        yield path, name
    elif name in known.imports:
        yield from _imported(*known.imports[name], members)
    elif _module_file(f"{module}.{name}"):
        yield from _imported(f"{module}.{name}", None, members)


class _Names(NamedTuple):
    """What a statement names: ``name``, and ``name.attribute``."""

    names: set[str]
    members: set[tuple[str, str]]


@cache
def _names(statement: ast.AST) -> _Names:
    names, members = set(), set()
    for node in ast.walk(statement):
        match node:
            case ast.Name():
                names.add(node.id)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                members.add((name, attribute))
    return _Names(names, members)


@cache
def read_source(path: Path) -> bytes:
    """A file as this process first read it, so that all its digests are of one state."""
    return path.read_bytes()


@cache
def _tree(path: Path) -> ast.Module:
    """A file's syntax tree without docstrings and imports.

    What these bind is kept as its ``imports``, and as ``first_imports`` what importing it imports.
    """
    tree = ast.parse(read_source(path))
    first = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    tree.first_imports = [origin for node in first for origin in _bound(node).values()]
    tree.imports = _strip(tree)
    return tree


def _strip(node: ast.AST) -> Imports:
    """Take docstrings and imports out of a statement; return what its imports bind.

    Statements alone are visited: expressions are nine nodes of ten.
    """
    imports = {}
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        kept = []
        for child in getattr(node, field, ()):
            if isinstance(child, ast.Import | ast.ImportFrom):
                imports |= _bound(child)
            elif not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
                imports |= _strip(child)
                kept.append(child)
        if hasattr(node, field):
            setattr(node, field, kept)
    return imports


def _bound(node: ast.Import | ast.ImportFrom) -> Imports:
    if isinstance(node, ast.Import):
        return {alias.asname or alias.name: (alias.name, None) for alias in node.names}
    return {alias.asname or alias.name: (node.module or "", alias.name) for alias in node.names}


@cache
def _module(path: Path) -> _Module:
    definitions: dict[str, list[ast.stmt]] = {}
    effects = []
    for node in _tree(path).body:
        if names := _defined(node):
            for name in names:
                definitions.setdefault(name, []).append(node)
        elif getattr(getattr(node, "test", None), "id", "") != "TYPE_CHECKING":
            effects.append(node)
    defined = {name: tuple(nodes) for name, nodes in definitions.items()}
    return _Module(defined, _tree(path).imports, tuple(effects))


def _defined(node: ast.stmt) -> list[str]:
    """The names that a statement at a file's top level binds, and nothing but binds."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=[ast.Name(id=name)]):
            return [name]
        case ast.Assign(targets=[ast.Tuple(elts=names)]):
            return [name.id for name in names]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def _is_catalogue(node: ast.AST) -> bool:
    kind = getattr(getattr(node, "annotation", None), "value", None)
    return getattr(kind, "id", None) == CATALOGUE


def _module_file(name: str) -> Path | None:
    """The file of a module of ``mtkd`` that computes numbers; None of any other."""
    package = name.split(".")[1:2]
    return None if set(package) <= WITHOUT_NUMBERS else _file_of(name)


def _file_of(name: str) -> Path | None:
    """The file of a module of ``mtkd``; None of any other."""
    if not _ours(name):
        return None
    path = PACKAGE_ROOT.joinpath(*name.split(".")[1:])
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


def _digest(used: Iterable[_Used]) -> str:
    """A digest of definitions, in whichever files and order they stand."""
    texts = {_fingerprint(one.path, each) for one in used for each in one.statements}
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:12]


@cache
def _fingerprint(path: Path, node: ast.AST) -> str:
    """SHA-256 of a part of a file, and of what the libraries' names in it stand for."""
    imports = _module(path).imports
    named = sorted(_names(node).names & set(imports))
    libraries = [[name, *imports[name]] for name in named if not _ours(imports[name][0])]
    return hashlib.sha256(f"{libraries}{ast.dump(node)}".encode()).hexdigest()


def _ours(module: str) -> bool:
    return module.split(".")[0] == "mtkd"
