"""See on rows that are kept for it whether a study's design lets distillation show, and say so."""

import argparse
import sys
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--tasks", type=Path, required=True, help="the folder of the tasks")
    parser.add_argument("--references", type=Path, required=True, help="that of their references")
    parser.add_argument(
        "--predictions", type=Path, required=True, help="a file that lists the cells', or -"
    )
    parser.add_argument("--record", type=Path, required=True, help="gate.json, passed or not")
    args = parser.parse_args()

    from collections import defaultdict

    import numpy as np

    from mtkd.analysis.design_gate import gate_row, judged
    from mtkd.records.files import write_json
    from mtkd.records.logits import aligned, read_logits
    from mtkd.study.arms import is_distilled
    from mtkd.study.paths import parse_cell
    from mtkd.tasks.corpus import GATE, read_groups, read_info, read_labels

    study = args.job["settings"]["study"]
    listed = sys.stdin if str(args.predictions) == "-" else args.predictions.open(encoding="utf-8")
    cells = [Path(line.rstrip("\n")) for line in listed]
    rows = []
    for task in study["tasks"]:
        folder = args.tasks / task
        info = read_info(folder)
        path = folder / f"{GATE}.parquet"
        ids, labels = read_labels(path)

        def on_gate(path, ids=ids, labels=info.labels):
            """The logits of a file on the gate's rows; None where its training diverged."""
            splits, record = read_logits(path)
            if record.get("status") == "diverged":
                return None
            return aligned(splits[GATE], ids, labels, record, path)

        found = defaultdict(dict)
        for cell in cells:
            axes = parse_cell(str(cell))
            if axes["task"] == task and (logits := on_gate(cell)) is not None:
                found[axes["teachers"]][axes["seed"]] = logits
        seeds = [seed for seed in study["seeds"] if all(seed in of for of in found.values())]
        if len(seeds) < 2:
            raise InputError(f"task {task}: fewer than two seeds finished in every arm")
        stacked = {name: np.stack([of[seed] for seed in seeds]) for name, of in found.items()}
        names = args.job["settings"]["references"]
        rows.append(
            gate_row(
                task,
                study["metrics"][task],
                info.labels,
                labels,
                read_labels(folder / "train.parquet")[1],
                next(of for name, of in stacked.items() if not is_distilled(name)),
                [of for name, of in stacked.items() if is_distilled(name)],
                {n: on_gate(args.references / task / n / "predictions.safetensors") for n in names},
                study["margin"],
                np.unique(read_groups(folder, GATE), return_inverse=True)[1][:, None],
            )
        )
    answer = judged(rows, study.get("draws", {}), study["margin"])
    write_json(args.record, answer)
    for row in rows:
        gain = row["gain"]
        print(
            f"{row['task']}: undistilled {row['undistilled']:.1f}, "
            + ", ".join(f"{lead['estimate']:+.1f} above {n}" for n, lead in row["leads"].items())
            + f"; distillation {gain['estimate']:+.1f} ({gain['low']:+.1f} to {gain['high']:+.1f})"
        )
    if not answer["passed"]:
        raise InputError(f"the gate is not passed: {'; '.join(answer['reasons'])}")


if __name__ == "__main__":
    run(main)
