"""What a run began with, its suite and its code; a job that finds others stops in one line.

Jobs wait for hours and read suite and code when they start: an edit under a run would change what
they compute, and nobody would have planned it. Nothing but the standard library is imported here
until a file has changed, since every job looks.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtkd.errors import InputError

if TYPE_CHECKING:
    from mtkd.config.schema import Suite

ROOT = Path(__file__).resolve().parents[3]
# Where a run's jobs find its record.
RECORD = "MTKD_RUN"
# What of the job graph, which every job of a cluster builds for itself, determines settings.
GRAPH = "the job graph"
GRAPH_FILES = (
    *("Snakefile", "rules/**/*.smk", "src/mtkd/study/*.py", "src/mtkd/config/*.py"),
    "src/mtkd/*/catalogue.py",
)
# Loaded by path or by name, not imported: what it is that loads them, and where they are.
OPERATORS_LOADER = "src/mtkd/fusion/pools.py"
LOADED = {
    "src/mtkd/figures/draw.py": "src/mtkd/figures/*.py",
    "src/mtkd/metrics/evaluated.py": "src/mtkd/metrics/modules/*/*.py",
    "src/mtkd/distillation/objective.py": "src/mtkd/distillation/losses/*.py",
}
# Settings of the machine, which may be edited under a run.
MACHINE = {"study", "save_minutes", "interruptions", "allow_cpu", "allow_unpinned"}
# What a study names of its suite, as far as the suite's kind has it; what of that has resources.
CHOSEN = {"tasks", "teachers", "students", "strategies", "bases"}
LEARNERS = {"teachers", "students", "bases"}
# Names in a message.
NAMED = 3


def record_run(folder: Path, suite: Suite) -> Path:
    """Record suite and code, for jobs that are started from here on; returns the new file.

    Each file that a script or the job graph is made of is recorded by two digests: of its bytes,
    which is quickly compared, and of what it means to Python.
    """
    from mtkd.records.files import write_json
    from mtkd.study.code import operator_file, read_source
    from mtkd.study.remembered import remembered

    named = [getattr(own, "operator", None) for own in suite.strategies.values()]
    found = {operator_file(operator) for operator in named if operator}
    operators = {_name(path.resolve()) for path in found if path}
    code = remembered(_code)()
    parts = {GRAPH: {*map(_name, _found(*GRAPH_FILES))}}
    for script, names in code["files"].items():
        parts[script] = {*names, *(operators if OPERATORS_LOADER in names else ())}
    digests = {name: _digest(read_source(ROOT / name)) for name in set().union(*parts.values())}
    # Rules, and users' operators, are not among the code that digests are remembered by.
    others = {name: digests[name] for name in sorted(digests.keys() - code["meaning"].keys())}
    meanings = code["meaning"] | remembered(_meanings)(json.dumps(others))
    record = {
        "suite": planned(suite),
        "parts": {part: sorted(names) for part, names in parts.items()},
        "files": {name: [digest, meanings[name]] for name, digest in digests.items()},
    }
    path = Path(folder).resolve() / f"{os.urandom(8).hex()}.json"
    write_json(path, record)
    os.environ[RECORD] = str(path)
    return path


def _code() -> dict[str, dict[str, Any]]:
    """The files that each script is made of, users' operators aside, and what each file means."""
    from mtkd.study.code import meaning, script_files

    files = {}
    for script in _found("workflow/scripts/*.py"):
        own = script_files(script)
        for loader, loaded in LOADED.items():
            if ROOT / loader in own:
                own |= set().union(*(script_files(file) for file in _found(loaded)))
        files[script.name] = sorted(map(_name, own))
    return {
        "files": files,
        "meaning": {name: meaning(ROOT / name) for name in set().union(*files.values())},
    }


def _meanings(digests: str) -> dict[str, str]:
    """What files mean that are given by name, with the digest of their bytes, in JSON."""
    from mtkd.study.code import meaning

    return {name: meaning(ROOT / name) for name in json.loads(digests)}


def planned(suite: Suite) -> dict[str, Any]:
    """All in a suite that determines what the chosen study's jobs compute, by its key.

    What jobs ask of the machine may be edited under them, and so may what other studies have.
    """
    study = suite.chosen_study
    content = suite.model_dump(mode="json", exclude=MACHINE)
    parts = {part: set(getattr(study, part)) for part in CHOSEN & content.keys()}
    if "bases" in parts:
        del parts["tasks"]  # bases learn from others than the study's
    for part, names in {**parts, "studies": {suite.study_name}}.items():
        content[part] = {name: content[part][name] for name in names & set(content[part])}
    for part in LEARNERS & content.keys():
        for learner in content[part].values():
            del learner["resources"]
    return dict(flat(content))


def check_graph(suite: Suite) -> None:
    """Raise InputError in a job's process whose job graph is not that of the run it belongs to."""
    if record := _record():
        before, now = record["suite"], json.loads(json.dumps(planned(suite)))
        _refuse([key for key in {**before, **now} if before.get(key) != now.get(key)], "the suite")
        _refuse(_changed(record, GRAPH), "code")


def check_script(script: str) -> None:
    """Raise InputError in a script whose code is not what it was when its run began.

    Comments, docstrings and layout do not count, nor does code that the script does not reach.
    """
    if record := _record():
        _refuse(_changed(record, script), "code")


def _refuse(changed: Sequence[str], what: str) -> None:
    if changed:
        more = f" and {len(changed) - NAMED} more" * (len(changed) > NAMED)
        raise InputError(
            f"{what} has changed since this run began ({', '.join(changed[:NAMED])}{more}), and "
            "this job was planned before that: put it back, or end the run and start the same "
            "command again"
        )


def _record() -> dict[str, Any] | None:
    """The record of the run that this process is a job of; None for one that is none."""
    try:
        return json.loads(Path(os.environ[RECORD]).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError):
        return None


def _changed(record: Mapping[str, Any], part: str) -> list[str]:
    files = record["files"]
    return [name for name in record["parts"].get(part, []) if _differs(name, *files[name])]


def _differs(name: str, digest: str, said: str) -> bool:
    try:
        if _digest((ROOT / name).read_bytes()) == digest:
            return False
        from mtkd.study.code import meaning

        return meaning(ROOT / name) != said
    except (OSError, SyntaxError, ValueError):
        return True  # gone, or in the middle of an edit


def _found(*patterns: str) -> set[Path]:
    return {path for pattern in patterns for path in ROOT.glob(pattern)}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as pairs: the keys on the way joined by dots, and what is there."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
