"""Publish the folder of the student that selection chose once more, where it is easily found."""

import argparse
from pathlib import Path

from mtkd.errors import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="the chosen student's folder")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    from mtkd.records.files import publish_folder
    from mtkd.records.kept import copy_files

    publish_folder(args.output, lambda folder: copy_files(args.model, folder))


if __name__ == "__main__":
    run(main)
