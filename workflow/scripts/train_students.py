"""Train the student cells of one bundle, each at most once however often the bundle is run."""

import argparse
import json
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

from mtkd.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON: model, training")
    parser.add_argument("--code", type=json.loads, default={}, help="JSON: digests of the code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="teachers' train logits")
    parser.add_argument("--gates", type=Path, nargs="*", default=[], help="gates' weights")
    parser.add_argument("--pools", type=json.loads, default={}, help="JSON: pooling strategies")
    parser.add_argument("--fetched", type=Path, help="record of the model's download")
    parser.add_argument("--state", type=Path, required=True, help="the suite's state folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--gpu", type=int, default=0, help="GPUs the job asked for")
    parser.add_argument("--allow-cpu", action="store_true", help="where none of them can be used")
    parser.add_argument("--save-minutes", type=float, default=0, help="between saved states")
    parser.add_argument(
        "--outputs",
        type=Path,
        nargs="+",
        required=True,
        help="predictions.safetensors of each cell",
    )
    parser.add_argument(
        "--features",
        action="store_true",
        help="write the states that heads read beside the predictions",
    )
    args = parser.parse_args()

    from mtkd.distillation.bundles import PREDICTIONS, cell_digest, keep_cell, restore_cell
    from mtkd.distillation.soft_targets import fuse_teachers, read_gates, teacher_determinants
    from mtkd.models.sources import source_digests
    from mtkd.records.claims import check_claim, claim_output, release_claim
    from mtkd.records.files import digest_text
    from mtkd.records.runs import new_record
    from mtkd.records.teachers import read_teachers
    from mtkd.study.paths import parse_cell
    from mtkd.study.settings import canonical_json
    from mtkd.tasks.corpus import read_info, read_labels

    info = read_info(args.task)
    ids, _ = read_labels(args.task / "train.parquet")
    teachers = read_teachers(args.logits, "train", ids, info.labels)
    gates = read_gates(args.gates, len(ids), info.digest)
    model = args.settings["model"]
    model_files = source_digests(model, args.fetched)
    names = ["run.json", "history.jsonl", PREDICTIONS]
    names += ["features.safetensors"] if args.features else []

    @cache
    def stage():
        # Only when a cell has to be trained: loading torch and transformers takes seconds.
        from mtkd.config.schema import Model, Training
        from mtkd.distillation.checkpoints import stop_on_signals
        from mtkd.distillation.device import prepare_device
        from mtkd.distillation.learner import settle_source
        from mtkd.distillation.students import load_stage

        stop_on_signals()
        return load_stage(
            settle_source(Model.model_validate(model), args.fetched),
            Training.model_validate(args.settings["training"]),
            args.settings["max_length"],
            args.task,
            info,
            args.state / "tokens",
            prepare_device(args.threads, args.gpu, args.allow_cpu),
        )

    kept = args.state / "cells"
    claim = claim_output(args.state, args.outputs[0])
    for number, output in enumerate(args.outputs, start=1):
        axes = parse_cell(output)
        axes.pop("suite")
        determinants = teacher_determinants(axes, teachers, gates, args.pools)
        digest = cell_digest(
            {
                "data": info.digest,
                "settings": args.settings,
                "model_files": model_files,
                "code": args.code,
                "axes": axes,
                "teachers": determinants,
            }
        )
        title = f"cell {number}/{len(args.outputs)}  {output.parent}"
        check_claim(claim)
        if restore_cell(kept, digest, output.parent, names):
            print(f"{title}  restored", file=sys.stderr)
            continue
        start = time.perf_counter()
        record = {
            **new_record("student", **axes),
            "labels": info.labels,
            "pool": args.pools.get(axes["strategy"]),
            "digests": {
                "data": info.digest,
                "cell": digest,
                "code": digest_text(canonical_json(args.code)),
                "teachers": {
                    teacher.key: teacher.model_digest
                    for teacher in teachers.by_run.values()
                    if teacher.key in determinants
                },
            },
        }
        shared = stage()
        from mtkd.distillation.checkpoints import Checkpoint
        from mtkd.distillation.students import train_cell, write_untrainable

        checkpoint = Checkpoint(args.state, output, digest, args.save_minutes, claim)
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept, prefix=".training-") as folder:
            if axes["strategy"] == "gating" and (axes["teachers"], axes["seed"]) not in gates:
                reason = "no gate: the undistilled student of this seed diverged"
                write_untrainable(shared, record, reason, Path(folder))
            else:
                fused = fuse_teachers(axes, teachers, gates, args.pools)
                train_cell(shared, axes, fused, record, Path(folder), args.features, checkpoint)
            check_claim(claim)
            keep_cell(kept, digest, Path(folder), names)
        checkpoint.remove()
        restore_cell(kept, digest, output.parent, names)
        print(f"{title}  trained in {time.perf_counter() - start:.1f} s", file=sys.stderr)
    release_claim(claim)


if __name__ == "__main__":
    run(main)
