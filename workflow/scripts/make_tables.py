"""Tabulate a study's scored runs: every run, what failed, and where the numbers come from."""

import argparse
import sys
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument(
        "--evals", type=Path, required=True, help="a file that lists the eval.json files, or -"
    )
    parser.add_argument(
        "--partial", action="store_true", help="tabulate what exists and name what is missing"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    from mtkd.analysis.master import master_table, render_master
    from mtkd.analysis.provenance import provenance
    from mtkd.analysis.tables import (
        cells_missing,
        check_consistency,
        failed_table,
        named_teachers,
        runs_table,
        write_tables,
    )
    from mtkd.records.files import write_json, write_text
    from mtkd.records.runs import read_eval
    from mtkd.study.grid import expected_runs

    study = args.job["settings"]
    listed = sys.stdin if str(args.evals) == "-" else args.evals.open(encoding="utf-8")
    paths = [Path(line.rstrip("\n")) for line in listed]
    records = [read_eval(path) for path in paths if not args.partial or path.is_file()]
    expected = expected_runs(study)
    missing = cells_missing(expected, records)
    if not args.partial and (missing or len(records) != len(expected)):
        raise InputError(
            f"{len(records)} records for a study of {len(expected)} runs; missing: "
            f"{'; '.join(missing[:5]) or 'none'}; rerun their scoring rules"
        )
    check_consistency(records)

    records = named_teachers(records, study)
    runs = runs_table(records)
    write_tables(args.output, {"runs": runs, "failed": failed_table(records)})
    write_json(args.output / "provenance.json", provenance(records))
    if args.partial:
        write_text(args.output / "missing.txt", "".join(f"{name}\n" for name in missing))
        print(f"{len(records)} of {len(expected)} runs are there; missing:", *missing, sep="\n  ")
        # Of a whole study it is made of the examples too.
        if not runs.empty:
            master = master_table(runs, study)
            write_tables(args.output, {"master": master})
            write_text(args.output / "master.txt", render_master(master, study) + "\n")


if __name__ == "__main__":
    run(main)
