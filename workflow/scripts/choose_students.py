"""List the students of a study that were trained to their end, and which one selection chooses."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--runs", type=Path, required=True, help="runs.csv")
    parser.add_argument("--output", type=Path, required=True, help="a CSV, a row a student")
    args = parser.parse_args()

    from mtkd.analysis.selection import students_to_take
    from mtkd.analysis.tables import read_table, write_tables

    table = students_to_take(read_table(args.runs), args.job["settings"]["arms"])
    write_tables(args.output.parent, {args.output.stem: table})


if __name__ == "__main__":
    run(main)
