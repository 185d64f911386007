"""Every output of a suite against what was recorded of it.

What vouches for a file, the first that there is:

- a kept cell's manifest, for what training left in the cell's folder (``mtkd.records.files``);
- a digest in a record: of a teacher's model in its ``metrics.json``, of a task's rows in its
  ``task.json``;
- the checksums of its inputs that Snakemake recorded of each job that read it, of files of up to
  a megabyte;
- else its time stamp alone, and whether it is as long as its format says.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from mtkd.commands.recorded import INCOMPLETE, STAMP, project_of, read_record, recorded_outputs
from mtkd.commands.torn import header_record, is_torn
from mtkd.errors import InputError
from mtkd.records.cells import GENERATIONS, PREDICTIONS
from mtkd.records.files import MANIFEST, digest_folder, read_json

# Findings of a kind, and groups of files for which nothing vouches, that are shown.
SHOWN = 20
KINDS = ("edited", "truncated", "missing", "foreign")
# Below a suite's results, what is no output of a job, or is checked otherwise.
BESIDE = ("benchmarks/", "state/", "registrations.jsonl")
# Written by a job whether or not it ends well, and so none of its outputs.
WRITTEN_ANYWAY = "gate.json"
PARTIAL = "/tables/partial/"
KEPT = "state/cells"
# What training leaves beside what is declared of a cell.
OF_A_CELL = ("run.json", "history.jsonl")
TASK_FILES = ("train", "selection", "report", "report_labels")
# Seconds to which some file systems round time stamps.
ROUNDED = 1.0
# Files that are read at a time: the disk may be a network's. And bytes of one.
AT_A_TIME = 8
AT_ONCE = 1 << 18


class Finding(NamedTuple):
    """Something wrong: what kind of thing, of which path, and how one knows."""

    kind: str
    path: str
    how: str


class Checked(NamedTuple):
    """What was found in a suite's results; paths are below them."""

    folder: Path
    files: int
    wrong: list[Finding]
    # Files for which nothing but a time stamp vouches, and outputs of jobs that have not ended.
    unvouched: list[str]
    unfinished: list[str]
    # Whether time stamps are those of the jobs; after a copy that made new ones, they say nothing.
    stamped: bool

    def text(self) -> str:
        """What was found, in lines: what is wrong first."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        count = f"{len(self.wrong):,} wrong" if self.wrong else "nothing is wrong"
        yield f"{self.folder}: {self.files:,} files, {count}"
        for kind in KINDS:
            found = sorted(one for one in self.wrong if one.kind == kind)
            yield from (f"{kind}: {path}: {how}" for _, path, how in found[:SHOWN])
            if len(found) > SHOWN:
                yield f"{kind}: {len(found) - SHOWN:,} more"
        if self.unfinished:
            yield f"of jobs at work or broken off: {grouped(self.unfinished)}"
        if self.unvouched:
            what = (
                "nothing but its time stamp" if self.stamped else "nothing, with time stamps new,"
            )
            yield f"{what} vouches for: {grouped(self.unvouched)}"


class _Made(NamedTuple):
    """When the job began and ended that made an output; the end by the file's own time stamp."""

    start: float
    end: float


class _Reading(NamedTuple):
    """The SHA-256 of a file as a job read it, and when that job ended."""

    checksum: str
    end: float


class _Suite(NamedTuple):
    """A suite's results: what is there, and what is recorded of it, by paths below them."""

    folder: Path
    files: dict[str, os.stat_result]
    made: dict[str, _Made]
    readings: dict[str, set[_Reading]]
    incomplete: set[str]


def suites(project: Path) -> list[Path]:
    """The results of all suites in a project. Raises InputError where there are none."""
    found = sorted(path for path in (project / "results").glob("*") if (path / "tasks").is_dir())
    if not found:
        raise InputError(f"{project.resolve() / 'results'}: no results of a suite are here")
    return found


def check(folder: Path) -> Checked:
    """Check all outputs in a suite's results. Raises InputError where there are none."""
    suite = _read_suite(folder)
    # A cell's files by name, whether or not they are still there.
    declared = (f"/{PREDICTIONS}", f"/{GENERATIONS}")
    cells = {os.path.dirname(path) for path in suite.made if path.endswith(declared)}
    # What a job that broke off had written of a cell is no stranger's.
    begun = {os.path.dirname(path) for path in suite.incomplete if path.endswith(declared)}
    begun_files = {
        path for cell in begun for name in OF_A_CELL if (path := f"{cell}/{name}") in suite.files
    }
    manifests = _manifests(suite)
    linked = _linked(suite, manifests)
    digests = {cell: _digest_of(suite, cell, linked) for cell in cells}
    kept = {cell: manifests[digest] for cell, digest in digests.items() if digest in manifests}
    kept |= {f"{KEPT}/{digest}": manifest for digest, manifest in manifests.items()}
    folders = {p for p in suite.made if p not in suite.files and (folder / p).is_dir()}
    wanted = {path for path in suite.made if path not in folders}
    wanted |= {f"{cell}/{name}" for cell, names in kept.items() for name in names}
    wanted |= {
        path for cell in cells for name in OF_A_CELL if (path := f"{cell}/{name}") in suite.files
    }
    wanted |= begun_files
    checksums = _checksums(suite, kept)
    stamped = _are_stamped(suite)
    vouched = {
        **_as_kept(kept, checksums),
        **_folders(suite, folders, stamped),
        **_tasks(suite),
    }
    wrong, unvouched, unfinished = _foreign(suite, wanted, folders), [], []
    for path in sorted({*wanted, *vouched}):
        if path in suite.incomplete or path in begun_files:
            unfinished.append(path)
        elif path not in suite.files and path not in folders:
            wrong.append(Finding("missing", path, "its job made it, and it is gone"))
        else:
            told, how = (
                (True, vouched[path])
                if path in vouched
                else _by_readings(suite, path, checksums.get(path), stamped)
            )
            torn = (how or not told) and path in suite.files and is_torn(folder / path)
            if torn:
                wrong.append(Finding("truncated", path, how or "it ends before its format's end"))
            elif how:
                wrong.append(Finding("edited", path, how))
            elif not told:
                unvouched.append(path)
    return Checked(folder, len(suite.files), wrong, unvouched, unfinished, stamped)


def _read_suite(folder: Path) -> _Suite:
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a suite's, such as results/embedded")
    if below := [path.name for path in folder.iterdir() if (path / "tasks").is_dir()]:
        raise InputError(
            f"{folder}: has suites' results in folders of their own; give one, {folder / below[0]}"
        )
    project = project_of(folder)
    prefix = f"{os.path.relpath(os.path.abspath(folder), project)}/" if project else ""
    made: dict[str, _Made] = {}
    readings: dict[str, set[_Reading]] = defaultdict(set)
    for path, file in recorded_outputs(project) if project else ():
        record = read_record(file)
        start, end = record.get("starttime") or 0.0, record.get("endtime") or 0.0
        if path.startswith(prefix):
            made[path.removeprefix(prefix)] = _Made(start, end)
        for name, checksum in (record.get("input_checksums") or {}).items():
            if name.startswith(prefix):
                reading = _Reading(checksum.removeprefix("sha256:"), end)
                readings[name.removeprefix(prefix)].add(reading)
    if not made:
        raise InputError(
            f"{folder}: Snakemake's records (.snakemake/metadata, in a folder above it) name no "
            "output here, and without them nothing says which files there should be"
        )
    begun = {path.removeprefix(prefix) for path, _ in recorded_outputs(project, INCOMPLETE)}
    return _Suite(folder, dict(_files(folder)), made, readings, begun)


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    waiting = [""]
    while waiting:
        below = waiting.pop()
        with os.scandir(os.path.join(folder, below)) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{below}{entry.name}/")
                elif entry.is_file() and entry.name != STAMP:
                    yield f"{below}{entry.name}", entry.stat()


def _manifests(suite: _Suite) -> dict[str, dict[str, str]]:
    """The manifest of each kept cell, by the cell's digest."""
    folders = (os.path.dirname(path) for path in suite.files if path.startswith(f"{KEPT}/"))
    names = {os.path.basename(folder) for folder in folders}
    kept = os.path.join(suite.folder, KEPT)
    read = {name: read_record(os.path.join(kept, name, MANIFEST)) for name in names}
    return {name: manifest for name, manifest in read.items() if manifest}


def _linked(suite: _Suite, manifests: Iterable[str]) -> dict[tuple[int, int], str]:
    """The digest of each kept cell by its predictions' device and inode, which its cell shares."""
    names = (PREDICTIONS, GENERATIONS)
    kept = {f"{KEPT}/{digest}/{name}": digest for digest in manifests for name in names}
    return {_identity(suite.files[path]): kept[path] for path in kept if path in suite.files}


def _identity(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def _digest_of(suite: _Suite, cell: str, linked: dict[tuple[int, int], str]) -> str | None:
    """A cell's digest: that of the kept cell whose file its own is, else what its files say."""
    for name in (PREDICTIONS, GENERATIONS):
        stat = suite.files.get(f"{cell}/{name}")
        if stat and (digest := linked.get(_identity(stat))):
            return digest
    folder = suite.folder / cell
    record = header_record(folder / PREDICTIONS) or _record(folder / OF_A_CELL[0])
    return (record.get("digests") or {}).get("cell")


def _record(path: Path) -> dict:
    """A JSON object; an empty one where there is none."""
    try:
        content = read_json(path)
    except InputError:
        return {}
    return content if isinstance(content, dict) else {}


def _checksums(suite: _Suite, kept: dict[str, dict[str, str]]) -> dict[str, str]:
    """The SHA-256 of each file that there is one to compare with, by path.

    Each is read once, though a cell's outputs are its kept files too, by hard links.
    """
    wanted = {*suite.readings, *(f"{cell}/{name}" for cell in kept for name in kept[cell])}
    stats = {path: suite.files[path] for path in wanted if path in suite.files}
    same = {_identity(stat): path for path, stat in stats.items()}
    paths = [os.path.join(suite.folder, path) for path in same.values()]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        # To hand over file by file would take longer than to read small files.
        shares = pool.map(lambda first: [*map(_sha256, paths[first::AT_A_TIME])], range(AT_A_TIME))
        read = {
            path: checksum
            for first, share in enumerate(shares)
            for path, checksum in zip(paths[first::AT_A_TIME], share, strict=True)
        }
    found = dict(zip(same, map(read.get, paths), strict=True))
    return {path: found[_identity(stat)] for path, stat in stats.items()}


def _sha256(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            digest = hashlib.sha256()
            while part := file.read(AT_ONCE):
                digest.update(part)
            return digest.hexdigest()
    except OSError as error:
        return f"unreadable ({error.strerror})"


def _as_kept(kept: dict[str, dict[str, str]], checksums: dict[str, str]) -> dict[str, str | None]:
    """What is wrong with the files of kept cells, and of the cells that they are of, by path."""
    return {
        f"{folder}/{name}": None
        if checksums.get(f"{folder}/{name}") == checksum
        else "other than in the manifest of the kept cell"
        for folder, names in kept.items()
        for name, checksum in names.items()
    }


def _folders(suite: _Suite, folders: Iterable[str], stamped: bool) -> dict[str, str | None]:
    """What is wrong with outputs that are folders, as far as something is known of them."""
    found: dict[str, str | None] = {}

    def digest(path: str) -> str | None:
        metrics = _record(suite.folder / os.path.dirname(path) / "metrics.json")
        wanted = (metrics.get("digests") or {}).get("model")
        if not wanted or os.path.basename(path) != "model":
            return None
        return "same" if digest_folder(suite.folder / path) == wanted else "other"

    paths = sorted(folders)
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for path, told in zip(paths, pool.map(digest, paths), strict=True):
            if told:
                wrong = "other than the digest in its metrics.json"
                found[path] = None if told == "same" else wrong
    for path in paths:
        later = [
            name
            for name, stat in suite.files.items()
            if name.startswith(f"{path}/") and stat.st_mtime > suite.made[path].end + ROUNDED
        ]
        if stamped and later and path not in found:
            found[path] = f"{os.path.relpath(later[0], path)} is newer than the end of its job"
    return found


def _tasks(suite: _Suite) -> dict[str, str | None]:
    """What is wrong with the rows of tasks that are too large for Snakemake's checksums."""
    found: dict[str, str | None] = {}
    for path in suite.made:
        task = os.path.dirname(path)
        files = [f"{task}/{name}.parquet" for name in TASK_FILES]
        if os.path.basename(path) != "task.json" or not all(file in suite.files for file in files):
            continue
        large = [file for file in files if file not in suite.readings]
        wanted = _record(suite.folder / path).get("digest")
        if large and wanted:
            # pandas is slow to load, and to be loaded where a task is large alone.
            from mtkd.tasks.corpus import rows_digest

            try:
                same = rows_digest(suite.folder / task) == wanted
            except InputError:
                same = False
            wrong = "the task's rows are other than the digest in task.json says"
            found |= dict.fromkeys(large, None if same else wrong)
    return found


def _are_stamped(suite: _Suite) -> bool:
    """Whether time stamps are as the jobs left them: those of most files are."""
    known = [path for path in suite.made if path in suite.files]
    same = sum(_is_dated(suite, path) for path in known)
    return 2 * same >= len(known)


def _is_dated(suite: _Suite, path: str) -> bool:
    return abs(suite.files[path].st_mtime - suite.made[path].end) <= ROUNDED


def _by_readings(
    suite: _Suite, path: str, checksum: str | None, stamped: bool
) -> tuple[bool, str | None]:
    """Whether a job that read a file vouches for it, and what is wrong with it.

    Readings from before the file was made again say nothing of it.
    """
    made = suite.made.get(path)
    if made is None:
        return False, None
    readings = [one for one in suite.readings.get(path, ()) if one.end >= made.end - ROUNDED]
    if any(one.checksum != checksum for one in readings):
        return True, "other than when a later job read it"
    # Whoever read it since it has another time stamp has read what may have been an edit.
    earlier = [one for one in readings if one.end <= suite.files[path].st_mtime]
    if stamped and not earlier and not _is_dated(suite, path):
        return True, "newer than the end of the job that made it"
    return bool(readings), None


def _foreign(suite: _Suite, wanted: set[str], folders: Iterable[str]) -> list[Finding]:
    inside = tuple(f"{path}/" for path in folders)
    return [
        Finding("foreign", path, "no job is recorded to have made it")
        for path in suite.files
        if path not in wanted
        and not path.startswith((*BESIDE, *inside))
        and Path(path).name != WRITTEN_ANYWAY
        and PARTIAL not in path
        and path not in suite.incomplete
    ]


def grouped(paths: Iterable[str]) -> str:
    """Paths in a line: by part of the results and kind of file, with their numbers."""
    groups: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        parts = path.split("/")
        top = "/".join(parts[: 2 if parts[0] == "studies" else 1])
        groups[f"{top}/**/*{os.path.splitext(path)[1]}"].append(path)
    counts = Counter({name: len(found) for name, found in groups.items()}).most_common()
    told = [groups[name][0] if count == 1 else f"{name} ({count:,})" for name, count in counts]
    more = f" and {len(told) - SHOWN} more kinds" if len(told) > SHOWN else ""
    return ", ".join(told[:SHOWN]) + more
