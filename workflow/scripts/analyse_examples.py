"""Analyse a study by example: quality, calibration, agreement, failures, soft labels, people."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--examples", type=Path, nargs="+", required=True, help="of each task")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    import pandas as pd

    from mtkd.analysis.measures.by_region import agreement_table, failures_table
    from mtkd.analysis.measures.quality import quality_table, reliability_table
    from mtkd.analysis.soft_label_tables import (
        confidence_table,
        fidelity_table,
        human_prediction_table,
        human_table,
        identification_table,
    )
    from mtkd.analysis.tables import write_tables
    from mtkd.analysis.who_is_right import ambiguity_table, disagreement_table
    from mtkd.records.examples import read_examples

    temperatures = list(dict.fromkeys(["1", *args.job["settings"]["T"]]))
    tasks = [read_examples(path) for path in args.examples]
    tables = {
        "quality": map(quality_table, tasks),
        "reliability": map(reliability_table, tasks),
        "agreement": map(agreement_table, tasks),
        "disagreement": map(disagreement_table, tasks),
        "ambiguity": map(ambiguity_table, tasks),
        "failures": map(failures_table, tasks),
        "fidelity": map(fidelity_table, tasks),
        "human": map(human_table, tasks),
        "confidence": (
            confidence_table(
                e.record["task"], e.teachers_apart(), e.record["teachers"], temperatures
            )
            for e in tasks
        ),
        "identification": (
            identification_table(e.record["task"], e.teachers_apart(), temperatures) for e in tasks
        ),
    }
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    tables["human_prediction"] = human_prediction_table(tables["human"], tables["quality"])
    write_tables(args.output, tables)


if __name__ == "__main__":
    run(main)
