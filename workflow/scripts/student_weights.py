"""Publish a cell's trained model, kept or trained again and compared with its record."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, student_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code", "recipes")
    parser.add_argument("--predictions", type=Path, required=True, help="the cell's record")
    parser.add_argument("--text", nargs="+", required=True, help="the task's text columns")
    student_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="the folder of the model")
    args = parser.parse_args()

    from mtkd.deployment.weights import publish_weights
    from mtkd.distillation.group import read_group

    publish_weights(*read_group(args, [args.predictions]), args.text, args.output)


if __name__ == "__main__":
    run(main)
