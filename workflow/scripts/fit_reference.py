"""Fit the references of one task, logistic regressions all, and write their predictions."""

import argparse
import sys
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True,
        help="predictions.safetensors of each, in the order of the settings",
    )  # fmt: skip
    args = parser.parse_args()

    import time

    import sklearn

    from mtkd.config.schema import as_list
    from mtkd.models.vectors import mean_vectors, read_vectors
    from mtkd.records.files import digest_text
    from mtkd.records.logits import Logits, write_logits
    from mtkd.records.runs import new_record
    from mtkd.study.settings import canonical_json
    from mtkd.tasks.corpus import read_groups, read_info, read_split
    from mtkd.tasks.reference import fit_vectors, fit_words, paired

    info = read_info(args.task)
    splits = {name: read_split(args.task, name) for name in info.predicted}
    train, classes = splits["train"], len(info.labels)
    groups = read_groups(args.task)
    digest = digest_text(canonical_json(args.job["code"]))

    def fit(settings):
        """A reference, and how many texts of each split have no word that its vectors know."""
        if settings["kind"] == "words":
            return fit_words(splits, classes, groups), None
        words, table = read_vectors(map(Path, as_list(settings["vectors"])))
        features, unknown = {}, {}
        for name, split in splits.items():
            means = [
                mean_vectors(texts, words, table) for texts in (split.text_a, split.text_b) if texts
            ]
            features[name] = paired(*(mean for mean, _ in means), *[None] * (2 - len(means)))
            unknown[name] = sum(without for _, without in means)
        return fit_vectors(features, train.labels, classes, groups), unknown

    for (name, settings), output in zip(args.job["settings"].items(), args.outputs, strict=True):
        start = time.perf_counter()
        reference, unknown = fit(settings)
        seconds = time.perf_counter() - start
        training = reference.chosen | ({"texts_without_a_word": unknown} if unknown else {})
        print(f"reference {name}: {training}", file=sys.stderr)
        if not reference.chosen["folds"]:
            print(f"reference {name}: too few rows of a label to tune anything", file=sys.stderr)
        record = {
            **new_record("reference", task=args.task.name, teacher=name),
            "labels": info.labels,
            "training": training,
            "seconds": round(seconds, 3),
            "examples_per_second": round(int((train.labels >= 0).sum()) / seconds, 1),
            "peak_memory_mb": None,
            "device": "cpu",
            "precision": "float64",
            "versions": {"scikit-learn": sklearn.__version__},
            "digests": {"data": info.digest, "code": digest},
        }
        write_logits(
            output,
            {
                split: Logits(splits[split].ids, logits)
                for split, logits in reference.predictions.items()
            },
            record,
        )


if __name__ == "__main__":
    run(main)
