"""What models cost to run, on a finished study: a table, a figure, a part of the report."""

import pandas as pd
from tiny_study import snakemake

TABLES = "results/tiny/studies/main/tables"


def test_costs_are_measured_for_a_report_and_change_nothing_else(study):
    tables = {path.name: path.read_bytes() for path in (study / TABLES).glob("*.csv")}
    result = snakemake(study, "report", "--config", "costs=true")
    assert result.returncode == 0, result.stdout
    ran = [line.split()[-1].rstrip(":") for line in result.stdout.splitlines()
           if line.startswith(("rule ", "localrule "))]  # fmt: skip
    assert sorted(ran) == ["draw_figures", "measure_costs", "report"]
    costs = pd.read_csv(study / TABLES / "costs.csv")
    (task,) = set(costs.task)
    assert task == "reviews" and set(costs.threads) == {1, 2}
    assert costs.name.unique().tolist() == ["cnn", "bert", "cnn+bert", "distilbert", "tfidf"]
    forms = costs[costs.threads == 1].groupby("name", sort=False).form.agg(list)
    assert forms["distilbert"] == ["torch", "onnx", "int8"] and forms["bert"] == ["torch"]
    one = costs[(costs.threads == 1) & costs.form.isin(["torch", "scikit-learn"])].set_index("name")
    assert one.parameters["cnn+bert"] == one.parameters["cnn"] + one.parameters["bert"]
    assert (one.bytes["distilbert"] == 4 * one.parameters["distilbert"]) and (one.timed > 0).all()
    page = (study / "results/tiny/studies/main/report.html").read_text(encoding="utf-8")
    assert "What each model costs to run" in page and "Ensemble: cnn+bert" in page
    assert "Forms for ONNX Runtime" in page and "Without a row" not in page
    assert not list((study / "results/tiny/state").glob(".onnx-*"))
    assert (study / "results/tiny/studies/main/figures/costs.png").stat().st_size > 1000
    after = {path.name: path.read_bytes() for path in (study / TABLES).glob("*.csv")}
    assert {name: after[name] for name in tables} == tables
    # Without the key, the target measures alone, and the report is as it was.
    again = snakemake(study, "report", "costs", "--dry-run", "--quiet", "rules")
    assert "report" in again.stdout and "measure_costs" not in again.stdout
