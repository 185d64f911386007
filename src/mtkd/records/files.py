"""Publishing files whole or not at all, reading JSON, and digests of content."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mtkd.errors import InputError

# In a kept folder, the checksum of each of its other files.
MANIFEST = "sha256.json"


def publish(path: Path, write: Callable[[Path], Any]) -> None:
    """Let ``write`` fill a temporary neighbour, then move it into place in one step.

    The temporary name is unique, since two writers can exist (a dead node's orphan).
    """
    path = Path(path)
    with _one_line_when_full(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _neighbour(path)
    try:
        with _one_line_when_full(path):
            write(temporary)
            _obey_umask(temporary)
            _sync(temporary)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def publish_folder(path: Path, write: Callable[[Path], Any]) -> None:
    """Like ``publish``, for a folder of files; an earlier folder goes just before."""

    def place(temporary: Path) -> None:
        # rename() replaces files and empty folders alone.
        discard_folder(path)
        os.rename(temporary, path)

    _publish_folder(Path(path), write, place)


def keep_folder(path: Path, write: Callable[[Path], Any]) -> None:
    """Like ``publish_folder``, for content that is named by its digest, with a manifest of it.

    A folder that is there already stays: of two writers, the first was as good.
    """

    def fill(temporary: Path) -> None:
        write(temporary)
        manifest = {file.name: _sha256(file) for file in temporary.iterdir()}
        (temporary / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")

    def place(temporary: Path) -> None:
        try:
            os.rename(temporary, path)
        except OSError:
            if not path.is_dir():
                raise

    _publish_folder(Path(path), fill, place)


def is_whole(folder: Path, names: Iterable[str] | None = None) -> bool:
    """Whether these files of a kept folder, or all of its, are what was written there."""
    try:
        manifest = read_json(folder / MANIFEST)
        names = manifest if names is None else names
        return all(manifest[name] == _sha256(folder / name) for name in names)
    except (InputError, OSError, KeyError, TypeError):
        return False


def discard_folder(folder: Path) -> None:
    """Delete a folder, which has its name no longer before its first file goes."""
    removed = _neighbour(Path(folder))
    with suppress(FileNotFoundError):  # another process did
        os.rename(folder, removed)
    shutil.rmtree(removed, ignore_errors=True)


def _publish_folder(
    path: Path, write: Callable[[Path], Any], place: Callable[[Path], None]
) -> None:
    with _one_line_when_full(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _neighbour(path)
    try:
        with _one_line_when_full(path):
            temporary.mkdir()
            write(temporary)
            for file in temporary.rglob("*"):
                if file.is_file():
                    _obey_umask(file)
                    _sync(file)
            place(temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _neighbour(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")


def _sync(path: Path) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _obey_umask(path: Path) -> None:
    """Give a file the mode that the user's umask asks for; safetensors makes it private."""
    umask = os.umask(0o077)
    os.umask(umask)
    path.chmod(0o666 & ~umask)


@contextmanager
def _one_line_when_full(path: Path) -> Iterator[None]:
    """Raise InputError for a full disk, quota or file-size limit, whoever found it so."""
    try:
        yield
    except Exception as error:
        # safetensors says it in words alone.
        said = re.search(r"os error (\d+)", str(error))
        number = getattr(error, "errno", None) or (int(said[1]) if said else None)
        if number not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise InputError(
            f"{path}: {os.strerror(number)}; nothing of it was published: make room (`make "
            "clean-state` frees what can be trained again) and run the same command"
        ) from None


def write_text(path: Path, text: str) -> None:
    """Publish a UTF-8 text file."""
    publish(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Publish a JSON file; NaN and infinities are refused, never written."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises InputError naming the file when it is missing or torn."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); delete and rebuild") from None


def digest_bytes(parts: Iterable[bytes]) -> str:
    """First 16 hex digits of the SHA-256 of the parts, each preceded by its length."""
    sha = hashlib.sha256()
    for part in parts:
        sha.update(len(part).to_bytes(8, "little"))
        sha.update(part)
    return sha.hexdigest()[:16]


def digest_text(text: str) -> str:
    """Digest of a text."""
    return digest_bytes([text.encode()])


def digest_folder(folder: Path) -> str:
    """Digest of a folder's files: names and content.

    Hidden ones are others': Snakemake puts its time stamp into folders that rules make.
    """
    paths = (path for path in Path(folder).rglob("*") if path.is_file())
    hidden = re.compile(r"(^|/)\.")
    files = sorted(p for p in paths if not hidden.search(p.relative_to(folder).as_posix()))
    sha = hashlib.sha256()
    for path in files:
        sha.update(f"{path.relative_to(folder).as_posix()} {_sha256(path)}\n".encode())
    return sha.hexdigest()[:16]
