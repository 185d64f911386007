"""Draws of a task: which tasks they are, and what is claimed over all of them."""

from __future__ import annotations

import copy
import math

import numpy as np
import pandas as pd
import pytest
from test_clusters import SUITE
from test_tables import make_study
from toy_examples import make_examples

from mtkd.analysis.claims import COLUMNS, PRACTICE, claims_over_draws, claims_table
from mtkd.analysis.statistics.paired import crossed_difference, drawn_difference
from mtkd.config.load import validate_suite
from mtkd.figures.claims import claims_figure
from mtkd.report.task_results import draws_tables
from mtkd.study.draws import budgets_of, draws_of
from mtkd.study.settings import table_settings

STUDY = make_study(seeds=["1", "2", "3"])


def variants(of: str, *draws: str, labelled: int | str = 300, **more) -> dict:
    return {f"{of}-{draw}": {"of": of, "labelled": labelled, "draw": draw, **more}
            for draw in draws}  # fmt: skip


def suite_of(tasks: dict, per_task: dict | None = None):
    """A suite of these variants, as it is read; ``labelled`` as it may be one day."""
    plain = {name: {key: value for key, value in task.items() if key != "labelled"}
             for name, task in tasks.items()}  # fmt: skip
    content = copy.deepcopy(SUITE)
    content["tasks"] |= plain
    content["students"]["small"]["per_task"] = per_task or {}
    content["studies"]["main"]["tasks"] = ["movies", *plain]
    suite = validate_suite(content, "s")
    numbered = {
        name: task.model_copy(update={"labelled": tasks.get(name, {}).get("labelled", "all")})
        for name, task in suite.tasks.items()
    }
    return suite.model_copy(update={"tasks": numbered})


def test_draws_are_variants_that_differ_in_the_draw_alone():
    suite = suite_of(variants("movies", "1", "2", "3"))
    assert draws_of(suite) == {"movies-300, 3 draws": ["movies-1", "movies-2", "movies-3"]}
    assert table_settings(suite, "small")["draws"] == draws_of(suite)
    tasks = variants("movies", "1", "2")
    for change in ({"labelled": 200}, {"labelled": "all"}, {"metrics": ["f1"]}, {"max_length": 9}):
        assert draws_of(suite_of(tasks | {"movies-2": tasks["movies-2"] | change})) == {}
    assert draws_of(suite_of(tasks, {"movies-2": {"epochs": 9}})) == {}
    # Where nothing is drawn, no job's text has a word of it.
    assert "draws" not in table_settings(suite_of(variants("movies", "1")), "small")
    shorter = {f"short-{name}": task | {"max_length": 9} for name, task in tasks.items()}
    assert draws_of(suite_of(tasks | shorter)) == {
        "movies-300, 2 draws": ["movies-1", "movies-2"],
        "short-movies-1, 2 draws": ["short-movies-1", "short-movies-2"],
    }


REST, SOME, FEW = ([{"rest": True} | more] for more in ({}, {"rows": 9}, {"rows": 5}))


@pytest.mark.parametrize(
    ("tasks", "found"),
    [
        ({"a": (300, REST)}, {}),
        # All there is, or some of it; texts that are made are no part of a line.
        ({"a": (300, REST), "b": (100, SOME)}, {"b": 100, "a": 300}),
        ({"a": (300, []), "b": (100, [])}, {"b": 100, "a": 300}),
        ({"a": (300, REST), "b": (100, [{"augment": {}}])}, {}),
        ({"a": (300, REST), "b": (100, [*REST, {"augment": {}}])}, {}),
        # One task to a number, in either order.
        ({"a": (300, SOME), "b": (300, REST)}, {}),
        ({"a": (300, SOME), "b": (300, REST), "c": (100, SOME)}, {"c": 100, "b": 300}),
        (
            {"a": (300, REST), "b": (300, []), "c": (100, FEW), "d": (100, SOME)},
            {"d": 100, "a": 300},
        ),
    ],
)
def test_numbers_of_labels_are_compared_where_text_is_of_the_rest(tasks, found):
    content = copy.deepcopy(SUITE)
    for name, (number, transfer) in tasks.items():
        content["tasks"][name] = {"of": "movies", "labelled": number, "transfer": transfer}
    content["studies"]["main"]["tasks"] = list(tasks)
    suite = validate_suite(content, "s")
    numbers = budgets_of(suite)
    assert numbers == ({"movies": found} if found else {})
    assert list(numbers.get("movies", {})) == list(found)


def test_one_draw_is_no_draw():
    values = np.random.default_rng(0).normal(size=(1, 3, 20))
    assert drawn_difference(values, 0.3) == crossed_difference(values[0], 0.3)


def test_two_draws_are_taken_for_all_there_are():
    values = np.random.default_rng(0).normal(size=(2, 3, 20)) + np.array([[[-9.0]], [[9.0]]])
    assert drawn_difference(values) == crossed_difference(values.mean(axis=0))
    three = np.concatenate([values, values[:1]])
    assert drawn_difference(three).se > 3 > drawn_difference(values).se


@pytest.mark.parametrize(
    ("of_draws", "of_seeds", "of_both"), [(1, 0, 0.1), (0.5, 0.5, 0.5), (0, 1, 0.1), (0, 0, 1)]
)
def test_intervals_hold_for_new_draws_from_three_on(of_draws, of_seeds, of_both):
    rng = np.random.default_rng(2)

    def normal(variance, *shape):
        return rng.normal(0, math.sqrt(variance), shape)

    held = []
    for _ in range(400):
        values = normal(of_draws, 4, 1, 1) + normal(of_seeds, 1, 4, 1) + normal(of_both, 4, 4, 1)
        found = drawn_difference(values + normal(4, 1, 1, 60) + normal(9, 4, 4, 60))
        held.append(found.low <= 0 <= found.high)
    assert 0.90 < np.mean(held) <= 0.995


def drawn(number: int, **record):
    """Toy examples of one draw: the report split is the same, students are others."""
    examples = make_examples(STUDY)
    rng = np.random.default_rng(number)
    for arms in (examples.students["report"], examples.students["selection"]):
        for place, logits in enumerate(arms):
            arms[place] = (logits + rng.normal(size=logits.shape)).astype(np.float32)
    examples.record.update({"task": f"movies-{number}", **record})
    return examples


@pytest.mark.parametrize("count", [2, 3])
def test_claims_over_draws_are_means_and_say_what_they_hold_for(count):
    draws = [drawn(number) for number in range(count)]
    draws[0].record["teacher_scores"] = [[0.7], [0.9]]
    name = f"movies-300, {count} draws"
    table = claims_over_draws(name, draws, 0.5)
    each = [claims_table(one, 0.5) for one in draws]
    assert list(table.columns) == COLUMNS and set(table.task) == {name}
    assert table.claim.tolist() == each[0].claim.tolist()
    mean = np.mean([of.effect for of in each], axis=0)
    assert table.effect.tolist() == pytest.approx(mean.tolist())
    assert set(table.draws) == {count} and set(table.seeds) == {3}
    assert table.lead_a.tolist() == pytest.approx(np.mean([of.lead_a for of in each], 0).tolist())
    conditional = table.note.str.contains("conditional on these draws")
    assert conditional.all() if count == 2 else not conditional.any()
    assert table.seeds_needed.isna().all() == (count == 3)
    assert table.sentence.str.contains(f"3 seeds of each of {count} draws, 74 examples").all()
    # Teachers are trained on each draw, and another may be best.
    practice = table[table.claim == PRACTICE].iloc[0]
    assert practice.b == "the best teacher on selection of each draw"
    assert each[0][each[0].claim == PRACTICE].b.item().startswith("bert, ")


def test_a_seed_that_one_draw_lost_is_in_none():
    draws = [drawn(1), drawn(2)]
    lost = make_examples(STUDY, diverged={"average": ["2"]})
    lost.record["task"] = "movies-3"
    table = claims_over_draws("movies-300, 3 draws", [*draws, lost], 0.5)
    seeds = table.set_index("claim").seeds
    assert seeds["distillation"] == 3 and seeds["several teachers"] == 2
    gone = make_examples(STUDY, diverged={"average": ["1", "2", "3"]})
    table = claims_over_draws("movies-300, 3 draws", [*draws, gone], 0.5)
    row = table[table.claim == "several teachers"].iloc[0]
    assert (row.seeds, row.verdict) == (0, "no verdict") and len(table) == 4


def test_figure_and_tables_show_them_beside_each_draws_own(tmp_path):
    names = ["movies-0", "movies-1"]
    study = make_study(seeds=STUDY["seeds"], metrics=dict.fromkeys(names, "f1"))
    study |= {"tasks": names, "report_splits": dict.fromkeys(names, ["report"])}
    pooled = "movies-300, 2 draws"
    study["draws"] = {pooled: names}
    draws = [drawn(number) for number in (0, 1)]
    parts = [claims_table(one, 0.5) for one in draws] + [claims_over_draws(pooled, draws, 0.5)]
    tables = {"claims": pd.concat(parts, ignore_index=True)}
    titles = [axis.get_title(loc="left") for axis in claims_figure(tables, study).axes]
    assert titles == [f"{name} (f1), n=74" for name in [*names, pooled]]
    (shown,) = draws_tables(tables, study, pooled)
    assert pooled in shown.caption and len(shown.rows) == 4
