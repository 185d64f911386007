"""Write the page of a study of specialists, and its main table as text."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--tables", type=Path, required=True, help="the tables' folder")
    parser.add_argument("--registrations", type=Path, required=True, help="the suite's, JSON lines")
    parser.add_argument("--templates", type=Path, required=True, help="folder of the page's text")
    parser.add_argument("--output", type=Path, required=True, help="HTML file")
    parser.add_argument("--text", type=Path, required=True, help="text file")
    args = parser.parse_args()

    from mtkd.analysis.registration import entries_of
    from mtkd.analysis.tables import read_table
    from mtkd.records.files import write_text
    from mtkd.report.page import render
    from mtkd.report.registration import registration_shown
    from mtkd.report.specialists import claims_text, specialist_shown, systems_text

    study = args.job["settings"]
    tables = {path.stem: read_table(path) for path in sorted(args.tables.glob("*.csv"))}
    text = systems_text(tables["specialists"], study)
    entries = entries_of(args.registrations, study["study"])
    page = render(
        args.templates,
        "specialists.html.j2",
        study=study,
        registration=registration_shown(entries, tables["claims"]),
        claims=claims_text(tables["claims"]),
        tables=specialist_shown(tables, study),
        failed=tables["failed"].fillna("").to_dict("records"),
    )
    write_text(args.output, page)
    write_text(args.text, text)


if __name__ == "__main__":
    run(main)
