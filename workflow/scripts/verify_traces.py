"""Judge what a teacher wrote on the transfer prompts, whose answers students may learn."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--traces", type=Path, required=True, help="what the teacher wrote")
    parser.add_argument("--transfer", type=Path, required=True, help="prompts with their answers")
    parser.add_argument("--output", type=Path, required=True, help="output parquet")
    args = parser.parse_args()

    from mtkd.generation.verdicts import verify_traces

    verify_traces(args.traces, args.transfer, args.job["settings"], args.output)


if __name__ == "__main__":
    run(main)
