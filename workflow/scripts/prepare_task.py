"""Prepare a task: check its tables, carve the selection split, set the report labels apart."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--name", required=True, help="the task's name, for messages")
    parser.add_argument("--tables", nargs="+", required=True, help="SPLIT=FILE for each split")
    parser.add_argument("--output", type=Path, required=True, help="the task's folder")
    args = parser.parse_args()

    from mtkd.tasks.prepare import account_lines, prepare_task, read_tables, write_task

    task = args.job["settings"]["task"]
    paths = {name: Path(path) for name, path in (one.split("=", 1) for one in args.tables)}
    try:
        prepared = prepare_task(task, read_tables(task, paths))
    except InputError as error:
        raise InputError(f"task {args.name} ({', '.join(args.tables)}): {error}") from None
    write_task(args.output, task, prepared)
    for line in account_lines(task["labels"], prepared.account):
        print(f"{args.name}: {line}")


if __name__ == "__main__":
    run(main)
