"""Score a task's best constant answers, which see train labels alone, on selection and report."""

import argparse
import time
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--train", type=Path, required=True, help="the train split")
    parser.add_argument("--selection", type=Path, required=True, help="the selection split")
    parser.add_argument("--report-labels", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="eval.json")
    args = parser.parse_args()

    from mtkd.analysis.constant import answered, constant_answer
    from mtkd.records.files import digest_text, write_json
    from mtkd.records.runs import new_record, scored
    from mtkd.study.settings import canonical_json
    from mtkd.tasks.corpus import read_info, read_labels, read_report_labels

    start = time.perf_counter()
    settings = args.job["settings"]
    info = read_info(args.train.parent)
    _, train = read_labels(args.train)
    given = {metric: constant_answer(train, metric, info.labels) for metric in settings["metrics"]}
    gold = {"selection": read_labels(args.selection), **read_report_labels(args.report_labels)}
    scores = {
        split: {metric: answered(answer, labels, metric) for metric, (_, answer) in given.items()}
        for split, (_, labels) in gold.items()
    }
    record = {
        **new_record("constant", task=settings["task"]),
        "labels": info.labels,
        "training": {metric: name for metric, (name, _) in given.items()},
        "seconds": round(time.perf_counter() - start, 3),
        "examples_per_second": None,
        "peak_memory_mb": None,
        "device": "cpu",
        "precision": "float64",
        "versions": {},
        "digests": {"data": info.digest, "code": digest_text(canonical_json(args.job["code"]))},
    }
    rows = {split: len(labels) for split, (_, labels) in gold.items()}
    write_json(
        args.output,
        scored(record, settings, scores, rows),
    )


if __name__ == "__main__":
    run(main)
