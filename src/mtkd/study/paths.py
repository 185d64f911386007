"""Where everything lies under ``results/{suite}/``: patterns with wildcards, and reading them back.

Patterns use Snakemake's ``{wildcard}`` spelling, which is also ``str.format``'s.
"""

from __future__ import annotations

import re
from functools import cache

from mtkd.errors import InputError

ROOT = "results/{suite}"
FETCHED = ROOT + "/fetched"
STATE = ROOT + "/state"
TASK = ROOT + "/tasks/{task}"
TEACHER = ROOT + "/teachers/{task}/{teacher}/seed{teacher_seed}"
# Beside a teacher's logits on each split: on train, out of fold.
OUT_OF_FOLD = TEACHER + "/logits/train_oof{folds}.safetensors"
REFERENCE = ROOT + "/references/{task}/{reference}"
CONSTANT = ROOT + "/references/{task}/constant"
GATE = ROOT + "/gates/{student}/{task}/{teachers}/seed{seed}"
CELL = ROOT + "/students/{student}/{task}/{teachers}/{strategy}/T{T}_a{alpha}/seed{seed}"
UNDISTILLED = CELL.replace("{teachers}", "none").replace("{T}", "NA").replace("{alpha}", "NA")
STUDY = ROOT + "/studies/{study}"
# Of generation: what a teacher wrote, and a student of text with what it wrote.
TRACES = ROOT + "/traces/{task}/{teacher}/seed{teacher_seed}"
WRITER = ROOT + "/generators/{student}/{task}/{teachers}/{strategy}/n{n}/seed{seed}"
# Of specialists: a base, specialists of tasks that begin with it, their merges, students of all.
BASE = ROOT + "/bases/{base}/seed{seed}"
OWN_BASE = ROOT + "/bases/{base}/{task}/seed{seed}"
SPECIALIST = ROOT + "/specialists/{base}/{task}/seed{seed}"
MERGED = ROOT + "/merges/{base}/{merge}/seed{seed}"
INTEGRATED = ROOT + "/specialist_students/{student}/{strategy}/seed{seed}"


def parse_cell(path: str) -> dict[str, str]:
    """The axes of a student cell, from the path of one of its files. Raises InputError."""
    return _axes(path, CELL, "a student cell")


def parse_writer(path: str) -> dict[str, str]:
    """The axes of a student of text, from the path of one of its files. Raises InputError."""
    return _axes(path, WRITER, "a student of text")


def parse_integrated(path: str) -> dict[str, str]:
    """The axes of a student of specialists, from one of its files' paths. Raises InputError."""
    return _axes(path, INTEGRATED, "a student of specialists")


def _axes(path: str, pattern: str, what: str) -> dict[str, str]:
    match = _reader(pattern).fullmatch(str(path))
    if match is None:
        raise InputError(f"{path}: not the path of {what} ({pattern}/...)")
    return match.groupdict()


@cache
def _reader(pattern: str) -> re.Pattern[str]:
    named = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+?)", re.escape(pattern))
    return re.compile(f"(?:.*/)?{named}/[^/]+")


def file_name(hub_name: str) -> str:
    """A hub name as one file name: ``owner/model`` -> ``owner--model``."""
    return hub_name.replace("/", "--")
