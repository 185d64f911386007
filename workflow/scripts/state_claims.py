"""State a study's claims with intervals and verdicts, and what follows from all of its runs."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--runs", type=Path, required=True, help="runs.csv")
    parser.add_argument("--examples", type=Path, nargs="+", required=True, help="of each task")
    parser.add_argument("--analyses", type=Path, nargs="+", required=True, help="their tables")
    parser.add_argument("--predictions", type=Path, nargs="*", default=[], help="the audit's")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    import pandas as pd

    from mtkd.analysis.checks import checks_table
    from mtkd.analysis.claims import claims_over_draws, claims_table
    from mtkd.analysis.gap import gap_table
    from mtkd.analysis.over_tasks import over_tasks_table, profiles_table
    from mtkd.analysis.predicted import (
        PREDICTION_COLUMNS,
        forecast_skill,
        inheritance_table,
        scored_predictions,
    )
    from mtkd.analysis.provenance import mixed_precisions
    from mtkd.analysis.published.flags import Flag, flags
    from mtkd.analysis.published.reported import fusion_of, reported_from_study
    from mtkd.analysis.ranking import ranking_table
    from mtkd.analysis.selection import grid_table
    from mtkd.analysis.success import success_metrics
    from mtkd.analysis.tables import read_table, write_tables
    from mtkd.records.examples import read_examples
    from mtkd.records.files import write_json, write_text

    study, runs = args.job["settings"], read_table(args.runs)
    runs = runs[runs.task.isin(study["tasks"])]
    tasks = [read_examples(path) for path in args.examples]
    of_task = {task.record["task"]: task for task in tasks}
    parts = [claims_table(task, study["margin"]) for task in tasks]
    parts += [
        claims_over_draws(name, [of_task[one] for one in draws], study["margin"])
        for name, draws in study.get("draws", {}).items()
    ]
    claims = pd.concat(parts, ignore_index=True)
    none = pd.DataFrame(columns=PREDICTION_COLUMNS)
    audit = pd.concat([none, *map(read_table, args.predictions)], ignore_index=True)
    scored = scored_predictions(audit, claims)
    gaps = pd.concat(map(gap_table, tasks), ignore_index=True)
    tables = {
        "claims": claims,
        "audit_scored": scored,
        "audit_skill": forecast_skill(scored),
        "inheritance": inheritance_table(runs),
        "checks": pd.concat(map(checks_table, tasks), ignore_index=True),
        "gap": gaps,
        "grid": grid_table(runs),
        "ranking": ranking_table(runs, study),
        "over_tasks": over_tasks_table(runs, study),
        "profiles": profiles_table(runs, study),
    }
    stated = tables | {path.stem: read_table(path) for path in args.analyses}
    fusion = {name: pool for task in tasks for name, pool in fusion_of(task).items()}
    found = flags(reported_from_study(runs, study, stated, fusion))
    # Of the runs, not of what the tables say: no rule for published ones.
    because = "paired runs are computed alike"
    mixed = mixed_precisions(runs.to_dict("records"))
    found += [Flag("one-precision", where, what, because) for where, what in mixed]
    tables["flags"] = pd.DataFrame(found, columns=Flag._fields)
    write_tables(args.output, tables)
    write_json(args.output / "success_metrics.json", success_metrics(gaps, claims, study))
    write_text(args.output / "findings.txt", "".join(f"{line}\n" for line in claims.sentence))


if __name__ == "__main__":
    run(main)
