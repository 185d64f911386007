"""Registration: what a study will claim and how it will judge, written down before its students.

A suite's registrations are one file of JSON lines, to which lines are only ever added. Each holds
the digest of the line before it, so that one that was edited or taken out shows. A study has a line
more when what it will claim, or any setting that its numbers depend on, has changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mtkd.analysis.claims import PRACTICE, PRIMARY, planned
from mtkd.errors import InputError
from mtkd.records.cells import PREDICTIONS
from mtkd.records.files import digest_text, write_text
from mtkd.study.registered import stated
from mtkd.study.view import StudyView, arm_name, teacher_names

FIRST = "0" * 64
# What of a study's own keys is registered as it stands.
SAID = ("margin", "tasks", "metrics", "students", "T", "alpha", "seeds", "teacher_seeds")
# The other side of the practitioner's claim.
PREFERRED = "the student of the teacher that selection prefers"


def statement(
    study: StudyView, predictions: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What a study will claim, JSON-ready: claims, margin, controls, predictions, settings.

    ``settings`` are all those that its numbers depend on, nested; their digest is the suite's.
    """
    arms = [{**arm, "name": arm_name(arm, study), "seeds": study["seeds"]} for arm in study["arms"]]
    # Which teacher selection will prefer is not known yet; that one will be preferred is.
    unknown = dict.fromkeys(teacher_names(study), 0.0)
    claims = [
        {
            "claim": plan.claim,
            "a": plan.a[0],
            "b": PREFERRED if plan.claim == PRACTICE else plan.b[0],
        }
        for plan in planned(arms, unknown)
        if plan.claim in PRIMARY
    ]
    return stated(
        study,
        SAID,
        settings,
        arms=[arm["name"] for arm in arms],
        controls=[arm["name"] for arm in arms if arm["family"] == "control"],
        claims=claims,
        predictions=list(predictions),
    )


def register(path: Path, study: str, said: Mapping[str, Any], trained: int) -> list[dict[str, Any]]:
    """Add what a study will claim to a file of registrations, unless it says so already.

    Returns the study's entries, the newest last. ``trained`` is how many of its students there were
    by then. Raises InputError for a file that is not as it was written.
    """
    lines, own = read_lines(path), entries_of(path, study)
    if not own or own[-1]["said"] != json.loads(json.dumps(said)):
        entry = {
            "study": study,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "students_trained": trained,
            "previous": digest_text(lines[-1]) if lines else FIRST,
            "said": said,
        }
        text = json.dumps(entry, sort_keys=True, ensure_ascii=False)
        write_text(path, "".join(line + "\n" for line in [*lines, text]))
        own.append(json.loads(text))
    return own


def read_lines(path: Path) -> list[str]:
    """The lines of a file of registrations; none where there is no file.

    Raises InputError where a line is not what the one behind it was added to.
    """
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    previous = FIRST
    for number, line in enumerate(lines, start=1):
        try:
            known = json.loads(line)["previous"]
        except (ValueError, KeyError, TypeError):
            raise InputError(
                f"{path}: line {number} is no registration; restore the file"
            ) from None
        if known != previous:
            raise InputError(
                f"{path}: line {number} was added to other lines than stand before it: a "
                "registration was edited or taken out; restore the file"
            )
        previous = digest_text(line)
    return lines


def entries_of(path: Path, study: str) -> list[dict[str, Any]]:
    """A study's registrations, the newest last. Raises InputError as of ``read_lines``."""
    return [entry for entry in map(json.loads, read_lines(path)) if entry["study"] == study]


def trained_students(folder: Path, study: Mapping[str, Any]) -> int:
    """How many students of a study there are below the suite's folder of students."""
    arms = {(arm["teachers"], arm["strategy"]) for arm in study["arms"]}
    found = 0
    for student in study["students"]:
        for task in study["tasks"]:
            paths = (folder / student / task).glob(f"*/*/*/seed*/{PREDICTIONS}")
            found += sum(path.parts[-5:-3] in arms for path in paths)
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What two registrations of a study say differently, a line each: margin and claims first."""
    found = []
    for key in (*SAID, "arms", "controls", "predictions"):
        if before.get(key) != after.get(key):
            found.append(f"{key}: {_shown(before.get(key))} became {_shown(after.get(key))}")
    old, new = ([_claim(one) for one in said["claims"]] for said in (before, after))
    found += [f"no longer claimed: {one}" for one in old if one not in new]
    found += [f"newly claimed: {one}" for one in new if one not in old]
    one, other = before["settings"], after["settings"]
    keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
    found += [f"{key}: {_shown(one.get(key))} became {_shown(other.get(key))}" for key in keys]
    return found


def _claim(claim: Mapping[str, str]) -> str:
    return f"{claim['a']} against {claim['b']}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
