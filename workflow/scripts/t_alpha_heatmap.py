"""Draw every arm of a study over T and alpha, on one task."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--runs", type=Path, required=True, help="runs.csv")
    parser.add_argument("--task", required=True)
    parser.add_argument("--output", type=Path, required=True, help="PNG file; a PDF goes beside it")
    args = parser.parse_args()

    from mtkd.analysis.tables import read_table
    from mtkd.figures.heatmap import heatmap_figure
    from mtkd.figures.style import save_figure

    settings = args.job["settings"]
    figure = heatmap_figure(read_table(args.runs), settings["study"], args.task)
    save_figure(figure, args.output.with_suffix(""), settings["dpi"])


if __name__ == "__main__":
    run(main)
