"""Download one split of a dataset from the Hugging Face hub, at one commit, as parquet."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--key", required=True, help="where the suite names it, for messages")
    parser.add_argument("--split", required=True, help="the split's name in the task")
    parser.add_argument("--record", type=Path, required=True, help="record of the download")
    parser.add_argument("--output", type=Path, required=True, help="parquet file")
    args = parser.parse_args()

    from mtkd.hub.tables import fetch_split
    from mtkd.records.files import write_json

    settings = args.job["settings"]
    try:
        wanted = settings["splits"][args.split]
        record = fetch_split(settings["hub"], wanted, args.output)
    except InputError as error:
        raise InputError(f"{args.key}: {error}") from None
    write_json(args.record, record)


if __name__ == "__main__":
    run(main)
