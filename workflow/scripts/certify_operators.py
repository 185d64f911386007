"""Search every pooling operator for violations of every axiom; a table and a figure of verdicts."""

import argparse
from pathlib import Path

from mtkd.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="CSV file made")
    parser.add_argument("--figure", type=Path, required=True, help="PNG file; a PDF goes beside it")
    args = parser.parse_args()

    from mtkd.figures.certificates import certificates_figure
    from mtkd.figures.style import save_figure
    from mtkd.fusion.certificates import certificate_table
    from mtkd.records.files import write_text

    table = certificate_table()
    write_text(args.table, table.to_csv(index=False))
    save_figure(certificates_figure(table), args.figure.with_suffix(""))


if __name__ == "__main__":
    run(main)
