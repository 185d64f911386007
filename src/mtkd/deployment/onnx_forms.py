"""A student for ONNX Runtime: exported as it is, and with weights in whole numbers of eight bits.

Needs the extra ``onnx``, whose packages are imported where they are used.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from mtkd.analysis.collect import read_all_clusters, read_answers
from mtkd.analysis.loss_statement import scores_table
from mtkd.deployment.folder import Student, answers, encoded, mean_distance, probabilities
from mtkd.deployment.forms import FORMS, MEAN, MOST
from mtkd.distillation.inference import BATCH_SIZE
from mtkd.errors import InputError
from mtkd.models.build import model_inputs
from mtkd.tasks.batches import DeviceTokens, evaluation_batches
from mtkd.tasks.corpus import read_split

NEEDED = ("onnx", "onnxscript", "onnxruntime")


def refuse_without_extra() -> None:
    """Raise InputError where what the extra installs is not there."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise InputError(
            f"{', '.join(missing)} not installed: ONNX is an optional extra; "
            "pip install 'mtkd[onnx]'"
        )


def export_forms(student: Student, folder: Path) -> None:
    """Write both forms of a student into a folder.

    By PyTorch's exporter that traces with dynamo, of any number of texts of any length, and ONNX
    Runtime's dynamic quantisation. Raises InputError for a model that cannot be exported.
    """
    # Two texts, since a size of one is taken for fixed.
    tokens = encoded(student, [["one text", "another one"]] * len(student.text))
    rows = torch.arange(2, device=student.device)
    batch = _inputs(student, tokens, rows, int(tokens.cpu_lengths.max()))
    any_size = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    try:
        with _quiet():
            program = torch.onnx.export(
                student.model,
                args=(),
                kwargs=batch,
                input_names=list(batch),
                output_names=["logits"],
                dynamic_shapes=dict.fromkeys(batch, any_size),
                dynamo=True,
                verbose=False,
            )
            program.save(str(folder / FORMS["onnx"]))
            _quantise(folder)
    # Each stage of the exporter has errors of its own, in many lines.
    except Exception as error:
        cause = " ".join(str(error).split())[:300]
        name = type(student.model).__name__
        raise InputError(f"{name} cannot be exported to ONNX: {cause}") from error


def _quantise(folder: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # Signed ones overflow, and answers are wrong, on processors without VNNI (Zen 3, before Cascade
    # Lake), where the kernel adds pairs of products in 16 bits.
    quantize_dynamic(folder / FORMS["onnx"], folder / FORMS["int8"], weight_type=QuantType.QUInt8)


def open_form(file: Path, threads: int = 1) -> Callable[[dict[str, Any]], np.ndarray]:
    """A form as a function of a batch, arrays [B, L] by name, to logits [B, C], on the processor.

    ``threads`` of 0 are as many as there are cores.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    names = {one.name for one in session.get_inputs()}

    def run(batch: dict[str, Any]) -> np.ndarray:
        arrays = {name: np.asarray(values) for name, values in batch.items() if name in names}
        return session.run(["logits"], arrays)[0]

    return run


def form_answers(
    student: Student, file: Path, texts: Sequence[Sequence[str]], threads: int = 1
) -> np.ndarray:
    """Logits [N, C] of texts by one of the student's forms."""
    run, tokens = open_form(file, threads), encoded(student, texts)
    batches = evaluation_batches(tokens.cpu_lengths, BATCH_SIZE)
    parts = []
    for rows in batches:
        chosen = torch.from_numpy(rows).to(student.device)
        batch = _inputs(student, tokens, chosen, int(tokens.cpu_lengths[rows].max()))
        parts.append(run({name: values.cpu().numpy() for name, values in batch.items()}))
    gathered = np.concatenate(parts)
    result = np.empty_like(gathered)
    result[np.concatenate(batches)] = gathered
    return result


def measured(
    student: Student, folder: Path, task: Path, settings: Mapping[str, Any], threads: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How far each form in a folder is from the student, and what it is worth, on report.

    The first table has columns form, most (of one probability's difference), mean (of half the
    summed ones) and same (share of examples with the same label); the second those of
    ``scores_table``, and form. ``settings`` are ``mtkd.study.settings.taken_settings``. Raises
    InputError for a form that is farther from the student than is tolerated.
    """
    splits = settings["report_splits"]
    _, labels, _ = read_answers(task, splits)
    clusters = read_all_clusters(task, splits)
    texts = {split: read_split(task, split) for split in splits}
    columns = {
        split: [of.text_a] if of.text_b is None else [of.text_a, of.text_b]
        for split, of in texts.items()
    }
    own = {split: answers(student, of) for split, of in columns.items()}
    distances, scores = [], []
    for form, name in FORMS.items():
        said = {
            split: form_answers(student, folder / name, of, threads)
            for split, of in columns.items()
        }
        distances.append({"form": form, **_distance(own, said)})
        _refuse_far(form, distances[-1])
        scores.append(scores_table(said, labels, settings["metrics"], clusters).assign(form=form))
    return pd.DataFrame(distances), pd.concat(scores, ignore_index=True)


def _distance(own: Mapping[str, np.ndarray], said: Mapping[str, np.ndarray]) -> dict[str, float]:
    mine, other = (np.concatenate([logits[split] for split in own]) for logits in (own, said))
    return {
        "most": float(np.abs(probabilities(mine) - probabilities(other)).max()),
        "mean": mean_distance(mine, other),
        "same": float((mine.argmax(axis=1) == other.argmax(axis=1)).mean()),
    }


def _refuse_far(form: str, distance: Mapping[str, float]) -> None:
    """Raise InputError for a form whose probabilities are too far from the student's."""
    measure, most = {"onnx": ("most", MOST), "int8": ("mean", MEAN)}[form]
    if not distance[measure] <= most:
        raise InputError(
            f"form {form}: its probabilities are {distance[measure]:.2g} from the student's ("
            f"{measure} over the report split), and {most:g} is tolerated; it is not published"
        )


def _inputs(
    student: Student, tokens: DeviceTokens, rows: torch.Tensor, longest: int
) -> dict[str, torch.Tensor]:
    return model_inputs(student.model, **tokens.batch(rows, longest))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what exporter and quantiser say of their own workings out of a job's log."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
