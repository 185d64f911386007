"""Draw a study's figures from its tables, without those that would come out as they were."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "figures", "code")
    parser.add_argument("--tables", type=Path, required=True, help="folder of CSV files")
    parser.add_argument("--output", type=Path, required=True, help="folder of PNG and PDF files")
    parser.add_argument("--kept", type=Path, required=True, help="folder of figures drawn before")
    args = parser.parse_args()

    from mtkd.figures.draw import draw_figures

    new = draw_figures(args.job, args.tables, args.output, args.kept)
    print(f"drawn: {', '.join(new) or 'none'}")


if __name__ == "__main__":
    run(main)
