"""Cache a teacher's out-of-fold logits on train: of models trained without each row's fold."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--folds", type=int, required=True)
    parser.add_argument("--logits", type=Path, required=True, help="the teacher's train logits")
    training_arguments(parser)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()

    import numpy as np

    from mtkd.distillation.crossfit import Crossfit, crossfit_teacher
    from mtkd.distillation.group import Machine
    from mtkd.records.files import digest_text
    from mtkd.records.leases import check_claim, claim_output, release_claim
    from mtkd.records.logits import Logits, aligned, read_logits, write_logits
    from mtkd.study.settings import canonical_json
    from mtkd.tasks.corpus import read_info

    if args.job["settings"]["training"].get("epochs") == 0:
        raise InputError(
            f"teacher {args.teacher} is used as it came ('epochs: 0'): it was trained on no row, "
            "and there is no fold to leave out"
        )
    info = read_info(args.task)
    claim = claim_output(args.state, args.output)
    crossfit = Crossfit(
        args.job,
        args.task,
        info,
        args.teacher,
        args.seed,
        args.folds,
        args.fetched,
        args.state,
        args.output,
    )
    machine = Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes)
    found = crossfit_teacher(crossfit, machine, claim)
    splits, record = read_logits(args.logits)
    # No teacher was trained on transfer rows: theirs are the teacher's own.
    whole = aligned(splits["train"], found.ids, info.labels, record, args.logits)
    logits = np.where(np.isnan(found.logits), whole, found.logits)
    digests = {
        **record["digests"],
        "folds": found.digest,
        "crossfit": digest_text(canonical_json(args.job["code"])),
    }
    record |= {"folds": args.folds, "fold_models": found.models, "digests": digests}
    check_claim(claim)
    write_logits(args.output, {"train": Logits(found.ids, logits)}, record)
    release_claim(claim)


if __name__ == "__main__":
    run(main)
