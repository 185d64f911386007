"""Tables and report of studies of every shape, from toy examples: none needs a full study."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import toy_examples
from test_tables import make_study
from toy_examples import make_examples, runs_of

from mtkd.analysis.audit import label_map_table
from mtkd.analysis.checks import checks_table
from mtkd.analysis.claims import claims_over_draws, claims_table
from mtkd.analysis.constant import skill_table
from mtkd.analysis.gap import gap_table
from mtkd.analysis.master import master_table, render_master
from mtkd.analysis.measures.by_region import agreement_table, failures_table
from mtkd.analysis.measures.quality import quality_table, reliability_table
from mtkd.analysis.over_tasks import over_tasks_table, profiles_table
from mtkd.analysis.predicted import (
    PREDICTION_COLUMNS,
    forecast_skill,
    inheritance_table,
    scored_predictions,
)
from mtkd.analysis.published.flags import Flag, flags
from mtkd.analysis.published.reported import fusion_of, reported_from_study
from mtkd.analysis.ranking import ranking_table
from mtkd.analysis.registration import statement
from mtkd.analysis.selection import grid_table
from mtkd.analysis.soft_label_tables import (
    confidence_table,
    fidelity_table,
    human_prediction_table,
    human_table,
    identification_table,
)
from mtkd.analysis.success import success_metrics
from mtkd.analysis.tables import read_table
from mtkd.analysis.who_is_right import ambiguity_table, disagreement_table
from mtkd.config.schema import Strategy
from mtkd.records.examples import read_examples, write_examples
from mtkd.report.answer import answers
from mtkd.report.data import rows_table, warnings_of
from mtkd.report.latex import latex_table
from mtkd.report.page import render
from mtkd.report.registration import registration_shown
from mtkd.report.study_results import study_tables
from mtkd.report.task_results import draws_tables, task_tables
from mtkd.report.unsaid import unsaid
from mtkd.study.arms import described

PAGES = Path(__file__).parents[2] / "report"
OF_EXAMPLES = {
    "skill": skill_table, "checks": checks_table, "gap": gap_table, "quality": quality_table,
    "reliability": reliability_table, "agreement": agreement_table, "failures": failures_table,
    "fidelity": fidelity_table, "human": human_table, "disagreement": disagreement_table,
    "ambiguity": ambiguity_table,
}  # fmt: skip
OF_RUNS = {"ranking": ranking_table, "over_tasks": over_tasks_table, "profiles": profiles_table}


def tables_of(study, task, folder, diverged):
    """Every table that the report shows, as its rules make them and as it reads them."""
    write_examples(folder / "examples", make_examples(study, task, 40, diverged=diverged))
    examples = read_examples(folder / "examples")
    runs_of(examples, study).to_csv(folder / "runs.csv", index=False)
    runs, names = read_table(folder / "runs.csv"), examples.record["teachers"]
    tables = {name: make(examples) for name, make in OF_EXAMPLES.items()}
    tables |= {name: make(runs, study) for name, make in OF_RUNS.items()}
    tables |= {"claims": claims_table(examples, study["margin"]), "grid": grid_table(runs)}
    apart = examples.teachers_apart()
    tables["confidence"] = confidence_table(task, apart, names, ["1", *study["T"]])
    tables["identification"] = identification_table(task, apart, ["1"])
    predicted = pd.DataFrame(columns=PREDICTION_COLUMNS)
    tables["audit_scored"] = scored_predictions(predicted, tables["claims"])
    tables["audit_skill"] = forecast_skill(tables["audit_scored"])
    tables["inheritance"] = inheritance_table(runs)
    tables["human_prediction"] = human_prediction_table(tables["human"], tables["quality"])
    tables["master"] = master_table(runs, study, tables["skill"])
    reported = reported_from_study(runs, study, tables, fusion_of(examples))
    tables["flags"] = pd.DataFrame(flags(reported), columns=Flag._fields)
    label_map_table(task, examples.teachers["selection"], examples.labels["selection"], names,
                    examples.record["labels"])  # fmt: skip
    render_master(tables["master"], study)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    return {name: read_table(folder / f"{name}.csv") for name in tables}


def arm(strategy, *teachers, **recipe):
    own = Strategy(**recipe) if recipe else None
    return described(strategy, "+".join(teachers) or "none", own)


NONE, CNN, AVERAGE = arm("none"), arm("single", "cnn"), arm("average", "cnn", "bert")
SOLO = arm("solo", "cnn", fusion="single")
LONE = arm("lone-control", "cnn", fusion="single", control=True)
POOLED = arm("pool-control", "cnn", "bert", operator="linear-pool", control=True)


@pytest.mark.parametrize(
    ("task", "arms", "diverged", "said"),
    [
        ("movies", [NONE], False, ["Anything about distillation", "no two arms", "No gap"]),
        ("movies", [CNN], False, ["no arm without distillation", "no arm has several"]),
        ("movies", [NONE, CNN, AVERAGE], True, ["has 1 seed"]),
        (
            "movies",
            [NONE, SOLO, AVERAGE, LONE, POOLED],
            False,
            ["Distill: solo", "Control: lone-control", "Control: pool-control"],
        ),
        ("movies", [SOLO], False, ["no arm without distillation", "no arm has several"]),
        ("movies", [LONE, POOLED], False, ["no arm without distillation", "no two arms"]),
        ("forty", [NONE, AVERAGE], False, ["no arm has a single one"]),
    ],
)
def test_every_shape_has_its_tables_and_its_report(
    tmp_path, monkeypatch, task, arms, diverged, said
):
    monkeypatch.setitem(toy_examples.LABELS, "forty", [f"class {n}" for n in range(40)])
    one = {"metrics": {task: "macro_f1"}, "report_splits": {task: ["report"]}}
    study = make_study(tasks=[task], arms=arms, seeds=["1"]) | (one if task == "forty" else {})
    lost = {arm["strategy"]: study["seeds"] for arm in arms} if diverged else {}
    tables = tables_of(study, task, tmp_path, lost) | {"failed": pd.DataFrame()}
    page = page_of(tables, study, {task: task_tables(tables, study, task)})
    assert all(words in page for words in said)


def test_claims_over_draws_have_a_section_and_the_practitioners_answer_comes_first(tmp_path):
    study = make_study(tasks=["movies"], seeds=["1", "2", "3"])
    tables = tables_of(study, "movies", tmp_path, {}) | {"failed": pd.DataFrame()}
    examples, name = read_examples(tmp_path / "examples"), "movies-300, 2 draws"
    study["draws"] = {name: ["movies", "movies"]}
    over = claims_over_draws(name, [examples, examples], study["margin"])
    tables["claims"] = pd.concat([tables["claims"], over], ignore_index=True)
    sections = {"movies": task_tables(tables, study, "movies")}
    page = page_of(tables, study, sections | {name: draws_tables(tables, study, name)})
    assert 'href="#task-movies-300-2-draws"' in page and 'id="task-movies-300-2-draws"' in page
    assert "Intervals and verdicts are conditional on these draws." in page
    first, then = (page.index(word) for word in ("the best teacher on selection", "one multi-"))
    assert page.index('id="answer"') < first < then < page.index('id="findings"')


def page_of(tables, study, of_tasks) -> str:
    """The report of a study's tables, whose LaTeX can be made too."""
    shown, task = study_tables(tables, study), study["tasks"][0]
    every = [*shown, *(table for of_task in of_tasks.values() for table in of_task)]
    assert all(latex_table(table, "x") for table in every if len(table.rows))
    splits = ["train", "selection", *study["report_splits"][task]]
    rows = {"tables": dict.fromkeys(splits, {"lines": 3, "rows": 2, "dropped": {}})}
    rows |= {"labels": dict.fromkeys(splits, [1, 1]), "overlap": [], "warnings": ["few"]}
    infos = {task: {"labels": ["a", "b"], "account": rows}}
    known = {"labels": [], "rows": {}, "data": ""}
    provenance = dict.fromkeys(
        ["pools", "runs", "devices", "precisions", "versions", "seconds", "teachers"], {}
    ) | {"warnings": []}
    provenance |= {"code": {}, "training": [], "gpu_hours": 0.0, "tasks": {task: known}}
    provenance["mixed_precision"] = []
    claimed = statement(study | {"students": ["small"]}, [], {})
    registered = {"date": "2026", "students_trained": 0, "said": claimed}
    return render(
        PAGES, "report.html.j2", study=study, seeds="", settings="", unsaid=unsaid(study),
        answers=answers(tables["claims"], study),
        claims=tables["claims"].to_dict("records"), failed=[], tasks=of_tasks,
        tables={table.name: table for table in shown}, figures=[], provenance=provenance,
        data=rows_table(study, infos), warnings=warnings_of(study, infos),
        success=success_metrics(tables["gap"], tables["claims"], study), times=[],
        framework=[], framework_claims=[], framework_figures=[], failed_title="",
        registration=registration_shown([registered], tables["claims"]),
    )  # fmt: skip
