"""The certificates of the pooling operators: one target, whatever the suite."""

import csv

from tiny_study import planned, search_less, snakemake


def test_operators_are_certified_once_for_all_suites(project):
    search_less(project)
    assert planned(project, "operators", suite=None) == {"certify_operators": 1, "operators": 1}
    result = snakemake(project, "operators", suite=None)
    assert result.returncode == 0, result.stdout
    folder = project / "results/operators"
    with open(folder / "certificates.csv", newline="") as file:
        verdicts = {row["verdict"] for row in csv.DictReader(file)}
    assert verdicts == {"holds", "violated"}
    assert {path.name for path in folder.iterdir()} == {
        "certificates.csv", "certificates.png", "certificates.pdf"
    }  # fmt: skip

    again = snakemake(project, "operators", suite="config/glue.yaml")
    assert "certify_operators" not in again.stdout
