"""Prepare a task: check its tables, carve the selection split, set the report labels apart."""

import argparse
import json
from pathlib import Path

from mtkd.errors import InputError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON: {task: {...}}")
    parser.add_argument("--name", required=True, help="the task's name, for messages")
    parser.add_argument("--tables", nargs="+", required=True, help="SPLIT=FILE for each split")
    parser.add_argument("--output", type=Path, required=True, help="the task's folder")
    args = parser.parse_args()

    from mtkd.tasks.prepare import prepare_task, read_table, write_task

    task = args.settings["task"]
    tables = dict(table.split("=", maxsplit=1) for table in args.tables)
    try:
        splits = prepare_task(task, {name: read_table(Path(p)) for name, p in tables.items()})
    except InputError as error:
        raise InputError(f"task {args.name} ({', '.join(args.tables)}): {error}") from None
    write_task(args.output, task, splits)
    print(f"{args.name}: " + ", ".join(f"{name} {len(f)} rows" for name, f in splits.items()))


if __name__ == "__main__":
    run(main)
