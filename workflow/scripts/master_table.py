"""Write the master table, in which a method is marked that is no better than a constant answer."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--runs", type=Path, required=True, help="runs.csv")
    parser.add_argument("--examples", type=Path, nargs="+", required=True, help="of each task")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    import pandas as pd

    from mtkd.analysis.constant import skill_table
    from mtkd.analysis.master import master_table, render_master
    from mtkd.analysis.tables import read_table, write_tables
    from mtkd.records.examples import read_examples
    from mtkd.records.files import write_text

    study = args.job["settings"]
    skill = pd.concat(
        [skill_table(read_examples(path)) for path in args.examples], ignore_index=True
    )
    master = master_table(read_table(args.runs), study, skill)
    write_tables(args.output, {"skill": skill, "master": master})
    write_text(args.output / "master.txt", render_master(master, study) + "\n")


if __name__ == "__main__":
    run(main)
