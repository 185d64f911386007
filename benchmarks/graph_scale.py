"""What the job graph costs, nothing trained: dry runs of grown grids, a job's start, schedulers.

    python benchmarks/graph_scale.py dry-runs
    python benchmarks/graph_scale.py floor
    python benchmarks/graph_scale.py job-start
    python benchmarks/graph_scale.py schedulers

Suites are grown from config/glue.yaml in a temporary folder; nothing is downloaded, submitted or
trained. Each prints a Markdown table: the best of several runs, as other work only ever adds time.
CPU seconds are the process's own, which other work on the machine disturbs less than wall seconds.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("Snakefile", "rules", "workflow", "src", "config", "profiles", "envs")

# T values, alpha values and seeds of study `main`'s eight arms on four tasks.
GROWN = {
    "2,048 cells": (3, 3, 8),
    "10,128 cells": (6, 5, 12),
    "20,256 cells": (6, 5, 24),
    "30,384 cells": (6, 5, 36),
}
SHIPPED = ("main", "grid", "published_grid")
BUNDLES = {"T x alpha": ["T", "alpha"], "one cell": "cell"}
LARGEST = "30,384 cells"
ARM = "bert-large-uncased+roberta-large+deberta-base/average"
CELL = f"results/glue/students/distilbert-base-uncased/sst2/{ARM}/T1_a0.1/seed1"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["dry-runs", "floor", "job-start", "schedulers"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="text that the row's name must hold")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measurements = {
            "dry-runs": dry_runs,
            "floor": floor,
            "job-start": job_start,
            "schedulers": schedulers,
        }
        measurements[args.what](Path(folder), args.repeats, args.only)


def dry_runs(folder: Path, repeats: int, only: str) -> None:
    """Whole studies, and one target of the largest, before anything ran."""
    print("| study | one job trains | jobs | seconds | CPU | plan alone | CPU | peak MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for study in [*SHIPPED, *GROWN]:
        for name, bundle in BUNDLES.items():
            dry_run(folder, repeats, only, study, name, bundle)
    for name, bundle in BUNDLES.items():
        dry_run(folder, repeats, only, LARGEST, name, bundle, f"{CELL}/eval.json")


def dry_run(folder, repeats, only, study, name, bundle, *targets):
    title = f"{study}{', one target' if targets else ''}"
    if only not in f"{title} / {name}":
        return
    suite = write_suite(folder, study, bundle)
    command = snakemake(ROOT, folder, suite, *targets, "--dry-run", "--quiet")
    dry_run_row(f"{title} | {name}", repeats, command)


def floor(folder: Path, repeats: int, only: str) -> None:
    """Snakemake's own share of a dry run: as many jobs and files, in rules of one line."""
    print("| study | one job trains | jobs | seconds | CPU | plan alone | CPU | peak MiB |")
    print("|---|---|---|---|---|---|---|---|")
    for study, sizes in GROWN.items():
        for name in BUNDLES:
            if only not in f"{study} / {name}":
                continue
            axes = zip(("temperatures", "alphas", "seeds"), sizes, strict=True)
            settings = [f"{axis}={size}" for axis, size in axes]
            settings.append(f"bundled={int(name != 'one cell')}")
            snakefile = Path(__file__).with_name("minimal.smk")
            command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile)]
            command += ["--directory", str(folder), "--cores", "2", "--config", *settings]
            dry_run_row(f"{study} | {name}", repeats, [*command, "--dry-run", "--quiet"])


def dry_run_row(title: str, repeats: int, command: list[str]) -> None:
    """A table's row: the dry run without a line for each job, and with its plan alone."""
    plan, plan_cpu, _, _ = best(repeats, command)
    seconds, cpu, memory, output = best(repeats, [*command, "rules"])
    jobs = int(re.search(r"^total +(\d+)$", output, flags=re.MULTILINE)[1])
    print(
        f"| {title} | {jobs:,} | {seconds:.1f} | {cpu:.1f} | {plan:.1f} | {plan_cpu:.1f}"
        f" | {memory:.0f} |"
    )
    sys.stdout.flush()


def job_start(folder: Path, repeats: int, only: str) -> None:
    """What a job of a cluster spends on Snakemake: its true command, its own work a `touch`.

    The command is the SLURM plugin's, caught by a stand-in for `sbatch`. On the node it starts
    Snakemake twice, one inside the other; `srun` between them is a stand-in that only calls on.
    """
    project = without_work(folder)
    for program, text in {
        "sbatch": 'for last; do :; done; printf "%s" "$last" >"$CAUGHT"; exit 1',
        "srun": 'while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"',
        # Asked for an account to guess: there is none.
        "sacct": "exit 0",
    }.items():
        stand_in(folder / "bin" / program, text)
    os.environ["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
    os.environ["CAUGHT"] = str(folder / "caught")
    print("| study | one job trains | seconds | CPU | one start alone | CPU | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for study in ["main", *GROWN]:
        for name, bundle in BUNDLES.items():
            if only in f"{study} / {name}":
                measure_job(folder, project, repeats, study, name, bundle)


def measure_job(folder, project, repeats, study, name, bundle):
    suite = write_suite(folder, study, bundle)
    cell = CELL if study in GROWN else CELL.replace("T1_a0.1", "T6_a0.7")
    targets = inputs_of_scoring(folder, suite, cell, name)
    caught = Path(os.environ["CAUGHT"])
    submit = snakemake(project, folder, suite, "--allowed-rules", "score_students", cores=False)
    submit += ["--workflow-profile", str(project / "profiles/slurm-requeue")]
    submit += ["--retries", "0", "--seconds-between-status-checks", "1"]
    submit += ["--slurm-init-seconds-before-status-checks", "1"]
    submit += ["--default-resources", "slurm_partition=short", "mem_mb=1000", "runtime=1"]
    subprocess.run([*submit, "--", *targets], capture_output=True)
    # sbatch starts a job in its folder.
    command = f"cd {folder}; " + caught.read_text().removeprefix("--wrap=")
    caught.unlink()
    # What Snakemake removed when it ended and the job would miss: folders, a list of its inputs.
    for path in map(Path, re.findall(r"'(/\S+(?:/tmp\.|-runtime-cache/)\S+)'", command)):
        listed = path.suffix == ".txt"
        (path.parent if listed else path).mkdir(parents=True)
        if listed:
            path.touch()
    nested, cpu, memory, _ = best(repeats, ["bash", "-c", command])
    # The inner start is the same command without the executor that nests it.
    inner = command.replace("--executor slurm-jobstep --jobs 1", "")
    assert inner != command
    once, cpu_once, _, _ = best(repeats, ["bash", "-c", inner])
    print(
        f"| {study} | {name} | {nested:.1f} | {cpu:.1f} | {once:.1f} | {cpu_once:.1f}"
        f" | {memory:.0f} |"
    )
    sys.stdout.flush()


def inputs_of_scoring(folder, suite, cell, name):
    """Empty files that a scoring job reads, so that it is the only job; returns a target."""
    study = yaml.safe_load(suite.read_text())["studies"]["main"]
    cells = [cell]
    if name != "one cell":
        start, seed = cell.split("/T")[0], cell.split("/")[-1]
        cells = [f"{start}/T{T}_a{a}/{seed}" for T in study["T"] for a in study["alpha"]]
    task = "results/glue/tasks/sst2"
    files = ["train", "selection", "report", "report_labels"]
    paths = [f"{task}/{file}.parquet" for file in files] + [f"{task}/task.json"]
    for path in [*paths, *(f"{cell}/predictions.safetensors" for cell in cells)]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
        (folder / cell / "eval.json").unlink(missing_ok=True)
    return [f"{cell}/eval.json"]


def schedulers(folder: Path, repeats: int, only: str) -> None:
    """Real runs of the graph with each job's work replaced by `touch`, a hundred jobs at a time."""
    project = without_work(folder)
    print(
        "| study | one job trains | scheduler | jobs | seconds | CPU | choosing jobs"
        " | greedy choices | ILP choices |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for study, name in [("main", "T x alpha"), ("grid", "T x alpha"), ("grid", "one cell")]:
        for scheduler in ("greedy", "ilp"):
            if only in f"{study} / {name} / {scheduler}":
                measure_scheduler(folder, project, repeats, study, name, scheduler)


def measure_scheduler(folder, project, repeats, study, name, scheduler):
    suite = write_suite(folder, study, BUNDLES[name])
    # Threads do not limit: on a cluster only the number of jobs does.
    options = ["--scheduler", scheduler, "--resources", "gpu=100", "--quiet", "rules", "--cores"]
    results = []
    for _ in range(repeats):
        for path in (folder / "results", folder / "logs", folder / ".snakemake"):
            shutil.rmtree(path, ignore_errors=True)
        command = snakemake(project, folder, suite, *options, "400", cores=False)
        command[1:3] = [str(Path(__file__).resolve().parent / "timed_scheduler.py")]
        seconds, cpu, _, output = best(1, command)
        spent, greedy, ilp = re.search(
            r"choosing jobs: (.+) s, (\d+) greedy, (\d+) ilp", output
        ).groups()
        results.append((seconds, cpu, float(spent), int(greedy), int(ilp)))
    jobs = re.findall(r"^total +(\d+)$", output, flags=re.MULTILINE)[-1]
    seconds, cpu, choosing, greedy, ilp = min(results)
    print(
        f"| {study} | {name} | {scheduler} | {jobs} | {seconds:.1f} | {cpu:.1f} | {choosing:.2f}"
        f" | {greedy} | {ilp} |"
    )
    sys.stdout.flush()


def write_suite(folder: Path, study: str, bundle) -> Path:
    """The GLUE suite with one of its studies, or a grown one, as its only study."""
    suite = yaml.safe_load((ROOT / "config/glue.yaml").read_text())
    chosen = dict(suite["studies"].get(study, suite["studies"]["main"]))
    if study in GROWN:
        temperatures, alphas, seeds = GROWN[study]
        chosen["T"] = list(range(1, temperatures + 1))
        chosen["alpha"] = [round(0.1 * (number + 1), 1) for number in range(alphas)]
        chosen["seeds"] = list(range(1, seeds + 1))
    path = folder / "suite.yaml"
    suite |= {"studies": {"main": chosen}, "bundle": bundle}
    path.write_text(yaml.safe_dump(suite, sort_keys=False))
    return path


def snakemake(project: Path, folder: Path, suite: Path, *arguments: str, cores: bool = True):
    """A command that runs the project's graph over ``suite`` with results in ``folder``."""
    command = [sys.executable, "-m", "snakemake", "--configfile", str(suite)]
    command += ["--snakefile", str(project / "Snakefile"), "--directory", str(folder)]
    return [*command, *(["--cores", "2"] if cores else []), *arguments]


def without_work(folder: Path) -> Path:
    """A copy of the project whose jobs only create their outputs."""
    project = folder / "project"
    project.mkdir()
    for part in COPIED:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
        copy(ROOT / part, project / part)
    for file in (project / "rules").glob("*.smk"):
        text = re.sub(
            r"    shell:\n(        .*\n)+",
            '    shell:\n        "touch {output:q}"\n',
            file.read_text(),
        )
        # The one output that is a folder.
        name, rest = "rule train_teacher:", '"mkdir -p {output.model:q}; touch {output.metrics:q}"'
        if name in text:
            before, after = text.split(name)
            text = before + name + after.replace('"touch {output:q}"', rest, 1)
        file.write_text(text)
    return project


def stand_in(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def best(repeats: int, command: list[str]) -> tuple[float, float, float, str]:
    """Least wall seconds, CPU seconds and peak MiB of the largest process, and the last output."""
    runs = []
    for _ in range(repeats):
        with tempfile.TemporaryFile("w+") as output:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            runs.append((seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            text = output.read()
        if process.returncode:
            sys.exit(f"{' '.join(command)}\n{text[-3000:]}")
    seconds, cpu, memory = map(min, zip(*runs, strict=True))
    return seconds, cpu, memory, text


if __name__ == "__main__":
    main()
