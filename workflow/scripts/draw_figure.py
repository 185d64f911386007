"""Draw one figure of a study from its tables."""

import argparse
from pathlib import Path

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--figure", required=True, help="its name")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV files")
    parser.add_argument("--output", type=Path, required=True, help="PNG file; a PDF goes beside it")
    args = parser.parse_args()

    from mtkd.analysis.tables import read_table
    from mtkd.figures import (
        attenuation,
        by_region,
        claims,
        gap,
        master,
        quality,
        ranking,
        soft_labels,
    )
    from mtkd.figures.style import save_figure

    draw = {
        "master_comparison": lambda tables, study: master.master_figure(tables["runs"], study),
        "teacher_student_gap": gap.gap_figure,
        "claims": claims.claims_figure,
        "multi_teacher_advantage": claims.advantage_figure,
        "agreement_regions": by_region.agreement_figure,
        "failure_categories": by_region.failures_figure,
        "teacher_confidence": soft_labels.confidence_figure,
        "fidelity": soft_labels.fidelity_figure,
        "human_soft_labels": soft_labels.human_figure,
        "reliability": quality.reliability_figure,
        "ceilings": quality.ceilings_figure,
        "ranking": ranking.ranking_figure,
        "performance_profiles": ranking.profiles_figure,
        "attenuation_students": attenuation.attenuation_students_figure,
    }
    if args.figure not in draw:
        raise InputError(f"no figure {args.figure!r}; there are {', '.join(draw)}")
    tables = {path.stem: read_table(path) for path in args.tables}
    settings = args.job["settings"]
    figure = draw[args.figure](tables, settings["study"])
    save_figure(figure, args.output.with_suffix(""), settings["dpi"])


if __name__ == "__main__":
    run(main)
