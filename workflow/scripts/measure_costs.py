"""Measure what each model of a study costs to run here: size, operations, latency, throughput."""

import argparse
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mtkd.errors import InputError, run
from mtkd.study.jobs import job_argument, machine_arguments, state_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--tasks", type=Path, nargs="+", required=True, help="the tasks' folders")
    parser.add_argument(
        "--references", type=Path, nargs="*", default=[], help="predictions of those on words"
    )
    parser.add_argument(
        "--fetched", nargs="*", default=[], help="KIND/NAME=record of a model's download"
    )
    state_argument(parser)
    machine_arguments(parser)
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True,
        help="CSV file of each student, in the order of the settings",
    )  # fmt: skip
    args = parser.parse_args()

    from mtkd.analysis.tables import write_tables
    from mtkd.config.schema import Model
    from mtkd.costs.table import (
        costs_table,
        ensembles,
        forms_of,
        load_average,
        measured,
        reference_forms,
    )
    from mtkd.deployment.onnx_costs import exported, onnx_forms
    from mtkd.distillation.device import prepare_device
    from mtkd.distillation.learner import load_learner, settle_source
    from mtkd.records.logits import read_tensors
    from mtkd.tasks.corpus import read_info, read_split

    settings = args.job["settings"]
    load = load_average()
    device = prepare_device(args.threads, args.gpu, args.allow_cpu)
    fetched = {name: Path(path) for name, path in (one.split("=", 1) for one in args.fetched)}
    fitted = [read_tensors(path)[1] for path in args.references]
    args.state.mkdir(parents=True, exist_ok=True)
    # Goes with this process, also where that is cancelled.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    exports = TemporaryDirectory(dir=args.state, prefix=".onnx-")

    def forms(kind, own, info, splits, about):
        record = fetched.get(f"{kind}/{own['name']}")
        source = settle_source(Model.model_validate(own["model"]), record)
        outputs, max_length = own.get("label_order") or info.labels, about["max_length"]
        # Untrained: what a model costs its weights do not change.
        learner = load_learner(
            source, False, max_length, info, outputs, splits, 0, args.state / "tokens", device
        )
        texts = splits[about["split"]]
        found = forms_of(learner, max_length, texts)
        if kind == "students":
            folder, columns = Path(exports.name, own["name"]), 1 + (texts.text_b is not None)
            try:
                folder = exported(learner, max_length, columns, folder)
                found += onnx_forms(learner, max_length, found[0], texts, folder)
            except InputError as error:
                print(f"student {own['name']} has no ONNX forms: {error}", file=sys.stderr)
        return found

    rows = []
    for folder in args.tasks:
        info = read_info(folder)
        about = settings["tasks"][folder.name]
        splits = {name: read_split(folder, name) for name in ("train", about["split"])}
        texts = splits[about["split"]]
        of = {
            kind: {own["name"]: forms(kind, own, info, splits, about) for own in settings[kind]}
            for kind in ("teachers", "students")
        }
        models = {("teacher", name): found for name, found in of["teachers"].items()}
        models |= ensembles(of["teachers"]) if settings["ensemble"] else {}
        models |= {("student", name): found for name, found in of["students"].items()}
        for record in fitted:
            if record["task"] != folder.name:
                continue
            if record["training"]["features"] == "class shares":
                name = record["teacher"]
                print(f"{folder.name}: reference {name} has no features", file=sys.stderr)
                continue
            models["reference", record["teacher"]] = reference_forms(
                splits["train"], record["training"], texts
            )
        rows += measured(folder.name, models, texts, [1, args.threads])
        print(f"{folder.name}: {', '.join(name for _, name in models)}", file=sys.stderr)
    for student, output in zip(settings["students"], args.outputs, strict=True):
        own = [row for row in rows if row["kind"] != "student" or row["name"] == student["name"]]
        write_tables(output.parent, {output.stem: costs_table(own, load)})


if __name__ == "__main__":
    run(main)
