"""Analyse a published study's tables: derived figures, and what the rules of evidence flag."""

import argparse
from pathlib import Path

from mtkd.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, required=True, help="folder of the published tables")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables made")
    args = parser.parse_args()

    import pandas as pd

    from mtkd.analysis.published.derived import derived_figures, render_figures
    from mtkd.analysis.published.flags import Flag, flags, render_flags
    from mtkd.analysis.published.reported import read_published
    from mtkd.analysis.tables import write_tables
    from mtkd.records.files import write_text

    reported = read_published(args.tables)
    figures, found = derived_figures(reported), flags(reported)
    flagged = pd.DataFrame(found, columns=Flag._fields)
    write_tables(args.output, {"derived": figures, "flags": flagged})
    report = f"{render_figures(figures)}\n\n{render_flags(found)}\n"
    write_text(args.output / "report.txt", report)


if __name__ == "__main__":
    run(main)
