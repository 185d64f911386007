"""Clusters of examples, from the columns of a table to what analyses read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_tables import make_study
from toy_examples import make_examples

from mtkd.analysis.collect import read_all_clusters
from mtkd.analysis.predicted import predictions_table
from mtkd.analysis.soft_label_tables import fidelity_table
from mtkd.analysis.who_is_right import ambiguity_table, disagreement_table
from mtkd.config.load import validate_suite
from mtkd.errors import InputError
from mtkd.records.examples import read_examples, write_examples
from mtkd.study.settings import job_text, task_settings
from mtkd.tasks.corpus import read_clusters, read_info, read_split, rows_digest
from mtkd.tasks.prepare import prepare_task, read_tables, write_task

TASK = {"text": ["text"], "labels": ["no", "yes"], "selection": {"fraction": 0.2}}
SUITE = {
    "suite": "s",
    "tasks": {
        "movies": {
            "splits": {"train": "a.csv", "selection": "b.csv", "report": "c.csv"},
            "text": ["text"],
            "labels": ["no", "yes"],
            "metrics": ["accuracy"],
        },
    },
    "teachers": {},
    "students": {"small": {"model": {"hub": "small"}}},
    "studies": {"main": {"student": "small", "tasks": ["movies"], "arms": [{"strategy": "none"}],
                         "T": [1], "alpha": [1], "seeds": [1]}},
}  # fmt: skip


def table(name: str, rows: int) -> pd.DataFrame:
    """Rows of which each review has three, and each pair a member of the pair before."""
    numbers = np.arange(rows)
    return pd.DataFrame({
        "text": [f"{name} number {row}" for row in numbers], "label": ["no", "yes"] * (rows // 2),
        "review": [f"r{row // 3}" for row in numbers],
        "one": [f"m{row}" for row in numbers], "other": [f"m{row + 1}" for row in numbers],
    })  # fmt: skip


def write(folder, task, **left_out):
    """A task's folder, of tables without some columns."""
    paths = {}
    for split, rows in (("train", 40), ("report", 24)):
        paths[split] = folder / f"{split}.csv"
        table(split, rows).drop(columns=left_out.get(split, [])).to_csv(paths[split], index=False)
    write_task(folder, task, prepare_task(task, read_tables(task, paths)))


@pytest.mark.parametrize(
    ("columns", "named"), [(["review"], ["review"]), (["one", "other"], ["one", "other"])]
)
def test_clusters_lie_beside_the_labels_of_selection_and_report(tmp_path, columns, named):
    for name, more in (("plain", {}), ("clustered", {"cluster": columns})):
        (tmp_path / name).mkdir()
        write(tmp_path / name, {**TASK, **more})
    folder, plain = tmp_path / "clustered", tmp_path / "plain"
    found = read_clusters(folder / "report_labels.parquet", "report")
    assert found.tolist() == table("report", 24)[named].to_numpy().tolist()
    selection = read_clusters(folder / "selection.parquet", "selection")
    places = [int(name.partition("-")[2]) for name in read_split(folder, "selection").ids]
    assert selection.tolist() == table("train", 40)[named].to_numpy()[places].tolist()
    assert "cluster_a" not in pd.read_parquet(folder / "train.parquet")
    assert "cluster_a" not in pd.read_parquet(folder / "report.parquet")
    # Nothing learns from them: the data are what they were.
    assert read_info(folder).digest == read_info(plain).digest == rows_digest(folder)
    assert read_clusters(plain / "report_labels.parquet", "report") is None
    assert read_all_clusters(plain, read_info(plain).rows) == {}
    # One number for one name, on either side and on both splits.
    numbers = read_all_clusters(folder, read_info(folder).rows)
    assert set(numbers) == {"selection", "report"}
    names = np.concatenate([selection.ravel(), found.ravel()])
    of = np.concatenate([numbers["selection"].ravel(), numbers["report"].ravel()])
    assert len({*zip(names, of, strict=True)}) == len({*names}) == len({*of})


@pytest.mark.parametrize(("left_out", "told"), [("train", "train"), ("report", "report")])
def test_a_missing_column_is_refused_in_one_line(tmp_path, left_out, told):
    with pytest.raises(InputError, match=f"split '{told}': no column 'review'") as refused:
        write(tmp_path, {**TASK, "cluster": ["review"]}, **{left_out: ["review"]})
    assert "\n" not in str(refused.value)


def test_train_needs_no_column_where_selection_is_a_table_of_its_own(tmp_path):
    task = {**TASK, "selection": None, "cluster": ["review"]}
    paths = {}
    for split, rows in (("train", 40), ("selection", 20), ("report", 24)):
        paths[split] = tmp_path / f"{split}.csv"
        gone = ["review"] if split == "train" else []
        table(split, rows).drop(columns=gone).to_csv(paths[split], index=False)
    write_task(tmp_path, task, prepare_task(task, read_tables(task, paths)))
    assert len(read_clusters(tmp_path / "selection.parquet", "selection")) == 20


def test_one_cluster_and_a_row_without_are_refused(tmp_path):
    task = {**TASK, "selection": None, "cluster": ["label"]}
    frame = table("report", 24)
    train, selection = table("train", 40), table("selection", 20)
    for change, words in (
        ({"review": "r1"}, "split 'report' is of one cluster, 'r1'"),
        ({"review": [None, *frame.review[1:]]}, "has no 'review' to group by"),
    ):
        tables = {"train": train, "selection": selection, "report": frame.assign(**change)}
        paths = {split: tmp_path / f"{split}.csv" for split in tables}
        for split, one in tables.items():
            one.to_csv(paths[split], index=False)
        task["cluster"] = ["review"]
        with pytest.raises(InputError, match=words):
            prepare_task(task, read_tables(task, paths))


def test_a_suite_names_one_column_or_two_and_without_them_nothing_reruns():
    def settings(**more):
        movies = {**SUITE["tasks"]["movies"], **more}
        suite = validate_suite({**SUITE, "tasks": {"movies": movies}}, "s")
        return suite, job_text(suite, None, {"settings": (task_settings, "movies")})

    plain, text = settings()
    assert plain.tasks["movies"].cluster is None and "cluster" not in text
    assert settings(cluster="review")[0].tasks["movies"].cluster == ["review"]
    assert '"cluster":["one","other"]' in settings(cluster=["one", "other"])[1]
    for bad in ([], ["a", "b", "c"], ["a", "a"]):
        with pytest.raises(InputError, match=r"tasks\.movies\.cluster: "):
            settings(cluster=bad)


def test_examples_keep_them(tmp_path):
    examples = make_examples(make_study(seeds=["1"]))
    write_examples(tmp_path / "a", examples)
    assert read_examples(tmp_path / "a").clusters_of(["report"]) is None
    numbers = {"report": np.arange(len(examples.labels["report"]))[:, None] // 2}
    write_examples(tmp_path / "b", examples._replace(clusters=numbers))
    again = read_examples(tmp_path / "b").clusters_of(["report"])
    assert again.tolist() == numbers["report"].tolist()


def intervals(table, low, high, of_report):
    """The widths of a table's intervals, of report splits alone."""
    rows = table[table.split.str.startswith("report")] if of_report else table
    return (rows[high] - rows[low]).dropna().to_numpy()


@pytest.mark.parametrize(
    ("make", "low", "high"),
    [
        (disagreement_table, "low", "high"),
        (ambiguity_table, "low", "high"),
        (fidelity_table, "agreement_low", "agreement_high"),
    ],
)
def test_every_interval_over_examples_knows_of_them(make, low, high):
    examples = make_examples(make_study(), "movies", 120, True)
    # Eight neighbours that are said to be one: other intervals, of the same means.
    clusters = {
        split: (np.arange(len(labels)) // 8)[:, None]
        for split, labels in examples.labels.items()
        if split != "train"
    }
    alone, together = (
        intervals(make(one), low, high, True)
        for one in (examples, examples._replace(clusters=clusters))
    )
    assert len(alone) == len(together) > 0
    assert (np.abs(alone - together) > 1e-6).mean() > 0.5


def test_the_audits_lead_knows_of_them():
    rng = np.random.default_rng(0)
    labels = rng.integers(2, size=120)
    logits, fused = rng.normal(size=(2, 1, 120, 2)), {"average": rng.normal(size=(1, 120, 2))}
    made = [
        predictions_table("t", logits, fused, labels, "accuracy", 1.0, clusters=clusters)
        for clusters in (None, (np.arange(120) // 8)[:, None])
    ]
    assert made[0].lead[0] == made[1].lead[0]
    assert made[0].lead_low[0] != made[1].lead_low[0]
