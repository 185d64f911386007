"""A table as people read it: words for columns, numbers as text, a caption that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from mtkd.analysis.catalogue import TABLES
from mtkd.metrics.names import declared
from mtkd.study.view import StudyView, seed_count, seeds_text, settings_text

MISSING = "–"
KINDS = {
    "teacher": "Teacher",
    "fused": "Fused teacher",
    "student": "Student",
    "soft labels": "Soft labels",
    "surest": "Per example",
    "rater": "Raters",
}
# How teachers are told by their soft labels, beside the numbers.
IDENTIFIED = (
    "A classifier (multinomial logistic regression on log-probabilities, five folds; all soft "
    "labels of an example in one fold) names the teacher of a soft label. At chance the teachers' "
    "soft labels are alike, and several teachers teach what one does; above it they differ, in "
    "what they say of texts or in how sure they are of all. The interval is over examples."
)
YES_OR_NO = {True: "yes", False: "no"}


class Shown(NamedTuple):
    """One table, every entry a text; ``words`` names the columns that hold words, not numbers."""

    name: str
    title: str
    caption: str
    rows: pd.DataFrame
    words: tuple[str, ...]
    # What the columns mean, in sentences.
    note: str = ""


def titled(
    table: str, caption: str, rows: pd.DataFrame, words: tuple[str, ...], note: str = ""
) -> Shown:
    """What is shown of one table, under the title that the catalogue has for it."""
    return Shown(table.rpartition("/")[2], TABLES[table].title, caption, rows, words, note)


def caption(
    what: str, study: StudyView, task: str | None = None, splits: Sequence[str] = ()
) -> str:
    """A caption that names study, task, metric, split (the report splits), seeds, T and alpha."""
    where = f"{study['suite']}/{study['study']}" + (f", {task}" if task else "")
    tasks = [task] if task else study["tasks"]
    metrics: dict[str, list[str]] = {}
    for one in tasks:
        metrics.setdefault(study["metrics"][one], []).append(one)
    # Which tasks a metric is of goes without saying where there is one metric.
    named = [f"{m} ({', '.join(of)})" if len(metrics) > 1 else m for m, of in metrics.items()]
    reported = dict.fromkeys(split for one in tasks for split in study["report_splits"][one])
    return (
        f"{where}: {what}. Primary metric: {', '.join(named)}; "
        f"split: {', '.join(splits) or ' and '.join(reported)}; "
        f"{seeds_text(study)}; {settings_text(study)}."
    )


def points(value: float, digits: int = 2) -> str:
    """A difference with its sign."""
    if pd.isna(value):
        return MISSING
    if not round(value, digits):
        return f"{0:.{digits}f}"
    return f"{value:+.{digits}f}".replace("-", "−").replace("inf", "∞")


def interval(low: float, high: float, digits: int = 2) -> str:
    """Both ends of an interval of differences."""
    return MISSING if pd.isna(low) else f"{points(low, digits)} to {points(high, digits)}"


def number(value: float, digits: int = 3) -> str:
    """A number that is not in percent."""
    return MISSING if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def percent(fraction: float, digits: int = 1) -> str:
    """A fraction in percent, without the sign."""
    return number(100 * fraction, digits)


def score(value: float, metric: str) -> str:
    """A metric's value in percent, or the unit that it is shown in."""
    shown = declared(metric)
    return number(shown.scale * value, shown.decimals)


def spread(mean: float, sd: float, seeds: int, metric: str = "accuracy") -> str:
    """A metric over seeds as the master table writes it: mean ±sd (seeds)."""
    if pd.isna(mean):
        return MISSING
    return score(mean, metric) + ("" if pd.isna(sd) else f" ±{score(sd, metric)}") + f" ({seeds})"


def p_value(p: float) -> str:
    """A p-value; small ones as a bound."""
    return "<0.001" if p < 0.001 else number(p)


def model_name(kind: str, name: str) -> str:
    """A model's name with what it is."""
    return f"{KINDS[kind]}: {name}" if kind in KINDS else name.capitalize()


def seeds_needed(value: float) -> str:
    """How many seeds a decision takes; a number of examples can forbid any."""
    if pd.isna(value):
        return MISSING
    return "no number" if value == float("inf") else seed_count(round(value))


def split_column(rows: pd.DataFrame, splits: pd.Series) -> pd.DataFrame:
    """Rows with a leading column for the split where they come from several."""
    if splits.nunique() > 1:
        rows.insert(0, "split", splits.to_numpy())
    return rows


def confidence_rows(confidence: pd.DataFrame) -> pd.DataFrame:
    """How sure each teacher is on each split and at each T, of one task."""
    rows = [
        {
            "teacher": row.teacher,
            "split": row.split,
            "T": row.T,
            "largest probability": number(row.max_probability),
            "entropy (nats)": number(row.entropy),
            "above 0.95 (%)": percent(row.high),
        }
        for row in confidence.itertuples()
    ]
    columns = ["teacher", "split", "T", "largest probability", "entropy (nats)", "above 0.95 (%)"]
    return frame(rows, columns)


def identification_rows(identification: pd.DataFrame) -> pd.DataFrame:
    """How often the teacher of a soft label is named, on each split and at each T, of one task."""
    rows = [
        {
            "split": row.split,
            "T": row.T,
            "named rightly (%)": percent(row.accuracy),
            "95 % interval": f"{percent(row.low)} to {percent(row.high)}",
            "chance (%)": percent(row.chance),
            "teachers": f"{row.teachers}",
            "examples": f"{row.n:,}",
        }
        for row in identification.itertuples()
    ]
    columns = ["split", "T", "named rightly (%)", "95 % interval", "chance (%)", "teachers"]
    return frame(rows, [*columns, "examples"])


def frame(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    """Rows of text; the columns are there also without rows."""
    return pd.DataFrame(rows, columns=columns, dtype="str")
