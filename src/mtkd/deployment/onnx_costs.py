"""A student's ONNX forms as forms whose costs are measured (``mtkd.costs``)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch

from mtkd.costs.forms import Form, padded, reader
from mtkd.costs.measure import sample
from mtkd.deployment.folder import Student, probabilities
from mtkd.deployment.forms import FORMS, MOST
from mtkd.deployment.onnx_forms import export_forms, open_form, refuse_without_extra
from mtkd.distillation.device import exact_float32
from mtkd.distillation.learner import Learner
from mtkd.errors import InputError
from mtkd.records.files import digest_bytes, keep_folder
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split

CPU = torch.device("cpu")
# Texts that a form and the model are both asked.
COMPARED = 16


def exported(learner: Learner, max_length: int, columns: int, folder: Path) -> Path:
    """The folder of a student's forms, made below one that is this student's alone.

    The student reads so many ``columns``. Where it was exported with the same weights before, for
    another task, that is taken. Raises InputError without the extra ``onnx``, and for a model that
    cannot be exported.
    """
    refuse_without_extra()
    weights = learner.model.state_dict().items()
    found = folder / digest_bytes(
        part for name, one in weights for part in (name.encode(), one.cpu().numpy().tobytes())
    )

    def export(target: Path) -> None:
        # Forms run on the processor, and the model itself stays where it is.
        model = copy.deepcopy(learner.model).to(CPU).eval()
        text, labels = ["text"] * columns, list(model.config.id2label.values())
        export_forms(Student(model, learner.tokenizer, text, labels, max_length, {}), target)

    if not found.is_dir():
        keep_folder(found, export)
    return found


def onnx_forms(
    learner: Learner, max_length: int, own: Form, texts: Split, folder: Path
) -> list[Form]:
    """The forms of a student in a folder, each of its file's size.

    They are the network that ``own`` is, the student as torch runs it, and so have its parameters
    and operations: eight bits make them smaller and not fewer. Raises InputError for one that
    cannot be run, and where the one in float32 does not say of some texts what ``own`` says.
    """
    read = reader(learner, max_length, CPU)
    forms = {name: _form(name, folder / file, read, own) for name, file in FORMS.items()}
    some = sample(texts, COMPARED)
    with exact_float32():
        wanted = own.answer(some)
    try:
        said = {name: form.answer(some) for name, form in forms.items()}
    # ONNX Runtime has errors of its own.
    except Exception as error:
        cause = " ".join(str(error).split())[:300]
        raise InputError(f"an ONNX form cannot be run: {cause}") from error
    far = np.abs(probabilities(wanted) - probabilities(said["onnx"])).max()
    if not far <= MOST:
        raise InputError(
            f"form onnx: its probabilities are up to {far:.2g} from the model's, and {MOST:g} is "
            "tolerated"
        )
    return list(forms.values())


def _form(name: str, file: Path, read: Callable[[Split], DeviceTokens], own: Form) -> Form:
    # A session has its threads for life.
    session = cache(lambda threads: open_form(file, threads))

    def answer(texts: Split) -> np.ndarray:
        batch = padded(read(texts), range(len(texts.ids)))
        return session(torch.get_num_threads())(batch)

    return Form(name, answer, own.parameters, file.stat().st_size, own.operations)
