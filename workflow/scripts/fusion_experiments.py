"""Put the framework's claims to a task's teachers: variance, objectives, attenuation."""

import argparse
import json
from pathlib import Path

from mtkd.errors import InputError, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", type=json.loads, required=True, help="JSON: teachers")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="selection")
    parser.add_argument("--certificates", type=Path, required=True, help="certificates.csv")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    import numpy as np

    from mtkd.analysis import pooling
    from mtkd.analysis.collect import read_all_teachers, read_answers, teacher_array
    from mtkd.analysis.framework_claims import claims_table
    from mtkd.analysis.objectives import objectives_table
    from mtkd.analysis.tables import read_table
    from mtkd.records.files import write_text
    from mtkd.tasks.corpus import read_info

    names, task = args.settings["teachers"], args.task.name
    if len(names) < 2:
        raise InputError(
            f"study {args.settings['study']} has {len(names)} teacher(s); pooling takes two"
        )
    ids, labels, human = read_answers(args.task, ("selection",))
    # The seeds are the teachers' own.
    teachers = read_all_teachers(args.logits, ids, read_info(args.task), "paired")["selection"]
    logits, gold = teacher_array(teachers, names, args.settings["seeds"]), labels["selection"]
    first, C = logits[:, 0], logits.shape[-1]
    simulated = pooling.simulate(pooling.centres(first))
    target = human.get("selection", np.eye(C)[gold])
    tables = {
        "variance": pooling.variance_table(task, logits, target, simulated),
        "scaling": pooling.scaling_table(task, simulated),
        "objectives": objectives_table(task, first, np.full(len(names), 1 / len(names))),
        "attenuation": pooling.attenuation_table(task, first, gold),
    }
    certificates = read_table(args.certificates)
    tables["claims"] = claims_table(task, logits, gold, tables, certificates)
    for name, table in tables.items():
        write_text(args.output / f"{name}.csv", table.to_csv(index=False))


if __name__ == "__main__":
    run(main)
