"""Write the report's tables in LaTeX: those of the study, and those of each task in its folder."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--tables", type=Path, nargs="+", required=True, help="CSV files")
    parser.add_argument("--output", type=Path, required=True, help="folder")
    args = parser.parse_args()

    from mtkd.analysis.tables import read_table
    from mtkd.records.files import publish_folder
    from mtkd.report.framework import framework_tables
    from mtkd.report.latex import latex_table
    from mtkd.report.study_results import study_tables
    from mtkd.report.task_results import draws_tables, task_tables

    study = args.job["settings"]
    tables = {path.stem: read_table(path) for path in args.tables}

    def write(folder: Path) -> None:
        shown = {"": [*study_tables(tables, study), *framework_tables(tables, study)]}
        shown |= {task: task_tables(tables, study, task) for task in study["tasks"]}
        for name in study.get("draws", {}):
            shown[name.replace(", ", "-").replace(" ", "-")] = draws_tables(tables, study, name)
        for task, of_task in shown.items():
            (folder / task).mkdir(exist_ok=True)
            for table in filter(lambda table: len(table.rows), of_task):
                label = ":".join(filter(None, ["tab", task, table.name]))
                text = latex_table(table, label)
                (folder / task / f"{table.name}.tex").write_text(text, encoding="utf-8")

    publish_folder(args.output, write)


if __name__ == "__main__":
    run(main)
