"""Train the student cells of one bundle, each at most once however often the bundle is run."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, student_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code", "recipes")
    student_arguments(parser)
    parser.add_argument(
        "--outputs",
        type=Path,
        nargs="+",
        required=True,
        help="predictions.safetensors of each cell",
    )
    parser.add_argument(
        "--features",
        action="store_true",
        help="write the states that heads read beside the predictions",
    )
    parser.add_argument(
        "--weights", action="store_true", help="keep the models of the cells that are trained"
    )
    args = parser.parse_args()

    from mtkd.distillation.group import read_group, train_group

    weights = args.state / "weights" if args.weights else None
    train_group(*read_group(args, args.outputs, args.features, weights))


if __name__ == "__main__":
    run(main)
