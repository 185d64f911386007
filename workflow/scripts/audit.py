"""Write the audit's page: whether several teachers can help, as far as teachers alone can say."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--templates", type=Path, required=True, help="folder of the page's text")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV, by task")
    parser.add_argument("--output", type=Path, required=True, help="HTML file")
    args = parser.parse_args()

    import pandas as pd

    from mtkd.analysis.tables import read_table
    from mtkd.records.files import write_text
    from mtkd.report.page import render
    from mtkd.report.teachers import predictions_shown, summary_shown, teacher_tables

    study = args.job["settings"]
    tables: dict[str, dict[str, pd.DataFrame]] = {task: {} for task in study["tasks"]}
    for path in args.tables:
        tables[path.parent.name][path.stem] = read_table(path)
    predictions = pd.concat([found["predictions"] for found in tables.values()])
    summary = pd.concat([found["summary"] for found in tables.values()])
    page = render(
        args.templates,
        "audit.html.j2",
        study=study,
        predictions=predictions.to_dict("records"),
        predicted=predictions_shown(predictions, study),
        summary=summary_shown(summary, study),
        tasks={task: teacher_tables(found, study, task) for task, found in tables.items()},
    )
    write_text(args.output, page)


if __name__ == "__main__":
    run(main)
