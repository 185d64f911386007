"""Files and stdout that a user names for a command's output: what cannot be is one line."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mtkd.errors import InputError


def check_output(path: Path, read: Iterable[Path | int] = ()) -> None:
    """Raise InputError where a user's file cannot be written, before the work that makes it.

    ``read`` are the paths or descriptors that the work reads; none of them may be replaced.
    """
    with naming_output(path):
        if path.is_dir():
            raise InputError(f"{path}: it is a folder; name a file in it")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: it is no regular file, and one would take its place")
        if path.exists() and any(is_same_file(path, source) for source in read):
            raise InputError(f"{path}: this is what it is made from; give another name")
        # The nearest folder that is there, since whether it takes a file only a try can say.
        folder = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
        temporary = folder / f".{path.name}.{secrets.token_hex(4)}"
        try:
            temporary.touch()
        finally:
            with suppress(OSError):
                temporary.unlink()


def is_same_file(one: Path | int, other: Path | int) -> bool:
    """Whether two paths or descriptors are one regular file; what is not there is none."""
    try:
        first, second = os.stat(one), os.stat(other)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(first.st_mode) and os.path.samestat(first, second)


@contextmanager
def naming_output(path: Path) -> Iterator[None]:
    """Faults of writing a user's file within, in one line with its name: InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


@contextmanager
def to_stdout() -> Iterator[BinaryIO]:
    """Stdout for bytes. Whoever reads it may have enough; other faults are InputError."""
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        # Nothing must be flushed to it at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise InputError(f"stdout: cannot be written ({error.strerror or error})") from None
