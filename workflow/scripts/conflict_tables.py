"""Tabulate a generation study: what mixtures of teachers lose, hybrids, remedies, predictions."""

import argparse
import sys
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument(
        "--scores", type=Path, required=True, help="a file that lists scores.parquet files, or -"
    )
    parser.add_argument("--prompts", nargs="+", required=True, help="TASK=report.parquet of each")
    parser.add_argument("--identified", type=Path, nargs="*", default=[], help="JSON, of teachers")
    parser.add_argument("--output", type=Path, required=True, help="folder of the tables")
    args = parser.parse_args()

    from mtkd.analysis.conflict.arms import check_study
    from mtkd.analysis.conflict.predictors import read_identified
    from mtkd.analysis.conflict.read import named, read_scores
    from mtkd.analysis.conflict.shown import read_prompts
    from mtkd.analysis.conflict.tables import conflict_tables
    from mtkd.analysis.tables import write_tables
    from mtkd.records.files import write_text

    study = args.job["settings"]
    check_study(study)
    listed = sys.stdin if str(args.scores) == "-" else args.scores.open(encoding="utf-8")
    scores = read_scores([Path(line.rstrip("\n")) for line in listed], study)
    missing = named(scores.absent[~scores.absent.diverged.astype(bool)])
    if missing:
        raise InputError(
            f"{len(missing)} cells without scores: {'; '.join(missing[:5])}; rerun their scoring"
        )
    tables = conflict_tables(
        scores,
        study,
        read_identified(args.identified),
        read_prompts({task: Path(path) for task, path in (t.split("=", 1) for t in args.prompts)}),
    )
    write_tables(args.output, tables)
    sentences = [*tables["claims"].sentence, *tables["harm"].said, *tables["predictors"].sentence]
    write_text(args.output / "findings.txt", "".join(f"{line}\n" for line in sentences))
    if len(scores.absent):
        print(f"{len(scores.absent)} cells are absent:", *named(scores.absent), sep="\n  ")


if __name__ == "__main__":
    run(main)
