"""Write a generation study's page: one HTML file that holds its style, tables and figures."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--templates", type=Path, required=True, help="folder of the page's text")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV files")
    parser.add_argument("--figures", type=Path, nargs="+", required=True, help="PNG files")
    parser.add_argument("--registrations", type=Path, required=True, help="the suite's, JSON lines")
    parser.add_argument("--output", type=Path, required=True, help="HTML file")
    args = parser.parse_args()

    from mtkd.analysis.registration import entries_of
    from mtkd.analysis.tables import read_table
    from mtkd.records.files import write_text
    from mtkd.report.conflict import conflict_page, figures_of, registered
    from mtkd.report.page import render

    tables = {path.stem: read_table(path) for path in args.tables}
    study = args.job["settings"]
    page = render(
        args.templates,
        "conflict.html.j2",
        figures=figures_of(args.figures),
        registered=registered(entries_of(args.registrations, study["study"])),
        **conflict_page(tables, study),
    )
    write_text(args.output, page)


if __name__ == "__main__":
    run(main)
