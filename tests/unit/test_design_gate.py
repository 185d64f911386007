"""The gate of a design: passed where distillation shows on rows that nothing else reads."""

import numpy as np
import pytest

from mtkd.analysis.design_gate import gate_row, judged

RNG = np.random.default_rng(0)
GOLD = RNG.integers(2, size=600)
TRAIN = np.array([0, 1, 0, 1, -1, -1])


def right(share, seeds=3):
    """Logits [S, N, C] that are right on a share of the rows, the same ones in every seed."""
    order = np.random.default_rng(7).permutation(len(GOLD))
    said = GOLD.copy()
    wrong = order[int(share * len(GOLD)) :]
    said[wrong] = 1 - said[wrong]
    return np.repeat(np.eye(2)[said][None], seeds, axis=0)


def row(task="t", none=0.7, single=(0.76, 0.78), words=0.62, margin=1.0, clusters=None):
    singles = [right(share) for share in single]
    references = {"words": right(words)[0]}
    return gate_row(
        task,
        "accuracy",
        ["a", "b"],
        GOLD,
        TRAIN,
        right(none),
        singles,
        references,
        margin,
        clusters,
    )


def test_the_gain_is_of_the_mean_single_arm_and_leads_are_over_each_reference():
    found = row()
    assert found["gain"]["estimate"] == pytest.approx(7, abs=0.2)
    assert found["leads"]["words"]["estimate"] == pytest.approx(8, abs=0.2)
    assert found["undistilled"] == pytest.approx(70, abs=0.2)
    assert found["above"] and found["helps"]
    # A point estimate above is not enough, and neither is a gain within two margins.
    assert not row(words=0.697)["above"]
    assert not row(none=0.51)["above"]
    assert not row(margin=4.0)["helps"]


def test_rows_of_one_source_are_fewer_than_they_look():
    clusters = (np.arange(len(GOLD)) // 60)[:, None]
    rng = np.random.default_rng(3)
    better = rng.random(10) < 0.6
    won = np.where(better[clusters[:, 0]], 1, 0)
    none, other = np.eye(2)[np.where(won, GOLD, 1 - GOLD)], right(0.5)[0]
    rows = [
        gate_row("t", "accuracy", ["a", "b"], GOLD, TRAIN, np.stack([none] * 3),
                 [right(0.9)], {"words": other}, 1.0, of)
        for of in (None, clusters)
    ]  # fmt: skip
    alone, together = (one["leads"]["words"] for one in rows)
    assert alone["estimate"] == together["estimate"]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_three_tasks_have_to_show_it_in_every_draw():
    rows = [row(name) for name in ("a-1", "a-2", "b", "c")]
    draws = {"a, 2 draws": ["a-1", "a-2"]}
    assert judged(rows, draws, 1.0)["passed"]
    flat = row("a-2", single=(0.705,))
    answer = judged([rows[0], flat, *rows[2:]], draws, 1.0)
    assert answer["helped"] == ["b", "c"] and not answer["passed"]
    assert "gains more than 2 points on 2 of 3 tasks, in all of their draws, where 3" in str(answer)
    # Of four tasks one may show nothing; an undistilled student below a reference is never passed.
    assert judged([*rows, row("d", single=(0.7,))], draws, 1.0)["passed"]
    below = judged([*rows, row("d", words=0.71)], draws, 1.0)
    assert below["reasons"] == ["d: the undistilled student is not above words by its interval"]
