"""Interactions of temperature and fusion: planted ones are found, absent ones are not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from test_analysis_tables import STUDY
from toy_examples import make_examples

from mtkd.analysis.interaction import (
    COLUMNS,
    ONE,
    SEVERAL,
    extreme_temperatures,
    interaction_table,
    read_cells,
)
from mtkd.config.schema import Strategy
from mtkd.errors import InputError
from mtkd.records.logits import Logits, write_logits
from mtkd.study.arms import described
from mtkd.study.view import arm_name

GRID = STUDY | {"T": ["2", "10", "4"], "alpha": ["0.3", "0.7"], "margin": 2.0, "tasks": ["movies"]}
GRID |= {
    "metrics": {"movies": "accuracy"},
    "arms": [*STUDY["arms"][:4], described("weighted", "cnn+bert")],
}
SINGLE = [arm["teachers"] for arm in GRID["arms"] if arm["family"] == "single"]
ARMS = [(arm["teachers"], arm["strategy"], arm["family"]) for arm in GRID["arms"]]


def answers(gold, right, rng):
    """Logits [N, 2] that are right on a share of the examples."""
    correct = rng.random(len(gold)) < right
    return np.where(correct, 1, -1)[:, None] * np.eye(2)[gold]


def cells_of(examples, accuracy, seeds=GRID["seeds"]):
    """Cells of every arm, T, alpha and seed; ``accuracy(family, strategy, T)`` of each."""
    rng = np.random.default_rng(0)
    axes = itertools.product(ARMS, GRID["T"], GRID["alpha"], seeds)
    return {
        (teachers, strategy, T, alpha, seed): {
            split: answers(examples.labels[split], accuracy(family, strategy, T), rng)
            for split in examples.report_splits
        }
        for (teachers, strategy, family), T, alpha, seed in axes
        if family != "undistilled"
    }


@pytest.fixture(scope="module")
def examples():
    return make_examples(GRID, n=2000)


def planted(family, strategy, T):
    return 0.9 if family == "several" and T == "2" else 0.7


def accuracies(examples, cells, arm, T):
    """Mean accuracy of an arm at a T, over alphas and seeds."""
    return np.mean(
        [
            logits["report"].argmax(axis=1) == examples.labels["report"]
            for (teachers, strategy, at, *_), logits in cells.items()
            if (teachers, strategy, at) == (arm["teachers"], arm["strategy"], T)
        ]
    )


def test_a_planted_interaction_is_found_and_is_that_of_means(examples):
    cells = cells_of(examples, planted)
    table = interaction_table(examples, cells, GRID)
    assert list(table) == COLUMNS
    assert table.a.tolist() == [SEVERAL, "average", "weighted"] and set(table.b) == {ONE}
    assert (table.verdict == "more at low T").all()
    assert set(table.T_low) == {"2"} and set(table.T_high) == {"10"}
    row = table.iloc[1]
    mean = {
        (arm_name(arm, GRID), T): accuracies(examples, cells, arm, T)
        for arm in GRID["arms"][1:]
        for T in ("2", "10")
    }
    effects = [
        100 * (mean["average", T] - (mean["cnn", T] + mean["bert", T]) / 2) for T in ("2", "10")
    ]
    assert (row.effect_low, row.effect_high) == pytest.approx(effects)
    assert row.interaction == pytest.approx(effects[0] - effects[1])
    assert row.low < row.interaction < row.high and (row.seeds, row.n) == (3, 2014)
    assert row.sentence.startswith(
        "movies: what average adds to one teacher at T=2 less that at T=10: +"
    )


def test_hard_labels_beside_soft_ones_are_no_part_of_a_mean(examples):
    hard = [described("hard", name, Strategy(fusion="single", labels="hard")) for name in SINGLE]
    cells = cells_of(examples, planted)
    # Labels know no T, and these are far better at each.
    right = {split: 9.0 * np.eye(2)[labels] for split, labels in examples.labels.items()}
    more = {
        (arm["teachers"], "hard", T, alpha, seed): right
        for arm in hard
        for T, alpha, seed in itertools.product(GRID["T"], GRID["alpha"], GRID["seeds"])
    }
    found = interaction_table(examples, cells | more, GRID | {"arms": [*GRID["arms"], *hard]})
    assert found.equals(interaction_table(examples, cells, GRID))


def test_fusion_that_pays_alike_at_every_T_is_no_interaction(examples):
    cells = cells_of(examples, lambda family, *_: 0.9 if family == "several" else 0.8)
    table = interaction_table(examples, cells, GRID | {"margin": 5.0})
    assert set(table.verdict) == {"no interaction"} and (table.effect_low > 5).all()
    assert not (table.p < 0.01).any()
    other = interaction_table(
        examples,
        cells_of(examples, lambda family, _, T: 0.9 if family == "several" and T == "10" else 0.7),
        GRID,
    )
    assert set(other.verdict) == {"more at high T"}


def test_arms_that_learnt_nothing_have_no_skill_and_lost_seeds_no_verdict(examples):
    table = interaction_table(examples, cells_of(examples, lambda *_: 0.5), GRID)
    assert set(table.verdict) == {"no skill"}
    cells = cells_of(examples, planted)
    del cells["cnn", "single", "10", "0.3", "2"]
    table = interaction_table(examples, cells, GRID)
    assert set(table.seeds) == {2} and set(table.verdict) == {"no verdict"}
    lost = {key: of for key, of in cells.items() if key[:3] != ("cnn+bert", "average", "2")}
    rows = interaction_table(examples, lost, GRID).set_index("a")
    assert rows.seeds.to_dict() == {SEVERAL: 0, "average": 0, "weighted": 2}
    assert rows.sentence["average"].endswith("no seed finished in all of its arms.")


@pytest.mark.parametrize(
    "study",
    [GRID | {"T": ["4"]}, GRID | {"arms": GRID["arms"][:3]},
     GRID | {"arms": [GRID["arms"][0], GRID["arms"][3]]}],
)  # fmt: skip
def test_without_several_temperatures_or_both_families_there_is_nothing_to_state(examples, study):
    table = interaction_table(examples, {}, study)
    assert table.empty and list(table) == COLUMNS


def test_temperatures_are_compared_as_numbers():
    assert extreme_temperatures(["4", "10", "0.5"]) == ("0.5", "10")


def test_cells_are_read_in_the_tasks_order_and_of_its_data_alone(tmp_path):
    path = tmp_path / "students/s/movies/cnn/single/T2_a0.7/seed1/predictions.safetensors"
    path = tmp_path / "results/x" / path.relative_to(tmp_path)
    path.parent.mkdir(parents=True)
    record = {"status": "finished", "labels": ["a", "b"], "digests": {"data": "d"}}
    logits = np.array([[1.0, 2.0], [3.0, 4.0]])
    write_logits(path, {"report": Logits(np.array(["y", "x"]), logits)}, record)
    ids = {"report": np.array(["x", "y"])}
    found = read_cells([path], ids, ["a", "b"], "d")
    assert found["cnn", "single", "2", "0.7", "1"]["report"].tolist() == [[3, 4], [1, 2]]
    with pytest.raises(InputError, match="of other data; rerun train_students"):
        read_cells([path], ids, ["a", "b"], "e")
    write_logits(path, {"report": Logits(np.array(["y"]), logits[:1])}, record)
    with pytest.raises(InputError):
        read_cells([path], ids, ["a", "b"], "d")
    write_logits(path, {}, record | {"status": "diverged"})
    assert read_cells([path], ids, ["a", "b"], "d") == {}
