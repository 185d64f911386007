"""Fit the learned gate of one arm for some seeds, and cache its weights for every example.

It is fitted on the rows of selection that all of the arm's teachers have an answer to.
"""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--teachers", required=True, help="names joined by +")
    parser.add_argument("--logits", type=Path, nargs="+", required=True, help="selection logits")
    parser.add_argument("--teacher-seed", default="1", help="the suite's: paired, or one seed")
    parser.add_argument("--features", type=Path, nargs="+", required=True, help="one per output")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--outputs", type=Path, nargs="+", required=True)
    args = parser.parse_args()

    import numpy as np
    import torch

    from mtkd.fusion.gate import fit_gate, gate_weights, varies
    from mtkd.records.files import digest_text
    from mtkd.records.logits import read_tensors, write_tensors
    from mtkd.records.teachers import read_teachers
    from mtkd.study.settings import canonical_json
    from mtkd.tasks.corpus import read_info, read_labels

    torch.set_num_threads(args.threads)
    info = read_info(args.task)
    ids, labels = read_labels(args.task / "selection.parquet")
    teachers = read_teachers(args.logits, "selection", ids, info.labels, args.teacher_seed)
    for features_path, output in zip(args.features, args.outputs, strict=True):
        features, student = read_tensors(features_path)
        seed = student["seed"]
        if student["digests"]["data"] != info.digest:
            raise InputError(f"{features_path}: made from other data; rerun train_undistilled")
        if student["status"] == "diverged":
            write_tensors(
                output, {}, {"seed": seed, "teachers": args.teachers, "status": "diverged"}
            )
            continue
        names = args.teachers.split("+")
        known = teachers.answered_by_all(names, [seed], len(labels))
        states = features["selection"][known]
        if len(states) and not varies(states):
            raise InputError(
                f"{features_path}: the features of student {student['student']}, seed {seed}, on "
                f"{student['task']} are the same for every selection row, so a gate has nothing to "
                "go by; take the gating arms out, or train the student until it tells texts apart"
            )
        chosen = [teachers.of(name, seed) for name in names]
        # What stands in place of an answer is nobody's, and no reason to trust a teacher less.
        logits = np.stack([teacher.logits[known] for teacher in chosen])
        try:
            gate = fit_gate(states, logits, labels[known], int(seed))
        except ValueError as error:
            more = "" if known.all() else f" (those that all of {args.teachers} answer)"
            raise InputError(f"{args.task}: {error}{more}; raise selection.fraction") from None
        weights = {split: gate_weights(gate, states) for split, states in features.items()}
        record = {
            "seed": seed,
            "status": "finished",
            "teachers": args.teachers,
            "weight_decay": gate.weight_decay,
            "validation_nll": {str(k): v for k, v in gate.validation_nll.items()},
            "mean_weights": {k: w.mean(axis=0).tolist() for k, w in weights.items()},
            "digests": {
                "data": info.digest,
                "student": student["digests"]["cell"],
                "teachers": {teacher.key: teacher.digest for teacher in chosen},
                "code": digest_text(canonical_json(args.job["code"])),
            },
        }
        write_tensors(output, weights, record)


if __name__ == "__main__":
    run(main)
