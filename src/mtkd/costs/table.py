"""The rows of a study's table of costs: every form of every model, on every task."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

from mtkd.costs.forms import FORMS, Form, ensemble_form, words_form
from mtkd.costs.measure import sample, timings
from mtkd.distillation.device import processor
from mtkd.distillation.learner import Learner
from mtkd.tasks.corpus import Split

COLUMNS = [
    *("task", "kind", "name", "form", "parameters", "bytes", "operations_per_token", "threads"),
    *("latency_ms", "latency_p95_ms", "examples_per_second", "timed"),
    *("device", "processor", "cores", "load", "torch", "transformers", "onnxruntime", "date"),
]

# Texts whose operations are counted, which takes several times as long as to do them.
COUNTED = 16


def forms_of(learner: Learner, max_length: int, texts: Split) -> list[Form]:
    """Every form of a model, its operations counted on some of the texts."""
    return [make(learner, max_length, sample(texts, COUNTED)) for make in FORMS.values()]


def reference_forms(train: Split, chosen: Mapping[str, Any], texts: Split) -> list[Form]:
    """The one form of a reference on words, likewise."""
    return [words_form(train, chosen, sample(texts, COUNTED))]


def ensembles(teachers: Mapping[str, Sequence[Form]]) -> dict[tuple[str, str], list[Form]]:
    """All teachers together, where they are several, in each form that all of them have."""
    if len(teachers) < 2:
        return {}
    of = {name: {form.name: form for form in forms} for name, forms in teachers.items()}
    common = [name for name in FORMS if all(name in forms for forms in of.values())]
    together = [ensemble_form([forms[name] for forms in of.values()]) for name in common]
    return {("ensemble", "+".join(teachers)): together}


def measured(
    task: str,
    models: Mapping[tuple[str, str], Sequence[Form]],
    texts: Split,
    threads: Sequence[int],
) -> list[dict[str, Any]]:
    """A task's rows: forms of models by kind and name, at each number of threads.

    ``operations_per_token`` are floating-point operations, of an ensemble its members' sum; times
    are those of ``mtkd.costs.measure.Timing``.
    """
    named = [(kind, name, form) for (kind, name), forms in models.items() for form in forms]
    forms = [form for _, _, form in named]
    rows = []
    for number in dict.fromkeys(threads):
        timed = timings(forms, texts, number)
        for (kind, name, form), times in zip(named, timed, strict=True):
            rows.append(
                {
                    "task": task,
                    "kind": kind,
                    "name": name,
                    "form": form.name,
                    "parameters": form.parameters,
                    "bytes": form.size,
                    "operations_per_token": form.operations,
                    "threads": number,
                    "latency_ms": times.median,
                    "latency_p95_ms": times.p95,
                    "examples_per_second": times.rate,
                    "timed": times.timed,
                    "device": form.device,
                }
            )
    return rows


def costs_table(rows: Sequence[dict[str, Any]], load: float) -> pd.DataFrame:
    """Rows with the machine that they were measured on; ``load`` is what else it was doing then,
    processes at work on average over the minute before."""
    here = {"processor": processor(), "cores": os.cpu_count(), "load": round(load, 2)}
    here |= {name: _version(name) for name in ("torch", "transformers", "onnxruntime")}
    here |= {"date": date.today().isoformat()}
    return pd.DataFrame([row | here for row in rows], columns=COLUMNS)


def _version(library: str) -> str | None:
    """The version of a library; None of one that is not installed."""
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def load_average() -> float:
    """Processes at work on this machine, on average over the last minute."""
    return os.getloadavg()[0]
