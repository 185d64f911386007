"""All tables of a generation study from its scores, by name."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mtkd.analysis.conflict.arms import ConflictStudy
from mtkd.analysis.conflict.background import answers_table
from mtkd.analysis.conflict.claims import claims_table
from mtkd.analysis.conflict.decline import levels_table, parts_table
from mtkd.analysis.conflict.hybrid_rates import harm_table, hybrids_table
from mtkd.analysis.conflict.modes import modes_table
from mtkd.analysis.conflict.predictors import memoryless_rates, pairs_table, predictors_table
from mtkd.analysis.conflict.read import Scores
from mtkd.analysis.conflict.remedies import remedies_table
from mtkd.analysis.conflict.scored_predictions import measured, scored_table
from mtkd.analysis.conflict.shares import shares_table
from mtkd.analysis.conflict.shown import shown_table
from mtkd.analysis.conflict.thoughts import thoughts_table


def conflict_tables(
    scores: Scores,
    study: ConflictStudy,
    identified: pd.DataFrame,
    prompts: Mapping[str, pd.DataFrame],
) -> dict[str, pd.DataFrame]:
    """Every table by the name of its file; each one's function says what its columns are."""
    claims = claims_table(scores, study)
    hybrids = hybrids_table(scores, study, memoryless_rates(identified), prompts)
    harm = harm_table(hybrids, claims, study["margin"])
    pairs = pairs_table(identified, claims)
    predictors = predictors_table(pairs)
    return {
        "absent": scores.absent,
        "claims": claims,
        "levels": levels_table(scores, study),
        "parts": parts_table(scores, study),
        "hybrids": hybrids,
        "harm": harm,
        "modes": modes_table(scores, study),
        "thoughts": thoughts_table(scores, study),
        "remedies": remedies_table(scores, study),
        "shares": shares_table(scores, study),
        "pairs": pairs,
        "predictors": predictors,
        "predictions": scored_table(study["predictions"], measured(claims, hybrids)),
        "answers": answers_table(claims, harm, predictors, study["margin"]),
        "shown": shown_table(scores, study, prompts),
    }
