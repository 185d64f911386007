"""Bases, and a specialist of each task that begins with one; what it says of all tasks' texts."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mtkd.config.schema import Model, Training
from mtkd.config.specialists import OWN_SEEDS
from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
from mtkd.distillation.device import peak_memory_mb, prepare_device, provenance
from mtkd.distillation.group import Machine
from mtkd.distillation.inference import predict
from mtkd.distillation.learner import Learner, Source, load_learner, settle_source
from mtkd.distillation.objective import hard_labels
from mtkd.distillation.training import train
from mtkd.errors import InputError
from mtkd.models.build import save_model
from mtkd.models.sources import source_digests
from mtkd.records.cells import PREDICTIONS
from mtkd.records.files import (
    digest_bytes,
    digest_folder,
    digest_text,
    discard_folder,
    keep_folder,
    read_json,
    write_json,
)
from mtkd.records.kept import is_kept, restore_folder
from mtkd.records.leases import Claim, check_claim, claim_output, release_claim
from mtkd.records.logits import Logits, write_logits
from mtkd.records.runs import new_record
from mtkd.specialists.domains import LEARNT, REPORT, Domains, read_domains
from mtkd.study.jobs import determinants
from mtkd.study.settings import canonical_json

# Beside a kept model's own files: how it was trained.
FACTS = "training.json"


class Specialists(NamedTuple):
    """What a job trains: a base, or one for each specialist, and specialists of K tasks."""

    job: Mapping[str, Any]  # settings, code: see mtkd.study.specialists
    base: str
    seed: int
    tasks: Sequence[Path]  # folders of the study's tasks
    base_tasks: Sequence[Path]  # of those that the base learns from
    fetched: Path | None
    state: Path
    starts: Sequence[Path]  # model folders of bases, one or K
    outputs: Sequence[Path]  # a folder for each specialist


def train_specialists(group: Specialists, machine: Machine) -> None:
    """Train bases and specialists, and publish each with its record and what it says.

    Those that an earlier try has trained are kept until all are published, and not trained again.
    Raises InputError for tasks that do not go together, and for a training that diverges.
    """
    settings = group.job["settings"]
    domains = read_domains(group.tasks)
    learnt = read_domains(group.base_tasks, domains.info.labels)
    stop_on_signals()
    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    source = settle_source(Model.model_validate(settings["model"]), group.fetched)
    claim = claim_output(group.state, group.outputs[0])
    every: list[Path] = []

    def trained(
        name: str, begins: Source, on: Domains, rows: np.ndarray, seed: int, output: Path, key: str
    ) -> Path:
        """Where a model is kept with the facts of its training."""
        known = determinants(
            group.job,
            data=[domains.info.digest, on.info.digest],
            begins=source_digests(begins.model.model_dump(exclude_defaults=True), group.fetched),
            rows=digest_bytes([rows.tobytes()]),
            seed=seed,
            stage=key,
            # A job beside this one, of a base that says the same, takes its own away when it ends.
            base=group.base,
        )
        digest = digest_text(canonical_json(known))
        kept = group.state / "models" / digest
        every.append(kept)
        if is_kept(kept, "the model is trained again"):
            print(f"{name}  restored", file=sys.stderr, flush=True)
            return kept
        checkpoint = Checkpoint(group.state, output, digest, machine.save_minutes, claim)
        training = Training.model_validate(settings[key])
        learner = load(begins, training, on, settings["max_length"], seed, group.state, device)
        labels = torch.from_numpy(on.splits[LEARNT].labels).to(device)
        outcome = train(
            learner.model,
            learner.tokens[LEARNT],
            hard_labels(labels),
            training,
            seed,
            checkpoint=checkpoint,
            rows=rows,
        )
        check_claim(claim)
        if outcome.status == "diverged":
            checkpoint.remove()
            raise InputError(f"{name} diverged: {outcome.reason}; lower its learning_rate")
        facts = {
            "warnings": learner.warnings,
            "history": outcome.history,
            "training": training.model_dump(mode="json"),
            "parameters": sum(p.numel() for p in learner.model.parameters()),
            "tokens": int(learner.tokens[LEARNT].cpu_lengths[rows].sum()) * training.epochs,
            "seconds": round(outcome.seconds, 3),
            "cpu_seconds": round(outcome.cpu_seconds, 3),
            "peak_memory_mb": peak_memory_mb(device),
            **provenance(outcome.machines),
        }

        def write(folder: Path) -> None:
            save_model(learner.model, learner.tokenizer, folder)
            write_json(folder / FACTS, facts)

        keep_folder(kept, write)
        checkpoint.remove()
        print(f"{name}  trained", file=sys.stderr, flush=True)
        return kept

    all_rows = np.flatnonzero(learnt.splits[LEARNT].labels >= 0)
    for place, start in enumerate(group.starts):
        seed = group.seed + OWN_SEEDS * place
        name = f"base {group.base} of seed {seed}"
        kept = trained(name, source, learnt, all_rows, seed, start, "training")
        check_claim(claim)
        restore_folder(kept, start, (FACTS,))
        record = {**_record(group, kept, domains), "digests": _digests(group, start)}
        write_json(start.parent / f"{start.name}.json", record)
    for place, output in enumerate(group.outputs):
        start = group.starts[min(place, len(group.starts) - 1)]
        begins = Source(Model(folder=str(start)), start, None)
        rows = domains.rows(place, labelled=True)
        name = f"specialist {domains.tasks[place]} of base {group.base} and seed {group.seed}"
        model = output / "model"
        kept = trained(name, begins, domains, rows, group.seed, model, "specialists")
        check_claim(claim)
        restore_folder(kept, model, (FACTS,))
        _publish(group, domains, place, _record(group, kept, domains), start, device, claim)
    release_claim(claim)
    for kept in every:
        discard_folder(kept)


def load(
    source: Source,
    training: Training,
    domains: Domains,
    max_length: int,
    seed: int,
    state: Path,
    device: torch.device,
) -> Learner:
    """A model on its device with the texts of all domains, encoded and tried."""
    return load_learner(
        source,
        training.epochs == 0,
        max_length,
        domains.info,
        domains.info.labels,
        domains.splits,
        seed,
        state / "tokens",
        device,
    )


def said_of(
    model: torch.nn.Module, learner: Learner, domains: Domains, splits: Sequence[str]
) -> tuple[dict[str, Logits], float]:
    """Logits on some splits, and the CPU seconds that 1,000 texts of the report take."""
    said, seconds = {}, 0.0
    for name in splits:
        start = time.process_time()
        said[name] = Logits(domains.splits[name].ids, predict(model, learner.tokens[name]))
        if name == REPORT:
            seconds = 1000 * (time.process_time() - start) / len(domains.splits[name].ids)
    return said, seconds


def _publish(
    group: Specialists,
    domains: Domains,
    place: int,
    record: Mapping[str, Any],
    start: Path,
    device: torch.device,
    claim: Claim,
) -> None:
    """Publish what a specialist says, with its record; its model is there."""
    output, length = group.outputs[place], group.job["settings"]["max_length"]
    model = output / "model"
    source = Source(Model(folder=str(model)), model, None)
    learner = load(source, Training(), domains, length, 0, group.state, device)
    # Students learn from train alone; of bases of their own there are none.
    splits = (LEARNT, REPORT) if len(group.starts) == 1 else (REPORT,)
    said, seconds = said_of(learner.model, learner, domains, splits)
    check_claim(claim)
    whole = {
        **record,
        "task": domains.tasks[place],
        "run_seconds": round(seconds, 4),
        "digests": {
            **_digests(group, model),
            "data": domains.info.digest,
            "base": digest_folder(start),
        },
    }
    write_json(output / "run.json", whole)
    write_logits(output / PREDICTIONS, said, whole)


def _record(group: Specialists, kept: Path, domains: Domains) -> dict[str, Any]:
    return {
        **new_record("teacher", teacher=group.base, seed=str(group.seed)),
        "labels": domains.info.labels,
        **read_json(kept / FACTS),
    }


def _digests(group: Specialists, model: Path) -> dict[str, str]:
    code = digest_text(canonical_json(group.job["code"]))
    return {"model": digest_folder(model), "code": code}
