"""State whether fusing teachers pays more at the lowest T of a study than at its highest."""

import argparse
import sys
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--examples", type=Path, nargs="+", required=True, help="of each task")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="their folders")
    parser.add_argument(
        "--predictions",
        type=Path,
        required=True,
        help="a file that lists the predictions of cells at these T, or -",
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the table")
    args = parser.parse_args()

    import pandas as pd

    from mtkd.analysis.interaction import interaction_table, read_cells
    from mtkd.analysis.tables import write_tables
    from mtkd.records.examples import read_examples
    from mtkd.study.paths import parse_cell
    from mtkd.tasks.corpus import read_split

    listed = sys.stdin if str(args.predictions) == "-" else args.predictions.open(encoding="utf-8")
    paths = [Path(line.rstrip("\n")) for line in listed]
    parts = []
    for path, folder in zip(args.examples, args.tasks, strict=True):
        examples = read_examples(path)
        record = examples.record
        ids = {split: read_split(folder, split).ids for split in record["report_splits"]}
        own = [one for one in paths if parse_cell(str(one))["task"] == record["task"]]
        cells = read_cells(own, ids, record["labels"], record["data"])
        parts.append(interaction_table(examples, cells, args.job["settings"]))
    write_tables(args.output, {"interaction": pd.concat(parts, ignore_index=True)})


if __name__ == "__main__":
    run(main)
