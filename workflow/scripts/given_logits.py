"""Cache the logits of a teacher that is not trained: a file of answers, or near texts' labels."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--seed", required=True, help="whose path it has; changes no number")
    parser.add_argument(
        "--outputs",
        type=Path,
        nargs="+",
        required=True,
        help="train, selection and report .safetensors",
    )
    args = parser.parse_args()

    import time

    import numpy as np
    import sklearn

    from mtkd.metrics.scores import score, try_metric
    from mtkd.records.files import digest_bytes, digest_text
    from mtkd.records.logits import Logits, write_logits
    from mtkd.records.runs import new_record
    from mtkd.study.settings import canonical_json
    from mtkd.tasks.answers import account_lines, answers_of, given_logits
    from mtkd.tasks.corpus import is_report, read_info, read_split
    from mtkd.tasks.label_map import check_label_map

    def vector_features(vectors, splits):
        """Mean word vectors [N, D] of each split, of length 1; a pair's two side by side."""
        from sklearn.preprocessing import normalize

        from mtkd.config.schema import as_list
        from mtkd.models.vectors import mean_vectors, read_vectors

        words, table = read_vectors(map(Path, as_list(vectors)))
        return {
            name: np.hstack(
                [
                    normalize(mean_vectors(texts, words, table)[0])
                    for texts in (split.text_a, split.text_b)
                    if texts
                ]
            )
            for name, split in splits.items()
        }

    settings, info = args.job["settings"], read_info(args.task)
    splits = {name: read_split(args.task, name) for name in info.rows}
    kind = next(one for one in ("probabilities", "logits", "neighbours") if one in settings)
    start = time.perf_counter()
    try:
        if kind == "neighbours":
            from mtkd.config.answers import Neighbours
            from mtkd.tasks.folds import fold_groups
            from mtkd.tasks.neighbours import alone_lines, neighbour_logits, word_features

            how = Neighbours.model_validate(settings[kind])
            features = (
                vector_features(how.vectors, splits) if how.vectors else word_features(splits)
            )
            groups = fold_groups(args.task, splits["train"])
            given = neighbour_logits(how.k, len(info.labels), splits, features, groups)
            said = alone_lines(given.account)
        else:
            given = given_logits(settings, info.labels, splits)
            least = getattr(answers_of(settings)[1], "smoothing", 0)
            said = account_lines(given.account, least)
    except InputError as error:
        raise InputError(f"teacher {args.teacher} on task {args.task.name}: {error}") from None
    seconds = time.perf_counter() - start
    lines = [f"teacher {args.teacher}: {line}" for line in said]
    for line in lines:
        print(f"{args.task.name}: {line}", flush=True)
    logits = {name: values.astype(np.float32) for name, values in given.logits.items()}
    gold, known = splits["selection"].labels, given.answered["selection"]
    remedy = (
        None
        if "label_order" in settings or "column" in settings.get(kind, ())
        else (
            "the columns of its file have each other's names, or 'columns' another order: put them "
            "right"
        )
    )
    check_label_map(logits["selection"][known], gold[known], info.labels, args.teacher, remedy)
    metric = settings["metric"]
    try_metric(gold, len(info.labels), metric)
    digest = digest_bytes(
        part
        for name in sorted(logits)
        for part in (name.encode(), logits[name].tobytes(), given.answered[name].tobytes())
    )
    code = digest_text(canonical_json(args.job["code"]))
    record = {
        **new_record("teacher", task=args.task.name, teacher=args.teacher, seed=args.seed),
        "source": kind,
        "labels": info.labels,
        "metric": metric,
        "answers": given.account,
        "warnings": lines,
        "selection": score(logits["selection"], gold, [metric])[metric],
        "training": {k: value for k, value in settings.items() if k not in ("metric", "text")},
        "seconds": round(seconds, 3),
        "examples_per_second": round(sum(info.rows.values()) / seconds, 1),
        "peak_memory_mb": None,
        "device": "cpu",
        "precision": "float64",
        "versions": {"scikit-learn": sklearn.__version__} if kind == "neighbours" else {},
        "digests": {
            "data": info.digest,
            "model": digest,
            "teachers": {f"{args.teacher}/seed{args.seed}": digest},
            "code": code,
        },
    }
    for output in args.outputs:
        in_file = is_report if output.stem == "report" else output.stem.__eq__
        held = {
            name: Logits(splits[name].ids, logits[name], given.answered[name])
            for name in filter(in_file, splits)
        }
        write_logits(output, held, record)


if __name__ == "__main__":
    run(main)
