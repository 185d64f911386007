"""Train the students of text of one bundle, each at most once however often the bundle is run."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code", "strategies")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--traces", type=Path, nargs="+", required=True, help="what teachers wrote")
    training_arguments(parser)
    parser.add_argument(
        "--together", type=int, default=1, help="students that are trained as one, at most"
    )
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help="generations.parquet of each student"
    )
    args = parser.parse_args()

    from mtkd.distillation.group import Machine
    from mtkd.generation.students import Writers, train_writers

    group = Writers(
        args.job, args.task, args.traces, args.fetched, args.state, args.outputs, args.together
    )
    train_writers(group, Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes))


if __name__ == "__main__":
    run(main)
