"""Scores and claims of systems of specialists: by hand, and against the plain difference."""

import numpy as np
import pandas as pd
import pytest

from mtkd.analysis.specialists import (
    Gold,
    System,
    by_task,
    claims_table,
    comparisons,
    macro_difference,
    read_gold,
    right,
    right_polarity,
    systems_table,
)
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.records.files import write_json
from mtkd.specialists.domains import REPORT, Domains, read_domains
from mtkd.tasks.corpus import TaskInfo
from mtkd.tasks.prepare import write_splits

# Labels negative, neutral, positive; task 0 has no neutral texts.
GOLD = Gold(
    np.array([0, 2, 0, 1, 2, 1]),
    np.array([0, 0, 1, 1, 1, 1]),
    np.array([[f"text {row}"] for row in range(6)]),
)
SHARED = np.array([0, 2])
DOMAINS = Domains(
    ["films", "goods"], TaskInfo(["-", "0", "+"], {}, ""), {}, {},
    [np.array([0, 2]), np.array([0, 1, 2])],
)  # fmt: skip
STUDY = {
    "bases": ["shared", "own"],
    "merges": ["soup"],
    "own_labels": ["heads", "separate"],
    "margin": 1.0,
}


def saying(*answers, second=None):
    """Logits whose likeliest label is the one said; ``second`` is the next."""
    logits = 3.0 * np.eye(3, dtype=np.float32)[list(answers)]
    if second is not None:
        logits += np.eye(3, dtype=np.float32)[second]
    return logits


def system(base, kind, name, *answers, models=1):
    logits = {seed: saying(*one) for seed, one in zip("123", answers, strict=False)}
    return System(base, kind, name, logits, models, 10.0, 5.0, 1.0, 2.0)


def test_accuracy_by_task_by_hand():
    said = right(saying(0, 1, 0, 1, 0, 0), GOLD)
    assert by_task(said.astype(float), GOLD).tolist() == [0.5, 0.5]


def test_polarity_is_told_among_the_labels_of_all_tasks():
    # Neutral is no answer to a text that is not: the next likeliest counts.
    logits = saying(1, 1, 0, 1, 1, 1, second=2)
    polarity = right_polarity(logits, GOLD, SHARED)
    assert polarity[[0, 1, 2, 4]].tolist() == [0, 1, 1, 1] and np.isnan(polarity[[3, 5]]).all()
    assert by_task(polarity, GOLD).tolist() == [0.5, 1.0]


@pytest.mark.parametrize("shared", [[], [2]])
def test_tasks_that_share_no_two_labels_have_no_polarity(shared):
    own = [np.array([0, *shared]), np.array([1, *shared])]
    domains = DOMAINS._replace(own=own)
    assert domains.shared.tolist() == shared
    assert np.isnan(right_polarity(saying(0, 2, 0, 1, 2, 1), GOLD, domains.shared)).all()
    table = systems_table(SYSTEMS, domains, GOLD)
    assert table["polarity"].isna().all() and table["accuracy"].notna().all()


def test_nothing_is_retained_of_what_a_specialist_does_not_know():
    none = (2, 0, 2, 0, 1, 0)
    systems = [system("shared", "specialist", f"specialist {task}", none) for task in DOMAINS.tasks]
    systems.append(system("shared", "merge", "soup", BEST))
    assert systems_table(systems, DOMAINS, GOLD)["retention"].isna().all()


def test_texts_of_two_report_splits_keep_their_labels_whatever_their_ids(tmp_path):
    def rows(*labels):
        names = [str(row) for row in range(len(labels))]
        return pd.DataFrame({"id": names, "text_a": names, "label": labels})

    splits = {"train": rows(0, 1), "selection": rows(0, 1)}
    for task, reports in (
        ("films", {"report": rows(0, 0, 0), "report_b": rows(1, 1)}),
        ("goods", {"report": rows(1, 0)}),
    ):
        write_splits(tmp_path / task, {**splits, **reports})
        sizes = {name: len(frame) for name, frame in (splits | reports).items()}
        content = {"labels": ["-", "+"], "rows": sizes, "digest": task}
        write_json(tmp_path / task / "task.json", content)
    domains = read_domains([tmp_path / "films", tmp_path / "goods"])
    labels = [tmp_path / task / "report_labels.parquet" for task in domains.tasks]
    gold = read_gold(domains, labels)
    assert gold.labels.tolist() == [0, 0, 0, 1, 1, 1, 0]
    assert gold.domain.tolist() == [0] * 5 + [1] * 2
    assert len(set(gold.clusters[:, 0])) == len(set(domains.splits[REPORT].ids)) == 7


def test_macro_differences_weigh_tasks_alike():
    a, b = saying(0, 2, 0, 1, 2, 1), saying(2, 2, 2, 1, 2, 1)
    found = macro_difference({"1": a, "2": a}, {"1": b, "2": b}, GOLD)
    assert found.estimate == pytest.approx(100 * (1 / 2 + 1 / 4) / 2)
    one = Gold(GOLD.labels, np.zeros(6, int), GOLD.clusters)
    plain = 100.0 * (right(a, one).astype(float) - right(b, one))
    expected = crossed_difference(np.array([plain, plain]), clusters=GOLD.clusters)
    assert macro_difference({"1": a, "2": a}, {"1": b, "2": b}, one) == expected


def test_systems_are_compared_over_the_seeds_of_both_and_a_lost_one_makes_no_claim():
    a, b = saying(0, 2, 0, 1, 2, 1), saying(2, 2, 2, 1, 2, 1)
    assert macro_difference({"1": a, "2": a}, {"2": b, "3": b}, GOLD).seeds == 1
    assert macro_difference({"1": a}, {"2": b}, GOLD).seeds == 0


BEST, WORSE = (0, 2, 0, 1, 2, 1), (2, 2, 2, 1, 2, 1)
SYSTEMS = [
    *(system(base, "specialist", f"specialist {task}", BEST) for base in ("shared", "own")
      for task in ("films", "goods")),
    *(system(base, "merge", "soup", WORSE, WORSE, WORSE) for base in ("shared", "own")),
    *(system("shared", "router", name, BEST, BEST, BEST) for name in
      ("oracle", "hard-router", "soft-router")),
    system("same", "student", "by-column", BEST, BEST, BEST),
    system("same", "student", "mixed", WORSE, WORSE, WORSE),
    system("same", "student", "heads", BEST, BEST, BEST),
    system("same", "student", "separate", BEST, BEST, BEST, models=2),
]  # fmt: skip


def test_what_is_compared():
    found = [(claim, a.name, f"{b.base} {b.name}") for claim, a, b in comparisons(STUDY, SYSTEMS)]
    assert found == [
        ("student v merge", "by-column", "shared soup"),
        ("student v router", "by-column", "shared oracle"),
        ("student v router", "by-column", "shared hard-router"),
        ("student v router", "by-column", "shared soft-router"),
        ("student v strategy", "by-column", "same mixed"),
        ("one student v one a task", "heads", "same separate"),
        ("router v oracle", "hard-router", "shared oracle"),
        ("router v oracle", "soft-router", "shared oracle"),
        ("merge of other bases v of one", "soup", "shared soup"),
    ]


def test_systems_that_say_the_same_are_equivalent_and_claims_have_their_difference():
    claims = claims_table(STUDY, SYSTEMS, GOLD).set_index(["claim", "b"])
    same = claims.loc[("student v router", "shared: oracle")]
    assert same["difference"] == 0 and same["verdict"] == "equivalent"
    assert claims.loc[("student v merge", "shared: soup"), "difference"] == pytest.approx(37.5)


def test_the_table_of_systems_by_hand():
    table = systems_table(SYSTEMS, DOMAINS, GOLD).set_index(["base", "system"])
    soup = table.loc[("shared", "soup")]
    assert soup[["accuracy", "accuracy films", "accuracy goods"]].tolist() == [62.5, 50, 75]
    assert soup["retention"] == pytest.approx(62.5) and soup["sd"] == 0
    assert soup["polarity"] == pytest.approx(50)
    assert table.loc[("same", "by-column"), "retention"] == 100
