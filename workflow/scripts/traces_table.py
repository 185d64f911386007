"""Tabulate how good each teacher's traces are, and what they cost."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "code")
    parser.add_argument("--verdicts", type=Path, nargs="+", required=True, help="each teacher's")
    parser.add_argument("--output", type=Path, required=True, help="output CSV")
    args = parser.parse_args()

    from mtkd.generation.verdicts import traces_table

    traces_table(args.verdicts, args.output)


if __name__ == "__main__":
    run(main)
