"""Derive a variant of a task from the task's prepared data."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--task", type=Path, required=True, help="the folder of the task it is of")
    parser.add_argument("--output", type=Path, required=True, help="the variant's folder")
    args = parser.parse_args()

    from mtkd.tasks.variants import derive_task

    derive_task(args.task, args.output, args.job["settings"])


if __name__ == "__main__":
    run(main)
