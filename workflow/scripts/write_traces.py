"""Have a teacher write on a task's prompts: a program, a model, or traces that there are."""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import determinants, job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--seed", required=True)
    training_arguments(parser)
    parser.add_argument("--model", type=Path, help="output folder of a model that is trained")
    parser.add_argument("--traces", type=Path, required=True, help="output parquet")
    args = parser.parse_args()

    from mtkd.distillation.group import Machine
    from mtkd.generation.teachers import write_traces

    known = determinants(args.job, teacher=args.teacher, seed=args.seed)
    machine = Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes)
    write_traces(
        args.job,
        known,
        args.task,
        args.teacher,
        args.seed,
        args.fetched,
        args.state,
        machine,
        args.model,
        args.traces,
    )


if __name__ == "__main__":
    run(main)
