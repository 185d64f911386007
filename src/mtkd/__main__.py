"""Questions about a study, answered from what is on disk: nothing is run, locked or changed.

And what a teacher that answers elsewhere is asked, its answers as a file that a suite takes, files
that a student labels, and a study's cells for a tracker.
"""

import argparse
from pathlib import Path

WHY = """\
Why would this output be made again? Its job is compared with the one that made it: the settings and
the code behind it, key by key, its inputs, the rule's command. Where the reason lies upstream, the
jobs where it begins are named, not the whole chain. Of an output that is up to date, Snakemake's
log of the run that made it says why it did, where it was kept."""
DIFF = """\
Two runs side by side: what differs first, then what is equal in a line. A run is a student cell's
folder (.../seed1), a teacher's or a reference's, or its run.json, eval.json or metrics.json."""
CHECK = """\
Every output of a suite against what was recorded of it: which are edited, truncated, missing, or
of no job (foreign), and for which nothing but a time stamp vouches. Kept cells, trained models and
data have digests of their own; of all that a later job read and that is no larger than a megabyte,
Snakemake has the checksum. Exit status 1 when something is wrong."""

EXPORT = """\
Write the scored cells of a study to a tracker, after they have run: each a run of the experiment
SUITE/STUDY, its group the arm, with task, T, alpha and the cell's digest as tags, the resolved
recipe as parameters, scores, and the curves of its training. What is there already stays. The
store is a folder of files, which MLflow's own page shows."""
TEXTS = """\
The texts of a prepared task with their ids, as JSONL: what is to be asked of a teacher that is a
file of answers, say a language model. Rows of all splits are there (transfer: rows without a
label), and no label of any."""
LABELS_FROM = """\
A language model's answers as a file for a teacher: an id and a column for each label. `logprobs`:
each line has an id and `logprobs`, the log-probabilities of the answer's first token,
{"good": -0.2, ...} or [{"token": "good", "logprob": -0.2}, ...], or a reply's positions with their
top_logprobs. `answers`: each line has an id and one sampled `answer`, an id in as many lines as it
was asked, or a list of `answers`; their votes are counted. Words are compared with labels' names
without case, and without spaces and signs at their ends."""
PREDICT = """\
Label the rows of a file with a student that was taken away from its study. Each row is written as
it is, in the file's order, with the columns predicted_label, probability_LABEL for each label, and
reason: of a row that has no label, why. A row of CSV that cannot be read stands in the first column
as it is."""


def main() -> None:
    from mtkd.errors import run

    run(_main)


def _main() -> None:
    args = _parser().parse_args()
    args.command(args)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mtkd", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    why = commands.add_parser("why", help="why an output would be made again", description=WHY)
    why.add_argument("target", metavar="TARGET", help="an output's path, as for snakemake")
    why.add_argument("--configfile", type=Path, metavar="SUITE", help="as for snakemake")
    why.add_argument(
        "--config", nargs="+", default=[], metavar="KEY=VALUE", help="as for snakemake"
    )
    why.set_defaults(command=_why)

    diff = commands.add_parser("diff", help="two runs side by side", description=DIFF)
    diff.add_argument("runs", metavar="RUN", type=Path, nargs=2, help="a run's folder or record")
    diff.set_defaults(command=_diff)

    check = commands.add_parser(
        "check", help="whether outputs are what their jobs made", description=CHECK
    )
    check.add_argument(
        "folders",
        metavar="FOLDER",
        type=Path,
        nargs="*",
        help="a suite's results, such as results/embedded (default: every suite's)",
    )
    check.set_defaults(command=_check)

    export = commands.add_parser("export", help="a study's cells to a tracker", description=EXPORT)
    export.add_argument("folder", metavar="FOLDER", type=Path, help="such as results/embedded")
    export.add_argument("--to", required=True, choices=["mlflow"], help="which tracker")
    export.add_argument("--study", default="main", help="default: main")
    export.add_argument("--store", type=Path, default=Path("mlruns"), help="default: mlruns")
    export.set_defaults(command=_export)

    texts = commands.add_parser(
        "texts", help="a task's texts with their ids, to be answered elsewhere", description=TEXTS
    )
    task = {"type": Path, "metavar": "TASK", "help": "a task's folder, results/SUITE/tasks/NAME"}
    texts.add_argument("task", **task)
    texts.add_argument("--output", type=Path, required=True, help="a .jsonl file, or - for stdout")
    texts.set_defaults(command=_texts)

    labels = commands.add_parser(
        "labels-from",
        help="a language model's answers as a teacher's file",
        description=LABELS_FROM,
    )
    labels.add_argument("kind", choices=["logprobs", "answers"])
    labels.add_argument("file", type=Path, metavar="FILE", help="the answers, .jsonl")
    names = labels.add_mutually_exclusive_group(required=True)
    names.add_argument("--task", **task)
    names.add_argument("--labels", nargs="+", metavar="LABEL", help="the labels, without a task")
    labels.add_argument(
        "--words",
        nargs="+",
        action="extend",
        default=[],
        metavar="LABEL=WORD,WORD",
        help="words that stand for a label, instead of its name",
    )
    labels.add_argument(
        "--output", type=Path, required=True, help="a .parquet, .csv or .jsonl file"
    )
    labels.set_defaults(command=_labels_from)

    predict = commands.add_parser(
        "predict", help="label a file with a student", description=PREDICT
    )
    predict.add_argument(
        "--model", metavar="FOLDER", type=Path, required=True, help="the student's folder"
    )
    predict.add_argument(
        "file", metavar="FILE", help=".csv, .jsonl or .parquet; - for CSV or JSONL on stdin"
    )
    predict.add_argument(
        "--output",
        metavar="FILE",
        type=Path,
        help="in the format of its name's end (default: stdout; JSONL of JSONL, else CSV)",
    )
    predict.set_defaults(command=_predict)
    return parser


def _why(args: argparse.Namespace) -> None:
    from mtkd.commands.why import why

    print(why(args.target, args.configfile, args.config))


def _diff(args: argparse.Namespace) -> None:
    from mtkd.commands.diff import compared

    print(compared(*args.runs))


def _check(args: argparse.Namespace) -> None:
    import gc

    from mtkd.commands.check import check, suites

    # A million small objects, none of which is garbage before the end.
    gc.disable()
    whole = True
    for folder in args.folders or suites(Path()):
        found = check(folder)
        print(found.text())
        whole &= not found.wrong
    raise SystemExit(not whole)


def _export(args: argparse.Namespace) -> None:
    from mtkd.commands.export import export

    done = export(args.folder, args.study, args.store)
    for cell in done.missing:
        print(f"{cell}: no scores yet; left out")
    print(f"{args.store}: {done.written} runs written, {done.kept} were there")


def _texts(args: argparse.Namespace) -> None:
    from mtkd.commands.texts import text_lines
    from mtkd.records.files import write_text
    from mtkd.records.outputs import check_output, naming_output, to_stdout

    if str(args.output) == "-":
        with to_stdout() as file:
            file.writelines(f"{line}\n".encode() for line in text_lines(args.task))
        return
    check_output(args.output, args.task.glob("*"))
    lines = list(text_lines(args.task))
    with naming_output(args.output):
        write_text(args.output, "".join(f"{line}\n" for line in lines))
    print(f"{args.output}: {len(lines):,} texts")


def _labels_from(args: argparse.Namespace) -> None:
    from mtkd.commands.labels_from import (
        compared_with,
        from_answers,
        from_logprobs,
        label_words,
        write_answers,
    )
    from mtkd.commands.texts import texts
    from mtkd.records.outputs import check_output, naming_output
    from mtkd.tasks.corpus import read_info

    check_output(args.output, [args.file, *(args.task.glob("*") if args.task else [])])
    ids = [row["id"] for row in texts(args.task)] if args.task else []
    labels = read_info(args.task).labels if args.task else args.labels
    words = label_words(labels, args.words)
    convert = from_logprobs if args.kind == "logprobs" else from_answers
    found = convert(args.file, words, len(labels))
    said = [*found.said, *(compared_with(found.rows, ids, args.task.name) if args.task else [])]
    options = ", counts: true" * found.counts + ", missing: skip" * (
        not found.rows.keys() >= {*ids}
    )
    with naming_output(args.output):
        write_answers(args.output, found.rows, labels)
    for line in said:
        print(f"{args.file}: {line}")
    print(f"{args.output}: {len(found.rows):,} rows; in the suite")
    print(f"  model: {{probabilities: {{file: {args.output}{options}}}}}")


def _predict(args: argparse.Namespace) -> None:
    from mtkd.deployment.labelling import label_file

    label_file(args.model, args.file, args.output)


if __name__ == "__main__":
    main()
