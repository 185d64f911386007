"""What a study answers, in words that ask for no statistics: the first paragraph of its report."""

from __future__ import annotations

import pandas as pd

from mtkd.analysis.claims import DISTILLATION, PRACTICE, SEVERAL, SOFT_LABELS
from mtkd.analysis.sentences import listed
from mtkd.study.view import StudyView

QUESTIONS = {
    DISTILLATION: "Does distillation help?",
    PRACTICE: "Do several teachers, averaged, help more than the one that scores best on "
    "selection, chosen before there is any student?",
    SOFT_LABELS: "Are soft labels worth more than the same teachers' likeliest labels?",
    SEVERAL: "Is the best of several teachers' students better than the best of single ones'?",
}


def answers(claims: pd.DataFrame, study: StudyView) -> list[str]:
    """A sentence for each question that the study's primary claims answer.

    Of tasks that are draws of one the claim over all draws speaks. Where nobody could have taken
    the teacher that is best on selection, the best of each kind answer for several teachers.
    """
    drawn = {task for tasks in study.get("draws", {}).values() for task in tasks}
    claims = claims[~claims.task.isin(drawn)]
    kinds = [DISTILLATION, PRACTICE if (claims.claim == PRACTICE).any() else SEVERAL, SOFT_LABELS]
    return [_answer(kind, own, study) for kind in kinds if len(own := claims[claims.claim == kind])]


def _answer(kind: str, claims: pd.DataFrame, study: StudyView) -> str:
    words = {
        "better": "yes",
        "worse": "no, it is worse",
        "equivalent": f"no difference beyond the margin of {study['margin']:g} points",
        "no assay sensitivity": "alike, where this study could not have told a teacher from none",
        "undecidable": "this study cannot tell",
        "no skill": "neither is better than one answer for every example",
        "no verdict": "no verdict, which takes three seeds",
    }
    # Two comparisons of a kind on one task are told apart by what is compared.
    several = claims.duplicated("task").any()
    where = claims.task + (" (" + claims.a + ")" if several else "")
    parts = [
        f"{words[verdict]} on {listed(list(own))}"
        for verdict, own in where.groupby(claims.verdict, sort=False)
    ]
    said = "; ".join(parts)
    return f"{QUESTIONS[kind]} {said[0].upper()}{said[1:]}."
