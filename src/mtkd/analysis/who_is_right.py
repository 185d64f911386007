"""Who is right where it is hard: where teachers disagree, and where people do.

Teachers, what is fused of them, the surest teacher and students of every arm, side by side on the
same examples of the report split.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import entr, softmax

from mtkd.analysis.measures.agreement import REGIONS, regions
from mtkd.analysis.measures.by_region import teachers_of
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.records.examples import Examples

_WHO = ["kind", "name"]
DISAGREEMENT_COLUMNS = ["task", "split", "region", "n", "share", *_WHO]
DISAGREEMENT_COLUMNS += ["accuracy", "low", "high", "seeds"]
AMBIGUITY_COLUMNS = ["task", "split", "part", "entropy_low", "entropy_high", "n", *_WHO]
AMBIGUITY_COLUMNS += ["error", "low", "high", "share_of_errors", "seeds"]
SUREST = "surest teacher"
RATER = "one rater"
# Parts of the examples by how much people disagree, as equal in number as ties allow.
PARTS = 4


def disagreement_table(examples: Examples) -> pd.DataFrame:
    """Accuracy of everybody on the examples where teachers agree, partly agree, or all differ.

    Columns DISAGREEMENT_COLUMNS: kind is teacher, surest (for each example the teacher with the
    largest probability at T = 1), fused (an arm's fused teachers) or student (an arm's); accuracy
    (fraction) with its 95 % interval over seeds and the region's examples, none of fewer than two.
    Regions are those of the study's teachers, of their first seed; those without an example, and
    studies without teachers, have no rows.
    """
    rows = []
    for split in examples.report_splits if examples.record["teachers"] else []:
        found = regions(teachers_of(examples, split))
        right = list(_right(examples, split))
        for region in REGIONS:
            inside = found == region
            if not inside.any():
                continue
            row = {"task": examples.record["task"], "split": split, "region": region}
            row |= {"n": int(inside.sum()), "share": float(inside.mean())}
            clusters = _clusters(examples, split, inside)
            rows += [
                {**row, "kind": kind, "name": name} | _interval("accuracy", of[:, inside], clusters)
                for kind, name, of in right
            ]
    return pd.DataFrame(rows, columns=DISAGREEMENT_COLUMNS)


def ambiguity_table(examples: Examples) -> pd.DataFrame:
    """Everybody's errors by how much raters disagree: is what is left really ambiguous?

    Columns AMBIGUITY_COLUMNS: ``part`` 1 to 4 of the examples by the entropy of the raters' shares
    (``entropy_low`` to ``entropy_high``, nats; parts are equal in number but for ties); ``error``
    with its 95 % interval over seeds and examples, and ``share_of_errors``, the part's share of all
    errors of that model. Kinds as of ``disagreement_table``, and ``rater``: how often the answer of
    one rater, drawn at random, is not the label. Empty without raters.
    """
    rows = []
    for split in examples.report_splits:
        if split not in examples.human:
            continue
        shares, labels = examples.human[split], examples.labels[split]
        entropy = entr(shares).sum(axis=1).round(12)
        one_rater = 1 - shares[np.arange(len(labels)), labels]
        wrong = [("rater", RATER, one_rater[None])]
        wrong += [(kind, name, ~right) for kind, name, right in _right(examples, split)]
        for part, inside in enumerate(_parts(entropy), start=1):
            row = {"task": examples.record["task"], "split": split, "part": part}
            row |= {"entropy_low": entropy[inside].min(), "entropy_high": entropy[inside].max()}
            row |= {"n": int(inside.sum())}
            clusters = _clusters(examples, split, inside)
            for kind, name, of in wrong:
                found = {**row, "kind": kind, "name": name}
                found |= _interval("error", of[:, inside], clusters)
                total = of.sum()
                found["share_of_errors"] = of[:, inside].sum() / total if total else None
                rows.append(found)
    return pd.DataFrame(rows, columns=AMBIGUITY_COLUMNS)


def _right(examples: Examples, split: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """Kind, name, and whether it is right [S, N], of everybody; the surest teacher after others."""
    labels, teachers = examples.labels[split], examples.teachers[split]
    surest = None
    if len(teachers) > 1:
        sure = softmax(teachers.astype(np.float64), axis=-1).max(axis=-1).argmax(axis=0)
        answers = np.take_along_axis(teachers.argmax(axis=-1), sure[None], axis=0)[0]
        surest = ("surest", SUREST, answers == labels)
    for model in examples.models(split):
        if surest and model.kind != "teacher":
            yield surest
            surest = None
        yield model.kind, model.name, model.logits.argmax(axis=-1) == labels


def _parts(values: np.ndarray) -> list[np.ndarray]:
    """Masks [N] of up to PARTS parts by value; equal values are in one part."""
    edges = np.unique(np.quantile(values, np.arange(1, PARTS) / PARTS, method="lower"))
    part = np.searchsorted(edges, values, side="left")
    return [part == number for number in range(len(edges) + 1) if (part == number).any()]


def _clusters(examples: Examples, split: str, inside: np.ndarray) -> np.ndarray | None:
    """The clusters of some examples of a split, where they come in clusters."""
    clusters = examples.clusters_of([split])
    return None if clusters is None else clusters[inside]


def _interval(
    name: str, values: np.ndarray, clusters: np.ndarray | None
) -> dict[str, float | None]:
    """The mean of values [S, n] with its interval, within 0 and 1; of one example none."""
    row = {name: float(values.mean()), "seeds": len(values)}
    if values.shape[1] < 2 or (clusters is not None and len(np.unique(clusters)) < 2):
        return row
    found = crossed_difference(values, clusters=clusters)
    return row | {"low": max(found.low, 0.0), "high": min(found.high, 1.0)}
