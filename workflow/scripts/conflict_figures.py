"""Draw a generation study's figures from its tables, as PNG and PDF."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--tables", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--output", type=Path, required=True, help="folder of PNG and PDF files")
    args = parser.parse_args()

    import importlib

    from mtkd.analysis.tables import read_table
    from mtkd.figures.conflict_catalogue import CONFLICT_FIGURES
    from mtkd.figures.style import save_figure

    settings = args.job["settings"]
    for name, row in CONFLICT_FIGURES.items():
        module, function = row.drawing.split(":")
        tables = {table: read_table(args.tables / f"{table}.csv") for table in row.tables}
        draw = getattr(importlib.import_module(module), function)
        save_figure(draw(tables, settings["study"]), args.output / name, settings["dpi"])


if __name__ == "__main__":
    run(main)
