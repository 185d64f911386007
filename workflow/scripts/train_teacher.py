"""Fine-tune one teacher on one task and keep the epoch that is best on selection, or the last."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import determinants, job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--seed", required=True)
    training_arguments(parser)
    parser.add_argument("--model", type=Path, required=True, help="output folder")
    parser.add_argument("--metrics", type=Path, required=True, help="output JSON")
    args = parser.parse_args()

    from mtkd.models.sources import source_digests
    from mtkd.records.files import digest_text, write_json
    from mtkd.records.verdicts import keep_verdict, refuse_diverged, verdict_file
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
    verdict = verdict_file(args.state, digest)
    refuse_diverged(args.teacher, verdict)

    from mtkd.config.schema import Training
    from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
    from mtkd.distillation.device import peak_memory_mb, prepare_device, provenance
    from mtkd.distillation.teachers import train_by_settings
    from mtkd.models.build import save_model
    from mtkd.records.files import digest_folder, publish_folder
    from mtkd.records.leases import check_claim, claim_output, release_claim
    from mtkd.records.runs import new_record

    splits = {name: read_split(args.task, name) for name in ("train", "selection")}
    device = prepare_device(args.threads, args.gpu, args.allow_cpu)
    claim = claim_output(args.state, args.model)
    checkpoint = Checkpoint(args.state, args.model, digest, args.save_minutes, claim)
    stop_on_signals()
    teacher = train_by_settings(
        settings,
        args.fetched,
        info,
        splits,
        int(args.seed),
        args.state / "tokens",
        device,
        checkpoint,
    )
    check_claim(claim)
    if teacher.outcome.status == "diverged":
        on = provenance(teacher.outcome.machines)
        keep_verdict(verdict, teacher.outcome.reason, on, teacher=args.teacher, seed=args.seed)
        checkpoint.remove()
        refuse_diverged(args.teacher, verdict)
    publish_folder(args.model, lambda folder: save_model(teacher.model, teacher.tokenizer, folder))
    digest = digest_folder(args.model)
    write_json(
        args.metrics,
        {
            **new_record("teacher", task=args.task.name, teacher=args.teacher, seed=args.seed),
            "metric": settings["metric"],
            "label_order": settings.get("label_order"),
            "warnings": teacher.warnings,
            "epoch": teacher.epoch,
            "selection": teacher.score,
            "history": teacher.outcome.history,
            "training": Training.model_validate(settings["training"]).model_dump(mode="json"),
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


if __name__ == "__main__":
    run(main)
