"""Files of which a clone without git-lfs has a pointer alone."""

from __future__ import annotations

from pathlib import Path

from mtkd.errors import InputError

# The first line of what git stores in place of a large file, some 130 bytes in all.
POINTER = b"version https://git-lfs.github.com/spec/"


def refuse_pointer(path: Path) -> None:
    """Raise InputError for a file that git-lfs left a pointer to."""
    if not path.is_file() or path.stat().st_size > 1024:
        return
    if path.read_bytes().startswith(POINTER):
        raise InputError(
            f"{path} is a git-lfs pointer, not the file itself: run 'git lfs pull' in its folder"
        )
