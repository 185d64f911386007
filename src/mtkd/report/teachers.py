"""The audit's tables as people read them: what teachers alone say before there is a student."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mtkd.analysis.predicted import KNOWN, KNOWN_FROM
from mtkd.metrics.names import metric_label
from mtkd.report.shown import (
    IDENTIFIED,
    YES_OR_NO,
    Shown,
    confidence_rows,
    frame,
    identification_rows,
    interval,
    model_name,
    number,
    percent,
    points,
    score,
    titled,
)
from mtkd.study.view import StudyView, improvement_text

Tables = Mapping[str, pd.DataFrame]
MEASURED = "as named in the rows"

# What is said wherever teachers are measured on train.
ON_TRAIN = (
    "On train teachers are measured on rows that they were trained on, as their students' soft "
    "labels are made there; transfer: on texts without a label, which no teacher saw, scored by "
    "labels kept apart; on selection their epochs were chosen."
)


# What is added where some students learn from other logits.
OUT_OF_FOLD = (
    "Train, out of fold: the same rows, by teachers that were trained without them, as some arms' "
    "soft labels are made."
)


def predictions_shown(predictions: pd.DataFrame, study: StudyView) -> Shown:
    """What each arm of several teachers is predicted to gain, on every task."""
    rows = [
        {
            "task": row.task,
            "arm": row.arm,
            "fused teacher's lead": points(row.lead),
            "its 95 % interval": interval(row.lead_low, row.lead_high),
            "predicted gain": points(row.predicted),
            "95 % predicted": interval(row.predicted_low, row.predicted_high),
            "expected": row.expected,
        }
        for row in predictions.itertuples()
    ]
    columns = ["task", "arm", "fused teacher's lead", "its 95 % interval", "predicted gain"]
    slopes = dict.fromkeys(
        zip(predictions.slope, predictions.slope_low, predictions.slope_high, strict=True)
    )
    slope = " or ".join(
        f"{number(value)} points for a point (95 % interval {number(low)} to {number(high)})"
        for value, low, high in slopes
    )
    return titled(
        "{task}/predictions",
        _caption(
            "gain of students of several teachers over one teacher's, in points"
            + improvement_text(study),
            study,
        ),
        frame(rows, [*columns, "95 % predicted", "expected"]),
        ("task", "arm", "expected"),
        "Lead: the fused teacher's score above the mean of its teachers'. Predicted gain: the lead "
        f"times what a better teacher gave its student, {slope}: within tasks, over the "
        f"{KNOWN.arms} {KNOWN_FROM}, {KNOWN.tasks} tasks. The predicted interval is of the slope, "
        f"the lead, and how far students are off that line ({number(KNOWN.residual, 2)} points). "
        "Expected: helps or hurts where that interval lies on one side of 0, no difference where "
        f"it lies within {study['margin']:g} points, the study's margin; else it cannot tell.",
    )


def summary_shown(summary: pd.DataFrame, study: StudyView) -> Shown:
    """A row per task and split: how much its teachers differ, and how much room that leaves."""
    temperatures = [name.removeprefix("jsd_T") for name in summary if name.startswith("jsd_T")]
    rows = []
    for row in summary.to_dict("records"):
        entries = {
            "task": row["task"],
            "split": row["split"],
            "teachers": f"{row['teachers']}",
            "examples": f"{row['n']:,}",
            "with a label": f"{row['labelled']:,}",
            "accuracy (%)": percent(row["accuracy"]),
            "disagreement (%)": percent(row["disagreement"]),
            "effective teachers": number(row["effective_teachers"], 2),
            "oracle headroom (points)": points(row["headroom"]),
            "ambiguity, Brier": number(row["brier_ambiguity"], 4),
            "ambiguity, NLL": number(row["nll_ambiguity"], 4),
            "weights' offset": number(row["weights_offset"]),
        }
        for T in temperatures:
            entries[f"JSD, T={T}"] = number(row[f"jsd_T{T}"], 4)
            entries[f"entropy, T={T}"] = number(row[f"entropy_T{T}"])
        rows.append(entries)
    return titled(
        "{task}/summary",
        _caption(
            "diversity of the teachers, and the room above the best of them", study, splits=MEASURED
        ),
        frame(rows, list(dict.fromkeys(column for row in rows for column in row))),
        ("task", "split"),
        f"{ON_TRAIN} Accuracy: the mean teacher's. "
        "Disagreement: share of examples on which not all teachers predict the same. Effective "
        "teachers: how many teachers of uncorrelated errors they are worth. Oracle headroom: what "
        "always picking a right teacher would add to the best teacher's accuracy. Ambiguity: what "
        "the linear pool's Brier score and the log-linear pool's NLL gain over their mean member. "
        "Weights' offset: how far the weights of weighted are from equal ones. JSD: "
        "Jensen-Shannon divergence of the soft labels in nats, 0 where all teachers say the same; "
        "entropy: of their soft labels, in nats, mean over teachers.",
    )


def teacher_tables(tables: Tables, study: StudyView, task: str) -> list[Shown]:
    """One task's tables, ceilings first and the label map last; those without rows left out."""
    makers = [_ceilings, _pairs, _confidence, _identification, _label_map]
    shown = [make(tables, study, task) for make in makers]
    return [table for table in shown if len(table.rows)]


def _on_train(table: pd.DataFrame) -> str:
    """What is said of a table of splits, train among them."""
    some = table.split.str.startswith("train, out of fold").any()
    return f"{ON_TRAIN} {OUT_OF_FOLD}" if some else ON_TRAIN


def _ceilings(tables: Tables, study: StudyView, task: str) -> Shown:
    metric = study["metrics"][task]
    rows = [
        {
            "split": row.split,
            "model": model_name(row.kind, row.name),
            metric_label(metric): score(row.score, metric),
            "accuracy (%)": percent(row.accuracy, 2),
            "NLL (nats)": number(row.nll),
            "ECE (%)": percent(row.ece),
            "examples": f"{row.n:,}",
        }
        for row in tables["ceilings"].itertuples(index=False)
    ]
    columns = dict.fromkeys(
        [
            "split",
            "model",
            metric_label(metric),
            "accuracy (%)",
            "NLL (nats)",
            "ECE (%)",
            "examples",
        ]
    )
    return titled(
        "{task}/ceilings",
        _caption("scores and calibration", study, task, MEASURED),
        frame(rows, list(columns)),
        ("split", "model"),
        f"{_on_train(tables['ceilings'])} A learned gate sees the undistilled student and so "
        "cannot be judged yet.",
    )


def _pairs(tables: Tables, study: StudyView, task: str) -> Shown:
    rows = [
        {
            "split": row.split,
            "pair": f"{row.first} and {row.second}",
            "disagreement (%)": percent(row.disagreement),
            "Yule's Q": number(row.q),
            "kappa": number(row.kappa),
            "both wrong (%)": percent(row.double_fault),
            "correlation": number(row.correlation),
            "CKA": number(row.cka),
            "examples": f"{row.n:,}",
        }
        for row in tables["pairs"].itertuples()
    ]
    columns = ["split", "pair", "disagreement (%)", "Yule's Q", "kappa", "both wrong (%)"]
    return titled(
        "{task}/pairs",
        _caption(
            "how alike two teachers' errors, predictions and features are", study, task, MEASURED
        ),
        frame(rows, [*columns, "correlation", "CKA", "examples"]),
        ("split", "pair"),
        f"{ON_TRAIN} Disagreement: one right, the other wrong. Q and correlation: of being right, "
        "1 where both always are right or wrong together. Kappa: agreement of predictions beyond "
        "chance. CKA: similarity of the features that the classification heads see, 0 to 1, on "
        "selection.",
    )


def _confidence(tables: Tables, study: StudyView, task: str) -> Shown:
    return titled(
        "{task}/confidence",
        _caption("how sure the soft labels are, means over examples", study, task, MEASURED),
        confidence_rows(tables["confidence"]),
        ("teacher", "split"),
        f"{_on_train(tables['confidence'])} Soft labels that are nearly certain say little more "
        "than the hard labels.",
    )


def _identification(tables: Tables, study: StudyView, task: str) -> Shown:
    return titled(
        "{task}/identification",
        _caption("how often a soft label tells which teacher it is from", study, task, MEASURED),
        identification_rows(tables["identification"]),
        ("split",),
        f"{ON_TRAIN} {IDENTIFIED}",
    )


def _label_map(tables: Tables, study: StudyView, task: str) -> Shown:
    rows = [
        {
            "teacher": row.teacher,
            "accuracy (%)": percent(row.accuracy, 2),
            "best order of labels": row.best_order,
            "accuracy in it (%)": percent(row.best_accuracy, 2),
            "in order": YES_OR_NO[row.in_order],
        }
        for row in tables["label_map"].itertuples()
    ]
    columns = ["teacher", "accuracy (%)", "best order of labels", "accuracy in it (%)", "in order"]
    return titled(
        "{task}/label_map",
        _caption("whether each teacher's outputs stand for the task's labels", study, task),
        frame(rows, columns),
        ("teacher", "best order of labels", "in order"),
        "A teacher whose outputs are clearly in another order is refused before this page.",
    )


def _caption(
    what: str, study: StudyView, task: str | None = None, splits: str = "selection"
) -> str:
    where = f"{study['suite']}/{study['study']}" + (f", {task}" if task else "")
    seeds = ", ".join(study["teacher_seeds"])
    return f"{where}: {what}. Split: {splits}; teacher seed {seeds}; no report label is read."
