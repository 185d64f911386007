"""Fit the TF-IDF + logistic regression reference of one task and write its predictions."""

import argparse
import sys
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--output", type=Path, required=True, help="predictions.safetensors")
    args = parser.parse_args()

    import time

    import sklearn

    from mtkd.records.files import digest_text
    from mtkd.records.logits import Logits, write_logits
    from mtkd.records.runs import new_record
    from mtkd.study.settings import canonical_json
    from mtkd.tasks.corpus import read_info, read_split
    from mtkd.tasks.reference import fit_reference

    info = read_info(args.task)
    splits = {name: read_split(args.task, name) for name in info.predicted}
    start = time.perf_counter()
    reference = fit_reference(splits, len(info.labels))
    seconds = time.perf_counter() - start
    print(f"reference: {reference.features}, C {reference.C}", file=sys.stderr)
    record = {
        **new_record("reference", task=args.task.name, teacher="tfidf"),
        "labels": info.labels,
        "training": {"features": reference.features, "C": reference.C},
        "seconds": round(seconds, 3),
        "examples_per_second": round(len(splits["train"].ids) / seconds, 1),
        "peak_memory_mb": None,
        "device": "cpu",
        "precision": "float64",
        "versions": {"scikit-learn": sklearn.__version__},
        "digests": {"data": info.digest, "code": digest_text(canonical_json(args.job["code"]))},
    }
    write_logits(
        args.output,
        {name: Logits(splits[name].ids, logits) for name, logits in reference.predictions.items()},
        record,
    )


if __name__ == "__main__":
    run(main)
