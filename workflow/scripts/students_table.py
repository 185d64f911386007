"""Write the scores of all students of a study into one table, and how they match soft labels."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--masters", type=Path, nargs="+", required=True, help="each one's table")
    parser.add_argument("--fidelity", type=Path, nargs="+", required=True, help="each one's table")
    parser.add_argument("--output", type=Path, required=True, help="the study's folder")
    args = parser.parse_args()

    from mtkd.analysis.master import render_master
    from mtkd.analysis.students import (
        capacity_table,
        named_by_student,
        render_capacity,
        students_table,
    )
    from mtkd.analysis.tables import read_table, write_tables
    from mtkd.records.files import write_text

    study = args.job["settings"]
    masters, fidelity = (
        {student: read_table(path) for student, path in zip(study["students"], paths, strict=True)}
        for paths in (args.masters, args.fidelity)
    )
    table, capacity = students_table(masters), capacity_table(fidelity)
    write_tables(args.output, {"students": table, "capacity": capacity})
    text = render_master(named_by_student(table), study) + "\n"
    if len(capacity):
        text += "\nStudents against the soft labels that they were trained on, means over arms\n"
        text += render_capacity(capacity) + "\n"
    write_text(args.output / "students.txt", text)


if __name__ == "__main__":
    run(main)
