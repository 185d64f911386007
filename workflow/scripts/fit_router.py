"""Fit the router of a study's tasks on their texts."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "code")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="the tasks' folders")
    parser.add_argument("--output", type=Path, required=True, help="its weights of every text")
    args = parser.parse_args()

    from mtkd.specialists.router import publish_router

    publish_router(args.job, args.tasks, args.output)


if __name__ == "__main__":
    run(main)
