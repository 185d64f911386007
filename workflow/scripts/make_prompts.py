"""Make a generation task's prompts, or read them from tables; the report's answers lie apart."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--name", required=True, help="the task's name, for messages")
    parser.add_argument("--tables", nargs="*", default=[], help="SPLIT=FILE for each split")
    parser.add_argument("--output", type=Path, required=True, help="the task's folder")
    args = parser.parse_args()

    from mtkd.generation.prompts import addition_prompts, read_prompt_files, write_task

    task = args.job["settings"]["task"]
    rows = {split: count for split, count in task["rows"].items() if count}
    try:
        if "addition" in task:
            digits = task["addition"].get("digits", 2)
            write_task(args.output, task, addition_prompts(digits, rows), digits=digits)
        else:
            files = {name: Path(path) for name, path in (one.split("=", 1) for one in args.tables)}
            columns = (
                task["prompts"].get("prompt", "prompt"),
                task["prompts"].get("answer", "answer"),
            )
            more = task["prompts"].get("columns", [])
            splits, dropped = read_prompt_files(files, [*columns, *more], rows)
            write_task(args.output, task, splits, more, dropped=dropped)
            for split, count in dropped.items():
                if count:
                    print(f"{args.name}: {count} prompts of {split} stand in report or selection")
    except InputError as error:
        raise InputError(f"task {args.name}: {error}") from None


if __name__ == "__main__":
    run(main)
