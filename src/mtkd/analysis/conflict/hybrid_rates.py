"""What kinds of responses students give: one teacher's throughout, hybrids of several, or broken.

Always beside accuracy, since a hybrid is no error by itself, and beside the rate of a memoryless
student, which draws a teacher anew at each step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import fmean

import pandas as pd

from mtkd.analysis.conflict.arms import (
    Arm,
    ArmSettings,
    ConflictStudy,
    arms_of,
    expected_arms,
    same_teachers,
)
from mtkd.analysis.conflict.decline import INTERFERENCE
from mtkd.analysis.conflict.intervals import level
from mtkd.analysis.conflict.read import Asked, Scores, by_prompt, modes_of, seeds_of
from mtkd.generation.hybrids import KINDS, memoryless
from mtkd.study.generation_words import ANY_MODE, RANDOM, REMEDY, ROUTED, UNDEALT

KEYS = ["student", "task", "teachers", "recipe", "n"]
COLUMNS = [*KEYS, "mode", "decode", "seeds", "prompts", *KINDS]
COLUMNS += ["hybrid", "hybrid_low", "hybrid_high", "memoryless"]
COLUMNS += ["accuracy", "accuracy_low", "accuracy_high", "styles"]
HARM_COLUMNS = [*KEYS, "decode", "hybrid", "hybrid_low", "hybrid_high", "interference"]
HARM_COLUMNS += ["interference_low", "interference_high", "verdict", "said"]
HARMLESS = "hybrids without harm"
HARMFUL = "hybrids with interference"
OTHERWISE = "interference without hybrids"
NEITHER = "neither"
UNDECIDABLE = "undecidable"


def hybrids_table(
    scores: Scores,
    study: ConflictStudy,
    equal: Mapping[tuple[str, frozenset[str]], float],
    prompts: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """COLUMNS: shares of each kind of response in percent, by arm, mode and decoding.

    ``equal``, the hybrids of a memoryless student of equal shares of its teachers, between 0 and 1
    by task and teachers, is known where styles are, and of several teachers; that of other shares
    is computed on ``prompts``, of each task. ``memoryless`` is empty where neither can be said.
    ``styles`` is whose the pure responses are. Arms whose styles are not known have no row.
    """
    rows = []
    settings = dict(arms_of(study, REMEDY))

    def expected(arm: Arm, seeds: list[str]) -> float | None:
        own = settings.get(arm, {})
        shares = [_shares(scores, arm, own, seed) for seed in seeds]
        rates = [_memoryless(arm, of, study, equal, prompts) for of in shares]
        return None if None in rates else 100 * fmean(rates)

    for arm in expected_arms(study):
        for mode in modes_of(scores, arm):
            for decode in scores.decodes:
                asked = Asked(arm, mode, decode)
                seeds = seeds_of(scores, [asked], study)
                if not seeds or not by_prompt(scores, asked, seeds, "known").any():
                    continue
                hybrid = by_prompt(scores, asked, seeds, "hybrid")
                mixed = mode == ANY_MODE and len(arm.names) > 1
                rows.append(
                    {**arm._asdict(), "mode": mode, "decode": decode, "seeds": len(seeds)}
                    | {"prompts": hybrid.shape[1]}
                    | {kind: by_prompt(scores, asked, seeds, kind).mean() for kind in KINDS}
                    | level(hybrid, "hybrid")
                    | {"memoryless": expected(arm, seeds) if mixed else None}
                    | level(by_prompt(scores, asked, seeds), "accuracy")
                    | {"styles": _styles(scores, asked, seeds)}
                )
    return pd.DataFrame(rows, columns=COLUMNS)


def _shares(scores: Scores, arm: Arm, settings: ArmSettings, seed: str) -> list[float] | None:
    """The teachers' shares of what a student learnt, in any unit: of its traces, as recorded.

    Without a record, what was asked for; None for a route, whose shares follow from the traces.
    """
    if traces := scores.records.get((arm, seed), {}).get("traces"):
        return [traces.get(name, 0) for name in arm.names]
    if settings.get("kind") in (ROUTED, RANDOM, UNDEALT):
        return None
    return settings.get("ratio", [1] * len(arm.names))


def _memoryless(
    arm: Arm,
    shares: list[float] | None,
    study: ConflictStudy,
    equal: Mapping[tuple[str, frozenset[str]], float],
    prompts: Mapping[str, pd.DataFrame],
) -> float | None:
    """The share of hybrids, between 0 and 1, of a student that draws a teacher at each step."""
    if shares and len(set(shares)) == 1:
        return equal.get((arm.task, frozenset(arm.names)))
    styles = [study["teachers"].get(name, {}).get("style") for name in arm.names]
    if not shares or None in styles:
        return None
    return memoryless(list(prompts[arm.task]["prompt"]), styles, shares)


def harm_table(hybrids: pd.DataFrame, claims: pd.DataFrame, margin: float) -> pd.DataFrame:
    """HARM_COLUMNS: of each mixture, whether it has hybrids and whether they go with interference.

    There are hybrids where the whole interval of their share is above ``margin``, none where it is
    below; what the mixture lost is its claim's verdict. A mixture that has them and is equivalent
    to its teachers' students, or better, has hybrids without harm.
    """
    rows = []
    of_mixtures = claims[(claims.claim == INTERFERENCE) & (claims.seeds > 0)]
    for claim in of_mixtures.itertuples():
        own = hybrids[(hybrids["mode"] == ANY_MODE) & (hybrids.decode == claim.decode)]
        for key in ("student", "task", "recipe", "n"):
            own = own[own[key] == getattr(claim, key)]
        own = own[[same_teachers(of, claim.teachers) for of in own.teachers]]
        if own.empty:
            continue
        found = own.iloc[0]
        verdict = _harm(found.hybrid_low, found.hybrid_high, claim.verdict, margin)
        row = {key: getattr(claim, key) for key in (*KEYS, "decode")}
        row |= {name: found[name] for name in ("hybrid", "hybrid_low", "hybrid_high")}
        row |= {"interference": claim.estimate, "interference_low": claim.low}
        row |= {"interference_high": claim.high, "verdict": verdict}
        rows.append(row | {"said": _said(row)})
    return pd.DataFrame(rows, columns=HARM_COLUMNS)


def _harm(low: float, high: float, interference: str, margin: float) -> str:
    lost = {"worse": True, "better": False, "equivalent": False}.get(interference)
    if lost is None or low <= margin <= high:
        return UNDECIDABLE
    if low > margin:
        return HARMFUL if lost else HARMLESS
    return OTHERWISE if lost else NEITHER


def _said(row: dict) -> str:
    head = (
        f"{row['task']}, {row['teachers']} ({row['decode']}): {row['hybrid']:.1f} % of responses "
    )
    head += f"are hybrids (95 % interval {row['hybrid_low']:.1f} to {row['hybrid_high']:.1f})"
    cost = f"interference is {row['interference']:+.1f} points"
    return {
        HARMLESS: f"{head}, and no accuracy beyond the margin is lost ({cost}): here a hybrid is "
        "no harm.",
        HARMFUL: f"{head}, and {cost}: hybrids come with lost answers.",
        OTHERWISE: f"{head}, yet {cost}: what is lost is not lost to hybrids.",
        NEITHER: f"{head}, and no accuracy beyond the margin is lost ({cost}).",
        UNDECIDABLE: f"{head}; whether they come with interference this study cannot tell.",
    }[row["verdict"]]


def _styles(scores: Scores, asked: Asked, seeds: list[str]) -> str:
    """Whose style pure responses are in, in percent of all responses."""
    shares: Counter[str] = Counter()
    for seed in seeds:
        shares.update(scores.groups[asked.arm, seed][asked[1:]].pure)
    return ", ".join(f"{name} {100 * of / len(seeds):.0f}" for name, of in sorted(shares.items()))
