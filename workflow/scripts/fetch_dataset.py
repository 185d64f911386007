"""Download one split of a dataset from the Hugging Face hub, at one commit, as parquet."""

import argparse
import json
from pathlib import Path

from mtkd.errors import InputError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON: hub, splits")
    parser.add_argument("--split", required=True, help="the split's name in the task")
    parser.add_argument("--output", type=Path, required=True, help="parquet file")
    args = parser.parse_args()

    from datasets import load_dataset

    from mtkd.records.files import publish

    hub = args.settings["hub"]
    wanted = args.settings["splits"][args.split]
    try:
        split = load_dataset(
            hub["name"], hub.get("subset"), split=wanted, revision=hub.get("revision") or None
        )
    except (ValueError, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"dataset {hub['name']}: split {wanted!r}: {reason}") from None
    publish(args.output, lambda temporary: split.to_parquet(str(temporary)))


if __name__ == "__main__":
    run(main)
