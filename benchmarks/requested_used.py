"""What a run's SLURM jobs asked for and what they used, by rule, so that requests can be trimmed.

    sacct --name RUN --parsable2 \\
        --format=JobID,JobName,Comment,Elapsed,Timelimit,MaxRSS,ReqMem > run.txt
    python benchmarks/requested_used.py run.txt

RUN is the "SLURM run ID" that Snakemake printed. The plugin's own report, efficiency_report_RUN.csv
of `--slurm-efficiency-report`, can be given instead, but it holds no time limits. Rules are known
where the cluster stores comments (AccountingStoreFlags=job_comment).
"""

import argparse
import re
from pathlib import Path

import pandas as pd

UNITS = {"": 1, "K": 1 / 1024, "M": 1, "G": 1024, "T": 1024**2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="what sacct printed, or an efficiency report")
    print(requested_used(read_jobs(parser.parse_args().file)).to_string())


def read_jobs(path: Path) -> pd.DataFrame:
    """One row a job: rule, requested and used minutes and MiB; NaN for what is not known."""
    with open(path, encoding="utf-8") as file:
        separator = "|" if "|" in file.readline() else ","
    steps = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    steps = steps.rename(columns={"RuleName": "Comment"})
    for column in ("Comment", "Timelimit"):
        if column not in steps:
            steps[column] = ""
    # The report leaves a step's own ReqMem empty, and gives the job's as a number.
    requested = steps.get("RequestedMem_MB", steps["ReqMem"])
    jobs = pd.DataFrame(
        {
            "job": steps["JobID"].str.extract(r"^(\d+)", expand=False),
            "rule": steps["Comment"].map(rule_of),
            "requested minutes": steps["Timelimit"].map(minutes),
            "used minutes": steps["Elapsed"].map(minutes),
            "requested MiB": requested.map(mebibytes),
            "used MiB": steps["MaxRSS"].map(mebibytes),
        }
    )
    return jobs.groupby("job").max()


def requested_used(jobs: pd.DataFrame) -> pd.DataFrame:
    """By rule: how many jobs, and the most that one of them asked for and used."""
    by_rule = jobs.assign(rule=jobs["rule"].replace("", "not stored")).groupby("rule")
    table = by_rule.max().round(1).astype(object)
    table = table.where(table.notna(), "-")
    table.insert(0, "jobs", by_rule.size())
    return table


def rule_of(comment: str) -> str:
    """`rule_score_students_wildcards_...` -> `score_students`, as the plugin writes comments."""
    match = re.match(r"rule_(.+?)(?:_wildcards_|$)", comment)
    return match[1] if match else ""


def minutes(text: str) -> float:
    """SLURM's `[days-]hours:minutes:seconds`, or `minutes:seconds`; NaN for no limit."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(\d+):)?(\d+):([\d.]+)", text)
    if match is None:
        return float("nan")
    days, hours, mins, seconds = (float(part or 0) for part in match.groups())
    return days * 1440 + hours * 60 + mins + seconds / 60


def mebibytes(text: str) -> float:
    """`3500M`, `200K`, or a number of MiB; NaN where nothing is given."""
    match = re.match(r"([\d.]+)([KMGT]?)", text)
    return float(match[1]) * UNITS[match[2]] if match else float("nan")


if __name__ == "__main__":
    main()
