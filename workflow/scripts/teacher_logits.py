"""Cache teachers' logits on every split of their task."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import job_argument, machine_arguments, state_argument


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--models", type=Path, nargs="+", required=True, help="teachers' folders")
    parser.add_argument("--metrics", type=Path, nargs="+", required=True, help="their records")
    state_argument(parser)
    machine_arguments(parser)
    parser.add_argument(
        "--outputs",
        type=Path,
        nargs="+",
        required=True,
        help="train.safetensors of each teacher, then selection and report in the same order",
    )
    args = parser.parse_args()

    import numpy as np

    from mtkd.config.schema import Model
    from mtkd.distillation.device import prepare_device
    from mtkd.distillation.inference import head_states, predict
    from mtkd.distillation.learner import load_learner, settle_source
    from mtkd.records.files import read_json
    from mtkd.records.logits import Logits, write_logits
    from mtkd.tasks.corpus import is_report, read_info, read_split
    from mtkd.tasks.label_map import check_label_map, in_task_order

    info = read_info(args.task)
    splits = {name: read_split(args.task, name) for name in info.rows}
    device = prepare_device(args.threads, args.gpu, args.allow_cpu)
    max_length = args.job["settings"]["max_length"]
    cache = args.state / "tokens"
    for number, (folder, metrics) in enumerate(zip(args.models, args.metrics, strict=True)):
        record = {**read_json(metrics), "labels": info.labels}
        record.pop("history")
        order = record.get("label_order") or info.labels
        source = settle_source(Model(folder=str(folder)), None)
        _, model, tokens, _ = load_learner(
            source, True, max_length, info, order, splits, 0, cache, device
        )
        logits = {}
        # Selection first: on it a teacher can be refused, before train takes its time.
        for name in sorted(splits, key=lambda name: name != "selection"):
            logits[name] = in_task_order(predict(model, tokens[name]), order, info.labels)
            if name == "selection":
                gold = splits[name].labels
                check_label_map(logits[name], gold, info.labels, record["teacher"])
        # What the audit compares the encoders by; the other splits would be large.
        states = {"selection": head_states(model, tokens["selection"]).astype(np.float16)}
        for output in args.outputs[number :: len(args.models)]:
            in_file = is_report if output.stem == "report" else output.stem.__eq__
            held = {n: Logits(splits[n].ids, logits[n]) for n in filter(in_file, splits)}
            features = {n: states[n] for n in held if n in states}
            write_logits(output, held, record, features)


if __name__ == "__main__":
    run(main)
