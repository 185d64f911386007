"""Fine-tune one teacher on one task and keep the epoch that is best on selection, or the last."""

import argparse
from pathlib import Path
from typing import NoReturn

from mtkd.errors import InputError, run
from mtkd.study.jobs import determinants, job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--fetched", type=Path, help="record of the model's download")
    parser.add_argument("--state", type=Path, required=True, help="the suite's state folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpu", type=int, default=0, help="GPUs the job asked for")
    parser.add_argument("--allow-cpu", action="store_true", help="where none of them can be used")
    parser.add_argument("--save-minutes", type=float, default=0, help="between saved states")
    parser.add_argument("--model", type=Path, required=True, help="output folder")
    parser.add_argument("--metrics", type=Path, required=True, help="output JSON")
    args = parser.parse_args()

    from mtkd.models.sources import source_digests
    from mtkd.records.files import digest_text, read_json, write_json
    from mtkd.study.settings import canonical_json
    from mtkd.tasks.corpus import read_info, read_split

    settings, info = args.job["settings"], read_info(args.task)
    known = determinants(
        args.job,
        data=info.digest,
        model_files=source_digests(settings["model"], args.fetched),
        seed=args.seed,
    )
    digest = digest_text(canonical_json(known))
    # A training that diverged would do so again: a retry is told at once, before torch is loaded.
    verdict = args.state / "diverged" / f"{digest}.json"
    if verdict.is_file():
        refuse(args.teacher, read_json(verdict), verdict)

    from mtkd.config.schema import Model, Training
    from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
    from mtkd.distillation.device import peak_memory_mb, prepare_device, provenance
    from mtkd.distillation.learner import settle_source
    from mtkd.distillation.teachers import train_teacher
    from mtkd.metrics.names import declared
    from mtkd.metrics.scores import score, try_metric
    from mtkd.models.build import save_model
    from mtkd.records.files import digest_folder, publish_folder
    from mtkd.records.leases import check_claim, claim_output, release_claim
    from mtkd.records.runs import new_record
    from mtkd.tasks.label_map import in_task_order

    splits = {name: read_split(args.task, name) for name in ("train", "selection")}
    labels = splits["selection"].labels
    metric = settings["metric"]
    order = settings.get("label_order")
    device = prepare_device(args.threads, args.gpu, args.allow_cpu)

    def selection_score(logits) -> float:
        logits = in_task_order(logits, order, info.labels) if order else logits
        return score(logits, labels, [metric])[metric]

    try_metric(labels, len(info.labels), metric)
    training = Training.model_validate(settings["training"])
    claim = claim_output(args.state, args.model)
    checkpoint = Checkpoint(args.state, args.model, digest, args.save_minutes, claim)
    stop_on_signals()
    teacher = train_teacher(
        settle_source(Model.model_validate(settings["model"]), args.fetched),
        training,
        settings["max_length"],
        info,
        order or info.labels,
        splits,
        int(args.seed),
        selection_score,
        args.state / "tokens",
        device,
        checkpoint,
        declared(metric).greater_is_better,
        settings.get("keep", "best"),
    )
    check_claim(claim)
    if teacher.outcome.status == "diverged":
        on = provenance(teacher.outcome.machines)
        found = {"reason": teacher.outcome.reason, "device": f"{on['device']}, {on['precision']}"}
        write_json(verdict, {"teacher": args.teacher, "seed": args.seed, **found})
        checkpoint.remove()
        refuse(args.teacher, found, verdict)
    publish_folder(args.model, lambda folder: save_model(teacher.model, teacher.tokenizer, folder))
    digest = digest_folder(args.model)
    write_json(
        args.metrics,
        {
            **new_record("teacher", task=args.task.name, teacher=args.teacher, seed=args.seed),
            "metric": metric,
            "label_order": order,
            "warnings": teacher.warnings,
            "epoch": teacher.epoch,
            "selection": teacher.score,
            "history": teacher.outcome.history,
            "training": training.model_dump(mode="json"),
            "parameters": sum(p.numel() for p in teacher.model.parameters()),
            "seconds": round(teacher.outcome.seconds, 3),
            "examples_per_second": round(teacher.outcome.examples_per_second, 1),
            "peak_memory_mb": peak_memory_mb(device),
            **provenance(teacher.outcome.machines),
            "digests": {
                "data": info.digest,
                "model": digest,
                "teachers": {f"{args.teacher}/seed{args.seed}": digest},
                "code": digest_text(canonical_json(args.job["code"])),
            },
        },
    )
    checkpoint.remove()
    release_claim(claim)


def refuse(teacher: str, found: dict, verdict: Path) -> NoReturn:
    """Raise the InputError of a diverged teacher, whose verdict is kept."""
    raise InputError(
        f"teacher {teacher} diverged: {found['reason']} (on {found['device']}); lower its "
        f"learning_rate: as it is set, it is not trained again while {verdict} is there"
    )


if __name__ == "__main__":
    run(main)
