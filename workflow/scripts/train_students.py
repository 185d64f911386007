"""Train the student cells of one bundle, each at most once however often the bundle is run."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code", "recipes")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="teachers' train logits")
    parser.add_argument("--teacher-seed", default="1", help="the suite's: paired, or one seed")
    parser.add_argument("--models", type=Path, nargs="*", default=[], help="teachers to run along")
    parser.add_argument("--gates", type=Path, nargs="*", default=[], help="gates' weights")
    parser.add_argument("--gold", type=Path, nargs="*", default=[], help="transfer rows' labels")
    training_arguments(parser)
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
    parser.add_argument(
        "--weights", action="store_true", help="keep the models of the cells that are trained"
    )
    args = parser.parse_args()

    from mtkd.distillation.group import Group, Machine, train_group
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
        args.outputs,
        args.features,
        args.gold,
        args.state / "weights" if args.weights else None,
    )
    train_group(group, Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes))


if __name__ == "__main__":
    run(main)
