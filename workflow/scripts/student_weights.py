"""Publish a cell's trained model, kept or trained again and compared with its record."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code", "recipes")
    parser.add_argument("--predictions", type=Path, required=True, help="the cell's record")
    parser.add_argument("--text", nargs="+", required=True, help="the task's text columns")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="teachers' train logits")
    parser.add_argument("--teacher-seed", default="1", help="the suite's: paired, or one seed")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="teachers to run along")
    parser.add_argument("--gates", type=Path, nargs="*", default=[], help="gates' weights")
    parser.add_argument("--gold", type=Path, nargs="*", default=[], help="transfer rows' labels")
    training_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="the folder of the model")
    args = parser.parse_args()

    from mtkd.deployment.weights import publish_weights
    from mtkd.distillation.group import Group, Machine
    from mtkd.fusion.targets import read_gates
    from mtkd.records.teachers import read_teachers
    from mtkd.tasks.corpus import read_info, read_labels

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
        [args.predictions],
        False,
        args.gold,
    )
    machine = Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes)
    publish_weights(group, machine, args.text, args.output)


if __name__ == "__main__":
    run(main)
