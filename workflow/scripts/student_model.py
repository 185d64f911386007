"""Publish a student as a folder to be taken away: its weights, with a card of what it is worth."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "recipes")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--weights", type=Path, required=True, help="the cell's weights, a folder")
    parser.add_argument(
        "--undistilled", type=Path, nargs="*", default=[], help="predictions of its seed's"
    )
    parser.add_argument("--logits", type=Path, nargs="*", default=[], help="its teachers'")
    parser.add_argument("--teacher-seed", default="1", help="the suite's: paired, or one seed")
    parser.add_argument("--gates", type=Path, nargs="*", default=[], help="gates' weights")
    parser.add_argument("--output", type=Path, required=True, help="the folder to take away")
    args = parser.parse_args()

    from mtkd.analysis.loss_statement import loss_statement, scores_table
    from mtkd.deployment.card import CARD, student_card
    from mtkd.deployment.statement import read_cell_answers, read_rows, read_sources
    from mtkd.records.cells import PREDICTIONS
    from mtkd.records.files import publish_folder
    from mtkd.records.kept import copy_files
    from mtkd.tasks.corpus import read_info

    settings, info = args.job["settings"], read_info(args.task)
    (recipe,) = args.job["recipes"].values()
    answers, record = read_cell_answers(
        args.weights / PREDICTIONS,
        args.undistilled,
        args.logits,
        args.gates,
        recipe,
        args.teacher_seed,
        args.task,
        info,
    )
    scores = scores_table(answers.student, answers.labels, settings["metrics"], answers.clusters)
    statement = loss_statement(answers, info.labels)
    rows, sources = read_rows(args.task, info), read_sources(args.logits)
    unanswered = {split: int((~some).sum()) for split, some in answers.answered.items()}

    def fill(folder: Path) -> None:
        copy_files(args.weights, folder, leave=[PREDICTIONS])
        card = student_card(record, settings, folder, scores, statement, rows, sources, unanswered)
        (folder / CARD).write_text(card, encoding="utf-8")

    publish_folder(args.output, fill)


if __name__ == "__main__":
    run(main)
