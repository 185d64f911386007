"""Download a model from the Hugging Face hub into its shared cache, at one commit."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--key", required=True, help="where the suite names it, for messages")
    parser.add_argument("--name", required=True, help="the model's name on the hub")
    parser.add_argument("--revision", required=True, help="a commit; empty for the newest")
    parser.add_argument("--output", type=Path, required=True, help="record of the download")
    args = parser.parse_args()

    from mtkd.hub.models import fetch_model
    from mtkd.records.files import write_json

    try:
        record = fetch_model(args.name, args.revision)
    except InputError as error:
        raise InputError(f"{args.key}: {error}") from None
    write_json(args.output, record)


if __name__ == "__main__":
    run(main)
