"""Derive a variant of a task from the task's prepared data, and from text that nobody labelled."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--name", required=True, help="the variant's name, for messages")
    parser.add_argument("--task", type=Path, required=True, help="the folder of the task it is of")
    parser.add_argument(
        "--texts",
        type=Path,
        nargs="*",
        default=[],
        help="tables, and folders of tasks, that transfer text comes from, in the suite's order",
    )
    parser.add_argument("--output", type=Path, required=True, help="the variant's folder")
    args = parser.parse_args()

    from mtkd.tasks.variants import OWN, derive_task, draw_lines, read_texts

    settings = args.job["settings"]
    sources = [one for one in settings.get("transfer", ()) if not OWN & one.keys()]
    try:
        texts = [
            read_texts(source, settings["text"], path)
            for source, path in zip(sources, args.texts, strict=True)
        ]
        drawn = derive_task(args.task, args.output, settings, texts)
    except InputError as error:
        raise InputError(f"task {args.name}: {error}") from None
    for line in draw_lines(drawn):
        print(f"{args.name}: {line}")


if __name__ == "__main__":
    run(main)
