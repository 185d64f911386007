"""Questions about a study, answered from what is on disk: nothing of it is run or changed."""

import argparse
from pathlib import Path

WHY = """\
Why would this output be made again? Its job is compared with the one that made it: the settings and
the code behind it, key by key, its inputs, the rule's command. Where the reason lies upstream, the
jobs where it begins are named, not the whole chain. Snakemake keeps one record an output, that of
the last job that finished: a rerun that has ended has replaced what it was compared with."""
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
    return parser


def _why(args: argparse.Namespace) -> None:
    from mtkd.commands.why import why

    print(why(args.target, args.configfile, args.config))


def _diff(args: argparse.Namespace) -> None:
    from mtkd.commands.diff import compared

    print(compared(*args.runs))


def _check(args: argparse.Namespace) -> None:
    from mtkd.commands.check import check, suites

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


if __name__ == "__main__":
    main()
