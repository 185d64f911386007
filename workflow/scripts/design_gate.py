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

    from mtkd.analysis.design_gate import gate_line, judged, read_gate_row
    from mtkd.records.files import write_json

    study, words = (args.job["settings"][name] for name in ("study", "references"))
    listed = sys.stdin if str(args.predictions) == "-" else args.predictions.open(encoding="utf-8")
    cells = [Path(line.rstrip("\n")) for line in listed]
    rows = []
    for task in study["tasks"]:
        files = {name: args.references / task / name / "predictions.safetensors" for name in words}
        rows.append(read_gate_row(study, task, args.tasks / task, cells, files))
        print(gate_line(rows[-1]))
    answer = judged(rows, study.get("draws", {}), study["margin"])
    write_json(args.record, answer)
    if not answer["passed"]:
        raise InputError(f"the gate is not passed: {'; '.join(answer['reasons'])}")


if __name__ == "__main__":
    run(main)
