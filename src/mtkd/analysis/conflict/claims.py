"""The claims of a generation study: quantities with their intervals, verdicts and plain sentences.

A student's claims on a task are two of Holm's families: the primary ones, interference and decline
of every mixture decoded greedily, and all others. No sentence is written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from mtkd.analysis.conflict.arms import (
    Arm,
    ConflictStudy,
    arms_of,
    counterpart,
    same_teachers,
    singles,
)
from mtkd.analysis.conflict.decline import (
    ALONE,
    BUDGET,
    DECLINE,
    DILUTION,
    INTERFERENCE,
    PARTS,
    TOGETHER,
    sides,
)
from mtkd.analysis.conflict.modes import TOKENS, is_marked, right_tokens, unmarked
from mtkd.analysis.conflict.read import (
    Asked,
    Scores,
    mean_of,
    modes_of,
    parameters_of,
    seeds_of,
)
from mtkd.analysis.conflict.remedies import asked_of
from mtkd.analysis.conflict.thoughts import WRONG, thought_values
from mtkd.analysis.sentences import listed
from mtkd.analysis.statistics.paired import (
    Difference,
    crossed_difference,
    seeds_needed,
    unknown_difference,
)
from mtkd.analysis.statistics.verdicts import (
    Finding,
    findings,
    has_assay_sensitivity,
    without_assay_sensitivity,
    without_skill,
)
from mtkd.config.generation import DIRECT, PLAIN
from mtkd.study.generation_words import (
    ANY_MODE,
    AT_ONCE,
    DROPPED,
    GREEDY,
    MIXTURE,
    RANDOM,
    REMEDY,
    REPAIRED,
    REWRITTEN,
    ROLES,
    SHUFFLED,
    SPLICED,
    TWO_MODES,
    UNSEEN_MODE,
)

# Kinds of claims beside the parts of a decline.
BY_TEACHERS = "interference by number of teachers"
BY_TRACES = "interference by number of traces"
BY_STUDENT = "interference by size of student"
MARKS = "right tokens v unmarked"
UNSEEN_TOKEN = "right tokens v an unseen token"
NO_TOKEN = "right tokens v no token"
SHUFFLES = "right tokens v shuffled ones"
DROPOUT = "no token, with and without dropout"
REMEDIES = "remedy v counterpart"
RESTORES = "remedy v each teacher alone"
SPLICES = "wrong answers after right thoughts"
REPAIRS = "thoughts repaired by a consistency filter"
REWRITES = "rewritten v one teacher's own traces"
OWN = "own responses v going on from itself"
ZERO = "going on from itself v cold start"
THINKS = "thinking v at once"
KEEPS = "two modes v one, as many traces of it"
BUDGETED = "two modes v one, as many traces in all"
PRIMARY = (INTERFERENCE, DECLINE)
KINDS = (*PARTS, BY_TEACHERS, BY_TRACES, BY_STUDENT, MARKS, UNSEEN_TOKEN, NO_TOKEN, SHUFFLES,
         DROPOUT, REMEDIES, RESTORES, SPLICES, REPAIRS, REWRITES, OWN, ZERO, THINKS, KEEPS,
         BUDGETED)  # fmt: skip

COLUMNS = ["student", "task", "claim", "primary", "teachers", "recipe", "n", "kind", "control"]
COLUMNS += ["decode", "a", "b", "seeds", "prompts", "quantity", "estimate", "low", "high", "se"]
COLUMNS += ["df", "value_a", "value_b", "p_superiority", "p_equivalence", "margin"]
COLUMNS += ["minimum_detectable", "seeds_needed", "room_low", "verdict", "note", "sentence"]


class Claim(NamedTuple):
    """A comparison of ``a`` with ``b`` before its verdict; values [S, N] in points, no seed: None.

    ``cost``: the quantity is what ``a`` loses, above 0 worse; else what it gains.
    """

    kind: str
    arm: Arm
    decode: str
    a: str
    b: str
    quantity: str
    cost: bool
    values: np.ndarray | None
    levels: tuple[np.ndarray, np.ndarray] | None = None  # accuracy of both sides [S, N]
    # Errors of b [S, N] where a is to mend them: without any, that it mends none says nothing.
    room: np.ndarray | None = None
    remedy: str = ""  # what kind of remedy a is

    @property
    def primary(self) -> bool:
        return self.kind in PRIMARY and self.decode == GREEDY


def claims_table(scores: Scores, study: ConflictStudy) -> pd.DataFrame:
    """COLUMNS, a row for each claim; estimate, interval and margin in points.

    ``estimate`` is the ``quantity``'s, in its own direction (interference above 0 is a loss), and
    the verdict is on ``a`` against ``b``: *worse* where a cost is above 0. Intervals are those of
    crossed seeds and prompts. Verdicts are ``findings``' over each family, but for two: where
    neither side answers more prompts rightly than the margin, so that nothing could be lost,
    *no skill*; and where a remedy is like its counterpart, but this one's errors were not shown to
    be more than the margin (``room_low``), *no assay sensitivity*: there was nothing to mend.
    ``control``: ``a`` is there for others to be compared with, and answers no statement itself.
    """
    rows: list[dict] = []
    claims = list(_claims(scores, study))
    controls = {arm for arm, settings in arms_of(study, REMEDY) if settings.get("control")}
    for student in study["students"]:
        for task in study["tasks"]:
            for primary in (True, False):
                own = [c for c in claims if (c.arm.student, c.arm.task) == (student, task)]
                family = [claim for claim in own if claim.primary == primary]
                stated = _stated(family, len(scores.prompts.get(task, [])), study["margin"])
                rows += [
                    row | {"control": claim.arm in controls}
                    for claim, row in zip(family, stated, strict=True)
                ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _claims(scores: Scores, study: ConflictStudy) -> Iterator[Claim]:
    for decode in scores.decodes:
        yield from _parts(scores, study, decode)
        yield from _steps(scores, study, decode)
        yield from _marks(scores, study, decode)
        yield from _remedies(scores, study, decode)
        yield from _thoughts(scores, study, decode)
        yield from _two_modes(scores, study, decode)


def _parts(scores: Scores, study: ConflictStudy, decode: str) -> Iterator[Claim]:
    """Interference, decline and dilution of every mixture."""
    for arm, _ in arms_of(study, MIXTURE):
        found = sides(scores, arm, study, decode)
        names = _side_names(arm)
        for part, a, b in ((INTERFERENCE, TOGETHER, ALONE), (DECLINE, TOGETHER, BUDGET),
                           (DILUTION, BUDGET, ALONE)):  # fmt: skip
            values = found.part(part)
            levels = None if values is None else (found.values[a], found.values[b])
            cost = part != DILUTION
            yield Claim(part, arm, decode, names[a], names[b], part, cost, values, levels)


def _side_names(arm: Arm) -> dict[str, str]:
    each = f"each of {listed(arm.names)} alone"
    return {
        TOGETHER: f"{arm.teachers} together, {arm.n:,} traces each",
        ALONE: f"{each}, {arm.n:,} traces",
        BUDGET: f"{each}, {len(arm.names) * arm.n:,} traces",
    }


def _steps(scores: Scores, study: ConflictStudy, decode: str) -> Iterator[Claim]:
    """How interference changes with teachers, traces and the student, other things equal."""
    arms = [arm for arm, _ in arms_of(study, MIXTURE)]

    def compared(kind: str, more: list[Arm], less: list[Arm], a: str, b: str) -> Claim:
        values = _interference(scores, more, less, study, decode)
        levels = None
        if values is not None:
            values, *levels = values
        return Claim(kind, more[0], decode, a, b, f"more {INTERFERENCE}", True, values, levels)

    groups = dict.fromkeys((arm.student, arm.task, arm.n) for arm in arms)
    for group in groups:
        own = [arm for arm in arms if (arm.student, arm.task, arm.n) == group]
        of_size = {size: [arm for arm in own if len(arm.names) == size]
                   for size in sorted({len(arm.names) for arm in own})}  # fmt: skip
        for few, many in combinations(of_size, 2):
            sets = [f"mean of sets of {size} teachers" for size in (many, few)]
            yield compared(BY_TEACHERS, of_size[many], of_size[few], *sets)
    for one, other in combinations(arms, 2):
        alike = same_teachers(one.teachers, other.teachers) and one.task == other.task
        if alike and one.student == other.student:
            less, more = sorted((one, other), key=lambda arm: arm.n)
            if less.n != more.n:
                yield compared(BY_TRACES, [more], [less], f"{more.teachers}, {more.n:,} traces",
                               f"{less.n:,} traces")  # fmt: skip
        elif alike and one.n == other.n and (pair := _by_size(scores, study, one, other)):
            small, large = pair
            yield compared(BY_STUDENT, [large], [small], f"{large.teachers} in {large.student}",
                           f"in {small.student}")  # fmt: skip


def _by_size(scores: Scores, study: ConflictStudy, one: Arm, other: Arm) -> tuple[Arm, Arm] | None:
    """Two students' arms, that of fewer parameters first; None where both have as many.

    Where records do not say how many, students stand in the study's order.
    """
    sizes = [parameters_of(scores, arm) for arm in (one, other)]
    if not all(sizes):
        sizes = [study["students"].index(arm.student) for arm in (one, other)]
    if sizes[0] == sizes[1]:
        return None
    return (one, other) if sizes[0] < sizes[1] else (other, one)


def _interference(
    scores: Scores, more: list[Arm], less: list[Arm], study: ConflictStudy, decode: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Mean interference of some mixtures less that of others [S, N], and both mean accuracies."""
    together, controls = [], []
    for arms in (more, less):
        together.append([Asked(arm, ANY_MODE, decode) for arm in arms])
        controls.append([[Asked(one, ANY_MODE, decode) for one in singles(arm)] for arm in arms])
    everything = [one for side in together for one in side]
    everything += [one for side in controls for of_arm in side for one in of_arm]
    seeds = seeds_of(scores, everything, study)
    if not seeds:
        return None
    accuracy = [mean_of(scores, side, seeds) for side in together]
    alone = [np.mean([mean_of(scores, of, seeds) for of in side], axis=0) for side in controls]
    lost = [b - a for a, b in zip(accuracy, alone, strict=True)]
    return lost[0] - lost[1], accuracy[0], accuracy[1]


def _gain(
    scores: Scores, study: ConflictStudy, kind: str, arm: Arm, decode: str,
    a: tuple[str, Sequence[Asked]], b: tuple[str, Sequence[Asked]],
    mends: bool = False, remedy: str = "",
) -> Claim:  # fmt: skip
    """A claim on the accuracy of one side over another's."""
    seeds = seeds_of(scores, [*a[1], *b[1]], study)
    values = levels = room = None
    if seeds:
        levels = mean_of(scores, a[1], seeds), mean_of(scores, b[1], seeds)
        values = levels[0] - levels[1]
        room = 100 - levels[1] if mends else None
    return Claim(kind, arm, decode, a[0], b[0], "accuracy", False, values, levels, room, remedy)


def _marks(scores: Scores, study: ConflictStudy, decode: str) -> Iterator[Claim]:
    """Marked arms by their tokens, and against unmarked, shuffled and dropped ones."""
    marked = [
        (arm, settings)
        for arm, settings in arms_of(study, REMEDY)
        if is_marked(scores, arm, settings.get("kind", ""))
    ]
    for arm, settings in marked:
        kind, without = settings.get("kind", ""), unmarked(arm, settings)
        right = f"{arm.teachers}, {arm.recipe}, right tokens", right_tokens(arm, decode)
        if without:
            no_tokens = f"{without.recipe}, no tokens", [Asked(without, ANY_MODE, decode)]
            yield _gain(scores, study, MARKS, arm, decode, right, no_tokens, True, kind)
        modes = modes_of(scores, arm, decode)
        tokens = (UNSEEN_MODE, UNSEEN_TOKEN, "an unseen token"), (ANY_MODE, NO_TOKEN, "no token")
        for mode, of, name in tokens:
            if mode in modes and kind != SHUFFLED:
                other = f"{arm.recipe}, {name}", [Asked(arm, mode, decode)]
                yield _gain(scores, study, of, arm, decode, right, other, False, kind)
        for other, beside in marked:
            # Without their tokens they are the same.
            alike = without and without == unmarked(other, beside)
            if not alike or other == arm or kind == SHUFFLED:
                continue
            if beside.get("kind") == SHUFFLED:
                shuffled = f"{other.recipe}, the same tokens", right_tokens(other, decode)
                yield _gain(scores, study, SHUFFLES, arm, decode, right, shuffled, False, kind)
            # A decoding in which nobody was asked without a token has no such question.
            if beside.get("kind") == DROPPED and kind != DROPPED and ANY_MODE in modes:
                a = f"{other.teachers}, {other.recipe}, no token", [Asked(other, ANY_MODE, decode)]
                b = f"{arm.recipe}, no token", [Asked(arm, ANY_MODE, decode)]
                yield _gain(scores, study, DROPOUT, other, decode, a, b, True, DROPPED)


def _remedies(scores: Scores, study: ConflictStudy, decode: str) -> Iterator[Claim]:
    """Every remedy against its counterpart, and of several teachers against each alone."""
    for arm, settings in arms_of(study, REMEDY):
        kind = settings.get("kind", "")
        if kind in (TWO_MODES, AT_ONCE):
            continue
        asked = asked_of(scores, arm, decode, kind)
        a = f"{arm.teachers}, {arm.recipe}" + ", right tokens" * (asked[0].mode != ANY_MODE), asked
        # Of a token alone the claims on tokens say it.
        a_token = kind in TOKENS or (not kind and is_marked(scores, arm))
        if not a_token and (other := counterpart(arm, settings)):
            b = other.recipe, asked_of(scores, other, decode)
            yield _gain(scores, study, REMEDIES, arm, decode, a, b, True, kind)
        # None of these is meant to mend anything.
        meant = kind not in (SHUFFLED, SPLICED, RANDOM) and not settings.get("control")
        if len(arm.names) > 1 and meant:
            alone = [Asked(one, ANY_MODE, decode) for one in singles(arm)]
            b = _side_names(arm)[ALONE], alone
            yield _gain(scores, study, RESTORES, arm, decode, a, b, False, kind)
        if kind == REWRITTEN:
            own = arm._replace(teachers=settings["into"], recipe=PLAIN, n=len(arm.names) * arm.n)
            b = f"{own.teachers} alone, {own.n:,} traces", [Asked(own, ANY_MODE, decode)]
            yield _gain(scores, study, REWRITES, arm, decode, a, b, False, kind)
        for key, of in (("itself", OWN), ("start", ZERO)):
            if recipe := settings.get(key):
                b = recipe, asked_of(scores, arm._replace(recipe=recipe), decode)
                yield _gain(scores, study, of, arm, decode, a, b, of == OWN, kind)


def _thoughts(scores: Scores, study: ConflictStudy, decode: str) -> Iterator[Claim]:
    """Arms whose thoughts are one teacher's and answers another's: do answers follow?"""
    of_kind = {
        kind: [pair for pair in arms_of(study, REMEDY) if pair[1].get("kind") == kind]
        for kind in (SPLICED, REPAIRED)
    }
    for arm, _ in of_kind[SPLICED]:
        asked = Asked(arm, ANY_MODE, decode)
        seeds = seeds_of(scores, [asked], study)
        values = thought_values(scores, asked, seeds, WRONG) if seeds else None
        a = f"{arm.teachers}, {arm.recipe}"
        yield Claim(SPLICES, arm, decode, a, "none", WRONG, True, values, remedy=SPLICED)
        for other, settings in of_kind[REPAIRED]:
            if arm != other._replace(recipe=settings.get("against", arm.recipe)):
                continue
            both = [Asked(other, ANY_MODE, decode), asked]
            seeds = seeds_of(scores, both, study)
            found = [thought_values(scores, one, seeds, WRONG) for one in both] if seeds else [None]
            # A student without a right thought has none to answer wrongly after.
            values = None if any(one is None for one in found) else found[0] - found[1]
            a, b = f"{other.teachers}, {other.recipe}", arm.recipe
            yield Claim(REPAIRS, other, decode, a, b, WRONG, True, values, remedy=REPAIRED)


def _two_modes(scores: Scores, study: ConflictStudy, decode: str) -> Iterator[Claim]:
    """Students that think, and answer at once when they are told to.

    The two ways against one another, and each against students of it alone: on as many traces as it
    had, and on as many as both had.
    """
    there = {arm for arm, _ in arms_of(study, *ROLES)}
    for arm, settings in arms_of(study, REMEDY):
        if settings.get("kind") != TWO_MODES:
            continue
        name = f"{arm.teachers}, {arm.recipe}"
        thinks, at_once = Asked(arm, ANY_MODE, decode), Asked(arm, DIRECT, decode)
        sides = (f"{name}, thinking", [thinks]), ("at once", [at_once])
        yield _gain(scores, study, THINKS, arm, decode, *sides, False, TWO_MODES)
        ways = ((thinks, PLAIN, "thinking"), (at_once, settings.get("alone"), "at once"))
        for of, n in ((KEEPS, arm.n), (BUDGETED, 2 * arm.n)):
            for asked, recipe, way in ways:
                alone = arm._replace(recipe=recipe, n=n)
                if alone in there:
                    a = f"{name}, {way}", [asked]
                    b = f"{way} alone, {n:,} traces", [asked._replace(arm=alone)]
                    yield _gain(scores, study, of, arm, decode, a, b, False, TWO_MODES)


def _stated(family: Sequence[Claim], prompts: int, margin: float) -> list[dict]:
    """The rows of one of Holm's families."""
    differences = [
        unknown_difference(prompts) if claim.values is None else crossed_difference(claim.values)
        for claim in family
    ]
    improvements = [
        _turned(difference) if claim.cost else difference
        for claim, difference in zip(family, differences, strict=True)
    ]
    rows = []
    for claim, difference, finding in zip(
        family, differences, findings(improvements, margin) if family else [], strict=True
    ):
        room = None if claim.room is None else crossed_difference(claim.room)
        finding = _qualified(claim, finding, room, margin)
        row = claim.arm._asdict() | {"claim": claim.kind, "primary": claim.primary}
        row |= {"kind": claim.remedy, "decode": claim.decode, "a": claim.a, "b": claim.b}
        row |= {"seeds": difference.seeds, "prompts": difference.examples}
        row |= {"quantity": claim.quantity, "estimate": difference.estimate}
        row |= {"low": difference.low, "high": difference.high}
        row |= {"se": difference.se, "df": difference.df, "margin": margin}
        levels = claim.levels or ()
        row |= {f"value_{side}": float(of.mean()) for side, of in zip("ab", levels, strict=False)}
        row |= {"p_superiority": finding.superiority_p, "p_equivalence": finding.equivalence_p}
        row["minimum_detectable"] = finding.minimum_detectable_effect
        row["seeds_needed"] = math.nan
        if difference.seeds:
            row["seeds_needed"] = seeds_needed(difference, margin, finding.level)
        row |= {"room_low": room.low if room else math.nan}
        row |= {"verdict": finding.verdict, "note": finding.note}
        rows.append(row | {"sentence": _sentence(row, claim)})
    return rows


def _turned(difference: Difference) -> Difference:
    """The difference the other way round."""
    low, high = -difference.high, -difference.low
    return difference._replace(estimate=-difference.estimate, low=low, high=high)


def _qualified(claim: Claim, finding: Finding, room: Difference | None, margin: float) -> Finding:
    if claim.levels is not None and not any(
        crossed_difference(of).low > margin for of in claim.levels
    ):
        return without_skill(finding)
    if claim.room is not None and not has_assay_sensitivity(room, margin):
        return without_assay_sensitivity(finding)
    return finding


def _sentence(row: dict, claim: Claim) -> str:
    """A claim in plain words: what was compared, quantity, interval, verdict."""
    head = f"{row['task']}, {row['student']}, {row['decode']}: {row['a']}, against {row['b']}"
    if not row["seeds"]:
        return f"{head}: no seed finished on both sides."
    direction = "above 0 is a loss; " if claim.cost else ""
    numbers = (
        f"{row['quantity']} {row['estimate']:+.2f} points ({direction}95 % interval "
        f"{row['low']:+.2f} to {row['high']:+.2f}, {row['seeds']} seed{'s' * (row['seeds'] > 1)}, "
        f"{row['prompts']:,} prompts)"
    )
    return f"{head}: {numbers}: {_ending(row)}."


def _ending(row: dict) -> str:
    note = f" ({row['note']})" if row["note"] else ""
    match row["verdict"]:
        case "equivalent":
            return f"equivalent within {row['margin']:g} points{note}"
        case "no assay sensitivity":
            return (
                f"no assay sensitivity: within the margin of {row['margin']:g} points{note}, but "
                f"that the other side has more errors than that to mend was not shown (at least "
                f"{row['room_low']:.2f} points)"
            )
        case "undecidable":
            least = f"{row['minimum_detectable']:.2f} points"
            return f"undecidable; the least effect that this study could have seen is {least}"
        case "no skill":
            return (
                f"no skill: neither side was shown to answer more than {row['margin']:g} % of "
                "prompts rightly, so that nothing could be lost"
            )
        case "no verdict":
            return "no verdict, which takes three seeds"
        case verdict:
            return verdict
