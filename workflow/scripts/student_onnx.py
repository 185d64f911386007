"""Publish a student's ONNX forms, compared with it and scored on report, with a card."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--model", type=Path, required=True, help="the student's folder")
    parser.add_argument("--output", type=Path, required=True, help="the folder of its forms")
    args = parser.parse_args()

    from mtkd.deployment.onnx_forms import refuse_without_extra

    refuse_without_extra()

    from mtkd.deployment.card import CARD, forms_card
    from mtkd.deployment.folder import load_student
    from mtkd.deployment.onnx_forms import FORMS, export_forms, measured
    from mtkd.records.files import publish_folder
    from mtkd.records.kept import copy_files

    student = load_student(args.model, "cpu")

    def fill(folder: Path) -> None:
        copy_files(args.model, folder, leave=[CARD, *(p.name for p in args.model.glob("*.saf*"))])
        export_forms(student, folder)
        found = measured(student, folder, args.task, args.job["settings"])
        sizes = {form: (folder / name).stat().st_size for form, name in FORMS.items()}
        card = forms_card(student.facts, args.job["settings"], *found, sizes)
        (folder / CARD).write_text(card, encoding="utf-8")

    publish_folder(args.output, fill)


if __name__ == "__main__":
    run(main)
