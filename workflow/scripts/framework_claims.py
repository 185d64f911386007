"""Put the framework's claims to a study's students too, and gather those on its teachers."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "pools")
    parser.add_argument("--examples", type=Path, nargs="+", required=True, help="of each task")
    parser.add_argument(
        "--teachers", type=Path, nargs="+", required=True, help="claims on teachers"
    )
    parser.add_argument("--claims", type=Path, required=True, help="the study's claims.csv")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    import pandas as pd

    from mtkd.analysis.tables import read_table, write_tables
    from mtkd.framework.claims import OF_STUDENTS
    from mtkd.framework.students import (
        attenuation_students,
        diversity_gains,
        student_claims,
    )
    from mtkd.records.examples import read_examples

    pools = args.job["pools"]
    tasks = [read_examples(path) for path in args.examples]
    gains = pd.concat(map(diversity_gains, tasks), ignore_index=True)
    of_teachers = pd.concat(map(read_table, args.teachers), ignore_index=True)
    of_teachers = of_teachers[~of_teachers.claim.isin(OF_STUDENTS)]
    of_students = student_claims(tasks, pools, gains, read_table(args.claims))
    attenuation = [attenuation_students(examples, pools) for examples in tasks]
    tables = {
        "framework": pd.concat([of_teachers, of_students], ignore_index=True),
        "attenuation_students": pd.concat(attenuation, ignore_index=True),
        "diversity_gain": gains,
    }
    write_tables(args.output, tables)


if __name__ == "__main__":
    run(main)
