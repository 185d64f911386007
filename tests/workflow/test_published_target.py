"""The published tables: one target prints their figures and flags, whatever the suite."""

import csv
import re

from tiny_study import snakemake

TABLES = "results/published/tables"


def test_published_prints_figures_and_flags_and_follows_the_tables(project):
    result = snakemake(project, "published", suite=None)
    assert result.returncode == 0, result.stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", result.stdout, flags=re.MULTILINE))
    assert jobs == {"published_tables": "1", "published": "1", "total": "2"}
    report = (project / TABLES / "report.txt").read_text()
    assert report in result.stdout
    assert re.search(r"^AVG +28\.27 +28\.00  yes$", report, flags=re.MULTILINE)
    with open(project / TABLES / "flags.csv", newline="") as file:
        flags = list(csv.DictReader(file))
    assert f"\n{len(flags)} flags\n" in report
    with open(project / TABLES / "derived.csv", newline="") as file:
        assert {row["task"] for row in csv.DictReader(file)} == {
            "SST-2", "MNLI", "QQP", "MRPC", "AVG"
        }  # fmt: skip

    # Another suite changes nothing of it, and it is printed again.
    again = snakemake(project, "published", suite="config/glue.yaml")
    assert report in again.stdout and "localrule published_tables" not in again.stdout

    statements = project / "config/published/study.yaml"
    named = statements.read_text().replace("pool: null", "pool: log-linear")
    statements.write_text(named)
    result = snakemake(project, "published", suite=None)
    assert f"\n{len(flags) - 1} flags\n" in result.stdout
    assert "named-pool" not in result.stdout
