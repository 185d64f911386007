"""Search pooling operators for violations of every axiom; a table and a figure of verdicts."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "pools")  # none stands for our operators
    parser.add_argument("--table", type=Path, required=True, help="CSV file made")
    parser.add_argument("--figure", type=Path, required=True, help="PNG file; a PDF goes beside it")
    args = parser.parse_args()

    from mtkd.figures.certificates import certificates_figure
    from mtkd.figures.style import save_figure
    from mtkd.framework.certificates import certificate_table
    from mtkd.fusion.operators import OPERATORS
    from mtkd.fusion.pools import find_operator
    from mtkd.records.files import write_text

    try:
        own = {name: find_operator(pool["operator"]) for name, pool in args.job["pools"].items()}
        table = certificate_table(own or OPERATORS)
    except ValueError as error:
        raise InputError(str(error)) from None
    write_text(args.table, table.to_csv(index=False))
    save_figure(certificates_figure(table), args.figure.with_suffix(""))


if __name__ == "__main__":
    run(main)
