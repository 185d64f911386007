"""Merge the specialists of a base, of each seed and in each way, and have them predict."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, machine_arguments, state_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="the tasks' folders")
    parser.add_argument(
        "--starts", type=Path, nargs="+", required=True, help="the base's model of each seed"
    )
    parser.add_argument(
        "--models", type=Path, nargs="+", required=True, help="specialists' models, seed by seed"
    )
    state_argument(parser)
    machine_arguments(parser)
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help="predictions, seed by seed"
    )
    args = parser.parse_args()

    from mtkd.distillation.group import Machine
    from mtkd.specialists.merges import Merges, merge_specialists

    group = Merges(args.job, args.tasks, args.starts, args.models, args.state, args.outputs)
    merge_specialists(group, Machine(args.threads, args.gpu, args.allow_cpu, 0))


if __name__ == "__main__":
    run(main)
