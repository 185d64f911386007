"""What a study of specialists claims is written down before its students, and a change shows."""

from copy import deepcopy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from mtkd.analysis.registration import changes
from mtkd.config.load import validate_suite
from mtkd.report.registration import registration_shown
from mtkd.specialists.registration import statement, trained_systems
from mtkd.study.paths import INTEGRATED, MERGED, ROOT
from mtkd.study.specialists import specialist_registration_settings

SUITE = yaml.safe_load((Path(__file__).parents[2] / "config/specialists.yaml").read_text("utf-8"))


def said(change=lambda suite: None):
    """What the shipped study registers, with a change to its suite."""
    content = deepcopy(SUITE)
    change(content)
    settings = specialist_registration_settings(validate_suite(content, "suite"))
    return statement(settings["study"], settings["suite"])


def study(**keys):
    return lambda suite: suite["studies"]["main"].update(keys)


def part(*keys, **values):
    """A change of what some keys lead to."""

    def change(suite):
        for key in keys:
            suite = suite[key]
        suite.update(values)

    return change


def test_margin_systems_and_comparisons_are_said():
    found = said()
    assert found["margin"] == 1.0 and found["seeds"] == ["1", "2", "3", "4", "5"]
    assert found["tasks"] == ["movies-300", "tweets-300", "products-300"]
    # 7 strategies, and of two bases 7 merges and 5 routers.
    assert len(found["arms"]) == len(set(found["arms"])) == 7 + 2 * (7 + 5)
    assert len(found["claims"]) == 25
    assert found["claims"][0] == {
        "claim": "student v merge", "a": "same: by-column", "b": "shared: base",
    }  # fmt: skip
    assert {one[side] for one in found["claims"] for side in "ab"} <= set(found["arms"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (part(margin=2.0), ["margin: 1.0 became 2.0"]),
        (study(seeds=[1, 2, 3]), ["seeds: "]),
        (study(strategies=["by-column", "average"]),
         ["arms: ", "no longer claimed: same: by-column against same: gate"]),
        (study(strategies=["gate", "by-column"]),
         ["newly claimed: same: gate against shared: soup"]),
        (study(bases=["shared"]), ["no longer claimed: own: soup against shared: soup"]),
        (part("merges", new={"method": "ties", "density": 0.1, "scale": 1}),
         ["newly claimed: same: by-column against shared: new"]),
        (part("merges", "ties", density=0.1), ["merges.ties.density: 0.2 became 0.1"]),
        (part("strategies", "gate", T=3), ['strategies.gate.T: 2 became 3']),
        (part("bases", "own", tasks=["movies-100"]), ["bases.own.tasks: "]),
        (part("bases", "shared", "training", epochs=7), ["bases.shared.training.epochs: "]),
        (part("bases", "shared", "specialists", epochs=7), ["bases.shared.specialists.epochs: "]),
        (part("students", "same", "training", epochs=7), ["students.same.training.epochs: "]),
        (part("tasks", "movies", selection={"fraction": 0.3}),
         ["tasks.movies-300.selection.fraction: ", "tasks.movies-100.selection.fraction: "]),
        (part("tasks", "tweets-100", labelled=90), ["tasks.tweets-100.labelled: 100 became 90"]),
        (part("tasks", "movies", max_length=64), [".max_length: "]),
        (part("bases", "shared", resources={"threads": 2}), []),
        (part(save_minutes=7), []),
        (part("strategies", unused={"fusion": "average"}), []),
    ],
)  # fmt: skip
def test_every_change_that_can_change_a_number_or_a_claim_shows(change, words):
    found = changes(said(), said(change))
    assert (said() != said(change)) == bool(found) == bool(words)
    assert all(any(line.startswith(one) or one in line for line in found) for one in words)


def test_students_and_merges_are_counted_that_are_the_study_s_own(tmp_path):
    own = {"bases": ["shared"], "merges": ["soup"], "students": ["same"]}
    own |= {"strategies": ["gate"], "seeds": ["1", "2"]}
    places = [
        MERGED.format(suite="x", base="shared", merge="soup", seed=2),
        INTEGRATED.format(suite="x", student="same", strategy="gate", seed=1),
        # Of another study's merges, bases, strategies and seeds.
        MERGED.format(suite="x", base="shared", merge="ties", seed=1),
        MERGED.format(suite="x", base="own", merge="soup", seed=1),
        INTEGRATED.format(suite="x", student="same", strategy="mixed", seed=1),
        INTEGRATED.format(suite="x", student="same", strategy="gate", seed=3),
    ]
    for place in places:
        path = tmp_path / place / "predictions.safetensors"
        path.parent.mkdir(parents=True)
        path.touch()
    assert trained_systems(tmp_path / ROOT.format(suite="x"), own) == 2
    assert trained_systems(tmp_path / "none yet", own) == 0


def test_the_page_is_told_what_was_claimed_first_and_what_changed():
    entries = [
        {"date": "first", "students_trained": 0, "said": said()},
        {"date": "then", "students_trained": 12, "said": said(part(margin=2.0))},
    ]
    shown = registration_shown(entries, pd.DataFrame())
    assert (shown.date, shown.margin, len(shown.claims)) == ("first", 1.0, 25)
    assert shown.claims[0] == "student v merge: same: by-column against shared: base"
    assert shown.amendments == [("then", 12, ["margin: 1.0 became 2.0"])]
