"""Write a study's report: one HTML page that holds its style, tables and figures."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--templates", type=Path, required=True, help="folder of the page's text")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV files")
    parser.add_argument("--tasks", nargs="+", required=True, help="TASK=task.json of each task")
    parser.add_argument("--success", type=Path, required=True, help="success_metrics.json")
    parser.add_argument("--provenance", type=Path, required=True, help="provenance.json")
    parser.add_argument("--registrations", type=Path, required=True, help="the suite's, JSON lines")
    parser.add_argument("--registered", required=True, help="the study's name in them")
    parser.add_argument("--figures", type=Path, nargs="+", required=True, help="PNG files")
    parser.add_argument(
        "--framework", type=Path, nargs="*", default=[], help="PNG files on the framework's claims"
    )
    parser.add_argument("--benchmarks", type=Path, required=True, help="the jobs' recorded times")
    parser.add_argument("--output", type=Path, required=True, help="HTML file")
    args = parser.parse_args()

    from mtkd.analysis.catalogue import TABLES
    from mtkd.analysis.provenance import seconds_by_rule
    from mtkd.analysis.registration import entries_of
    from mtkd.analysis.tables import read_table
    from mtkd.records.files import read_json, write_text
    from mtkd.report.answer import answers
    from mtkd.report.data import rows_table, warnings_of
    from mtkd.report.figures import figures_shown
    from mtkd.report.framework import claim_tables, framework_tables
    from mtkd.report.page import render
    from mtkd.report.registration import registration_shown
    from mtkd.report.study_results import study_tables
    from mtkd.report.task_results import draws_tables, task_tables
    from mtkd.report.unsaid import unsaid
    from mtkd.study.view import seeds_text, settings_text

    study = args.job["settings"]
    tables = {path.stem: read_table(path) for path in args.tables}
    infos = {task: read_json(Path(path)) for task, path in (t.split("=", 1) for t in args.tasks)}
    page = render(
        args.templates,
        "report.html.j2",
        study=study,
        seeds=seeds_text(study),
        settings=settings_text(study),
        unsaid=unsaid(study),
        answers=answers(tables["claims"], study),
        claims=tables["claims"].to_dict("records"),
        failed=tables["failed"].fillna("").to_dict("records"),
        failed_title=TABLES["failed"].title,
        tables={table.name: table for table in study_tables(tables, study)},
        tasks={
            **{task: task_tables(tables, study, task) for task in study["tasks"]},
            **{name: draws_tables(tables, study, name) for name in study.get("draws", {})},
        },
        data=rows_table(study, infos),
        warnings=warnings_of(study, infos),
        success=read_json(args.success),
        figures=figures_shown(args.figures, study["tasks"]),
        framework=framework_tables(tables, study),
        framework_claims=claim_tables(tables, study),
        framework_figures=figures_shown(args.framework, study["tasks"]),
        provenance=read_json(args.provenance),
        registration=registration_shown(
            entries_of(args.registrations, args.registered), tables["claims"]
        ),
        times=seconds_by_rule(args.benchmarks).to_dict("records"),
    )
    write_text(args.output, page)


if __name__ == "__main__":
    run(main)
