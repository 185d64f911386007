"""Train the students of all specialists of a seed, each at most once."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code", "strategies")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="the tasks' folders")
    parser.add_argument("--base", type=Path, required=True, help="the base's model")
    parser.add_argument(
        "--specialists", type=Path, nargs="+", required=True, help="what each of them predicts"
    )
    parser.add_argument("--router", type=Path, required=True, help="its weights of every text")
    training_arguments(parser)
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help="predictions of each student"
    )
    args = parser.parse_args()

    from mtkd.distillation.group import Machine
    from mtkd.specialists.students import Students, train_students

    group = Students(
        args.job,
        args.tasks,
        args.base,
        args.specialists,
        args.router,
        args.fetched,
        args.state,
        args.outputs,
    )
    train_students(group, Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes))


if __name__ == "__main__":
    run(main)
