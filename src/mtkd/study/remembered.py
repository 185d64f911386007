"""Digests of code kept from process to process, by the content of all the code there is.

Every process that reads the Snakefile wants some, each job of a cluster too; following code from
definition to definition takes a second.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mtkd.errors import InputError
from mtkd.records.files import publish

# States of the code whose digests are kept: a developer has many a day.
MOST = 50
_SOURCE = Path(__file__).resolve().parents[1]
# None until ``remember`` is called: tests and notebooks compute what they ask for.
_known: dict[str, Any] | None = None
_file: Path | None = None


def remember(scripts: Path) -> None:
    """From now on digests of this package and of the ``scripts`` folder come from the user's cache.

    Where it cannot be read or written, they are computed.
    """
    global _known, _file
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    _file = Path(cache) / "mtkd" / "code" / f"{_content(scripts)}.json"
    try:
        _known = json.loads(_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        _known = {}


def remembered(compute: Callable[..., Any]) -> Callable[..., Any]:
    """A function of code whose results, JSON-ready, are remembered by its arguments."""

    @functools.wraps(compute)
    def known(*arguments: Any, **options: Any) -> Any:
        if _known is None:
            return compute(*arguments, **options)
        key = json.dumps([compute.__name__, *map(_spelled, arguments), options])
        if key not in _known:
            _known[key] = compute(*arguments, **options)
            _keep()
        return _known[key]

    return known


def _content(scripts: Path) -> str:
    """A digest of every file of code, and of the Python that reads it."""
    digest = hashlib.sha256(repr(sys.version_info).encode())
    for root in (_SOURCE, scripts):
        files = [
            os.path.join(folder, name)
            for folder, _, names in os.walk(root)
            for name in names
            if name.endswith(".py")
        ]
        for path in sorted(files):
            digest.update(f"{os.path.relpath(path, root)}\0".encode())
            with open(path, "rb") as file:
                digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()[:24]


def _spelled(argument: Any) -> str:
    """An argument; a file by its place in the package or among the scripts, wherever they are."""
    if not isinstance(argument, Path):
        return str(argument)
    path = argument.resolve()
    inside = path.is_relative_to(_SOURCE)
    return str(path.relative_to(_SOURCE) if inside else Path(path.parent.name, path.name))


def _keep() -> None:
    try:
        publish(_file, lambda temporary: temporary.write_text(json.dumps(_known)))
        kept = sorted(_file.parent.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in kept[:-MOST]:
            path.unlink(missing_ok=True)
    except (OSError, InputError):
        pass  # a full disk, or a home that is not to be written in
