"""What is said of learning from several language models, and what a study answers to each of it.

Each statement is asked by some kinds of claims; one that a study has no data for, or that no study
of generation asks, is in the table all the same, as not asked.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pandas as pd

from mtkd.analysis.conflict.claims import (
    BUDGETED,
    BY_STUDENT,
    BY_TEACHERS,
    BY_TRACES,
    DROPOUT,
    KEEPS,
    MARKS,
    OWN,
    REMEDIES,
    REPAIRS,
    RESTORES,
    REWRITES,
    SHUFFLES,
    SPLICES,
    THINKS,
    UNSEEN_TOKEN,
    ZERO,
)
from mtkd.analysis.conflict.decline import DECLINE, DILUTION, INTERFERENCE
from mtkd.analysis.conflict.hybrid_rates import HARMFUL, HARMLESS, NEITHER, OTHERWISE
from mtkd.analysis.conflict.predictors import ALONE, FAILS, GIVEN, HIDDEN, HOLDS, UNDECIDABLE
from mtkd.study.generation_words import (
    BY_COLUMN,
    FILTERED,
    GREEDY,
    POOLED,
    REWRITTEN,
    ROUTED,
    SHUFFLED,
)

SOME = "holds for some, fails for others"
NOT_ASKED = "not asked in this study"
COLUMNS = ["key", "statement", "verdict", "holds", "fails", "undecidable", "of", "because"]
CLAIMS, HYBRIDS, HARM, PREDICTORS = "claims", "hybrids", "harm", "predictors"


class Statement(NamedTuple):
    """One statement and what answers it.

    ``kind`` is of the table ``table``: a claim's, or a measure; ``remedies`` narrow it. The
    statement holds of a row with one of the verdicts ``holds``, and fails with one of ``fails``;
    others are undecidable.
    """

    statement: str
    table: str = ""
    kind: str = ""
    holds: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()
    remedies: tuple[str, ...] = ()
    but: tuple[str, ...] = ()  # kinds of remedies that it is not about
    figure: str = ""
    # Where no study of generation asks it, why.
    unasked: str = ""


_GAIN = {"holds": ("better",), "fails": ("equivalent", "worse")}
_LOSS = {"holds": ("worse",), "fails": ("equivalent", "better")}
_OTHER_BED = "a question to classifiers with soft labels, which studies of distillation ask"
_SPECIALISTS = "a question to specialists of several domains, which suites of specialists ask"
_NO_BASE = "takes teachers of one base beside as good ones of several"

STATEMENTS = {
    "decline": Statement(
        "Students of several teachers' responses are worse than students of one teacher's, traces "
        "and steps being as many.",
        CLAIMS, DECLINE, **_LOSS, figure="decline",
    ),
    "interference": Statement(
        "The loss is a conflict between teachers, and not that each gives fewer traces.",
        CLAIMS, INTERFERENCE, **_LOSS, figure="decline",
    ),
    "dilution": Statement(
        "Of one teacher, K times the traces and steps give a better student.",
        CLAIMS, DILUTION, **_GAIN, figure="decline",
    ),
    "number": Statement(
        "The more teachers, the larger the loss.", CLAIMS, BY_TEACHERS, **_LOSS, figure="decline"
    ),
    "hybrids": Statement(
        "Such students interpolate: they give responses that none of their teachers would give.",
        HYBRIDS, "hybrid", ("above",), ("below",), figure="hybrids",
    ),
    "harm": Statement(
        "Where responses are hybrids, answers are lost.",
        HARM, "hybrids", (HARMFUL,), (HARMLESS,), figure="hybrids",
    ),
    "hybrid-loss": Statement(
        "Where answers are lost, responses are hybrids.",
        HARM, "loss", (HARMFUL,), (OTHERWISE,), figure="hybrids",
    ),
    "capacity": Statement(
        "A larger student keeps its teachers apart and loses less.",
        CLAIMS, BY_STUDENT, **_GAIN,
    ),
    "data": Statement(
        "More traces overcome the conflict.", CLAIMS, BY_TRACES, **_GAIN
    ),
    "classifier": Statement(
        "A classifier that tells teachers apart by their responses foretells the loss.",
        PREDICTORS, ALONE, (HOLDS,), (FAILS,), figure="predictors",
    ),
    "classifier-prompt": Statement(
        "A classifier that sees the prompt as well foretells the loss.",
        PREDICTORS, GIVEN, (HOLDS,), (FAILS,), figure="predictors",
    ),
    "hidden": Statement(
        "Hidden style, what only the prompt gives away when the paths part, foretells the loss.",
        PREDICTORS, HIDDEN, (HOLDS,), (FAILS,), figure="predictors",
    ),
    "marks": Statement(
        "A token that names the teacher makes several teachers learnable.",
        CLAIMS, MARKS, **_GAIN, but=(SHUFFLED,), figure="modes",
    ),
    "marks-meaning": Statement(
        "What helps is what the token means: the same tokens on traces at random help less.",
        CLAIMS, SHUFFLES, **_GAIN, figure="modes",
    ),
    "marks-unseen": Statement(
        "With a token that it never saw a marked student is worse than with the right ones.",
        CLAIMS, UNSEEN_TOKEN, **_GAIN, but=(SHUFFLED,), figure="modes",
    ),
    "marks-dropout": Statement(
        "Leaving tokens out in training lets a student do without them.",
        CLAIMS, DROPOUT, **_GAIN, figure="modes",
    ),
    "restored": Statement(
        "A mended mixture is as good as each of its teachers alone.",
        CLAIMS, RESTORES, ("better", "equivalent"), ("worse",), but=(SHUFFLED,), figure="modes",
    ),
    "thoughts": Statement(
        "Thoughts of one model and answers of another make students that think rightly and answer "
        "wrongly.",
        CLAIMS, SPLICES, **_LOSS,
    ),
    "thoughts-filter": Statement(
        "Keeping only answers that follow from their thought repairs that.",
        CLAIMS, REPAIRS, **_GAIN,
    ),
    "rejection": Statement(
        "Of as many traces, those that were chosen for their right answers make better students.",
        CLAIMS, REMEDIES, **_GAIN, remedies=(FILTERED,),
    ),
    "routing": Statement(
        "The stronger model is not always the better teacher: routing each prompt to the one that "
        "suits the student is better than routing at random.",
        CLAIMS, REMEDIES, **_GAIN, remedies=(ROUTED,),
    ),
    "rewriting": Statement(
        "Rewriting all traces in one style removes the conflict.",
        CLAIMS, REMEDIES, **_GAIN, remedies=(REWRITTEN,),
    ),
    "rewriting-alone": Statement(
        "What was rewritten teaches as well as the one teacher's own traces, as many.",
        CLAIMS, REWRITES, ("better", "equivalent"), ("worse",),
    ),
    "by-column": Statement(
        "Each kind of prompt from a teacher of its own is better than the same teachers dealt out "
        "at random.",
        CLAIMS, REMEDIES, **_GAIN, remedies=(BY_COLUMN,),
    ),
    "thinking": Statement(
        "A student that can do both is better when it thinks than when it answers at once.",
        CLAIMS, THINKS, **_GAIN, figure="modes",
    ),
    "two-modes": Statement(
        "Thinking and answering at once, learnt together, are each as good as learnt alone.",
        CLAIMS, KEEPS, ("better", "equivalent"), ("worse",), figure="modes",
    ),
    "two-modes-budget": Statement(
        "Learnt together, each is as good as alone on as many traces as both have.",
        CLAIMS, BUDGETED, ("better", "equivalent"), ("worse",), figure="modes",
    ),
    "pool": Statement(
        "The pool of the teachers' next-token distributions, in place of their tokens, makes a "
        "better student.",
        CLAIMS, REMEDIES, **_GAIN, remedies=(POOLED,),
    ),
    "on-policy": Statement(
        "Behind a cold start, learning from the teachers on the student's own responses is better "
        "than going on from itself.",
        CLAIMS, OWN, **_GAIN,
    ),
    "zero-test": Statement(
        "Going on from itself changes nothing, as it should.",
        CLAIMS, ZERO, ("equivalent",), ("better", "worse"),
    ),
    "threshold": Statement(
        "There is a ratio of teachers, or a chance that a style announces itself, at which the "
        "conflict sets in.",
        unasked="no claim says where one sets in; tables have the accuracy at each that was tried",
    ),
    "same-base": Statement(
        "Specialists of one base model are safer teachers than models of several.",
        unasked=_NO_BASE,
    ),
    "specialists": Statement(
        "Distilling specialists is better than training on the mixed data: ratios are easier to "
        "choose, less is forgotten, one skill can be renewed by itself.",
        unasked=_SPECIALISTS,
    ),
    "pipeline": Statement(
        "A specialist's chosen traces with general data make one good model, as published "
        "pipelines do it.",
        unasked="takes a pipeline of several stages over a base model",
    ),
    "by-task": Statement(
        "Each domain is best taught by its own specialist.", unasked=_SPECIALISTS
    ),
    "gate": Statement(
        "Gates overfit, and more teachers are not always better.", unasked=_OTHER_BED
    ),
    "cheap": Statement(
        "One cheap model keeps the abilities of all its teachers.",
        unasked=_SPECIALISTS,
    ),
    "merging": Statement(
        "Distillation is better than merging weights.", unasked=_SPECIALISTS
    ),
    "experts": Statement(
        "Distillation is better than routing to experts at inference.",
        unasked=_SPECIALISTS,
    ),
    "organisation": Statement(
        "Teams work more simply when each has a specialist; texts sell better.",
        unasked="no experiment of ours measures how people work, or what they buy",
    ),
}  # fmt: skip


def answers_table(
    claims: pd.DataFrame,
    harm: pd.DataFrame,
    predictors: pd.DataFrame,
    margin: float,
) -> pd.DataFrame:
    """COLUMNS: every statement with its verdict and how many greedy rows say so.

    It *holds* where at least one row says so and none the contrary, and *fails* likewise; both
    occur where teachers differ. Whether there are hybrids is a share of responses against
    ``margin``, of mixtures as they are. ``of`` counts the rows that it was asked of.
    """
    rows = []
    for key, one in STATEMENTS.items():
        verdicts = Counter(
            HOLDS if found in one.holds else FAILS if found in one.fails else UNDECIDABLE
            for found in _verdicts(one, claims, harm, predictors, margin)
        )
        row = {"key": key, "statement": one.statement, "verdict": _verdict(verdicts)}
        row |= {"holds": verdicts[HOLDS], "fails": verdicts[FAILS]}
        row |= {"undecidable": verdicts[UNDECIDABLE], "of": verdicts.total()}
        because = "" if verdicts else one.unasked or "no arms of this study ask it"
        rows.append(row | {"because": because})
    return pd.DataFrame(rows, columns=COLUMNS)


def rows_of(one: Statement, claims: pd.DataFrame) -> pd.DataFrame:
    """The claims that a statement is about, of every decoding; those on controls answer none."""
    found = claims[claims.claim == one.kind] if one.table == CLAIMS else claims[:0]
    # But for the one that is a control's own.
    found = found[~found.control.astype(bool) | (found.claim == ZERO)]
    kinds = found["kind"].fillna("")
    if one.remedies:
        found = found[kinds.isin(one.remedies)]
    return found[~kinds.loc[found.index].isin(one.but)]


def _verdicts(
    one: Statement,
    claims: pd.DataFrame,
    harm: pd.DataFrame,
    predictors: pd.DataFrame,
    margin: float,
) -> list[str]:
    match one.table:
        case "claims":
            found = rows_of(one, claims)
            return list(found[found.decode == GREEDY].verdict)
        case "harm":
            found = harm[harm.decode == GREEDY]
            there = found.hybrid_low > margin
            if one.kind == "loss":
                there = (found.interference_low > 0) & ~found.verdict.isin((HARMLESS, NEITHER))
            return list(found[there].verdict)
        case "hybrids":
            found = harm[harm.decode == GREEDY]
            return [
                "above" if row.hybrid_low > margin else "below" if row.hybrid_high < margin else ""
                for row in found.itertuples()
            ]
        case "predictors":
            found = predictors[(predictors.measure == one.kind) & (predictors.decode == GREEDY)]
            return list(found.verdict)
    return []


def _verdict(verdicts: Counter[str]) -> str:
    if not verdicts:
        return NOT_ASKED
    if verdicts[HOLDS] and verdicts[FAILS]:
        return SOME
    return HOLDS if verdicts[HOLDS] else FAILS if verdicts[FAILS] else UNDECIDABLE
