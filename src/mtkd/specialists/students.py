"""Students of the specialists of one seed: restore what is kept, train the rest.

No torch before one has to be trained.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mtkd.models.sources import source_digests
from mtkd.records.cells import PREDICTIONS, Cell, cells_of, publish_cells
from mtkd.records.files import digest_bytes, digest_folder, digest_text, write_json, write_text
from mtkd.records.leases import Claim, check_claim
from mtkd.records.logits import Logits, aligned, read_logits, read_tensors, write_logits
from mtkd.records.runs import new_record
from mtkd.specialists.domains import LEARNT, REPORT, Domains, read_domains
from mtkd.study.jobs import determinants
from mtkd.study.paths import parse_integrated
from mtkd.study.settings import canonical_json

if TYPE_CHECKING:
    from mtkd.distillation.group import Machine

NAMES = ("history.jsonl", "run.json", PREDICTIONS)


class Students(NamedTuple):
    """What the students of a job have in common, and where they go."""

    job: Mapping[str, Any]  # settings, code, strategies: see mtkd.study.specialists
    tasks: Sequence[Path]
    base: Path  # the model folder of the base of this seed
    specialists: Sequence[Path]  # predictions of each, with its record
    router: Path
    fetched: Path | None
    state: Path
    outputs: Sequence[Path]  # each student's predictions


class _Specialists(NamedTuple):
    """What the specialists say of train [K, N, C], and their records."""

    logits: np.ndarray
    records: list[dict[str, Any]]


def train_students(group: Students, machine: Machine) -> None:
    """Publish every student of a job: restored where it is kept, else trained.

    Each at most once, however often the job is run. Raises InputError.
    """
    domains = read_domains(group.tasks)
    specialists = read_specialists(group.specialists, domains)
    router = read_tensors(group.router)[0][LEARNT]
    publish_cells(
        group.state,
        group.outputs[0],
        NAMES,
        _students(group, domains, specialists, router),
        partial(_trained, group, domains, specialists, router, machine),
    )


def read_specialists(paths: Sequence[Path], domains: Domains) -> _Specialists:
    """What specialists say of train, and their records. Raises InputError."""
    logits, records = [], []
    for path in paths:
        splits, record = read_logits(path)
        ids = domains.splits[LEARNT].ids
        logits.append(aligned(splits[LEARNT], ids, domains.info.labels, record, path))
        records.append(record)
    return _Specialists(np.stack(logits), records)


def _students(
    group: Students, domains: Domains, specialists: _Specialists, router: np.ndarray
) -> Iterator[Cell]:
    """Every student, with the digest of all that determines its numbers."""
    model = group.job["settings"]["model"]
    begins = source_digests(model, group.fetched) if model else digest_folder(group.base)

    def determine(axes: Mapping[str, str]) -> dict[str, Any]:
        strategy = group.job["strategies"][axes["strategy"]]
        return determinants(
            group.job,
            data=domains.info.digest,
            begins=begins,
            axes=axes,
            strategy=strategy,
            teachers=[record["digests"]["model"] for record in specialists.records],
            router=digest_bytes([router.tobytes()]) if strategy["fusion"] == "gate" else None,
        )

    return cells_of("student", group.outputs, parse_integrated, determine)


def _trained(
    group: Students,
    domains: Domains,
    specialists: _Specialists,
    router: np.ndarray,
    machine: Machine,
    claim: Claim,
    waiting: Sequence[Cell],
    folder: Path,
) -> Iterator[tuple[Cell, Path]]:
    """Train students, each into a folder of its own below ``folder``."""
    # Loading torch and transformers takes seconds.
    from mtkd.config.schema import Model, Training
    from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
    from mtkd.distillation.device import peak_memory_mb, prepare_device, provenance
    from mtkd.distillation.learner import Source, settle_source
    from mtkd.specialists.student import Stage, train_student
    from mtkd.specialists.teachers import load

    settings = group.job["settings"]
    training = Training.model_validate(settings["training"])
    stop_on_signals()
    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    source = Source(Model(folder=str(group.base)), group.base, None)
    if settings["model"]:
        source = settle_source(Model.model_validate(settings["model"]), group.fetched)
    learner = load(source, training, domains, settings["max_length"], 0, group.state, device)
    stage = Stage(
        source,
        learner,
        domains,
        specialists.logits,
        router,
        specialists.records,
        training,
        device,
    )
    for student in waiting:
        check_claim(claim)
        states: list[Checkpoint] = []

        def checkpoint(number: int, student=student, states=states) -> Checkpoint:
            output = student.output.with_name(f"{number}-{PREDICTIONS}")
            minutes = machine.save_minutes
            states.append(Checkpoint(group.state, output, student.digest, minutes, claim))
            return states[-1]

        strategy = group.job["strategies"][student.axes["strategy"]]
        done = train_student(stage, strategy, int(student.axes["seed"]), checkpoint)
        last = done.outcomes[-1]
        status, reason, step = last.status, last.reason, last.step
        if status == "finished" and not np.isfinite(done.said).all():
            status, reason = "diverged", "predictions are not finite"
        record = {
            **new_record("student", teachers="+".join(domains.tasks), **student.axes),
            "status": status,
            "reason": reason,
            "step": step,
            "T": strategy.get("T", "1"),
            "alpha": strategy.get("alpha", "1"),
            "labels": domains.info.labels,
            "warnings": learner.warnings,
            "integration": strategy,
            **done.facts,
            "peak_memory_mb": peak_memory_mb(device),
            **provenance([one for outcome in done.outcomes for one in outcome.machines]),
            "digests": {
                "data": domains.info.digest,
                "cell": student.digest,
                "specialists": {
                    task: record["digests"]["model"]
                    for task, record in zip(domains.tasks, specialists.records, strict=True)
                },
                "code": digest_text(canonical_json(group.job["code"])),
            },
        }
        made = folder / student.digest
        said = {}
        if status == "finished":
            said[REPORT] = Logits(domains.splits[REPORT].ids, done.said)
        text = "".join(json.dumps(row) + "\n" for row in done.history)
        write_text(made / "history.jsonl", text)
        write_json(made / "run.json", record)
        write_logits(made / PREDICTIONS, said, record)
        yield student, made
        for state in states:
            state.remove()
