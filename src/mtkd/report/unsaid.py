"""What a study cannot say, whatever comes out, for want of arms or seeds."""

from __future__ import annotations

from mtkd.analysis.statistics.paired import MINIMUM_SEEDS
from mtkd.study.view import StudyView, seed_count


def unsaid(study: StudyView) -> list[str]:
    """Sentences on the questions that a study's own axes leave open."""
    families = {arm["family"] for arm in study["arms"]}
    distilled = families - {"undistilled"}
    found = []
    if not distilled:
        found.append(
            "Anything about distillation: no arm learns from a teacher. There is no audit, no gap "
            "closed and no comparison, only the undistilled student's scores."
        )
    elif "undistilled" not in families:
        found.append(
            "Whether distillation helps, and how much of a gap it closes: there is no arm without "
            "distillation."
        )
    if distilled and "several" not in families:
        found.append("Whether several teachers are better than one: no arm has several.")
    elif distilled and "single" not in families:
        found.append("Whether several teachers are better than one: no arm has a single one.")
    if len(study["seeds"]) < MINIMUM_SEEDS:
        found.append(
            f"Which differences are more than luck: a verdict takes {MINIMUM_SEEDS} seeds, and "
            f"this study has {seed_count(len(study['seeds']))}."
        )
    return found
