"""Outputs kept outside the declared ones, and restored from there.

Snakemake deletes all outputs of a job before it starts, finished ones included. So what is not to
be made twice is kept in a state folder, under a digest of all that determines it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from mtkd.records.files import (
    MANIFEST,
    discard_folder,
    is_whole,
    keep_folder,
    publish,
    publish_folder,
)


def restore(kept: Path, folder: Path, names: Sequence[str], instead: str) -> bool:
    """Publish kept files into a folder, in order and with a fresh time stamp; False if not kept.

    Those whose content is not what was written (a full disk, a killed node) are reported, with what
    happens ``instead``, removed and not used.
    """
    if not is_kept(kept, instead, names):
        return False
    for name in names:
        publish(folder / name, lambda temporary, name=name: _link(kept / name, temporary))
    return True


def is_kept(kept: Path, instead: str, names: Sequence[str] | None = None) -> bool:
    """Whether these files, or all of a kept folder, are there; damaged ones as in ``restore``."""
    if not kept.is_dir():
        return False
    if not is_whole(kept, names):
        print(f"{kept}: damaged, removed; {instead}", file=sys.stderr)
        discard_folder(kept)
        return False
    return True


def restore_folder(kept: Path, folder: Path, without: Sequence[str] = ()) -> None:
    """Publish all that is kept as one folder, but for some files."""

    def link(temporary: Path) -> None:
        for file in kept.iterdir():
            if file.name not in (MANIFEST, *without):
                _link(file, temporary / file.name)

    publish_folder(folder, link)


def keep(kept: Path, folder: Path, names: Sequence[str]) -> None:
    """Keep finished files, which lie in ``folder``, in one step."""

    def link(temporary: Path) -> None:
        for name in names:
            _link(folder / name, temporary / name)

    keep_folder(kept, link)


def copy_files(folder: Path, target: Path, leave: Collection[str] = ()) -> None:
    """Copy a folder's files, some left out, into another; large ones share their place on the disk.

    Hidden files, such as Snakemake's time stamp, are not among them.
    """
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.name.startswith(".") and path.name not in leave:
            copy = same_file if path.suffix in (".safetensors", ".onnx") else shutil.copy2
            copy(path, target / path.name)


def same_file(source: Path, target: Path) -> None:
    """A second name for a file, or a copy of it; its time stamp stays."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)


def _link(source: Path, target: Path) -> None:
    same_file(source, target)
    os.utime(target)
