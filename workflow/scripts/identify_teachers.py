"""How well sets of teachers are told apart by what they wrote, before any student of theirs."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--traces", type=Path, nargs="*", default=[], help="what teachers wrote")
    parser.add_argument("--outputs", type=Path, nargs="*", default=[], help="JSON of each set")
    args = parser.parse_args()

    from mtkd.generation.identify import identify_set
    from mtkd.generation.prompts import read_prompts
    from mtkd.records.files import write_json
    from mtkd.records.parquet import read_parquet

    styles = args.job["settings"]["styles"]
    traces = {path.parts[-3]: read_parquet(path, ["prompt", "response"]) for path in args.traces}
    prompts = read_prompts(args.task / "report.parquet").texts
    for output in args.outputs:
        names = output.stem.split("+")
        told = identify_set({name: traces[name] for name in names}, styles, prompts)
        write_json(output, {"task": args.task.name, "teachers": output.stem, **told})


if __name__ == "__main__":
    run(main)
