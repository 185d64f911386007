"""Where a suite's time went: jobs, seconds and memory by rule, from the records of its last run.

python benchmarks/rule_times.py results/embedded
"""

import argparse
from pathlib import Path

import pandas as pd


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=Path, help="results/{suite}")
    folder = parser.parse_args().suite / "benchmarks"
    rows = [
        pd.read_csv(path, sep="\t").assign(rule=path.relative_to(folder).parts[0])
        for path in sorted(folder.rglob("*.tsv"))
    ]
    jobs = pd.concat(rows).groupby("rule")
    table = pd.DataFrame(
        {
            "jobs": jobs.size(),
            "seconds a job": jobs["s"].mean().round(1),
            "seconds in all": jobs["s"].sum().round(),
            "CPU seconds in all": jobs["cpu_time"].sum().round(),
            "MiB at most": jobs["max_rss"].max().round(),
        }
    ).sort_values("seconds in all", ascending=False)
    print(table.to_string())


if __name__ == "__main__":
    main()
