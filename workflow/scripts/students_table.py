"""Write the scores of all students of a study into one table."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--masters", type=Path, nargs="+", required=True, help="each one's table")
    parser.add_argument("--output", type=Path, required=True, help="the study's folder")
    args = parser.parse_args()

    from mtkd.analysis.master import render_master
    from mtkd.analysis.students import named_by_student, students_table
    from mtkd.analysis.tables import read_table, write_tables
    from mtkd.records.files import write_text

    study = args.job["settings"]
    masters = zip(study["students"], args.masters, strict=True)
    table = students_table({student: read_table(path) for student, path in masters})
    write_tables(args.output, {"students": table})
    text = render_master(named_by_student(table), study)
    write_text(args.output / "students.txt", text + "\n")


if __name__ == "__main__":
    run(main)
