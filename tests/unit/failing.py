"""File operations that fail at the n-th, and processes that end there.

``failing`` puts a counter before every operation by which the project's records reach the disk:
mkdir, open for writing, write, copy, link, chmod, utime, fsync, rename, replace, unlink, rmdir, and
what safetensors and pandas write natively. A write that fails has written a half.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
import safetensors.numpy
import safetensors.torch

NAMES = ("mkdir", "replace", "rename", "link", "chmod", "utime", "fsync", "unlink", "rmdir")
ENDED = "the process ends"


class Ended(BaseException):
    """The process is no more: nothing that comes after it reaches the disk."""


class Faults:
    """Counts operations; the one that is ``at`` fails by ``how``: an errno, or ``ENDED``."""

    def __init__(self, at: int, how: int | str):
        self.at, self.how = at, how
        self.done: list[str] = []
        self.within = False  # of a native writer, which is one operation
        self.dirty: set[int] = set()  # inodes with content that no fsync has seen

    @property
    def failed(self) -> str | None:
        """What failed, if anything did."""
        return self.done[self.at] if len(self.done) > self.at else None

    def count(self, name: str) -> BaseException | None:
        """Count an operation; returns what it has to raise, having done a half."""
        if self.failed and self.how == ENDED:
            raise Ended
        self.done.append(name)
        if len(self.done) != self.at + 1:
            return None
        if self.how == ENDED:
            return Ended()
        said = f"{os.strerror(self.how)} (os error {self.how})"
        native = name == "native write"
        return safetensors.SafetensorError(said) if native else OSError(self.how, said)

    def lose_what_was_not_synced(self, root: Path) -> None:
        """As a node that loses power: half of what no fsync has seen is gone."""
        for path in root.rglob("*"):
            if path.is_file() and path.stat().st_ino in self.dirty:
                os.truncate(path, path.stat().st_size // 2)


class _Written:
    """A file open for writing whose writes are counted."""

    def __init__(self, file, faults: Faults):
        self.file, self.faults = file, faults

    def write(self, data):
        fault = self.faults.count("write")
        self.file.write(data[: len(data) // 2] if fault else data)
        self.file.flush()
        if fault:
            raise fault

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@contextmanager
def failing(at: int, how: int | str) -> Iterator[Faults]:
    """Within it operation ``at``, from 0, fails; what is raised is for the caller."""
    faults = Faults(at, how)
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.setattr(os, name, _counted(getattr(os, name), name, faults))
        patch.setattr(os, "sendfile", _copied(os.sendfile, faults))
        for module in (io, builtins):
            patch.setattr(module, "open", _opened(open, faults))
        for module in (safetensors.numpy, safetensors.torch):
            patch.setattr(module, "serialize_file", _native(module.serialize_file, faults))
        patch.setattr(pd.DataFrame, "to_parquet", _native(pd.DataFrame.to_parquet, faults))
        yield faults


def _counted(function, name, faults):
    def call(*arguments, **options):
        if fault := faults.count(name):
            raise fault
        if name != "fsync":
            return function(*arguments, **options)
        # What it is for is played, and would take the time of a disk.
        faults.dirty.discard(os.fstat(arguments[0]).st_ino)

    return call


def _copied(function, faults):
    def call(target, source, offset, count):
        if fault := faults.count("copy"):
            function(target, source, offset, os.fstat(source).st_size // 2)
            raise fault
        return function(target, source, offset, count)

    return call


def _opened(function, faults):
    def call(file, mode="r", *arguments, **options):
        if faults.within or not set(mode) & set("wax+"):
            return function(file, mode, *arguments, **options)
        if fault := faults.count("open"):
            raise fault
        opened = function(file, mode, *arguments, **options)
        faults.dirty.add(os.fstat(opened.fileno()).st_ino)
        return _Written(opened, faults)

    return call


def _native(function, faults):
    """A writer of the file that is its second argument."""

    def call(what, path, *arguments, **options):
        fault = faults.count("native write")
        faults.within = True
        function(what, path, *arguments, **options)
        faults.within = False
        faults.dirty.add(os.stat(path).st_ino)
        if fault:
            os.truncate(path, os.stat(path).st_size // 2)
            raise fault

    return call
