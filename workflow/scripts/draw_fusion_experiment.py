"""Draw one of the framework's experiments on a task from its tables."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--figure", required=True, help="its name")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV files")
    parser.add_argument("--output", type=Path, required=True, help="PNG file; a PDF goes beside it")
    args = parser.parse_args()

    from mtkd.analysis.tables import read_table
    from mtkd.figures import fusion_experiments
    from mtkd.figures.style import save_figure

    draw = {
        "variance": fusion_experiments.variance_figure,
        "objectives": fusion_experiments.objectives_figure,
        "attenuation": fusion_experiments.attenuation_figure,
    }
    if args.figure not in draw:
        raise InputError(f"no figure {args.figure!r}; there are {', '.join(draw)}")
    tables = {path.stem: read_table(path) for path in args.tables}
    figure = draw[args.figure](tables)
    save_figure(figure, args.output.with_suffix(""), args.job["settings"]["dpi"])


if __name__ == "__main__":
    run(main)
