"""Merged specialists: each merge of a base's, and what it says of the report's texts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.numpy import load_file

from mtkd.config.schema import Model, Training
from mtkd.distillation.device import machine as machine_of
from mtkd.distillation.device import prepare_device, provenance
from mtkd.distillation.group import Machine
from mtkd.distillation.learner import Source
from mtkd.records.cells import PREDICTIONS
from mtkd.records.files import digest_folder, digest_text, read_json, write_json
from mtkd.records.logits import write_logits
from mtkd.records.runs import new_record
from mtkd.specialists.domains import REPORT, read_domains
from mtkd.specialists.merging import Weights, merge
from mtkd.specialists.teachers import load, said_of
from mtkd.study.settings import canonical_json

# Of a model folder that the Auto classes saved, however large: one file, or several.
WEIGHTS = "*.safetensors"


class Merges(NamedTuple):
    """What a job merges: specialists of K tasks, by seed."""

    job: Mapping[str, Any]  # settings, code: see mtkd.study.specialists
    tasks: Sequence[Path]
    starts: Sequence[Path]  # a base's model folder for each seed; of several, the first task's
    specialists: Sequence[Path]  # model folders [seeds x K], seed by seed
    state: Path
    outputs: Sequence[Path]  # predictions [seeds x merges], seed by seed


def merge_specialists(group: Merges, machine: Machine) -> None:
    """Publish what each merge says of the report's texts. Raises InputError for other shapes."""
    settings = group.job["settings"]
    domains = read_domains(group.tasks)
    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    merges = settings["merges"]
    width = len(group.tasks)
    for number, start in enumerate(group.starts):
        folders = group.specialists[number * width : (number + 1) * width]
        source = Source(Model(folder=str(folders[0])), folders[0], None)
        learner = load(source, Training(), domains, settings["max_length"], 0, group.state, device)
        base, specialists = read_weights(start), [read_weights(folder) for folder in folders]
        records = [read_json(folder.parent / "run.json") for folder in folders]
        outputs = group.outputs[number * len(merges) : (number + 1) * len(merges)]
        for (name, how), output in zip(sorted(merges.items()), outputs, strict=True):
            begun = time.process_time()
            merged = merge(base, specialists, how, int(records[0]["seed"]))
            spent = time.process_time() - begun
            state = {key: torch.from_numpy(value) for key, value in merged.items()}
            learner.model.load_state_dict(state, strict=False)
            said, seconds = said_of(learner.model, learner, domains, (REPORT,))
            record = {
                **new_record("student", teachers="+".join(domains.tasks), strategy=name),
                "teacher": records[0]["teacher"],
                "seed": records[0]["seed"],
                "merge": how,
                "labels": domains.info.labels,
                "parameters": records[0]["parameters"],
                "cpu_seconds": round(spent, 4),
                "run_seconds": round(seconds, 4),
                **provenance([machine_of(device, "fp32")]),
                "digests": {
                    "data": domains.info.digest,
                    "base": digest_folder(start),
                    "specialists": {
                        task: record["digests"]["model"]
                        for task, record in zip(domains.tasks, records, strict=True)
                    },
                    "code": digest_text(canonical_json(group.job["code"])),
                },
            }
            write_json(output.parent / "run.json", record)
            write_logits(output.with_name(PREDICTIONS), said, record)


def read_weights(folder: Path) -> Weights:
    """A model folder's weights by name."""
    weights: dict = {}
    for file in sorted(folder.glob(WEIGHTS)):
        weights |= load_file(file)
    return weights
