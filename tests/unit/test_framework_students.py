"""The framework's claims on students: known students, known verdicts; the report's section."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from jinja2 import Environment, FileSystemLoader
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.special import log_softmax, softmax
from test_tables import make_study

from mtkd.analysis.tables import read_table
from mtkd.figures.attenuation import attenuation_students_figure
from mtkd.framework.claims import COLUMNS, FAILS, HOLDS, OF_STUDENTS, UNDECIDABLE
from mtkd.framework.students import (
    DIVERSITY_COLUMNS,
    attenuation_students,
    diversity_gains,
    student_claims,
)
from mtkd.fusion.pools import pooled_logits
from mtkd.records.examples import Examples
from mtkd.records.files import write_text
from mtkd.report.figures import figures_shown
from mtkd.report.framework import claim_tables, framework_tables
from mtkd.study.arms import described

ROOT = Path(__file__).parents[2]
NAMES, T, N = ["a", "b", "c"], 2.0, 300
SWEEP = {
    f"{operator}-{share}": {
        "operator": operator,
        "weights": {"a": (1 - share) / 2, "b": (1 - share) / 2, "c": share},
    }
    for operator in ("linear-pool", "median")
    for share in (0.0, 0.25, 0.75)
}
POOLS = {**SWEEP, "linear-pool": {"operator": "linear-pool"}}
ARMS = [("single", "c"), *((name, "a+b+c") for name in POOLS)]
NO_CLAIMS = pd.DataFrame(columns=["task", "claim", "a"])


def study_of(arms=ARMS, **changes):
    arms = [described(strategy, teachers) for strategy, teachers in arms]
    return make_study(
        tasks=["mnli"], arms=arms, T=["2"], alpha=["1"], seeds=["1", "2", "3"], **changes
    )


def examples_of(taught, arms=ARMS, seeds=("1", "2", "3")):
    """Students [S, N, C] that ``taught`` makes of their soft labels; three classes."""
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=N)
    teachers = 2 * rng.normal(size=(3, 1, N, 3)) + np.eye(3)[labels]
    students, soft = [], []
    for strategy, members in arms:
        chosen = [NAMES.index(name) for name in members.split("+")]
        z = teachers[chosen, 0]
        pool = POOLS.get(strategy)
        fused = pooled_logits(pool, members.split("+"), z, T) if pool else z.mean(axis=0)
        soft.append(softmax(fused / T, axis=-1)[None])
        noise = 0.01 * rng.normal(size=(len(seeds), N, 3))
        students.append(taught(fused, labels) + noise)
    record = {
        "task": "mnli",
        "labels": ["x", "y", "z"],
        "metrics": ["accuracy"],
        "report_splits": ["report"],
        "teachers": NAMES,
        "teacher_seeds": ["1"],
        "arms": [
            described(s, t) | {"name": f"{s} ({t})", "T": "2", "alpha": "1",
             "seeds": list(seeds)}
            for s, t in arms
        ],
        "lost": [],
    }  # fmt: skip
    splits = ("selection", "report")
    return Examples(
        record,
        dict.fromkeys(splits, labels),
        {},
        dict.fromkeys(splits, teachers),
        dict.fromkeys(splits, students),
        dict.fromkeys(splits, soft),
        dict.fromkeys(splits, soft),
        np.arange(0),
    )


def faithful(fused, labels):
    return fused


def swept(pools, members="a+b+c"):
    """What is swept of arms of some pools: operator and weights by dissenting teacher."""
    examples = examples_of(faithful, [(name, members) for name in POOLS if name in pools])
    table = attenuation_students(examples, pools)
    return {
        (name, operator): of.weight.tolist()
        for (name, operator), of in table.groupby(["dissenter", "operator"], sort=False)
    }


def test_a_teacher_whose_weight_is_swept_dissents():
    # The others share the rest in one proportion: of a's and b's own weights that is not so.
    assert swept(SWEEP) == {
        ("c", operator): [0, 0.25, 0.75] for operator in ("linear-pool", "median")
    }
    assert swept({"linear-pool": {"operator": "linear-pool"}}) == {}
    assert swept({"median-0.25": SWEEP["median-0.25"]}) == {}
    # Others that share the rest unequally, but alike.
    uneven = {
        f"linear-pool-{share}": {
            "operator": "linear-pool",
            "weights": {"a": (1 - share) * 0.9, "b": (1 - share) * 0.1, "c": share},
        }
        for share in (0.0, 0.25, 0.75)
    }
    assert swept(uneven) == {("c", "linear-pool"): [0, 0.25, 0.75]}


def test_each_teachers_weight_is_swept_in_its_turn():
    weights = (0.0, 0.5)
    pools = {
        f"linear-{name}-{w}": {
            "operator": "linear-pool",
            "weights": {one: w if one == name else (1 - w) / 2 for one in NAMES},
        }
        for name in NAMES
        for w in weights
    }
    arms = [*(("single", name) for name in NAMES), *((name, "a+b+c") for name in pools)]
    POOLS.update(pools)
    try:
        examples = examples_of(faithful, arms)
    finally:
        for name in pools:
            del POOLS[name]
    table = attenuation_students(examples, pools)
    assert table.dissenter.tolist() == [name for name in NAMES for _ in range(3)]
    assert table.weight.tolist() == [0, 0.5, 1] * 3
    for _, of in table.groupby("dissenter"):
        assert (np.diff(of.mass) < 0).all() and (of.excess[of.weight == 0.5] < 0).all()
    # The class is the one that this teacher gives least: at w = 1 its own, less than of others.
    p = softmax(examples.teachers["report"][:, 0] / T, axis=-1)
    for k, name in enumerate(NAMES):
        wrong = [
            min(
                (c for c in range(3) if c != gold),
                key=lambda c, n=n, k=k: p[k, n, c] - np.delete(p[:, n, c], k).max(),
            )
            for n, gold in enumerate(examples.labels["report"])
        ]
        alone = table[(table.dissenter == name) & (table.weight == 1)].soft_mass.item()
        assert alone == pytest.approx(p[k, np.arange(N), wrong].mean(), abs=1e-6)
    learns = verdicts(examples, "a student learns the attenuated mass", pools)
    assert learns.to_dict() == {f"linear-pool, w of {name} from 0 to 1": HOLDS for name in NAMES}


def test_faithful_students_of_the_linear_pool_keep_to_the_bound_and_are_attenuated():
    table = attenuation_students(examples_of(faithful), POOLS)
    linear = table[table.operator == "linear-pool"]
    assert linear.weight.tolist() == [0, 0.25, 0.75, 1]
    assert np.allclose(linear.soft_mass, linear.mass, atol=0.002)
    assert (np.diff(linear.mass) < 0).all() and (np.diff(linear.bound) < 0).all()
    # At w = 0.25 and 0.75 by proof, with room for the noise of the students.
    assert (linear.excess[linear.weight.between(0.1, 0.9)] < 0).all()
    # At w = 1 the teacher alone: mass and bound are one.
    assert np.allclose(linear.excess.iloc[-1], 0, atol=0.002)
    assert table[table.operator == "median"].share_over.max() > 0.05


def test_mass_and_bound_by_hand():
    examples = examples_of(faithful)
    row = attenuation_students(examples, POOLS).set_index("arm").loc["linear-pool-0.25 (a+b+c)"]
    p = softmax(examples.teachers["report"][:, 0] / T, axis=-1)
    masses, bounds = [], []
    for n, gold in enumerate(examples.labels["report"]):
        wrong = [c for c in range(3) if c != gold]
        i = max(wrong, key=lambda c: max(p[0, n, c], p[1, n, c]) - p[2, n, c])
        masses.append(0.375 * p[0, n, i] + 0.375 * p[1, n, i] + 0.25 * p[2, n, i])
        bounds.append(0.75 * p[:, n, i].max() + 0.25 * p[2, n, i])
    assert np.isclose(row.soft_mass, np.mean(masses), atol=1e-6)
    assert np.isclose(row.bound, np.mean(bounds))


def test_a_sweep_is_of_one_group_of_teachers():
    # A pool of two of the teachers has another bound: without what the third gives the class.
    pair = {"operator": "linear-pool", "weights": {"c": 0.25, "b": 0.75}}
    pools = {"linear-pool-0.25": pair, "other": {**pair, "weights": {"c": 0.5, "b": 0.5}}}
    arms = [("linear-pool-0.25", "b+c"), ("single", "c")]
    examples = examples_of(faithful, arms)
    table = attenuation_students(examples, pools)
    assert table.dissenter.tolist() == ["b", "c", "c"] and table.weight.tolist() == [0.75, 0.25, 1]
    row = table[table.dissenter == "c"].iloc[0]
    p = softmax(examples.teachers["report"][:, 0] / T, axis=-1)
    bounds = []
    for n, gold in enumerate(examples.labels["report"]):
        i = max((c for c in range(3) if c != gold), key=lambda c: p[1, n, c] - p[2, n, c])
        bounds.append(0.75 * max(p[1, n, i], p[2, n, i]) + 0.25 * p[2, n, i])
    assert row.weight == 0.25 and np.isclose(row.bound, np.mean(bounds))
    # Beside arms of all three it is left out.
    arms = [*ARMS, ("pair", "b+c")]
    table = attenuation_students(examples_of(faithful, arms), {**POOLS, "pair": pair})
    assert not table.arm.str.startswith("pair").any() and len(table) == 8


def verdicts(examples, claim, pools=POOLS, claims=NO_CLAIMS):
    table = student_claims([examples], pools, diversity_gains(examples), claims)
    assert list(table.columns) == COLUMNS and set(table.claim) <= set(OF_STUDENTS)
    return table[table.claim == claim].set_index("where").verdict


def test_students_that_learn_and_students_that_do_not():
    claim = "a student learns the attenuated mass"
    learns = verdicts(examples_of(faithful), claim)
    assert learns["linear-pool, w of c from 0 to 1"] == HOLDS
    deaf = examples_of(lambda fused, labels: np.zeros_like(fused))
    assert set(verdicts(deaf, claim)) == {UNDECIDABLE}
    contrary = examples_of(lambda fused, labels: -fused)
    assert verdicts(contrary, claim)["linear-pool, w of c from 0 to 1"] == FAILS
    assert set(verdicts(examples_of(faithful, seeds=("1", "2")), claim)) == {UNDECIDABLE}


def test_log_loss_against_the_average_teacher():
    claim, where = "a student beats its average teacher", "linear-pool (a+b+c), T=2, alpha=1"
    knowing = examples_of(lambda fused, labels: 9.0 * np.eye(3)[labels])
    assert verdicts(knowing, claim)[where] == HOLDS
    assert (
        verdicts(examples_of(lambda fused, labels: -9 * np.eye(3)[labels]), claim)[where] == FAILS
    )
    table = student_claims([knowing], POOLS, diversity_gains(knowing), NO_CLAIMS)
    row = table[table.claim == claim].iloc[0]
    labels, rows = knowing.labels["report"], np.arange(N)
    of_teachers = -log_softmax(knowing.teachers["report"][:, 0], axis=-1).mean(axis=0)[rows, labels]
    students = knowing.students["report"][[s for s, _ in ARMS].index("linear-pool")]
    own = -log_softmax(students, axis=-1)[:, rows, labels]
    assert np.isclose(row.value, own.mean() - of_teachers.mean())


PAIRS = [("average", label) for label in ("a+b", "a+c", "b+c", "a+b+c")]


def gains_of(gains):
    """A table of two tasks, diversity rising over four arms, with these gains."""
    rows = [
        {"task": task, "arm": f"arm{i}", "teachers": "a+b", "members": 2, "diversity": i / 9,
         "gain": gain, "seeds": 3, "n": N}
        for task in ("one", "two") for i, gain in enumerate(gains)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=DIVERSITY_COLUMNS)


@pytest.mark.parametrize(
    ("gains", "correlation"), [([1, 2, 3, 4], 1), ([4, 3, 2, 1], -1), ([2, 4, 1, 3], 0)]
)
def test_gain_against_diversity_is_described_and_never_decided(gains, correlation):
    table = student_claims([], POOLS, gains_of(gains), NO_CLAIMS)
    assert table.verdict.tolist() == [UNDECIDABLE] and table.task.tolist() == ["all"]
    assert table["where"].tolist() == ["8 average arms on 2 tasks"]
    assert table.value[0] == pytest.approx(correlation, abs=1e-9)


def test_gains_are_over_the_arms_own_teachers():
    arms = [*(("single", name) for name in NAMES), *PAIRS]
    examples = examples_of(faithful, arms)
    table = diversity_gains(examples).set_index("teachers")
    assert table.index.tolist() == ["a+b", "a+c", "b+c", "a+b+c"]
    correct = [
        (students.argmax(-1) == examples.labels["report"]).mean()
        for students in examples.students["report"]
    ]
    assert np.isclose(table.gain["a+c"], 100 * (correct[4] - (correct[0] + correct[2]) / 2))
    few = student_claims([examples], {}, table.reset_index()[:2], NO_CLAIMS)
    assert few.verdict.tolist()[-1] == UNDECIDABLE


def test_the_gate_is_what_there_is_of_data_driven_weights():
    rows = {"task": "mnli", "claim": "strategy v average", "a": "learned gating", "b": "average"}
    rows |= {"metric": "accuracy", "effect": 1.0, "low": 0.1, "high": 1.9}
    for verdict, expected in (
        ("better", HOLDS),
        ("equivalent", FAILS),
        ("undecidable", UNDECIDABLE),
    ):
        claims = pd.DataFrame([rows | {"verdict": verdict}])
        found = verdicts(examples_of(faithful), "data-driven weights help", claims=claims)
        assert found.tolist() == [expected]


def test_figure_and_section_show_them(tmp_path):
    examples = examples_of(faithful)
    study = study_of()
    table = attenuation_students(examples, POOLS)
    # As it is read back, where some names of columns are taken for axes.
    (tmp_path / "attenuation_students.csv").write_text(table.to_csv(index=False))
    table = read_table(tmp_path / "attenuation_students.csv")
    figure = attenuation_students_figure({"attenuation_students": table}, study)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    lines = {line.get_text() for line in figure.legends[0].get_texts()}
    assert lines == {"linear-pool", "median", "soft labels", "bound"}
    gains = gains_of([1, 2, 3, 4]).replace("one", "mnli")
    claims = student_claims([examples], POOLS, gains, NO_CLAIMS)
    shown = framework_tables({"framework": claims, "diversity_gain": gains}, study)
    assert framework_tables({}, study) == claim_tables({}, study) == []
    row = shown[0].rows.set_index("claim").loc["a student learns the attenuated mass"]
    assert (row["holds"], row["fails"], row["by"]) == ("2", "0", "interval")
    details = claim_tables({"framework": claims}, study)
    learns = next(one for one in details if one.title == "a student learns the attenuated mass")
    entry = learns.rows.set_index("where")["mnli"]["linear-pool, w of c from 0 to 1"]
    assert entry.startswith("holds (−0.")
    png = tmp_path / "fusion/mnli/variance.png"
    write_text(png, "")
    environment = Environment(loader=FileSystemLoader(ROOT / "report"), autoescape=True)
    page = environment.get_template("framework.html.j2").module.framework_section(
        shown, details, figures_shown([png], ["mnli"])
    )
    assert "a student learns the attenuated mass" in page and "<h3>Variance (mnli)</h3>" in page
