"""A student's model card: what it is and is worth, what was lost, how it is used and how not."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from mtkd.analysis.loss_statement import AGREEMENT, CALIBRATION, INHERITED, WORST
from mtkd.analysis.sentences import listed
from mtkd.config.losses import CLOSED
from mtkd.deployment.forms import FORMS, MEAN, MOST
from mtkd.metrics.names import declared, metric_title
from mtkd.study.arms import is_distilled
from mtkd.study.paths import CELL

CARD = "README.md"
CONFIDENCE = 0.95
# What each number of the loss statement is, as its readers are told.
MEASURES = {
    CALIBRATION: "calibration error (how far its confidence is from its accuracy; less is better)",
    AGREEMENT: "agreement with its teachers (share of examples with their label)",
    INHERITED: "errors inherited (share of examples on which it repeats its teachers' error)",
    WORST: "worst class `{of}` (recall of the class that lost most on selection)",
}
# What the digest of a teacher is of, by the source that its record names; a trained one has none.
DIGEST_OF = {
    "": "its model",
    "probabilities": "a file's answers",
    "logits": "a file's answers",
    "neighbours": "near texts' labels",
}
ROWS = {"transfer": "transfer (texts without a label)"}


def student_card(
    record: Mapping[str, Any],
    settings: Mapping[str, Any],
    folder: Path,
    scores: pd.DataFrame,
    statement: pd.DataFrame,
    rows: Mapping[str, int],
    sources: Mapping[str, str],
    unanswered: Mapping[str, int],
) -> str:
    """The card of a cell's student, by its record, as Markdown with the hub's metadata.

    ``settings`` are ``mtkd.study.settings.taken_settings``; ``folder`` holds the model; ``scores``
    and ``statement`` are tables of ``mtkd.analysis.loss_statement``; ``rows`` are its task's, by
    split, ``sources`` its given teachers' (``mtkd.deployment.statement``), and ``unanswered`` how
    many rows of a split no teacher answered.
    """
    name = f"{settings['suite']}-{record['task']}-{record['student']}"
    parts = [
        f"# {name}",
        _what(record, settings),
        "## Scores",
        _scores_text(scores),
        "## What was lost",
        _statement_text(statement, rows, unanswered),
        "## How to use it",
        usage(folder, settings, record["labels"]),
        "## What it must not be used for",
        _limits(record),
        "## How it came about",
        _origin(record, settings, rows, sources),
    ]
    metadata = card_data(name, settings, record["task"], scores)
    return str(ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n"))


def forms_card(
    facts: Mapping[str, Any],
    settings: Mapping[str, Any],
    distances: pd.DataFrame,
    scores: pd.DataFrame,
    sizes: Mapping[str, int],
) -> str:
    """The card of a student's ONNX forms, by its ``student.json`` and ``measured`` tables."""
    name = f"{settings['suite']}-{facts['task']}-{facts['student']}-onnx"
    lines = [
        "| form | file | MB | split | metric | score | 95 % interval "
        "| from the student: most, mean | same label |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    far = distances.set_index("form")
    for row in scores.itertuples():
        value, low, high = (_shown(row.metric, each) for each in (row.value, row.low, row.high))
        most, mean, same = far.loc[row.form, ["most", "mean", "same"]]
        lines.append(
            f"| {row.form} | `{FORMS[row.form]}` | {sizes[row.form] / 1e6:.2f} | {row.split} | "
            f"{metric_title(row.metric)} | {value} | {low} to {high} | {most:.1e}, {mean:.1e} | "
            f"{100 * same:.1f} % |"
        )
    cell = CELL.format(suite=settings["suite"], **_axes(facts))
    parts = [
        f"# {name}",
        f"The student of the cell `{cell}` for ONNX Runtime: `{FORMS['onnx']}` as it is, and "
        f"`{FORMS['int8']}` with weights in whole numbers of eight bits. What it is, what it must "
        "not be used for and what it lost of its teachers says the card of the student itself.",
        "## Scores of each form",
        "\n".join(lines),
        f"Each form was measured again. Refused is one whose probabilities differ by more than "
        f"{MOST:g} on any example of report ({FORMS['onnx']}), or by {MEAN:g} in the mean "
        f"({FORMS['int8']}).",
        "## How to use it",
        _forms_usage(settings),
    ]
    metadata = card_data(name, settings, facts["task"], scores, library_name="onnxruntime")
    return str(ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n"))


def _forms_usage(settings: Mapping[str, Any]) -> str:
    texts = ", ".join(['["a text", "another"]'] * len(settings["text"]))
    return f"""```python
import numpy as np
import onnxruntime
from transformers import AutoTokenizer

folder = "path/to/this/folder"
tokenizer = AutoTokenizer.from_pretrained(folder)
session = onnxruntime.InferenceSession(f"{{folder}}/{FORMS["onnx"]}")
batch = tokenizer({texts}, truncation=True, padding=True, return_tensors="np")
names = [given.name for given in session.get_inputs()]
(logits,) = session.run(["logits"], {{name: batch[name] for name in names}})
shares = np.exp(logits - logits.max(axis=1, keepdims=True))
print(shares / shares.sum(axis=1, keepdims=True))
```"""


def card_data(
    name: str, settings: Mapping[str, Any], task: str, scores: pd.DataFrame, **own: Any
) -> ModelCardData:
    """The metadata of a card, with its scores as ``model-index``.

    The interval of a score stands among the metric's arguments: the format has no place of its own.
    """
    dataset = settings.get("dataset", {})
    results = [
        EvalResult(
            task_type="text-classification",
            dataset_type=dataset.get("name", task),
            dataset_name=task,
            dataset_config=dataset.get("subset"),
            dataset_revision=dataset.get("revision"),
            dataset_split=row.split,
            metric_type=row.metric,
            metric_name=f"{row.metric}{f', {row.form}' if 'form' in scores else ''}",
            metric_value=round(row.value, 6),
            metric_args={
                "confidence": CONFIDENCE,
                "low": round(row.low, 6),
                "high": round(row.high, 6),
            },
        )
        for row in scores.itertuples()
    ]
    base = settings["model"].get("hub")
    return ModelCardData(
        model_name=name,
        pipeline_tag="text-classification",
        tags=["text-classification", "knowledge-distillation", "mtkd"],
        datasets=[dataset["name"]] if dataset else None,
        base_model=base,
        eval_results=results,
        **own,
    )


def _what(record: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    model = settings["model"]
    encoder = model.get("hub") or model.get("architecture") or Path(model["folder"]).name
    reads = " and ".join(f"`{column}`" for column in settings["text"])
    labels = ", ".join(f"`{label}`" for label in record["labels"])
    if is_distilled(record["teachers"]):
        came = f"It was distilled from {listed(record['teachers'].split('+'))}"
    else:
        came = "It was trained on gold labels alone, without a teacher"
    return (
        f"A text classifier, {encoder}, for the task `{record['task']}` of the suite "
        f"`{settings['suite']}`: it reads {reads}, up to {settings['max_length']} tokens, and "
        f"answers one of {labels}. {came}."
    )


def _scores_text(scores: pd.DataFrame) -> str:
    lines = ["| split | metric | score | 95 % interval | examples |", "|---|---|---|---|---|"]
    for row in scores.itertuples():
        shown = [_shown(row.metric, value) for value in (row.value, row.low, row.high)]
        title = metric_title(row.metric)
        lines.append(
            f"| {row.split} | {title} | {shown[0]} | {shown[1]} to {shown[2]} | {row.n:,} |"
        )
    return "\n".join(lines) + (
        "\n\nThe split selection chose what there was to choose, and flatters; report chose "
        "nothing. Intervals are over examples: they hold for this student, and say nothing of "
        "another seed."
    )


def _shown(metric: str, value: float) -> str:
    about = declared(metric)
    return f"{about.scale * value:.{about.decimals}f}{' %' if about.unit == '%' else ''}"


def _statement_text(
    statement: pd.DataFrame, rows: Mapping[str, int], unanswered: Mapping[str, int]
) -> str:
    lines = [
        "| | this student | beside it | difference | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for row in statement.itertuples():
        what = MEASURES[row.measure].format(of=row.of)
        if math.isnan(row.value):
            lines.append(f"| {what} | does not apply | | | |")
            continue
        beside = f"{100 * row.reference:.1f} % ({row.against})" if row.against else ""
        difference = f"{100 * row.difference:+.1f} points" if row.against else ""
        interval = f"{100 * row.low:{'+' if row.against else ''}.1f} to "
        interval += f"{100 * row.high:{'+' if row.against else ''}.1f}"
        known = "" if math.isnan(row.low) else interval
        lines.append(f"| {what} | {100 * row.value:.1f} % | {beside} | {difference} | {known} |")
    about = (
        "On report, each number paired example by example with what stands beside it; without "
        "that, the interval is the number's own. One seed: another student of the same recipe may "
        f"differ by more.{_left_out(rows, unanswered)}"
    )
    return "\n".join([*lines, "", about])


def _left_out(rows: Mapping[str, int], unanswered: Mapping[str, int]) -> str:
    if not unanswered:
        return ""
    numbers = [f"{number:,} of {rows[split]:,} on {split}" for split, number in unanswered.items()]
    return f" Rows that no teacher answered are left out of all four: {', '.join(numbers)}."


def usage(folder: Path, settings: Mapping[str, Any], labels: Sequence[str]) -> str:
    """How a folder is used, by Transformers and by ``mtkd predict``."""
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
    lines = []
    if kind in CLOSED:
        lines.append(f"import mtkd.models.build  # makes the type {kind} known to Transformers\n")
    lines += ["from transformers import pipeline", ""]
    lines.append('classify = pipeline("text-classification", "path/to/this/folder")')
    if len(settings["text"]) == 1:
        lines.append('classify(["a text"], truncation=True, top_k=None)')
    else:
        pair = '{"text": "the first text", "text_pair": "the second"}'
        lines.append(f"classify([{pair}], truncation=True, top_k=None)")
    needs = (
        f"{kind} is an architecture of mtkd's own, so mtkd has to be installed (`pip install mtkd`)"
        if kind in CLOSED
        else "Transformers alone is needed"
    )
    columns = ", ".join(f"`{column}`" for column in settings["text"])
    code = "\n".join(lines)
    return (
        f"{needs}. `truncation=True` cuts texts where the training cut them.\n\n"
        f"```python\n{code}\n```\n\n"
        f"A file with the column{'s' * (len(settings['text']) > 1)} {columns} is labelled by\n\n"
        "```\nmtkd predict --model path/to/this/folder file.csv\n```"
    )


def _limits(record: Mapping[str, Any]) -> str:
    taught = (
        "\n- What the licences of its teachers and of their outputs forbid: that holds for it too. "
        "Nor where its teachers are known to be wrong: it has learnt that as well."
        if is_distilled(record["teachers"])
        else ""
    )
    return (
        f"- Other texts than those of `{record['task']}`: every number above is of that task's "
        "own splits, and says nothing of texts of another source, language, length or time.\n"
        f"- Other labels: it answers one of {len(record['labels'])} whatever it is given, also "
        "where none is right.\n"
        "- Decisions about people, or others that cannot be taken back, without someone who looks: "
        "nothing here has measured whom its errors fall on.\n"
        "- Probabilities at face value where the calibration error above is not small enough for "
        f"what depends on them.{taught}"
    )


def _origin(
    record: Mapping[str, Any],
    settings: Mapping[str, Any],
    rows: Mapping[str, int],
    sources: Mapping[str, str],
) -> str:
    facts = {
        "cell": f"`{CELL.format(suite=settings['suite'], **_axes(record))}`",
        "teachers": ", ".join(record["teachers"].split("+")),
        "strategy": record["strategy"],
        "T": record["T"],
        "alpha (the soft labels' share)": record["alpha"],
        "seed of the student": record["seed"],
        "digests of its teachers": _digests(record, sources),
        "rows": ", ".join(f"{ROWS.get(name, name)} {number:,}" for name, number in rows.items()),
        "digest of the data": f"`{record['digests']['data']}`",
        "digest of the cell": f"`{record['digests']['cell']}`",
        "training": f"`{json.dumps(record['training'])}`",
        "computed on": _machine(record),
        "weights": _weights(record["weights"]),
    }
    lines = ["| | |", "|---|---|"]
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in facts.items()])


def _axes(record: Mapping[str, Any]) -> dict[str, str]:
    names = ("student", "task", "teachers", "strategy", "T", "alpha", "seed")
    return {name: record[name] for name in names}


def _digests(record: Mapping[str, Any], sources: Mapping[str, str]) -> str:
    teachers = record["digests"]["teachers"].items()
    said = [f"{key} `{digest}` ({DIGEST_OF[sources.get(key, '')]})" for key, digest in teachers]
    return ", ".join(said) or "none"


def _machine(record: Mapping[str, Any]) -> str:
    versions = record["versions"]
    processor = record.get("processor") or ""
    return (
        f"{record['device']}{f' ({processor})' if processor else ''}, {record['precision']}, "
        f"torch {versions['torch']}, transformers {versions['transformers']}"
    )


def _weights(told: Mapping[str, Any]) -> str:
    """Where the weights are from, and how near their predictions are to the record's."""
    if told["trained"] == "once":
        return "those of the training whose predictions the study scored"
    if told["equal"]:
        return "of a training done again, whose predictions are the record's bit for bit"
    return (
        "of a training done again on another machine, whose probabilities are "
        f"{told['distance']:.2g} from the record's in the mean; scores above are of these weights"
    )
