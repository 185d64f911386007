"""Figures: what they state, that nothing is cut off, and that saving them is reproducible."""

from __future__ import annotations

import io
import math
import re

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from test_tables import ARMS, by_split, diverged, hand_values, make_records, make_study, other, pick
from toy_examples import make_examples, runs_of

from mtkd.analysis.claims import claims_table
from mtkd.analysis.gap import gap_table
from mtkd.analysis.master import methods, report_values, summary
from mtkd.analysis.measures.by_region import agreement_table, failures_table
from mtkd.analysis.measures.quality import quality_table, reliability_table
from mtkd.analysis.over_tasks import profiles_table
from mtkd.analysis.ranking import ranking_table
from mtkd.analysis.soft_label_tables import confidence_table, fidelity_table, human_table
from mtkd.analysis.tables import read_table, runs_table
from mtkd.analysis.who_is_right import ambiguity_table
from mtkd.config.schema import Strategy
from mtkd.figures.by_region import agreement_figure, ambiguity_figure, failures_figure
from mtkd.figures.catalogue import figures_of
from mtkd.figures.claims import advantage_figure, claims_figure
from mtkd.figures.costs import _frontier, costs_figure
from mtkd.figures.gap import gap_figure
from mtkd.figures.heatmap import heatmap_figure
from mtkd.figures.labels import labels_figure
from mtkd.figures.master import master_figure
from mtkd.figures.quality import ceilings_figure, reliability_figure
from mtkd.figures.ranking import profiles_figure, ranking_figure
from mtkd.figures.soft_labels import confidence_figure, fidelity_figure, human_figure
from mtkd.figures.style import WIDTH, colour, save_figure
from mtkd.study.arms import described
from mtkd.study.facts import FACTS
from mtkd.study.view import teacher_names

STUDY = make_study(T=["2", "10"], alpha=["0.5", "0.9"])


def scores(task, name, T, alpha, seed):
    """By hand, with T=10 best on selection, and on movies both teachers below the student."""
    selection, report = hand_values(task, name, T, alpha, seed)
    selection += 0.01 * (T == "10")
    return selection, report - 0.2 * (task == "movies" and name in ("cnn", "bert"))


@pytest.fixture(scope="module")
def runs():
    """One diverged run, and one arm absent from a task."""
    records = make_records(STUDY, scores)
    gone = next(
        i
        for i, r in enumerate(records)
        if (r["task"], r["strategy"], r["T"], r["alpha"]) == ("mnli", "average", "10", "0.5")
    )
    records[gone] = diverged(records[gone])
    return runs_table(r for r in records if (r["task"], r["teachers"]) != ("movies", "cnn"))


def gaps(runs) -> pd.DataFrame:
    """A gap table of an arm's students, where there are runs: a gap on mnli, none on movies."""
    gained = [("movies", "cnn+bert", 0.06), ("movies", "bert", 0.05)]
    gained += [("mnli", "cnn", 0.02), ("mnli", "bert", 0.05), ("mnli", "cnn+bert", 0.06)]
    rows = [
        {
            "task": task,
            "against": "teacher",
            "reference": "bert",
            "reference_value": 0.75,
            "none_value": 0.61,
            "strategy": "average" if "+" in teachers else "single",
            "teachers": teachers,
            "seeds": 2,
            "n": 100,
            "gap": task == "mnli",
            "fraction": value / 0.14 if task == "mnli" else math.nan,
            "low": -math.inf if teachers == "cnn" else value / 0.2,
            "high": math.inf if teachers == "cnn" else value / 0.1,
            "difference": value,
            "difference_low": value - 0.01,
            "difference_high": value + 0.01,
        }
        for task, teachers, value in gained
    ]
    return pd.DataFrame(rows)[: len(rows) * ("student" in set(runs.kind))]


FIGURES = {
    "master": lambda runs, study: master_figure({"runs": runs}, study),
    "gap": lambda runs, study: gap_figure({"gap": gaps(runs)}, study),
    "heatmap": lambda runs, study: heatmap_figure({"runs": runs}, study, "mnli"),
}


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


@pytest.mark.parametrize("name", FIGURES)
def test_captions_state_seeds_settings_and_examples(name, runs):
    caption = " ".join(FIGURES[name](runs, STUDY).get_suptitle().split())
    assert "2 student seeds (1, 2), teacher seed 1" in caption
    assert "report" in caption and "selection" in caption
    if name != "heatmap":  # whose axes are T and alpha
        assert "T in {2, 10}, alpha in {0.5, 0.9}, chosen on selection" in caption
    assert any("n=100" in text for text in texts(FIGURES[name](runs, STUDY)))


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("seeds", [["1"], ["1", "2"]])
def test_no_text_is_cut_off_or_tiny(name, seeds):
    study = STUDY | {"seeds": seeds}
    check_drawing(FIGURES[name](runs_table(make_records(study, scores)), study))


def check_drawing(figure):
    """Nothing reaches out of the page, and nothing is too small to read."""
    canvas = FigureCanvasAgg(figure)
    # As drawing does first.
    figure.get_layout_engine().execute(figure)
    drawn = figure.get_tightbbox(canvas.get_renderer())  # inches; ticks out of range left out
    width, height = figure.get_size_inches()
    assert width == WIDTH
    assert -0.01 <= drawn.x0 <= drawn.x1 <= width + 0.01
    assert -0.01 <= drawn.y0 <= drawn.y1 <= height + 0.01
    assert min(text.get_fontsize() for text in figure.findobj(Text)) >= 7


def test_master_has_a_panel_for_each_report_split_and_names_the_metric(runs):
    figure = master_figure({"runs": runs}, STUDY)
    panels = [axis for axis in figure.axes if axis.axison]
    assert [axis.get_title(loc="left") for axis in panels] == [
        "movies (f1), n=100",
        "mnli report_m (accuracy), n=100",
        "mnli report_mm (accuracy), n=100",
    ]
    assert [axis.get_xlabel() for axis in panels] == ["f1 (%)", *["accuracy (%)"] * 2]
    rows = [label.get_text() for label in panels[0].get_yticklabels()]
    assert rows[0] == "Teacher: cnn" and rows[-1] == "Multi: average"
    missing = [text for text in panels[0].texts if text.get_text() == "no runs"]
    assert [rows[round(text.get_position()[1])] for text in missing] == ["Distill: cnn"]


def test_master_says_where_a_seed_is_missing():
    records = make_records(make_study(), hand_values)
    gone = pick(records, "mnli", "single", "bert", "2")
    records[gone] = diverged(records[gone])
    panels = master_figure({"runs": runs_table(records)}, make_study()).axes[:3]
    assert [[t.get_text() for t in axis.texts].count("1 seed") for axis in panels] == [0, 1, 1]


def test_a_reference_far_away_becomes_a_note():
    def far(task, name, *axes):
        return (
            (0.2, 0.2) if name == "tfidf" and task == "movies" else hand_values(task, name, *axes)
        )

    study = make_study(metrics={"movies": "accuracy", "mnli": "accuracy"})
    figure = master_figure({"runs": runs_table(make_records(study, far))}, study)
    assert "◂ TF-IDF 20.00" in texts(figure)
    assert figure.axes[0].get_xlim()[0] > 60


def test_every_reference_has_a_line_or_a_note_of_its_own():
    own = {"tfidf": 0.2, "valences": 0.25, "both": 0.98, "a-long-name-of-one": 0.75}

    def values(task, name, *axes):
        return (own[name], own[name]) if name in own else hand_values(task, name, *axes)

    study = make_study(metrics={"movies": "accuracy", "mnli": "accuracy"}, references=list(own))
    figure = master_figure({"runs": runs_table(make_records(study, values))}, study)
    check_drawing(figure)
    notes = {"◂ TF-IDF 20.00", "◂ valences 25.00", "both 98.00 ▸"}
    assert notes <= set(texts(figure))
    places = [t.get_position()[1] for t in figure.axes[0].texts if t.get_text() in notes]
    assert len(set(places)) == 3
    (legend,) = figure.legends
    named = {line.get_label(): line for line in legend.legend_handles}
    titles = [f"Reference: {name}" for name in ("TF-IDF", *list(own)[1:], "constant")]
    assert set(titles) <= named.keys()
    drawn = [line.get_xdata()[0] for line in figure.axes[0].lines if len(line.get_xdata()) == 2]
    assert pytest.approx(75) in drawn


def test_heatmap_frames_the_cell_chosen_on_selection_and_annotates_mean_and_sd(runs):
    figure = heatmap_figure({"runs": runs}, STUDY, "mnli")
    panel = figure.axes[1]
    assert panel.get_title(loc="left") == "bert"
    # Report, mean of both splits: .66 and .68 in percent.
    assert "67.00\n±1.41" in [text.get_text() for text in panel.texts]
    frames = [patch for patch in panel.patches if isinstance(patch, Rectangle)]
    assert {(round(f.get_x() + 0.45), round(f.get_y() + 0.44)) for f in frames} == {(0, 1)}
    limits = {axis.images[0].get_clim() for axis in figure.axes[:3]}
    assert len(limits) == 1


def test_heatmap_marks_cells_with_fewer_seeds(runs):
    said = texts(heatmap_figure({"runs": runs}, STUDY, "mnli"))
    marked = [text for text in said if "†\n" in text]
    lone = [text for text in said if text.endswith("†")]
    assert (marked, lone) == ([], ["69.00†"])


def test_gap_prints_points_where_there_is_no_gap(runs):
    movies, mnli = FIGURES["gap"](runs, STUDY).axes
    assert movies.get_xlabel() == "no gap: difference to none (points)"
    assert mnli.get_xlabel().startswith("gap closed (%)")
    points = [line.get_xdata()[0] for line in movies.lines if line.get_marker() in ("o", "s")]
    assert points == pytest.approx([5.0, 6.0])  # in the order of the study's arms
    closed = [line.get_xdata()[0] for line in mnli.lines if line.get_marker() in ("o", "s")]
    assert closed == pytest.approx([100 * gained / 14 for gained in (2, 5, 6)])


def test_a_teacher_and_its_student_share_a_colour_and_arms_differ():
    arms = [arm | {"teacher": None} for arm in STUDY["arms"]]
    colours = [to_hex(colour(arm, STUDY)) for arm in arms]
    assert len(set(colours)) == len(arms)
    teacher = {"strategy": None, "teachers": None, "teacher": "bert"}
    assert to_hex(colour(teacher, STUDY)) == colours[2]


def test_saving_twice_gives_the_same_bytes_and_leaves_nothing_else(runs, tmp_path):
    for folder in ("a", "b"):
        save_figure(FIGURES["gap"](runs, STUDY), tmp_path / folder / "gap.v1", dpi=50)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {"gap.v1.png", "gap.v1.pdf"}
    for name in names:
        content = (tmp_path / "a" / name).read_bytes()
        assert content == (tmp_path / "b" / name).read_bytes()
        assert b"CreationDate" not in content


def test_unfinished_studies_are_drawn_too():
    empty = runs_table([])
    records = [other(STUDY, "mnli", "teacher", "cnn", by_split(STUDY, "mnli", 0.7, 0.7))]
    for runs in (empty, runs_table(records)):
        for figure in FIGURES.values():
            assert "no runs" in texts(figure(runs, STUDY))


# Figures of the analyses

ANALYSES = {
    "claims": claims_figure,
    "multi_teacher_advantage": advantage_figure,
    "agreement_regions": agreement_figure,
    "failure_categories": failures_figure,
    "errors_by_ambiguity": ambiguity_figure,
    "teacher_confidence": confidence_figure,
    "fidelity": fidelity_figure,
    "human_soft_labels": human_figure,
    "reliability": reliability_figure,
    "ceilings": ceilings_figure,
    "ranking": ranking_figure,
    "performance_profiles": profiles_figure,
    "costs": costs_figure,
}
# Those of scores over all tasks.
WITHOUT_EXAMPLES = ("ranking", "performance_profiles")


def costs_of(study) -> list[dict]:
    """A row for each model of a study on each task, at two numbers of threads."""
    teachers = teacher_names(study)
    milliseconds = {("teacher", name): 10.0 + n for n, name in enumerate(teachers)}
    if len(teachers) > 1:
        milliseconds["ensemble", "+".join(teachers)] = 40.0
    milliseconds |= {("student", study["student"]): 2.0, ("reference", "tfidf"): 0.5}
    return [
        {
            "task": task,
            "kind": kind,
            "name": name,
            "form": form,
            "threads": threads,
            "latency_ms": own * faster / threads,
            "device": "cpu",
            "processor": "a processor",
            "cores": 2,
            "load": 0.5,
        }
        for task in study["tasks"]
        for (kind, name), own in milliseconds.items()
        for form, faster in {"torch": 1, "onnx": 0.5, "int8": 0.3}.items()
        for threads in (1, 2)
        if form == "torch" or kind == "student"
    ]


def make_tables(study, diverged=None, n=60) -> dict[str, pd.DataFrame]:
    """Every table that a figure is drawn from, as their CSV files give them back."""
    tasks = [make_examples(study, task, n, True, diverged) for task in study["tasks"]]
    runs = pd.concat([runs_of(task, study) for task in tasks], ignore_index=True)
    temperatures = list(dict.fromkeys(["1", *study["T"]]))
    tables = {
        "claims": [claims_table(task, study["margin"]) for task in tasks],
        "agreement": map(agreement_table, tasks),
        "failures": map(failures_table, tasks),
        "ambiguity": map(ambiguity_table, tasks),
        "confidence": [
            confidence_table(e.record["task"], e.teachers, e.record["teachers"], temperatures)
            for e in tasks
        ],
        "fidelity": map(fidelity_table, tasks),
        "human": map(human_table, tasks),
        "quality": map(quality_table, tasks),
        "reliability": map(reliability_table, tasks),
        "ranking": [ranking_table(runs, study)],
        "profiles": [profiles_table(runs, study)],
        "runs": [runs],
        "costs": [pd.DataFrame(costs_of(study))],
    }
    return {
        name: read_table(io.StringIO(pd.concat(parts, ignore_index=True).to_csv(index=False)))
        for name, parts in tables.items()
    }


@pytest.fixture(scope="module")
def tables():
    return make_tables(STUDY)


def test_scores_stand_at_their_number_of_labels():
    """Lines of teachers and of single-teacher students are means; every point is the table's."""
    study = make_study(metrics={"movies": "accuracy", "mnli": "accuracy"}) | {
        "budgets": {"reviews": {"movies": 100, "mnli": 300}}
    }
    runs = runs_table(make_records(study, hand_values))
    figure = labels_figure({"runs": runs}, study)
    axis = figure.axes[0]
    assert axis.get_title(loc="left") == "reviews" and axis.get_xscale() == "log"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["100", "300"]
    means = summary(report_values(runs, study)).groupby(["method", "task"])["mean"].mean()
    kinds = methods(study).set_index("method").type
    expected = {
        tuple(round(100 * means[:, task][kinds[kinds == kind].index].mean(), 6) for task in
              ("movies", "mnli"))
        for kind in ("teacher", "single", "baseline", "multi")
    }  # fmt: skip
    drawn = {tuple(round(y, 6) for y in line.get_ydata()) for line in axis.lines}
    assert expected <= drawn
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"teachers", "students of one teacher", "Student: no distillation"} <= set(legend)


def test_every_figure_is_tested():
    # The last beside the table that it is drawn from, in test_framework_students.
    known = [
        "master_comparison",
        "labels",
        "teacher_student_gap",
        *ANALYSES,
        "attenuation_students",
    ]
    assert sorted(figures_of("figures", FACTS)) == sorted([*known, "t_alpha_heatmap/{task}"])


@pytest.mark.parametrize("name", ANALYSES)
def test_captions_of_analyses_state_seeds_settings_split_and_examples(name, tables):
    figure = ANALYSES[name](tables, STUDY)
    caption = " ".join(figure.get_suptitle().split())
    if name == "teacher_confidence":  # without students
        assert "Teacher seed 1." in caption and "temperatures that students are trained" in caption
    else:
        assert "2 student seeds (1, 2), teacher seed 1" in caption
        assert "T in {2, 10}, alpha in {0.5, 0.9}, chosen on selection" in caption
        assert "report" in caption
    stated = any(re.search(r"n=\d", text) for text in texts(figure))
    assert stated == (name not in WITHOUT_EXAMPLES)


LONG = "a-teacher-with-a-long-name"
TWO_AVERAGES = [
    described("none", "none"),
    *(described("single", t) for t in ("cnn", "bert", LONG)),
    described("average", "cnn+bert"),
    described("average", f"cnn+bert+{LONG}"),
    described("gating", f"cnn+bert+{LONG}"),
]
# Of two report splits, and so panels.
ONE_TASK = STUDY | {"tasks": ["mnli"]}
# A suite's own recipes: of one teacher, and controls of one and of several.
OWN = {
    "solo": ("bert", Strategy(fusion="single")),
    "lone-control": ("bert", Strategy(fusion="single", control=True)),
    "pool-control": ("cnn+bert", Strategy(operator="linear-pool", control=True)),
}
OWN_ARMS = [*ARMS, *(described(name, *of) for name, of in OWN.items())]
STUDIES = {
    "one seed of one split": (STUDY | {"tasks": ["movies"], "seeds": ["1"]}, None),
    "two averages": (STUDY | {"seeds": ["1", "2", "3"], "arms": TWO_AVERAGES}, None),
    "lost arms": (STUDY, {"single": ["1", "2"], "average": ["2"]}),
    "no undistilled arm": (ONE_TASK | {"arms": ARMS[1:]}, None),
    "one teacher": (ONE_TASK | {"arms": ARMS[:2]}, None),
    "no student": (ONE_TASK, dict.fromkeys(("none", "single", "average"), ["1", "2"])),
}


@pytest.mark.parametrize("what", STUDIES)
def test_no_text_of_analyses_is_cut_off_or_tiny(what):
    study, lost = STUDIES[what]
    made = make_tables(study, lost)
    for draw in ANALYSES.values():
        check_drawing(draw(made, study))


# Curves of single teachers and of the plain average alone; gains of what can be the best.
WITHOUT_CONTROLS = ("reliability", "performance_profiles", "costs")


def test_a_suites_own_single_and_controls_are_in_every_figure_of_arms():
    study = ONE_TASK | {"arms": OWN_ARMS}
    made = make_tables(study) | {
        "gap": pd.concat(gap_table(make_examples(study, task)) for task in study["tasks"])
    }
    runs = runs_table(make_records(study, lambda *of: (0.7, 0.72)))
    figures = {name: draw(made, study) for name, draw in ANALYSES.items()}
    figures |= {"gap": gap_figure(made, study), "master": master_figure({"runs": runs}, study)}
    figures["heatmap"] = heatmap_figure({"runs": runs}, study, "mnli")
    for name, figure in figures.items():
        wanted = ["solo"] if name in WITHOUT_CONTROLS else list(OWN)
        # Of teachers, and of families.
        if name not in ("teacher_confidence", "multi_teacher_advantage"):
            said = " ".join(texts(figure))
            assert [own for own in OWN if own in said] == wanted, name
    compared = [label.get_text() for label in figures["claims"].axes[0].get_yticklabels()]
    assert {row for row in compared if "control" in row} == {
        "bert − lone-control", "solo − lone-control", "average − pool-control"
    }  # fmt: skip
    # No candidate for the best of its kind.
    assert "one multi − one single" in compared
    (legend,) = figures["ceilings"].legends
    drawn = {line.get_label(): line.get_marker() for line in legend.legend_handles}
    assert [drawn[name] for name in ("bert", *OWN)] == ["o", "o", "X", "X"]


def test_a_control_without_teachers_is_drawn_where_it_has_something_to_show():
    ceiling = {"strategy": "all-labels", "teachers": "none", "family": "control", "fusion": "none"}
    study = ONE_TASK | {"arms": [*ARMS, ceiling]}
    made = make_tables(study) | {
        "gap": pd.concat(gap_table(make_examples(study, task)) for task in study["tasks"])
    }
    runs = runs_table(make_records(study, lambda *of: (0.7, 0.72)))
    figures = {name: draw(made, study) for name, draw in ANALYSES.items()}
    figures |= {"gap": gap_figure(made, study), "master": master_figure({"runs": runs}, study)}
    said = {name: "all-labels" in " ".join(texts(figure)) for name, figure in figures.items()}
    assert said["master"] and said["ranking"] and said["failure_categories"]
    assert not said["ceilings"] and not said["fidelity"] and not said["human_soft_labels"]


@pytest.mark.parametrize("name", ANALYSES)
def test_empty_tables_are_drawn_and_say_so(name, tables):
    figure = ANALYSES[name]({key: table[:0] for key, table in tables.items()}, STUDY)
    assert "no runs" in texts(figure)
    check_drawing(figure)


def test_claims_are_drawn_with_effect_verdict_and_margin(tables):
    figure = claims_figure(tables, STUDY)
    movies = tables["claims"][tables["claims"].task == "movies"]
    panel = figure.axes[0]
    assert panel.get_title(loc="left") == "movies (f1), n=74"
    shown = [text.get_text() for text in panel.texts]
    said = [f"{row.effect:+.2f}  {row.verdict}" for row in movies.itertuples()]
    assert shown == [text.replace("-", "−") for text in said]
    assert panel.get_xlim() == (-1.5, 1.5)  # three margins
    rows = [label.get_text() for label in panel.get_yticklabels()]
    assert rows[0] == "distillation − none" and rows[1] == "average − cnn (best teacher)"
    weights = [label.get_fontweight() for label in panel.get_yticklabels()]
    assert weights[:3] == ["bold", "bold", "normal"]


@pytest.fixture(scope="module")
def without_average():
    return make_tables(ONE_TASK, {"average": ["1", "2"]})


def test_a_claim_without_a_shared_seed_says_so(without_average):
    assert "no seed finished on both sides" in texts(claims_figure(without_average, ONE_TASK))


def test_failures_are_stacked_to_the_error_rate(tables):
    panel = failures_figure(tables, STUDY).axes[0]
    rows = tables["failures"]
    rows = rows[(rows.task == "movies") & (rows.arm == "bert") & rows.partition]
    rate = 100 * rows.errors.sum() / 74
    assert panel.texts[2].get_text() == f" {rate:.1f}"
    assert panel.texts[2].get_position()[0] == pytest.approx(rate)


def test_arms_without_runs_are_named(without_average):
    for draw in (failures_figure, fidelity_figure):
        said = [text.strip() for text in texts(draw(without_average, ONE_TASK))]
        assert said.count("no runs") == {failures_figure: 2, fidelity_figure: 1}[draw]


def test_a_ceiling_pairs_a_teacher_with_its_student(tables):
    panel = ceilings_figure(tables, STUDY).axes[0]
    quality = tables["quality"][tables["quality"].task == "movies"].set_index(["kind", "name"])
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in panel.lines
              if line.get_marker() in ("o", "s")]  # fmt: skip
    pairs = [("teacher", "cnn"), ("teacher", "bert"), ("fused", "average")]
    wanted = [
        (100 * quality.score[kind, name], 100 * quality.score["student", name])
        for kind, name in pairs
    ]
    assert points == [pytest.approx(pair) for pair in wanted]


def test_raters_of_both_report_splits_have_a_panel_each(tables):
    figure = human_figure(tables, STUDY)
    titles = [axis.get_title(loc="left") for axis in figure.axes if axis.axison]
    assert titles == ["movies report, n=74", "mnli report_m, n=74", "mnli report_mm, n=81"]


def test_labels_are_as_far_from_people_as_those_that_students_saw(tables):
    figure = human_figure(tables, STUDY)
    assert "at the T that its students were trained with" in " ".join(figure.get_suptitle().split())
    human = tables["human"]
    own = human[(human.task == "movies") & (human["T"] == "2")].set_index("name").kl
    drawn = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() in "os"]
    assert drawn == pytest.approx(own[["cnn", "bert", "average"]].tolist())


def test_scores_stand_at_the_cost_of_their_model_at_one_thread(tables):
    figure = costs_figure(tables, STUDY)
    panel = figure.axes[0]
    assert panel.get_title(loc="left") == "movies (f1), n=74" and panel.get_xscale() == "log"
    *marks, frontier = panel.lines
    at = {}
    for line in marks:
        at.setdefault(line.get_xdata()[0], []).append(round(line.get_ydata()[0], 6))
    quality = tables["quality"][tables["quality"].task == "movies"].set_index(["kind", "name"])
    values = report_values(tables["runs"], STUDY)
    means = 100 * values[values.task == "movies"].groupby("method").value.mean()
    students = means[means.index.str.match("Student|Distill|Multi")]
    assert sorted(at[2.0]) == pytest.approx(sorted(students), abs=1e-5)
    # The form that answers as the student does has its scores, and that of eight bits none.
    assert at[1.0] == at[2.0] and 0.6 not in at
    hollow = {line.get_xdata()[0] for line in marks if line.get_fillstyle() == "none"}
    said = " ".join(figure.get_suptitle().split())
    assert hollow == {1.0} and "Its form of eight bits answers otherwise" in said
    assert at[10.0] == pytest.approx([means["Teacher: cnn"]], abs=1e-5)
    assert at[40.0] == pytest.approx([100 * quality.score["fused", "average"]], abs=1e-5)
    # No point lies above the line, and it rises.
    steps = list(zip(*frontier.get_data(), strict=True))
    assert steps == sorted(steps)
    for x, ys in at.items():
        assert max(ys) <= max(y for own, y in steps if own <= x) + 1e-5


def test_the_frontier_is_of_what_no_faster_one_beats():
    points = [(1.0, 70.0), (1.0, 60.0), (2.0, 65.0), (3.0, 80.0), (4.0, 79.0)]
    assert _frontier(points, 1) == [(1.0, 70.0), (3.0, 80.0), (4.0, 80.0)]
    # Of which less is better.
    assert _frontier(points, -1) == [(1.0, 60.0), (4.0, 60.0)]
    assert _frontier([], 1) == []


def test_ranks_are_written_with_their_range(tables):
    panel = ranking_figure(tables, STUDY).axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == [
        "movies\n(f1)", "mnli\n(accuracy)", "all",
    ]  # fmt: skip
    first = tables["ranking"].iloc[0]
    assert panel.texts[0].get_text() == f"{first['rank']:g}\n{first.rank_low:g}–{first.rank_high:g}"
    rows = panel.get_yticklabels()
    assert [label.get_text() for label in rows] == ["no distillation", "cnn", "bert", "average"]
    assert {label.get_rotation() for label in rows} == {0}


def test_reliability_curves_stay_in_their_frame(tables):
    for axis in reliability_figure(tables, STUDY).axes:
        low, high = axis.get_ylim()
        for line in axis.lines[1:]:
            assert low <= min(line.get_ydata()) and max(line.get_ydata()) <= high
