"""Score predictions on selection and report, whose labels nothing that trains or selects reads."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument(
        "--predictions", type=Path, nargs="+", required=True, help="as many for each output"
    )
    parser.add_argument("--selection", type=Path, required=True, help="the selection split")
    parser.add_argument("--report-labels", type=Path, required=True)
    parser.add_argument("--outputs", type=Path, nargs="+", required=True, help="eval.json files")
    args = parser.parse_args()

    from mtkd.metrics.scores import score
    from mtkd.records.files import write_json
    from mtkd.records.logits import aligned, read_logits
    from mtkd.records.runs import scored
    from mtkd.tasks.corpus import GATE, read_info, read_labels, read_report_labels

    settings = args.job["settings"]
    info = read_info(args.selection.parent)
    gold = {"selection": read_labels(args.selection), **read_report_labels(args.report_labels)}
    files_each = len(args.predictions) // len(args.outputs)
    for number, output in enumerate(args.outputs):
        scores = {}
        for path in args.predictions[number * files_each : (number + 1) * files_each]:
            splits, record = read_logits(path)
            # The sample of train is there to be compared with the soft labels, and the gate's rows
            # are for the gate.
            for name, logits in splits.items():
                if name in ("train", GATE):
                    continue
                if name not in gold:
                    raise InputError(f"{path}: no labels for its split {name!r}")
                ids, labels = gold[name]
                values = aligned(logits, ids, info.labels, record, path)
                scores[name] = score(values, labels, settings["metrics"])
        rows = {name: len(gold[name][0]) for name in scores}
        write_json(
            output,
            scored(record, settings, scores, rows),
        )


if __name__ == "__main__":
    run(main)
