"""The project's modules, imported once, for all processes whose checkout has the same files.

A process may run in a copy of the project. There each module says that it comes from the copy, and
so does every path among its variables; one that is edited there, and whatever imports it, is left
to be imported anew. Where a copy has other files than this checkout, all of them are.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

PACKAGE = "mtkd"
# What the package's files were as they were imported: size and time of change.
_states: dict[str, tuple[int, int]] = {}
_importers: dict[str, set[str]] = {}
# Where a module says where it lies, itself or what is beside it: in what, by which name, of which
# type, whether below the sources or their parent, and the rest. To look for them takes longest.
_places: list[tuple[dict | list, str | int, type, bool, str]] = []


def load(source: Path, without: Sequence[str] = ()) -> None:
    """Import all modules of ``source`` but those that need what is not to be imported yet."""
    _states.update(_states_of(source))
    sys.path.insert(0, str(source))
    sys.modules.update(dict.fromkeys(without))
    for path in sorted(_states):
        name = _name(path)
        if not _is_imported(path) or name in sys.modules:
            continue
        try:
            importlib.import_module(name)
        except ImportError:
            # What it needs is not there yet, or never.
            continue
    sys.path.remove(str(source))
    for name in without:
        del sys.modules[name]
    _places[:] = _found_places(source)


def follow(source: Path) -> None:
    """Find out which module imports which, as it is imported itself or later."""
    from mtkd.study import code

    for path in filter(_is_imported, _states):
        for module, name in code.parsed((source / path).read_bytes()).all_imports:
            for imported in (module, f"{module}.{name}"):
                _importers.setdefault(imported, set()).add(_name(path))


def rehearse(source: Path) -> None:
    """Work out what processes do: how suites are validated and written, and what the code says."""
    from pydantic import BaseModel

    from mtkd.config.load import load_suite

    for name in ("embedded", "styles", "specialists"):
        load_suite(source.parent / "config" / f"{name}.yaml")
    for module in _loaded().values():
        for model in vars(module).values():
            if isinstance(model, type) and BaseModel in model.__mro__[1:]:
                model.model_rebuild()
    from mtkd.study import code

    scripts = source.parent / "workflow" / "scripts"
    for file in (*(source / path for path in _states), *scripts.glob("*.py")):
        if file.suffix == ".py":
            tree = code.parsed(file.read_bytes())
            code.text_digest(tree)
            for statement in tree.body:
                code.text_digest(statement)
                code.names_in(statement)


def take(source: Path, words: Sequence[str]) -> None:
    """Make what was imported the modules of ``source``, for a process that runs ``words``."""
    old = sys.modules[PACKAGE].__path__[0]
    states = _states_of(source)
    edited = {
        path for path in states.keys() | _states.keys() if states.get(path) != _states.get(path)
    }
    # One that is new, gone, or read without being imported: what it changes is not known. Nor is it
    # of any before ``follow``.
    unknown = (path not in states or _name(path) not in sys.modules for path in edited)
    if any(unknown) or (edited and not _importers):
        _forget(_loaded())
        return
    _forget(_and_importers({_name(path) for path in edited}))
    if words[0] == "-m" and not hasattr(sys.modules.get(words[1]), "__path__"):
        _forget([words[1]])
    if source != Path(old).parent:
        for owner, name, kind, below, rest in _places:
            owner[name] = kind(f"{source if below else source.parent}{rest}")


def _states_of(source: Path) -> dict[str, tuple[int, int]]:
    states, left = {}, [f"{source}/{PACKAGE}"]
    while left:
        with os.scandir(left.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    left += [entry.path] * (entry.name != "__pycache__")
                else:
                    found = entry.stat()
                    place = entry.path[len(f"{source}/") :]
                    states[place] = (found.st_size, found.st_mtime_ns)
    return states


def _is_imported(path: str) -> bool:
    # A main module is run, not imported; a metric's files are read by the metrics.
    return not path.endswith("__main__.py") and "/metrics/modules/" not in path


def _name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _and_importers(names: set[str]) -> set[str]:
    found, new = set(), names
    while new:
        found |= new
        new = {user for name in new for user in _importers.get(name, ())} - found
    return found


def _loaded() -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in sys.modules.items()
        if name == PACKAGE or name.startswith(f"{PACKAGE}.")
    }


def _forget(names: Iterable[str]) -> None:
    for name in names:
        if module := sys.modules.pop(name, None):
            parent, _, last = name.rpartition(".")
            if getattr(sys.modules.get(parent), last, None) is module:
                delattr(sys.modules[parent], last)


def _found_places(source: Path) -> Iterator[tuple[dict | list, str | int, type, bool, str]]:
    for module in _loaded().values():
        paths = getattr(module, "__path__", [])
        owners = [(vars(module), vars(module).items()), (paths, enumerate(paths))]
        owners += [(vars(module.__spec__), vars(module.__spec__).items())]
        for owner, items in owners:
            for name, value in list(items):
                for below, root in ((True, source), (False, source.parent)):
                    if isinstance(value, (str, Path)) and f"{value}/".startswith(f"{root}/"):
                        yield owner, name, type(value), below, str(value)[len(str(root)) :]
                        break
