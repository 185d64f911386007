"""Score what students wrote on the report's prompts; the one place that reads their answers."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--answers", type=Path, required=True, help="the report's answers")
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help="scores.parquet of each student"
    )
    args = parser.parse_args()

    from mtkd.generation.scores import score_writers

    score_writers(args.outputs, args.task, args.answers, args.job["settings"])


if __name__ == "__main__":
    run(main)
