"""Register what a study will claim before its students are trained; lines are only ever added."""

import argparse
import sys
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument(
        "--students", type=Path, required=True, help="the folder that the suite's students lie in"
    )
    parser.add_argument("--record", type=Path, required=True, help="the file that is added to")
    parser.add_argument("--output", type=Path, help="a copy of it, where one is wanted")
    args = parser.parse_args()

    from mtkd.analysis.registration import changes, register, statement, trained_students
    from mtkd.generation import registration as generation
    from mtkd.records.files import write_text
    from mtkd.specialists import registration as specialists

    settings = args.job["settings"]
    study = settings["study"]
    if "predictions" in settings:
        said = statement(study, settings["predictions"], settings["suite"])
        trained = trained_students(args.students, study)
    elif "bases" in study:
        said = specialists.statement(study, settings["suite"])
        trained = specialists.trained_systems(args.students, study)
    else:
        said = generation.statement(study, settings["suite"])
        trained = generation.trained_mixtures(args.students, study)
    own = register(args.record, study["study"], said, trained)
    print(f"{study['study']}: registered on {own[-1]['date']}", file=sys.stderr)
    if len(own) > 1:
        before, now = own[-2:]
        for change in changes(before["said"], now["said"]):
            print(
                f"warning: changed after {before['date']}, with {now['students_trained']} students "
                f"trained: {change}; the report says so",
                file=sys.stderr,
            )
    if args.output:
        write_text(args.output, args.record.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
