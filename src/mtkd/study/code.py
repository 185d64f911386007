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
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from mtkd.config.schema import FUNCTION
from mtkd.errors import InputError
from mtkd.study.remembered import remembered

PACKAGE_ROOT = Path(__file__).resolve().parents[1]

# Code that moves settings and files about but computes no number: settings are compared by value,
# and a change of the files' format that old readers would misread raises RECORD_FORMAT.
WITHOUT_NUMBERS = {
    *("config", "errors"),
    *(f"records.{name}" for name in ("cells", "files", "kept", "leases", "pointers")),
    *(f"study.{name}" for name in ("catalogue", "code", "disk", "forecast", "jobs", "paths")),
    *("study.remembered", "study.requests", "study.settings", "study.started"),
}
RECORD_FORMAT = "2"
# How a module says that a dictionary of its own holds parts by their names.
CATALOGUE = "Catalogue"
# The module and, where one is named, the name in it, by the name that stands for it here.
Imports = dict[str, tuple[str, str | None]]


class _Module(NamedTuple):
    """A file: what it defines at its top level, what it imports there, what it does besides."""

    definitions: dict[str, tuple[ast.stmt, ...]]
    imports: Imports
    effects: tuple[ast.stmt, ...]


class _Used(NamedTuple):
    """What a stage's numbers come from: statements, and their file."""

    path: Path
    statements: tuple[ast.AST, ...]


@remembered
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


@remembered
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


@remembered
def definition_digest(spec: str) -> str:
    """Digest of one definition of ours, ``module:name``. Raises KeyError where there is none."""
    module, name = spec.split(":")
    path = _module_file(module)
    return _digest(_reached([_Used(path, _module(path).definitions[name])], all_parts=True))


@remembered
def file_digest(*paths: Path) -> str:
    """Digest of a part that is a file of its own, or several, with what it uses of ``mtkd``."""
    roots = [_Used(path, tuple(_tree(path).body)) for path in paths]
    return _digest(_reached(roots, all_parts=True))


def script_files(script: Path) -> set[Path]:
    """A script and the files of ``mtkd`` that it imports, directly or not."""
    found = {Path(script).resolve()}
    waiting = list(found)
    while waiting:
        new = _imported_files(waiting.pop()) - found
        found |= new
        waiting += new
    return found


def meaning(path: Path) -> str:
    """Digest of a file of code without what is for people: comments, docstrings and layout.

    Of this file alone: what its names stand for elsewhere does not count. Raises OSError, and
    SyntaxError or ValueError for what is no Python.
    """
    if path.suffix == ".py":
        tree = _tree(path)
        imports = [sorted(part.imports.items()) for part in (tree, *tree.body)]
        return hashlib.sha256(f"{imports}{text_digest(tree)}".encode()).hexdigest()
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
        if name not in {**_module(path).definitions, **_module(path).imports}:
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
        origins = [one for each in used.statements for one in _own_imports(each).values()]
        files = [used.path, *_files_of(origins)]
        new = [
            _Used(path, _module(path).effects) for file in files for path in _opened(file, opened)
        ]
        named = {
            (target.path, target.name)
            for one in used.statements
            for target in _targets(used.path, one)
        }
        for path, name in named - found:
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
        for file in _files_of(_tree(path).first_imports):
            yield from _opened(file, opened)


def _files_of(origins: Iterable[tuple[str, str | None]]) -> Iterator[Path]:
    """The files that some imports run: of a module, and of one that is taken from a package."""
    for module, name in origins:
        for file in (_module_file(module), _module_file(f"{module}.{name}")):
            if file is not None:
                yield file


@cache
def _imported_files(path: Path) -> frozenset[Path]:
    """The files of ``mtkd`` that a file imports anywhere, also those that compute no number."""
    origins = _tree(path).all_imports
    files = {_file_of(each) for module, name in origins for each in (module, f"{module}.{name}")}
    return frozenset(files - {None})


def _own_imports(statement: ast.AST) -> Imports:
    """What the imports within a statement bind."""
    return getattr(statement, "imports", {})


class _Target(NamedTuple):
    """A definition that a statement names, and how it calls it."""

    called: str
    path: Path
    name: str


@cache
def _targets(path: Path, statement: ast.AST) -> frozenset[_Target]:
    """The definitions that a statement of a file names."""
    module, own = _module(path), _own_imports(statement)
    names, members, bare = names_in(statement)
    found = set()
    for name, origin in {**module.imports, **own}.items():
        # By its full name, ``import mtkd.a.b``, or with a star: what is taken is not looked at.
        if name == "*" or ("." in name and name.split(".")[0] in names):
            whole = _imported(*origin, None)
            found |= {_Target(f"{name}.{each}", file, each) for file, each in whole}
    for name in names:
        if name in module.definitions and name not in own:
            found.add(_Target(name, path, name))
        elif origin := own.get(name) or module.imports.get(name):
            of_name = None if name in bare else {each for of, each in members if of == name}
            found |= {
                _Target(f"{name}.{each}", file, each) for file, each in _imported(*origin, of_name)
            }
    return frozenset(found)


def _imported(
    module: str, name: str | None, members: set[str] | None
) -> Iterator[tuple[Path, str]]:
    """Definitions behind an imported name; of a module the ``members`` used, all of them if None.

    All of a file's where it is imported by its full name or with a star, or where what is imported
    of it is nothing that it is seen to define.
    """
    path = _module_file(module)
    known = _module(path) if path else _Module({}, {}, ())
    if name in known.definitions:
        yield path, name
    elif name in known.imports:
        yield from _imported(*known.imports[name], members)
    elif name is not None and _module_file(f"{module}.{name}"):
        yield from _imported(f"{module}.{name}", None, members)
    else:
        every = set(known.definitions)
        seen = members is not None and name is None and members <= every | set(known.imports)
        for member in members if seen else every:
            if member in every:
                yield path, member
            else:
                yield from _imported(*known.imports[member], None)


class _Names(NamedTuple):
    """What a statement names: ``name``, ``name.attribute``, and names that stand by themselves."""

    names: frozenset[str]
    members: frozenset[tuple[str, str]]
    bare: frozenset[str]


@cache
def names_in(statement: ast.AST) -> _Names:
    """What a statement names."""
    names, members, bases = [], set(), []
    for node in ast.walk(statement):
        match node:
            case ast.Name():
                names.append(node.id)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                members.add((name, attribute))
                bases.append(name)
    bare = Counter(names) - Counter(bases)
    return _Names(frozenset(names), frozenset(members), frozenset(bare))


@cache
def read_source(path: Path) -> bytes:
    """A file as this process first read it, so that all its digests are of one state."""
    return path.read_bytes()


def _tree(path: Path) -> ast.Module:
    """A file's syntax tree without docstrings and imports.

    Each of its statements keeps what its imports bind as its ``imports``, and the tree what those
    at its top level bind. Where they come from is in ``all_imports``, and in ``first_imports`` what
    importing the file imports.
    """
    return parsed(read_source(path))


@cache
def parsed(source: bytes) -> ast.Module:
    """The tree of a source, the same one wherever that lies."""
    tree = ast.parse(source)
    tree.imports, tree.first_imports, tree.all_imports = {}, [], []
    for node in list(tree.body):
        bound = _strip(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            bound = _bound(node)
        node.imports = bound
        tree.all_imports += bound.values()
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            tree.first_imports += bound.values()
            tree.imports |= bound
    _strip(tree)
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
        names, binds_alone = _defined(node)
        for name in names:
            definitions.setdefault(name, []).append(node)
        if not binds_alone and getattr(getattr(node, "test", None), "id", "") != "TYPE_CHECKING":
            effects.append(node)
    defined = {name: tuple(nodes) for name, nodes in definitions.items()}
    return _Module(defined, _tree(path).imports, tuple(effects))


def _defined(node: ast.stmt) -> tuple[set[str], bool]:
    """The names that a statement at a file's top level binds, and whether it does nothing else."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}, True
        case ast.Assign() | ast.AnnAssign():
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            inside = [each for target in targets for each in ast.walk(target)]
            names = {each.id for each in inside if isinstance(each, ast.Name)}
            return names, not any(isinstance(x, ast.Attribute | ast.Subscript) for x in inside)
    # A condition, a loop, a try: whatever is bound in it is bound there.
    bound = {
        getattr(each, "name", None) or each.id
        for each in ast.walk(node)
        if isinstance(each, ast.FunctionDef | ast.ClassDef)
        or (isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store))
    }
    return bound, False


def _is_catalogue(node: ast.AST) -> bool:
    kind = getattr(getattr(node, "annotation", None), "value", None)
    return getattr(kind, "id", None) == CATALOGUE


def _module_file(name: str) -> Path | None:
    """The file of a module of ``mtkd`` that computes numbers; None of any other."""
    _, *parts = name.split(".")
    if not parts or {parts[0], ".".join(parts[:2])} & WITHOUT_NUMBERS:
        return None
    return _file_of(name)


def _file_of(name: str) -> Path | None:
    """The file of a module of ``mtkd``; None of any other."""
    return _file_below(PACKAGE_ROOT, name) if _ours(name) else None


@cache
def _file_below(root: Path, name: str) -> Path | None:
    path = root.joinpath(*name.split(".")[1:])
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
    """SHA-256 of a part of a file, and of what each name in it stands for."""
    names = sorted(
        [target.called, text_digest(statement)]
        for target in _targets(path, node)
        for statement in _module(target.path).definitions[target.name]
        # Of parts, those that are used count.
        if not _is_catalogue(statement)
    )
    origins = {**_module(path).imports, **_own_imports(node)}
    libraries = sorted(
        [name, *map(str, origins[name])]
        for name in names_in(node).names
        if name in origins and not _ours(origins[name][0])
    )
    return hashlib.sha256(f"{libraries}{names}{text_digest(node)}".encode()).hexdigest()


@cache
def text_digest(node: ast.AST) -> str:
    """SHA-256 of a part of a tree."""
    return hashlib.sha256(ast.dump(node).encode()).hexdigest()


def _ours(module: str) -> bool:
    return module.split(".")[0] == "mtkd"
