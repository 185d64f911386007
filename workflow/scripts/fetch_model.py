"""Download a model from the Hugging Face hub into its shared cache, at one commit."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run

# Configuration, tokenizer, and weights in the one format that holds no code.
FILES = ["*.json", "*.txt", "*.model", "*.safetensors"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the model's name on the hub")
    parser.add_argument("--revision", required=True, help="a commit; empty for the newest")
    parser.add_argument("--output", type=Path, required=True, help="record of the download")
    args = parser.parse_args()

    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError

    from mtkd.records.files import write_json

    try:
        folder = snapshot_download(
            args.name, revision=args.revision or None, allow_patterns=FILES, max_workers=4
        )
    except RevisionNotFoundError:
        raise InputError(f"model {args.name}: the hub has no commit {args.revision}") from None
    except (HfHubHTTPError, OSError) as error:
        raise InputError(f"model {args.name}: download failed ({error}); run again") from None
    if not list(Path(folder).glob("*.safetensors")):
        raise InputError(
            f"model {args.name}: commit {args.revision or 'main'} has no safetensors weights; "
            "pin a commit that has them (often on refs/pr/*)"
        )
    # A snapshot's folder is named after its commit.
    write_json(args.output, {"name": args.name, "commit": Path(folder).name, "folder": folder})


if __name__ == "__main__":
    run(main)
