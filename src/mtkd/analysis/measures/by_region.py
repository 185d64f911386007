"""Students by region of their teachers' agreement, and their failures as a partition of errors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mtkd.analysis.measures.agreement import accuracy_by_region, regions
from mtkd.analysis.measures.failures import (
    CATEGORIES,
    REGIONS,
    errors_by_category,
    errors_by_region,
    failure_regions,
)
from mtkd.records.examples import Examples

_ARM = ["arm", "strategy", "teachers"]
AGREEMENT_COLUMNS = ["task", "split", "region", "n", "share", *_ARM, "accuracy", "sd", "seeds"]
FAILURE_COLUMNS = ["task", "split", "category", "partition", "meaning", "n", *_ARM, "errors"]
FAILURE_COLUMNS += ["share", "rate", "sd", "seeds"]


def agreement_table(examples: Examples) -> pd.DataFrame:
    """Accuracy of each arm's students where teachers agree, partly agree, or all differ.

    Columns task, split, region, n, share (of the split's examples), arm, strategy, teachers,
    accuracy (mean over seeds, fraction; empty where n = 0), sd, seeds. Teachers are those of the
    whole study, also for arms that learn from one of them; without any there are no rows.
    """
    rows = []
    for split in _splits(examples):
        labels, found = examples.labels[split], regions(teachers_of(examples, split))
        for arm, logits in _students(examples, split):
            by_region = accuracy_by_region(logits.argmax(axis=-1), labels, found)
            for region, here in by_region.items():
                row = {"task": examples.record["task"], "split": split, "region": region}
                row |= {"n": here.n, "share": here.share, **_named(arm)}
                rows.append(row | _over_seeds("accuracy", here.accuracy, len(logits)))
    return pd.DataFrame(rows, columns=AGREEMENT_COLUMNS)


def failures_table(examples: Examples) -> pd.DataFrame:
    """Each arm's errors by what its study's teachers did on the example.

    Columns task, split, category, partition, meaning, n (examples of that region), arm, strategy,
    teachers, errors (mean over seeds), share (of the arm's errors), rate (errors per example of the
    region; empty where n = 0), sd (of the rate), seeds. The rows with ``partition`` (a to e) sum to
    all errors; the published study's categories 1 to 3, built from them, overlap. Without teachers
    there are no rows.
    """
    rows = []
    for split in _splits(examples):
        labels = examples.labels[split]
        found = failure_regions(teachers_of(examples, split), labels)
        for arm, logits in _students(examples, split):
            predictions = logits.argmax(axis=-1)
            errors = (predictions != labels).sum()
            counted = errors_by_region(predictions, labels, found)
            counted |= errors_by_category(predictions, labels, found)
            for category, here in counted.items():
                row = {"task": examples.record["task"], "split": split, "category": category}
                row |= {"partition": category in REGIONS, "meaning": _meaning(category)}
                row |= {"n": here.n, **_named(arm), "errors": here.errors.mean()}
                row["share"] = here.errors.sum() / max(errors, 1)
                rows.append(row | _over_seeds("rate", here.rate, len(logits)))
    return pd.DataFrame(rows, columns=FAILURE_COLUMNS)


def teachers_of(examples: Examples, split: str) -> np.ndarray:
    """Teachers' predictions [K, N]: those of the first teacher seed, one of each kind."""
    return examples.teachers[split][:, 0].argmax(axis=-1)


def _splits(examples: Examples) -> list[str]:
    """The report splits on which there are teachers to agree or not."""
    return examples.report_splits if examples.record["teachers"] else []


def _students(examples: Examples, split: str) -> zip:
    return zip(examples.record["arms"], examples.students[split], strict=True)


def _meaning(category: str) -> str:
    return REGIONS.get(category) or " + ".join(CATEGORIES[category])


def _named(arm: dict) -> dict[str, str]:
    return {"arm": arm["name"], "strategy": arm["strategy"], "teachers": arm["teachers"]}


def _over_seeds(name: str, values: np.ndarray | None, seeds: int) -> dict[str, float | None]:
    """Mean and standard deviation over seeds; a region without examples has neither."""
    known = values is not None
    return {
        name: values.mean() if known else None,
        "sd": values.std(ddof=1) if known and seeds > 1 else None,
        "seeds": seeds,
    }
