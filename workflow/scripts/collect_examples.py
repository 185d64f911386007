"""Collect a task's labels, teachers and chosen students into one file for the analyses."""

import argparse
import sys
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "recipes")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--runs", type=Path, required=True, help="runs.csv")
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="teachers' logits")
    parser.add_argument("--gates", type=Path, nargs="*", default=[])
    parser.add_argument(
        "--predictions",
        type=Path,
        required=True,
        help="a file that lists the cells' predictions, or -",
    )
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    from mtkd.analysis.collect import collect_examples
    from mtkd.analysis.tables import read_table
    from mtkd.records.examples import write_examples
    from mtkd.tasks.corpus import read_info

    listed = sys.stdin if str(args.predictions) == "-" else args.predictions.open(encoding="utf-8")
    settings = args.job["settings"]
    examples = collect_examples(
        settings["study"],
        args.task.name,
        settings["metrics"],
        read_table(args.runs),
        args.task,
        read_info(args.task),
        [Path(line.rstrip("\n")) for line in listed],
        args.logits,
        args.gates,
        args.job["recipes"],
    )
    write_examples(args.output, examples)


if __name__ == "__main__":
    run(main)
