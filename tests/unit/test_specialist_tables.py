"""Scores and claims of systems of specialists: by hand, and against the plain difference."""

from pathlib import Path

import numpy as np
import pytest
from toy_specialists import write_task

from mtkd.analysis.specialists import (
    Gold,
    System,
    _shares,
    _Specialist,
    _taught,
    by_task,
    claims_table,
    macro_difference,
    read_gold,
    right,
    right_polarity,
    systems_table,
)
from mtkd.analysis.statistics.paired import crossed_difference
from mtkd.report.shown import MISSING
from mtkd.report.specialists import systems_rows
from mtkd.specialists.domains import REPORT, Domains, read_domains
from mtkd.specialists.registration import claims
from mtkd.specialists.routing import ROUTERS
from mtkd.tasks.corpus import TaskInfo

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
    "students": ["same"],
    "strategies": ["by-column", "mixed", "heads", "separate"],
    "merges": ["base", "soup"],
    "bases_alone": ["base"],
    "own_labels": ["heads", "separate"],
    "student_a_task": ["separate"],
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
    folders = [
        write_task(tmp_path / task, ["-", "+"], train=[0, 1], **reports)
        for task, reports in (
            ("films", {"report": [0, 0, 0], "report_b": [1, 1]}),
            ("goods", {"report": [1, 0]}),
        )
    ]
    domains = read_domains(folders)
    gold = read_gold(domains, [folder / "report_labels.parquet" for folder in folders])
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
    found = macro_difference({"1": a, "2": a}, {"1": b, "2": b}, one)
    assert found == expected._replace(step=100.0)


def test_systems_are_compared_over_the_seeds_of_both_and_a_lost_one_makes_no_claim():
    a, b = saying(0, 2, 0, 1, 2, 1), saying(2, 2, 2, 1, 2, 1)
    assert macro_difference({"1": a, "2": a}, {"2": b, "3": b}, GOLD).seeds == 1
    assert macro_difference({"1": a}, {"2": b}, GOLD).seeds == 0


BEST, WORSE = (0, 2, 0, 1, 2, 1), (2, 2, 2, 1, 2, 1)
SYSTEMS = [
    *(system(base, "specialist", f"specialist {task}", BEST) for base in ("shared", "own")
      for task in ("films", "goods")),
    *(system(base, "merge", name, WORSE, WORSE, WORSE) for base in ("shared", "own")
      for name in ("base", "soup")),
    *(system("shared", "router", name, BEST, BEST, BEST) for name in ROUTERS),
    system("same", "student", "by-column", BEST, BEST, BEST),
    system("same", "student", "mixed", WORSE, WORSE, WORSE),
    system("same", "student", "heads", BEST, BEST, BEST),
    system("same", "student", "separate", BEST, BEST, BEST, models=2),
]  # fmt: skip


def test_what_is_compared():
    found = [(claim, a.system, f"{b.base} {b.system}") for claim, a, b in claims(STUDY)]
    assert found == [
        ("student v merge", "by-column", "shared base"),
        ("student v merge", "by-column", "shared soup"),
        ("student v router", "by-column", "shared oracle"),
        ("student v router", "by-column", "shared wrong"),
        ("student v router", "by-column", "shared hard-router"),
        ("student v router", "by-column", "shared soft-router"),
        ("student v router", "by-column", "shared ensemble"),
        ("student v strategy", "by-column", "same mixed"),
        ("one student v one a task", "heads", "same separate"),
        ("router v oracle", "hard-router", "shared oracle"),
        ("router v oracle", "soft-router", "shared oracle"),
        ("merge of other bases v of one", "soup", "shared soup"),
    ]
    # Of a second student its heads alone are compared.
    more = {**STUDY, "students": ["same", "small"]}
    heads = ("one student v one a task", ("small", "heads"), ("small", "separate"))
    assert [one for one in claims(more) if one not in list(claims(STUDY))] == [heads]


def test_systems_that_say_the_same_need_texts_to_be_equivalent_and_claims_have_their_difference():
    table = claims_table(STUDY, SYSTEMS, GOLD).set_index(["claim", "b"])
    same = table.loc[("student v router", "shared: oracle")]
    # Of six texts one is 17 points.
    assert same["difference"] == 0 and same["verdict"] == "undecidable"
    wide = claims_table({**STUDY, "margin": 400.0}, SYSTEMS, GOLD).set_index(["claim", "b"])
    assert wide.loc[("student v router", "shared: oracle"), "verdict"] == "equivalent"
    assert table.loc[("student v merge", "shared: soup"), "difference"] == pytest.approx(37.5)


def test_the_table_of_systems_by_hand():
    table = systems_table(SYSTEMS, DOMAINS, GOLD).set_index(["base", "system"])
    soup = table.loc[("shared", "soup")]
    assert soup[["accuracy", "accuracy films", "accuracy goods"]].tolist() == [62.5, 50, 75]
    assert soup["retention"] == pytest.approx(62.5) and soup["sd"] == 0
    assert soup["polarity"] == pytest.approx(50)
    assert table.loc[("same", "by-column"), "retention"] == 100


def run_of(strategy, seed, seconds, said=BEST, status="finished", **facts):
    """Where a student's predictions lie, and what is read there."""
    path = Path(f"results/x/specialist_students/same/{strategy['name']}/seed{seed}/p.safetensors")
    record = {
        "status": status,
        "integration": strategy,
        "models": 1,
        "parameters": 10,
        "compute": 100.0,
        "run_seconds": seconds,
        "cpu_seconds": seconds,
        **facts,
    }
    return path, (None if status == "diverged" else saying(*said), record)


def students_of(*runs):
    """Systems of some runs, beside specialists that took 4 and 8 s to train and take 2 and 6 ms a
    text; they label 30 texts of films and 10 of goods."""
    records = [
        {"cpu_seconds": 4.0, "run_seconds": 2.0},
        {"cpu_seconds": 8.0, "run_seconds": 6.0},
    ]
    found = {"shared": {"1": _Specialist(np.zeros((2, 6, 3)), records)}}
    domains = DOMAINS._replace(domain={"train": np.repeat([0, 1], [30, 10])})
    paths, read = zip(*runs, strict=True)
    return list(_taught(domains, found, paths, read, {"cpu_seconds": 1.0, "run_seconds": 1.0}))


def test_what_a_student_costs_is_told_of_the_seeds_that_finished():
    how = {"name": "separate", "fusion": "none"}
    cut = run_of(how, 1, 1.0, status="diverged", models=2, parameters=10, compute=1.0)
    whole = [run_of(how, seed, 3.0, models=2, parameters=20) for seed in (2, 3)]
    for runs in ([cut, *whole], [*whole, cut]):
        (one,) = students_of(*runs)
        assert one[4:] == (2, 20, 100.0, 3.0, 1.5) and list(one.logits) == ["2", "3"]
    (none,) = students_of(cut)
    assert none.models == 2 and np.isnan(none[5:]).all() and not none.logits
    table = systems_table([*SYSTEMS, none], DOMAINS, GOLD)
    row = systems_rows(table, {"tasks": DOMAINS.tasks}).iloc[-1]
    assert set(row[["macro", "parameters", "compute", "to run (s)"]]) == {MISSING}


@pytest.mark.parametrize(
    ("strategy", "seconds"),
    [
        # Its own training; a specialist's, 6 s; and the labels of 30 texts at 2 ms, or 10 at 6 ms.
        ({"fusion": "by-column"}, 3 + 6 + 0.06),
        # All 40 texts at 2 ms, or at 6 ms; of a gate the router's fit as well, 1 s.
        ({"fusion": "average"}, 3 + 6 + 0.16),
        ({"fusion": "gate"}, 3 + 6 + 0.16 + 1),
        ({"fusion": "none"}, 3),
    ],
)
def test_what_it_takes_until_a_new_specialist_is_part_of_a_student(strategy, seconds):
    (one,) = students_of(run_of({"name": "x", **strategy}, 1, 3.0))
    assert one.replace_seconds == pytest.approx(seconds)


def test_a_student_that_diverged_has_no_share_in_who_teaches():
    share = {"teacher": "films", "rows": 0.5, "loss_start": 0.5, "loss_end": 0.5}
    how = {"name": "by-column", "fusion": "by-column"}
    runs = [run_of(how, 1, 1.0, shares=[share]),
            run_of(how, 2, 1.0, status="diverged", shares=[{**share, "rows": 0.1}])]  # fmt: skip
    (row,) = _shares(*zip(*runs, strict=True)).to_dict("records")
    assert row["rows"] == 50 and row["seeds"] == 1
