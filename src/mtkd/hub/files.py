"""Files of one commit of a hub repository: into the shared cache, resumable, checked.

The hub's own client compares no download with the checksums that the hub lists, and begins a file
again that another process left half done. Here, a file enters the cache with the right checksum or
not at all, and a download goes on from the last byte received. The cache keeps the client's layout,
so that whatever else reads it finds the files; beside a repository's own folders lies what the hub
listed of each commit, which never changes, so that a full cache needs no network. Tokens are the
client's business: HF_TOKEN, or what ``hf auth login`` has stored.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeVar

from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import (
    WeakFileLock,
    build_hf_headers,
    hf_raise_for_status,
    http_stream_backoff,
)

from mtkd.errors import InputError
from mtkd.records.files import write_text

Result = TypeVar("Result")

# Seconds before each new attempt after a lost connection; counted anew whenever data arrived. A hub
# that answers "busy" is asked again by the client itself.
WAITS = (1, 4, 16, 60)
# Seconds between two lines of progress on a large file.
PROGRESS = 30
# A git blob's SHA-1, or the SHA-256 of a large file.
CHECKSUM = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")


class Listed(NamedTuple):
    """A file as the hub lists it: its size in bytes, and its checksum."""

    size: int
    checksum: str


class Repository(NamedTuple):
    """A repository ("model" or "dataset") at one commit, and its files by path."""

    kind: str
    name: str
    commit: str
    files: dict[str, Listed]


def list_repository(kind: str, name: str, revision: str) -> Repository:
    """List a repository at a commit; without ``revision``, at its newest. Raises InputError.

    A commit that was listed before is not asked for again.
    """
    if revision and (files := _kept_listing(kind, name, revision)):
        return Repository(kind, name, revision, files)
    api = HfApi(library_name="mtkd")
    try:
        with one_line_errors(kind, name, revision):
            commit = revision or patiently(lambda: api.repo_info(name, repo_type=kind)).sha
            tree = api.list_repo_tree(name, recursive=True, revision=commit, repo_type=kind)
            files = {entry.path: _listed(entry) for entry in tree if isinstance(entry, RepoFile)}
    except OSError as error:
        # Above all, a token's file that is somebody else's.
        raise InputError(f"{kind} {name}: the hub's client: {error}; check HF_HOME") from None
    _keep_listing(kind, name, commit, files)
    return Repository(kind, name, commit, files)


def _folder(kind: str, name: str) -> Path:
    """A repository's folder in the cache, where the hub's client has it too."""
    return Path(constants.HF_HUB_CACHE) / f"{kind}s--{name.replace('/', '--')}"


def _listing(kind: str, name: str, commit: str) -> Path:
    return _folder(kind, name) / "listings" / f"{commit}.json"


def _kept_listing(kind: str, name: str, commit: str) -> dict[str, Listed] | None:
    """The files of a commit as they were listed before; None where they were not, or not whole."""
    try:
        content = json.loads(_listing(kind, name, commit).read_text(encoding="utf-8"))
        return {
            path: Listed(int(size), str(checksum)) for path, (size, checksum) in content.items()
        }
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _keep_listing(kind: str, name: str, commit: str, files: dict[str, Listed]) -> None:
    # In a cache that somebody else fills, the hub is asked the next time as well.
    with suppress(OSError):
        write_text(_listing(kind, name, commit), json.dumps(files, indent=0, sort_keys=True))


def fetch_files(repository: Repository, paths: Iterable[str]) -> Path:
    """Have files of a repository in the cache; returns the commit's folder, where they lie.

    Files that are there already are checked and, when they are right, left alone: nothing is
    written then, so that a cache of somebody else will do.

    Raises:
        InputError: the hub cannot be reached or refuses, a file does not have its checksum, the
            cache cannot be written.
    """
    kind, name, commit, files = repository
    cache, folder = Path(constants.HF_HUB_CACHE), _folder(kind, name)
    snapshot = folder / "snapshots" / commit
    for path in paths:
        size, checksum = files[path]
        check_path(repository, path)
        blob = folder / "blobs" / checksum
        lock = cache / ".locks" / folder.name / f"{checksum}.lock"
        url = hf_hub_url(name, path, repo_type=kind, revision=commit)
        try:
            if has_checksum(snapshot / path, checksum):
                continue
            for parent in (blob.parent, lock.parent, (snapshot / path).parent):
                parent.mkdir(parents=True, exist_ok=True)
            with one_line_errors(kind, name, commit), WeakFileLock(lock):
                if not has_checksum(blob, checksum):
                    print(f"{path}: {size:,} bytes", file=sys.stderr, flush=True)
                    _fetch(url, blob, size, checksum, f"{kind} {name}: {path}")
                _link(blob, snapshot / path)
        except OSError as error:
            raise InputError(
                f"{kind} {name}: {path} cannot be kept in the cache {cache} ({error}); make room "
                "or get permission there, or set HF_HUB_CACHE to another folder, and run again"
            ) from None
    return snapshot


def check_path(repository: Repository, path: str) -> None:
    """Raise InputError for a listed file that would lie outside of its folder, or has no name."""
    kind, name, _, files = repository
    parts = PurePosixPath(path)
    if ".." in parts.parts or parts.is_absolute() or not CHECKSUM.fullmatch(files[path].checksum):
        raise InputError(f"{kind} {name}: the hub lists {path!r}, which is no file to store")


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether a file is there and has a checksum: 64 digits for SHA-256, 40 for a git blob."""
    if not path.is_file():
        return False
    large = len(checksum) == 64
    sha = hashlib.sha256() if large else hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            sha.update(chunk)
    return sha.hexdigest() == checksum


def patiently(
    attempt: Callable[[], Result], advanced: Callable[[], bool] = lambda: False
) -> Result:
    """Make an attempt, and again a while after each lost connection, a few times.

    As long as ``advanced`` says that the last attempt brought something, the count starts anew.
    """
    waits = iter(WAITS)
    while True:
        try:
            return attempt()
        except HfHubHTTPError:
            raise
        except HTTPError as error:
            if advanced():
                waits = iter(WAITS)
            wait = next(waits, None)
            if wait is None:
                raise
            note = f"connection lost ({_reason(error)}); going on in {wait} s"
            print(note, file=sys.stderr, flush=True)
            time.sleep(wait)


@contextmanager
def one_line_errors(kind: str, name: str, revision: str) -> Iterator[None]:
    """Turn what the hub and its client raise into one line that says what to do."""
    what = f"{kind} {name}"
    try:
        yield
    except json.JSONDecodeError:
        raise InputError(
            f"{what}: what answers at {constants.ENDPOINT} is no hub; check HF_ENDPOINT and proxies"
        ) from None
    except HFValidationError:
        raise InputError(f"{what}: no repository of the hub can have this name") from None
    except GatedRepoError:
        raise InputError(
            f"{what}: the hub gives it only to accounts that were granted access; ask for it on "
            "its page, then 'hf auth login' or set HF_TOKEN"
        ) from None
    except RepositoryNotFoundError:
        raise InputError(
            f"{what}: the hub has none of this name that may be read; check the name, and for a "
            "private one 'hf auth login' or set HF_TOKEN"
        ) from None
    except RevisionNotFoundError:
        raise InputError(
            f"{what}: the hub has no commit {revision} of it; put one from its history into "
            "'revision'"
        ) from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            remedy = "check HF_TOKEN, and what its account may read"
        elif status in (408, 429) or status >= 500:
            remedy = "run again later; what has arrived is kept"
        else:
            remedy = f"check that {constants.ENDPOINT} is a hub (HF_ENDPOINT, proxies)"
        raise InputError(f"{what}: the hub answers with status {status}; {remedy}") from None
    except HTTPError as error:
        raise InputError(
            f"{what}: the hub at {constants.ENDPOINT} cannot be reached ({_reason(error)}); check "
            "the connection and run again; what has arrived is kept, and a commit that was fetched "
            "whole needs no network (HF_HUB_CACHE)"
        ) from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _listed(entry: RepoFile) -> Listed:
    if entry.lfs is not None:
        return Listed(entry.lfs.size, entry.lfs.sha256)
    return Listed(entry.size, entry.blob_id)


def _fetch(url: str, blob: Path, size: int, checksum: str, what: str) -> None:
    # A user's own: another one's, left behind, could not be appended to.
    partial = blob.with_name(f"{checksum}.{os.getuid()}.incomplete")
    start = 0

    def go_on() -> None:
        nonlocal start
        start = _size(partial)
        if start != size or not size:
            _append(url, partial, start if start < size else 0, size)

    patiently(go_on, advanced=lambda: _size(partial) > start)
    if not has_checksum(partial, checksum):
        partial.unlink()
        raise InputError(
            f"{what}: what arrived does not have the checksum that the hub lists, and was thrown "
            "away; run again, and if this stays, look for a proxy or mirror that alters files"
        )
    with open(partial, "rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, blob)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(url: str, partial: Path, start: int, size: int) -> None:
    """Download a file from byte ``start`` on; from its beginning when the hub knows no ranges."""
    headers = {**build_hf_headers(library_name="mtkd"), "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with http_stream_backoff(
        "GET",
        url,
        headers=headers,
        timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        # A response cannot be gone back to once its body is being read: see patiently().
        retry_on_exceptions=(),
    ) as response:
        hf_raise_for_status(response)
        last = time.monotonic()
        with open(partial, "ab" if response.status_code == 206 else "wb") as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
                if time.monotonic() - last > PROGRESS:
                    last = time.monotonic()
                    print(f"  {file.tell():,} of {size:,}", file=sys.stderr, flush=True)


def _link(blob: Path, path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.symlink_to(os.path.relpath(blob, path.parent))
    os.replace(temporary, path)
