"""A group of cells, which travel together: restore what is kept, train the rest, keep it.

No torch before a cell has to be trained: a group whose cells are all kept is done without it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mtkd.config.losses import declared_losses
from mtkd.fusion.targets import (
    Gates,
    answered_rows,
    check_answers,
    fuse_teachers,
    lacks_gate,
    read_gates,
    stacked_teachers,
    teacher_determinants,
)
from mtkd.models.sources import source_digests
from mtkd.records.cells import PREDICTIONS, Cell, cells_of, publish_cells
from mtkd.records.files import digest_bytes, digest_text
from mtkd.records.leases import Claim, check_claim
from mtkd.records.runs import new_record
from mtkd.records.teachers import Teachers, read_teachers
from mtkd.study.jobs import determinants
from mtkd.study.paths import parse_cell
from mtkd.study.recipes import runs_along
from mtkd.study.settings import canonical_json
from mtkd.tasks.corpus import TaskInfo, all_labels, read_info, read_labels, read_split

if TYPE_CHECKING:
    from mtkd.distillation.engines import single


class Group(NamedTuple):
    """What the cells of a group have in common, and where they go."""

    job: Mapping[str, Any]  # settings, code, recipes by strategy: see mtkd.study.jobs
    task: Path
    info: TaskInfo
    teachers: Teachers  # their logits on train, in-sample and out of fold
    models: Sequence[Path]  # the folders of those that are run along
    gates: Gates
    fetched: Path | None  # the record of the model's download
    state: Path  # the suite's state folder
    outputs: Sequence[Path]  # each cell's predictions
    with_features: bool
    gold: Sequence[Path] = ()  # the labels of transfer rows, for students that learn from all
    weights: Path | None = None  # where models of cells that are trained are kept, by digest


class Machine(NamedTuple):
    """What a job was given, and how often it saves; changes no number."""

    threads: int
    gpus: int
    allow_cpu: bool  # where none of them can be used
    save_minutes: float


def read_group(
    args: argparse.Namespace,
    outputs: Sequence[Path],
    with_features: bool = False,
    weights: Path | None = None,
) -> tuple[Group, Machine]:
    """Read what a script was given (``mtkd.study.jobs.student_arguments``). Raises InputError."""
    info = read_info(args.task)
    ids, _ = read_labels(args.task / "train.parquet")
    group = Group(
        args.job,
        args.task,
        info,
        read_teachers(args.logits, "train", ids, info.labels, args.teacher_seed),
        args.models,
        read_gates(args.gates, len(ids), info.digest),
        args.fetched,
        args.state,
        outputs,
        with_features,
        args.gold,
        weights,
    )
    return group, Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes)


def train_group(group: Group, machine: Machine) -> None:
    """Publish every cell of a group: restored where it is kept, else trained.

    Each at most once, however often the group is run. Raises InputError.
    """
    names = ["run.json", "history.jsonl", PREDICTIONS]
    names += ["features.safetensors"] if group.with_features else []
    model_files = source_digests(group.job["settings"]["model"], group.fetched)

    def determine(axes: Mapping[str, str]) -> dict[str, Any]:
        recipe = group.job["recipes"][axes["strategy"]]
        gold = {}
        if recipe.get("gold") == "all":
            labels = all_labels(read_split(group.task, "train"), group.gold[0])
            gold["gold"] = digest_bytes([labels.tobytes()])
        return determinants(
            group.job,
            data=group.info.digest,
            model_files=model_files,
            axes=axes,
            recipe=recipe,
            teachers=_teachers(group, axes),
            **gold,
        )

    publish_cells(
        group.state,
        group.outputs[0],
        names,
        cells_of("cell", group.outputs, parse_cell, determine),
        partial(_trained, group, machine),
    )


def _teachers(group: Group, axes: Mapping[str, str]) -> dict[str, list]:
    """What of the teachers determines a cell's numbers."""
    recipe = group.job["recipes"][axes["strategy"]]
    return teacher_determinants(axes, recipe, group.teachers, group.gates)


def _trained(
    group: Group, machine: Machine, claim: Claim, waiting: Sequence[Cell], folder: Path
) -> Iterator[tuple[Cell, Path]]:
    """Train cells, each by its engine and in a folder of its own below ``folder``."""
    # Loading torch and transformers takes seconds.
    from scipy.special import softmax

    from mtkd.config.schema import Model, Training
    from mtkd.distillation.along import Along, load_along
    from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
    from mtkd.distillation.device import prepare_device
    from mtkd.distillation.engines import single
    from mtkd.distillation.learner import settle_source
    from mtkd.distillation.objective import taught_rows

    settings = group.job["settings"]
    stop_on_signals()
    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    stage = single.load_stage(
        settle_source(Model.model_validate(settings["model"]), group.fetched),
        Training.model_validate(settings["training"]),
        settings["max_length"],
        group.task,
        group.info,
        group.state / "tokens",
        device,
    )
    folders = {f"{path.parts[-3]}/{path.parts[-2]}": path for path in group.models}

    @cache
    def along(key: str) -> Along:
        teacher = next(one for one in group.teachers.by_run.values() if one.key == key)
        return load_along(
            folders[key],
            teacher,
            settings["max_length"],
            group.info,
            stage.splits["train"],
            group.state / "tokens",
            device,
        )

    def cells(chosen: Sequence[Cell]) -> Iterator[single.Cell]:
        for cell in chosen:
            check_claim(claim)
            axes, recipe = cell.axes, group.job["recipes"][cell.axes["strategy"]]
            labels = stage.splits["train"].labels
            if recipe.get("gold") == "all":
                labels = all_labels(stage.splits["train"], group.gold[0])
            reason = fused = teachers = confidence = answered = None
            if lacks_gate(axes, recipe, group.gates):
                reason = "no gate: the undistilled student of this seed diverged"
            elif recipe["fusion"] is not None:
                teachers = stacked_teachers(axes, recipe, group.teachers)
                fused = fuse_teachers(axes, recipe, group.teachers, group.gates)
                answered = answered_rows(axes, recipe, group.teachers, group.gates)
                if "confidence" in recipe:
                    plain = fuse_teachers({**axes, "T": "1"}, recipe, group.teachers, group.gates)
                    confidence = softmax(plain, axis=-1).max(axis=-1)
            rows = taught_rows(recipe, labels, confidence, answered)
            if fused is not None and "teachers" in declared_losses()[recipe["loss"]].needs:
                check_answers(axes, recipe, group.teachers, rows)
            yield single.Cell(
                axes,
                recipe,
                Training.model_validate({**settings["training"], **recipe.get("training", {})}),
                fused,
                teachers,
                [along(key) for key in _teachers(group, axes)] if runs_along(recipe) else [],
                reason,
                _record(group, cell),
                folder / cell.digest,
                Checkpoint(group.state, cell.output, cell.digest, machine.save_minutes, claim),
                rows,
                labels,
                answered,
                group.weights and group.weights / cell.digest,
            )

    engines = {"single": single}
    of_cell = [group.job["recipes"][cell.axes["strategy"]]["engine"] for cell in waiting]
    for name in dict.fromkeys(of_cell):
        chosen = [cell for cell, own in zip(waiting, of_cell, strict=True) if own == name]
        trained = engines[name].train_cells(stage, cells(chosen), group.with_features)
        for cell, done in zip(chosen, trained, strict=True):
            yield cell, done.folder
            done.checkpoint.remove()


def _record(group: Group, cell: Cell) -> dict[str, Any]:
    recipe = group.job["recipes"][cell.axes["strategy"]]
    models, teachers = group.teachers.models, _teachers(group, cell.axes)
    return {
        **new_record("student", **cell.axes),
        "labels": group.info.labels,
        "recipe": {key: value for key, value in recipe.items() if key not in ("code", "training")},
        "digests": {
            "data": group.info.digest,
            "cell": cell.digest,
            "code": digest_text(canonical_json(group.job["code"])),
            "parts": recipe["code"],
            "teachers": {key: models[key] for key in models if key in teachers},
        },
    }
