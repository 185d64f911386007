"""Have a teacher write on a task's prompts: a program, a model, or traces that there are.

Or several that learn their styles as one model.
"""

import argparse
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import determinants, job_argument, training_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    job_argument(parser, "settings", "code")
    parser.add_argument("--task", type=Path, required=True, help="the task's folder")
    parser.add_argument("--teacher", nargs="+", required=True)
    parser.add_argument("--seed", required=True)
    training_arguments(parser)
    parser.add_argument(
        "--model", type=Path, nargs="+", help="output folders of models that are trained"
    )
    parser.add_argument("--traces", type=Path, nargs="+", required=True, help="output parquets")
    args = parser.parse_args()

    from mtkd.distillation.group import Machine
    from mtkd.generation.teachers import write_traces, write_traces_together

    machine = Machine(args.threads, args.gpu, args.allow_cpu, args.save_minutes)
    if len(args.teacher) > 1:
        places = zip(args.model, args.traces, strict=True)
        write_traces_together(
            args.job,
            args.task,
            dict(zip(args.teacher, places, strict=True)),
            args.seed,
            args.fetched,
            args.state,
            machine,
        )
        return
    [teacher], [traces] = args.teacher, args.traces
    write_traces(
        args.job,
        determinants(args.job, teacher=teacher, seed=args.seed),
        args.task,
        teacher,
        args.seed,
        args.fetched,
        args.state,
        machine,
        args.model and args.model[0],
        traces,
    )


if __name__ == "__main__":
    run(main)
