"""Download a model from the Hugging Face hub into its shared cache, at one commit."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--key", required=True, help="where the suite names it, for messages")
    parser.add_argument("--output", type=Path, required=True, help="record of the download")
    args = parser.parse_args()

    from mtkd.hub.models import fetch_model
    from mtkd.records.files import write_json

    settings = args.job["settings"]
    try:
        record = fetch_model(settings["name"], settings["revision"])
    except InputError as error:
        raise InputError(f"{args.key}: {error}") from None
    write_json(args.output, record)


if __name__ == "__main__":
    run(main)
