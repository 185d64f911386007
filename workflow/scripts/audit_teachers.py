"""Audit a task's teachers, before any student, for what several of them can add."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "recipes")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="train, selection")
    parser.add_argument(
        "--transfer", type=Path, nargs="*", default=[], help="labels of train's rows without one"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    import numpy as np
    import pandas as pd

    from mtkd.analysis import audit
    from mtkd.analysis.collect import (
        read_all_clusters,
        read_all_teachers,
        read_answers,
        teacher_array,
    )
    from mtkd.analysis.predicted import predictions_table
    from mtkd.analysis.soft_label_tables import confidence_table, identification_table
    from mtkd.analysis.tables import write_tables
    from mtkd.records.logits import decode_ids, read_tensors
    from mtkd.study.arms import is_out_of_fold
    from mtkd.study.grid import teacher_runs
    from mtkd.study.view import arm_name, teacher_names
    from mtkd.tasks.corpus import read_info, read_transfer_labels

    settings, task = args.job["settings"], args.task.name
    study, metric = settings["study"], settings["metrics"][0]
    if not args.logits:
        raise InputError(f"study {study['study']} has no teachers to audit")
    info = read_info(args.task)
    ids, labels, _ = read_answers(args.task, ("train", "selection"))
    teachers = read_all_teachers(args.logits, ids, info, study["teacher_seed"])
    names, seeds = teacher_names(study), study["teacher_seeds"]
    # Teachers are compared on the same rows: those that all of them have an answer to.
    rows = {
        split: read.answered_by_all(names, seeds, len(ids[split]))
        for split, read in teachers.items()
    }
    if not rows["selection"].any():
        raise InputError(f"no row of selection has an answer of every teacher: {', '.join(names)}")
    logits = {
        split: teacher_array(read, names, seeds)[:, :, rows[split]]
        for split, read in teachers.items()
    }
    known = {split: labels[split][rows[split]] for split in labels}
    transfer = read_transfer_labels(args.transfer, ids["train"][rows["train"]][known["train"] < 0])
    splits = audit.measured_splits(logits, known, transfer)
    scores = [[teachers["selection"].of(name, s).score for s in seeds] for name in names]
    arms = [{**arm, "name": arm_name(arm, study)} for arm in study["arms"]]
    # On train an arm that is taught out of fold fuses no in-sample logits.
    in_sample = [arm for arm in arms if not is_out_of_fold(arm)]
    fused = {
        split: audit.fusions(
            measured.logits,
            scores,
            in_sample if split == "train" else arms,
            names,
            args.job["recipes"],
        )
        for split, measured in splits.items()
    }
    lone = [arm["teachers"] for arm in arms if arm["family"] == "single"]
    lone = [names.index(name) for name in dict.fromkeys(lone)]
    features = {}
    for path in args.logits:
        tensors, record = read_tensors(path)
        if path.stem == "selection":
            if not np.array_equal(decode_ids(tensors["selection/ids"]), ids["selection"]):
                raise InputError(f"{path}: features of other examples; rerun teacher_logits")
            # One that is not trained has no encoder to compare.
            own = tensors.get("selection/features")
            features[record["teacher"], record["seed"]] = (
                None if own is None else own[rows["selection"]]
            )
    temperatures = list(dict.fromkeys(["1", *study["T"]]))
    # A teacher of several seeds is compared by its first.
    of_first = [features[run.teacher, run.seed] for run in teacher_runs(names, seeds[:1])]
    first = [of_teacher[0] for of_teacher in scores]
    measured_logits = {split: measured.logits for split, measured in splits.items()}
    selection = splits["selection"]
    clusters = read_all_clusters(args.task, ["selection"]).get("selection")
    ceilings = [
        audit.ceilings_table(task, split, measured, fused[split], names, metric)
        for split, measured in splits.items()
    ]
    confidence = [confidence_table(task, measured_logits, names, temperatures)]
    for apart in audit.out_of_fold(teachers["train"], labels["train"], arms, seeds):
        own = [scores[names.index(name)] for name in apart.names]
        taught = audit.fusions(
            apart.measured.logits, own, apart.arms, apart.names, args.job["recipes"]
        )
        ceilings.append(
            audit.ceilings_table(task, apart.split, apart.measured, taught, apart.names, metric)
        )
        logits_of = {apart.split: apart.measured.logits}
        confidence.append(confidence_table(task, logits_of, apart.names, temperatures))
    tables = {
        "label_map": audit.label_map_table(task, *selection, names, info.labels),
        "pairs": audit.pairs_table(task, splits, names, of_first),
        "ceilings": pd.concat(ceilings),
        "confidence": pd.concat(confidence),
        "identification": identification_table(task, measured_logits, temperatures),
        "summary": pd.DataFrame(
            [
                audit.summary_row(task, split, measured, first, study["T"], metric)
                for split, measured in splits.items()
            ]
        ),
        "predictions": predictions_table(
            task,
            selection.logits[lone or slice(None)],
            fused["selection"],
            selection.labels,
            metric,
            study["margin"],
            clusters=None if clusters is None else clusters[rows["selection"]],
        ),
    }
    write_tables(args.output, tables)


if __name__ == "__main__":
    run(main)
