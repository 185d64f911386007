"""Cross-fitting a teacher: labelled rows' logits are of models that were trained without them.

Soft labels on rows that a teacher has learnt restate their gold labels; those of a model that never
saw a row are what the teacher knows of it (Dao, Kamath, Syrgkanis & Mackey 2021, Knowledge
Distillation as Semiparametric Inference, section 4). No torch before a fold has to be trained.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mtkd.distillation.group import Machine
from mtkd.models.sources import source_digests
from mtkd.records.files import digest_text, discard_folder, is_whole, keep_folder
from mtkd.records.leases import Claim, check_claim
from mtkd.records.logits import Logits, read_logits, write_logits
from mtkd.records.verdicts import keep_verdict, refuse_diverged, verdict_file
from mtkd.study.jobs import determinants
from mtkd.study.settings import canonical_json
from mtkd.tasks.corpus import NO_LABEL, TaskInfo, read_split
from mtkd.tasks.folds import assign_folds, fold_groups, folds_digest

KEPT = "logits.safetensors"


class Crossfit(NamedTuple):
    """A teacher that is trained once for each fold, and where that leaves its files."""

    job: Mapping[str, Any]  # settings, code, metrics: see mtkd.study.jobs
    task: Path
    info: TaskInfo
    teacher: str
    seed: str
    folds: int
    fetched: Path | None  # the record of the model's download
    state: Path  # the suite's state folder
    output: Path


class OutOfFold(NamedTuple):
    """Logits [N, C] of train, NaN on rows without a label; a record of each fold's model."""

    ids: np.ndarray
    logits: np.ndarray
    models: list[dict[str, Any]]
    digest: str  # of which row is in which fold


class _Fold(NamedTuple):
    number: int  # from 0
    rows: np.ndarray  # of train that are in it
    digest: str  # of all that determines its logits
    kept: Path


def crossfit_teacher(crossfit: Crossfit, machine: Machine, claim: Claim) -> OutOfFold:
    """Train a teacher without each fold in turn, and have it predict the fold.

    Finished folds are kept, so that none is trained twice however often this is run. Raises
    InputError for folds that cannot be made, and for a training that diverges.
    """
    train = read_split(crossfit.task, "train")
    groups = fold_groups(crossfit.task, train)
    folds = assign_folds(train.labels, groups, crossfit.folds, crossfit.info.labels)
    digest = folds_digest(train.ids, folds)
    every = [_fold(crossfit, number, folds, digest) for number in range(crossfit.folds)]
    for fold in every:
        refuse_diverged(_whose(crossfit, fold), verdict_file(crossfit.state, fold.digest))
    logits = np.full((len(train.ids), len(crossfit.info.labels)), np.nan, np.float32)
    models = []
    for fold in every:
        check_claim(claim)
        restored = _is_kept(fold.kept)
        if not restored:
            _train(crossfit, fold, machine, claim)
        title = f"fold {fold.number + 1}/{crossfit.folds} of {crossfit.teacher}"
        print(f"{title}  {'restored' if restored else 'trained'}", file=sys.stderr, flush=True)
        splits, record = read_logits(fold.kept / KEPT)
        logits[fold.rows] = splits["train"].logits
        models.append(record)
    return OutOfFold(train.ids, logits, models, digest)


def _fold(crossfit: Crossfit, number: int, folds: np.ndarray, digest: str) -> _Fold:
    known = determinants(
        crossfit.job,
        data=crossfit.info.digest,
        model_files=source_digests(crossfit.job["settings"]["model"], crossfit.fetched),
        seed=crossfit.seed,
        folds=digest,
        fold=number,
    )
    own = digest_text(canonical_json(known))
    return _Fold(number, np.flatnonzero(folds == number), own, crossfit.state / "folds" / own)


def _whose(crossfit: Crossfit, fold: _Fold) -> str:
    return f"{crossfit.teacher} without fold {fold.number + 1} of {crossfit.folds}"


def _is_kept(kept: Path) -> bool:
    if not kept.is_dir():
        return False
    if whole := is_whole(kept, [KEPT]):
        return whole
    print(f"{kept}: damaged, removed; the fold is trained again", file=sys.stderr)
    discard_folder(kept)
    return False


def _train(crossfit: Crossfit, fold: _Fold, machine: Machine, claim: Claim) -> None:
    """Train the teacher on the rows outside a fold, and keep its logits of those inside."""
    # Loading torch and transformers takes seconds.
    from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
    from mtkd.distillation.device import prepare_device, provenance
    from mtkd.distillation.inference import predict
    from mtkd.distillation.teachers import train_by_settings

    splits = {name: read_split(crossfit.task, name) for name in ("train", "selection")}
    train = splits["train"]
    # A row without a label is learnt by no teacher; tokenizers read its text all the same.
    labels = train.labels.copy()
    labels[fold.rows] = NO_LABEL
    splits["train"] = train._replace(labels=labels)
    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    # Each fold has a saved state of its own.
    of_fold = Path(f"{crossfit.output}.fold{fold.number}")
    checkpoint = Checkpoint(crossfit.state, of_fold, fold.digest, machine.save_minutes, claim)
    stop_on_signals()
    teacher = train_by_settings(
        crossfit.job["settings"],
        crossfit.fetched,
        crossfit.info,
        splits,
        int(crossfit.seed),
        crossfit.state / "tokens",
        device,
        checkpoint,
    )
    check_claim(claim)
    outcome, on = teacher.outcome, provenance(teacher.outcome.machines)
    logits = predict(teacher.model, teacher.tokens["train"], fold.rows)
    if outcome.status == "finished" and not np.isfinite(logits).all():
        reason = "its logits of the fold are not finite"
        outcome = outcome._replace(status="diverged", reason=reason)
    if outcome.status == "diverged":
        verdict = verdict_file(crossfit.state, fold.digest)
        whose = {"teacher": crossfit.teacher, "seed": crossfit.seed, "fold": fold.number + 1}
        keep_verdict(verdict, outcome.reason, on, **whose)
        checkpoint.remove()
        refuse_diverged(_whose(crossfit, fold), verdict)
    record = {
        "fold": fold.number + 1,
        "rows": len(fold.rows),
        "epoch": teacher.epoch,
        "selection": teacher.score,
        "seconds": round(outcome.seconds, 3),
        **on,
    }
    held = {"train": Logits(train.ids[fold.rows], logits)}
    keep_folder(fold.kept, lambda folder: write_logits(folder / KEPT, held, record))
    checkpoint.remove()
