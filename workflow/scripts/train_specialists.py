"""Train a base, or one for each task, and a specialist of each task from it."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--base", required=True, help="its name")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="the tasks' folders")
    parser.add_argument(
        "--base-tasks", type=Path, nargs="+", required=True, help="folders of what the base learns"
    )
    training_arguments(parser)
    parser.add_argument(
        "--starts", type=Path, nargs="+", required=True, help="output folders of bases, one or K"
    )
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help="predictions of each specialist"
    )
    args = parser.parse_args()

    from mtkd.distillation.group import Machine
    from mtkd.specialists.teachers import Specialists, train_specialists

    group = Specialists(
        args.job,
        args.base,
        args.seed,
        args.tasks,
        args.base_tasks,
        args.fetched,
        args.state,
        args.starts,
        [path.parent for path in args.outputs],
    )
    train_specialists(group, Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes))


if __name__ == "__main__":
    run(main)
