"""Put the framework's claims to a task's teachers: variance, objectives, attenuation, bias."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="selection")
    parser.add_argument("--certificates", type=Path, required=True, help="certificates.csv")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    import numpy as np

    from mtkd.analysis.collect import (
        read_all_clusters,
        read_all_teachers,
        read_answers,
        teacher_array,
    )
    from mtkd.analysis.tables import read_table, write_tables
    from mtkd.framework import pooling
    from mtkd.framework.bias import bias_table
    from mtkd.framework.claims import claims_table
    from mtkd.framework.objectives import objectives_table
    from mtkd.tasks.corpus import read_info

    settings, task = args.job["settings"], args.task.name
    names = settings["teachers"]
    if len(names) < 2:
        raise InputError(
            f"study {settings['study']} has {len(names)} teacher(s); pooling takes two"
        )
    ids, labels, human = read_answers(args.task, ("selection",))
    # The seeds are the teachers' own.
    teachers = read_all_teachers(args.logits, ids, read_info(args.task), "paired")["selection"]
    rows = teachers.answered_by_all(names, settings["seeds"], len(ids["selection"]))
    logits = teacher_array(teachers, names, settings["seeds"])[:, :, rows]
    gold = labels["selection"][rows]
    clusters = read_all_clusters(args.task, ["selection"]).get("selection")
    clusters = None if clusters is None else clusters[rows]
    first, C = logits[:, 0], logits.shape[-1]
    simulated = pooling.simulate(pooling.centres(first))
    target = human["selection"][rows] if "selection" in human else np.eye(C)[gold]
    tables = {
        "variance": pooling.variance_table(task, logits, target, simulated),
        "scaling": pooling.scaling_table(task, simulated),
        "objectives": objectives_table(task, first, np.full(len(names), 1 / len(names))),
        "attenuation": pooling.attenuation_table(task, first, gold, clusters),
        "bias": bias_table(task, first, target, clusters),
    }
    certificates = read_table(args.certificates)
    tables["claims"] = claims_table(task, logits, gold, tables, certificates, clusters)
    write_tables(args.output, tables)


if __name__ == "__main__":
    run(main)
