"""Score specialists, merges, routers and students; the one place that reads report labels."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="the tasks' folders")
    parser.add_argument("--report-labels", type=Path, nargs="+", required=True, help="of each task")
    parser.add_argument("--router", type=Path, required=True, help="its weights of every text")
    parser.add_argument("--specialists", type=Path, nargs="+", required=True, help="predictions")
    parser.add_argument("--merges", type=Path, nargs="*", default=[], help="predictions")
    parser.add_argument("--students", type=Path, nargs="+", required=True, help="predictions")
    parser.add_argument("--output", type=Path, required=True, help="the tables' folder")
    args = parser.parse_args()

    from mtkd.analysis.specialists import specialist_tables
    from mtkd.analysis.tables import write_tables

    predictions = {name: getattr(args, name) for name in ("specialists", "merges", "students")}
    settings = args.job["settings"]
    tables = specialist_tables(settings, args.tasks, args.report_labels, args.router, predictions)
    write_tables(args.output, tables)


if __name__ == "__main__":
    run(main)
