"""The report, the audit's page and the LaTeX tables: what they say, and that they stand alone."""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import warm
from test_tables import diverged, hand_values, make_records, make_study

from mtkd.analysis.catalogue import TABLES, tables_shown
from mtkd.analysis.claims import COLUMNS, PRIMARY
from mtkd.analysis.master import master_table
from mtkd.analysis.over_tasks import over_tasks_table, profiles_table
from mtkd.analysis.provenance import mixed_precisions, provenance, seconds_by_rule
from mtkd.analysis.ranking import ranking_table
from mtkd.analysis.registration import register, statement
from mtkd.analysis.selection import grid_table
from mtkd.analysis.sentences import sentence
from mtkd.analysis.success import success_metrics
from mtkd.analysis.tables import failed_table, runs_table
from mtkd.records.files import write_json
from mtkd.report.latex import escaped
from mtkd.report.shown import interval, p_value, points, seeds_needed, spread
from mtkd.study.arms import described

REPOSITORY = Path(__file__).parents[2]
STUDY = make_study(margin=2.0)
STUDY["arms"] = [*STUDY["arms"], described("weighted", "cnn+bert")]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
FIGURES = ["master_comparison", "multi_teacher_advantage", "t_alpha_heatmap/mnli", "reliability"]


def claim(task, kind, a, b, effect, verdict, note=""):
    row = dict.fromkeys(COLUMNS, 1.0) | {"task": task, "claim": kind, "a": a, "b": b, "note": note}
    row |= {"metric": STUDY["metrics"][task], "split": "report", "seeds": 3, "n": 1200}
    row |= {"effect": effect, "low": effect - 1, "high": effect + 1, "margin": 2.0}
    row["primary"] = row["claim"] in PRIMARY
    row |= {"seeds_needed": math.inf if verdict == "undecidable" else 3.0, "verdict": verdict}
    return row | {"sentence": sentence(row)}


CLAIMS = pd.DataFrame(
    [
        claim("movies", "several teachers", "best of 2 <several>", "best of 2", 3.2, "better"),
        claim("mnli", "several teachers", "best of 2 <several>", "best of 2", -0.1, "undecidable"),
        claim("movies", "strategy v mean single-teacher arm", "average", "mean single-teacher arm",
              0.4, "equivalent", "better, by less than the margin"),
        claim("mnli", "distillation", "mean of all arms", "no distillation", -4, "worse"),
    ]
)  # fmt: skip


def gap(task, against, reference, **values):
    row = {"task": task, "against": against, "reference": reference, "strategy": "average"}
    row |= {"teachers": "cnn+bert", "gap": True, "fraction": 0.4, "low": -0.1, "high": 0.9}
    return row | {"difference": 0.02, "difference_low": -0.01, "difference_high": 0.05} | values


GAPS = [
    gap("movies", "teacher", "bert"),
    gap("movies", "fused", "average", fraction=0.3),
    gap("mnli", "teacher", "cnn", gap=False, fraction=None, low=None, high=None),
]


def by_arm(**values):
    """A row for each task, report split and arm."""
    named = {"arm": "average", "strategy": "average", "teachers": "cnn+bert", "seeds": 2}
    return pd.DataFrame(
        {"task": task, "split": split, "n": 80} | named | values
        for task, splits in STUDY["report_splits"].items()
        for split in splits
    )


def skills():
    """On MNLI's first split the undistilled students are no better than a constant answer."""
    methods = [("teacher", "bert", "", "bert"), ("student", "no distillation", "none", "none")]
    rows = []
    for task, splits in STUDY["report_splits"].items():
        for split, (kind, name, strategy, teachers) in itertools.product(splits, methods):
            better = (split, kind) != ("report_m", "student")
            row = {"task": task, "split": split, "kind": kind, "name": name, "strategy": strategy}
            row |= {"teachers": teachers, "metric": STUDY["metrics"][task], "constant": "yes"}
            row |= {"constant_value": 0.4, "value": 0.6, "lead": 20, "low": 1.0 if better else -1}
            rows.append(row | {"high": 41.0, "seeds": 2, "n": 100, "skill": better})
    return pd.DataFrame(rows)


def small_tables(records):
    runs, skill = runs_table(records), skills()
    predicted = {"task": "movies", "arm": "average", "predicted": 0.3, "predicted_low": -0.2}
    predicted |= {"predicted_high": 1.0, "expected": "no difference", "measured": 0.4, "low": 0.1}
    predicted |= {"high": 0.7, "verdict": "equivalent", "inside": True, "came_true": True}
    measures = ["accuracy", "score", "sd", "nll", "brier", "ece", "temperature", "nll_scaled"]
    measures = dict.fromkeys([*measures, "ece_scaled"], 0.25)
    closeness = dict.fromkeys(["kl", "total_variation", "jsd", "pearson", "spearman"], 0.5)
    checks = {"a": "average", "b": "no distillation", "difference": -0.5, "mcnemar_p": 0.0001}
    checks |= {"seeds_p": 0.25, "examples_p": 0.5}
    bins = {"kind": "student", "name": "average", "low": 0.4, "high": 0.4 + 1 / 15, "n": 31}
    confidence = {"teacher": "cnn", "T": "4", "max_probability": 0.7, "entropy": 0.6, "high": 0.1}
    confidence = by_arm(**confidence)
    failures = {"category": "a", "partition": True, "meaning": "all wrong", "errors": 9.0}
    named = {"accuracy": 0.42, "low": 0.4, "high": 0.44, "chance": 0.5, "n": 90}
    who = {"kind": "surest", "name": "surest teacher", "low": 0.35, "high": 0.45}
    skilled = {"arms": 1, "mse": 0.2, "mse_no_difference": 0.4, "skill": 0.5, "inside": 1.0}
    slope = {"source": "before: x", "slope": 0.16, "low": 0.03, "high": 0.28, "residual": 0.4}
    return {
        "master": master_table(runs, STUDY, skill),
        "skill": skill,
        "failed": failed_table(records),
        "claims": CLAIMS,
        "gap": pd.DataFrame(GAPS),
        "grid": grid_table(runs),
        "over_tasks": over_tasks_table(runs, STUDY),
        "ranking": ranking_table(runs, STUDY),
        "audit_scored": pd.DataFrame([predicted]),
        "audit_skill": pd.DataFrame([{"task": "all"} | skilled]),
        "inheritance": pd.DataFrame([slope | {"tasks": 7, "arms": 21}]),
        "flags": pd.DataFrame(columns=["rule", "where", "what", "evidence"]),
        "profiles": profiles_table(runs, STUDY),
        "reliability": by_arm(**bins, confidence=0.45, accuracy=0.5),
        "confidence": pd.concat([confidence, confidence.assign(split="train")]),
        "quality": by_arm(kind="student", name="average", **measures),
        "agreement": by_arm(region="all agree", share=0.8, accuracy=0.7, sd=0.01),
        "disagreement": by_arm(**who, region="partial", share=0.2, accuracy=0.6),
        "ambiguity": by_arm(
            **who, part=1, entropy_low=0.1, entropy_high=0.3, error=0.4, share_of_errors=0.7
        ),
        "failures": by_arm(**failures, share=0.1, rate=0.1, sd=0.01),
        "identification": by_arm(T="4", **named),
        "fidelity": by_arm(
            T="4", agreement=0.9, kl=0.01, sd_agreement=0.01, kl_low=0.0, kl_high=1.0
        ),
        "human": by_arm(kind="soft labels", name="average", T="4", **closeness),
        "human_prediction": by_arm(arms=7, spearman=-0.5, descriptive_p=0.2),
        "checks": by_arm(**checks),
    }


def task_info(task):
    """A task's data: rows left out, a share far from the one wanted, texts in two splits."""
    table = {"lines": 1301, "blank_lines": 0, "rows": 1300, "dropped": {"unlabelled": 12}}
    reports = STUDY["report_splits"][task]
    parquet = {"lines": None, "blank_lines": None, "rows": 80, "dropped": {}}
    overlap = {"split": reports[0], "other_split": "train", "dropped": False, "rows": 3}
    account = {
        "tables": {"train": table} | dict.fromkeys(reports, parquet),
        "carved": {"fraction": 0.1, "share": 0.25},
        "labels": {"train": [500, 466], "selection": [161, 161]}
        | {split: [30, 50] for split in reports},
        "overlap": [overlap, overlap | {"split": "selection", "dropped": True}],
        "warnings": [f"<{task}> selection has a share of 0.25 where 0.1 was wanted"],
    }
    return {"labels": ["no", "<yes>"], "account": account}


class Page(HTMLParser):
    """What a page refers to, its images' alternative texts, its anchors, and all of its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.addresses, self.alts, self.ids, self.tags, self.text = [], [], set(), set(), ""
        self.feed(path.read_text(encoding="utf-8"))
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.addresses += [attrs[name] for name in ("src", "href") if name in attrs]
        self.ids.add(attrs.get("id"))
        if tag == "img":
            self.alts.append(attrs["alt"])

    def handle_data(self, data):
        self.text += data


def run_script(name, **arguments):
    command = [warm.python(), REPOSITORY / "workflow" / "scripts" / f"{name}.py"]
    for option, value in ({"job": json.dumps({"settings": STUDY})} | arguments).items():
        command += [f"--{option}", *(value if isinstance(value, list) else [value])]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    subprocess.run(command, check=True, env=environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The report, the LaTeX tables and what they were made of; one run diverged."""
    folder = tmp_path_factory.mktemp("report")

    def value(task, name, *axes):
        return hand_values(task, name.replace("weighted", "average"), *axes)

    records = make_records(STUDY, value)
    records = [record | {"precision": "bfloat16"} for record in records]
    next(r for r in records if r["kind"] == "student")["precision"] = "float32"
    said = ["the tokenizer of <bert> does not know 30% of the train texts' tokens"]
    records[:2] = [record | {"warnings": said} for record in records[:2]]
    records[-1] = diverged(records[-1]) | {"reason": "loss is <nan>"}
    tables = small_tables(records)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    files = [folder / f"{name}.csv" for name in tables]
    success = success_metrics(tables["gap"], CLAIMS, STUDY)
    write_json(folder / "success.json", success)
    write_json(folder / "provenance.json", provenance(records))
    said = statement(STUDY | {"students": ["small"]}, [], {"strategies": {}})
    register(folder / "registrations.jsonl", "main", said, 0)
    register(folder / "registrations.jsonl", "main", said | {"margin": 1.0}, 12)
    for figure in FIGURES:
        (folder / "figures" / figure).parent.mkdir(parents=True, exist_ok=True)
        (folder / "figures" / f"{figure}.png").write_bytes(PNG)
    for task in STUDY["tasks"]:
        write_json(folder / f"{task}.json", task_info(task))
    (folder / "times" / "score").mkdir(parents=True)
    (folder / "times" / "score" / "movies.tsv").write_text("s\th:m:s\n2.6\t0:00:02\n")
    run_script(
        "report", templates=REPOSITORY / "report", tables=files, success=folder / "success.json",
        provenance=folder / "provenance.json", benchmarks=folder / "times",
        registrations=folder / "registrations.jsonl", registered="main",
        tasks=[f"{task}={folder / task}.json" for task in STUDY["tasks"]],
        figures=[folder / "figures" / f"{figure}.png" for figure in FIGURES],
        output=folder / "report.html",
    )  # fmt: skip
    run_script("latex_tables", tables=files, output=folder / "latex")
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return Page(folder / "report.html")


def test_the_page_stands_alone_and_its_links_lead_somewhere(page):
    assert "script" not in page.tags
    for address in page.addresses:
        assert address.startswith("data:") or address.removeprefix("#") in page.ids, address


def test_the_data_section_accounts_for_every_row(page):
    assert "data" in page.ids
    section = page.text[page.text.index("Rows of each split") :]
    assert section.index("no: 500") < section.index("no: 161") < section.index("no: 30")
    for task in STUDY["tasks"]:
        assert f"{task}: <{task}> selection has a share of 0.25 where 0.1 was wanted" in page.text
    for words in (
        "1,301 1,300 unlabelled: 12 966 no: 500, <yes>: 466 none",
        "selection (25.0 % of train, 10.0 % wanted) – – – 322 no: 161, <yes>: 161 3 in train (left",
        "– 80 none 80 no: 30, <yes>: 50 3 in train",
    ):
        assert words in page.text


def test_every_figure_is_inside_with_words_for_those_who_cannot_see_it(page):
    embedded = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert page.addresses.count(embedded) == len(page.alts) == len(FIGURES)
    assert all(len(alt) > 40 for alt in page.alts)
    assert {"figure-t_alpha_heatmap-mnli", "figure-reliability"} <= page.ids


def test_every_claim_is_said_with_its_verdict(page):
    for row in CLAIMS.itertuples():
        assert row.sentence in page.text and row.verdict in row.sentence
    # In words first: the numbers are behind them.
    answer = "Does distillation help? No, it is worse on mnli. Is the best of several teachers'"
    said = page.text.index(
        f"{answer} students better than the best of single ones'? Yes on "
        "movies; this study cannot tell on mnli."
    )
    assert said < page.text.index(CLAIMS.sentence[0])
    assert "no number of seeds would show 2 points" in page.text


def test_what_is_no_better_than_a_constant_answer_is_marked(page, folder):
    row = "Student: no distillation 71.00 ±1.41 (2) 61.00 ±1.41 (2)† 63.00 ±1.41 (2) "
    assert row in page.text and "†: no better than the constant answer" in page.text
    assert "Reference: constant 40.00 (1) 40.00 (1) 42.00 (1)" in page.text
    assert "report_m Student: no distillation 60.00 40.00 +20.00 −1.00 to +41.00 no" in page.text
    latex = (folder / "latex/master.tex").read_text(encoding="utf-8")
    assert latex.count(r"(2)$^\dagger$ &") == 1
    assert r"$^\dagger$: no better than" in latex.partition(r"\caption{")[2].partition("\n")[0]


def test_what_was_registered_and_what_changed_since_is_quoted(page):
    section = page.text
    assert "with none of its students trained" in section
    assert "with a margin of 2 points" in section
    assert "average v best teacher: average against the student of the teacher that" in section
    assert "with 12 of its students trained: margin: 2.0 became 1.0" in section


def test_tables_failed_runs_and_provenance_are_there(page):
    assert "Student: no distillation 71.00 ±1.41 (2)" in page.text
    assert "loss is <nan> at step 12" in page.text
    assert "as predicted" in page.text
    for said in ("student: 20", "GPU-hours0.00", "data-movies", "code-teacher", "3 s in 1 job"):
        assert said in page.text, said
    assert "float32 (1 runs); paired cells differ in it on movies, seed " in page.text


def test_paired_students_of_different_precision_are_named():
    precisions = {"1": "bfloat16", "2": "tf32"}
    records = [
        # Seeds may differ: cells are paired within them. So may teachers.
        record | {"precision": precisions.get(record["seed"], "float32")}
        for record in make_records(STUDY, lambda *axes: (0.5, 0.5))
    ]
    assert mixed_precisions(records) == []
    students = [r for r in records if r["kind"] == "student" and r["seed"] == "2"]
    other = next(r for r in students if r["strategy"] == "average")
    other["precision"] = "float32 + tf32"
    ((where, what),) = mixed_precisions(runs_table(records).to_dict("records"))
    assert where == f"{other['task']}, seed 2"
    assert (
        what
        == f"4 cells in tf32; 1 in float32 + tf32 (average of {other['teachers']} T=4 alpha=0.7)"
    )
    other["precision"] = None
    assert mixed_precisions(records) == []


def test_a_warning_of_several_runs_stands_in_the_provenance_once(page):
    assert page.text.count("movies: the tokenizer of <bert> does not know 30%") == 1
    assert page.text.index("Provenance study") < page.text.index("does not know 30%")


def test_the_gap_is_closed_to_each_teacher_or_there_is_none(page):
    assert "gap to movies (best: bert) mnli (best: cnn)" in page.text
    assert "average best teacher +40 (−10 to +90) no gap (+2.00 points)" in page.text
    assert "average fused teacher +30 (−10 to +90) –" in page.text


def test_rows_of_several_report_splits_are_told_apart(page):
    assert "report_m Student: average 25.00 ±25.00 (2)" in page.text
    assert "report_mm Student: average 25.00 ±25.00 (2)" in page.text


def test_closeness_to_people_names_the_temperature(page):
    assert "report_m Soft labels: average 4 0.500" in page.text


def test_confidence_reliability_and_profiles_are_there(page):
    assert "cnn train 4 0.700 0.600 10.0" in page.text
    assert page.text.index("cnn train 4") < page.text.index("cnn report 4")
    assert "report_m Student: average 50.0 (31)" in page.text and "0.40 to 0.47" in page.text
    # One undistilled seed of each task lies a point below their mean, the other one above.
    shares = page.text.partition("How often a run gains how much")[2]
    assert "arm −4 −3 −2 −1 0 +1 +2 +3 +4 +5 +6 +7 +8" in shares
    assert "no distillation 100 100 100 50 50 0 0 0 0 0 0 0 0" in shares


def test_confidence_is_not_said_to_be_of_the_report_split_alone(folder):
    text = (folder / "latex/movies/confidence.tex").read_text(encoding="utf-8")
    assert "split: train, report;" in text and "each T that students were trained with" in text


def test_the_rules_give_the_report_and_latex_every_table_that_they_show(folder):
    named = tables_shown(["teachers"])
    assert set(named) == {path.stem for path in folder.glob("*.csv")}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert [name for name in named if TABLES[name].title not in page] == []


def test_latex_has_every_table_with_a_caption_that_stands_alone(folder):
    files = {path.relative_to(folder / "latex").as_posix() for path in folder.rglob("*.tex")}
    assert {"master.tex", "gap.tex", "profiles.tex", "movies/claims.tex"} <= files
    assert {"mnli/quality.tex", "mnli/confidence.tex", "mnli/reliability.tex"} <= files
    for name in files:
        text = (folder / "latex" / name).read_text(encoding="utf-8")
        assert r"\toprule" in text and r"\bottomrule" in text and text.isascii()
        said = text.partition(r"\caption{")[2].partition("\n")[0]
        for part in ("f1" if "mnli/" not in name else "accuracy", "report", "seeds (1, 2)", "T=4"):
            assert part in said, (name, part)
    assert r"report\_mm" in (folder / "latex/mnli/quality.tex").read_text(encoding="utf-8")


def test_the_audit_says_what_it_predicts_before_there_is_a_student(tmp_path):
    prediction = {"arm": "average", "lead": 8.0, "lead_low": 6.0, "lead_high": 10.0}
    prediction |= {"slope": 0.156, "slope_low": 0.03, "slope_high": 0.281, "predicted": 1.25}
    prediction |= {"predicted_low": 0.1, "predicted_high": 2.4}
    summary = {"teachers": 2, "n": 50, "disagreement": 0.25, "effective_teachers": 1.5}
    summary |= {"split": "selection", "labelled": 50, "accuracy": 0.8}
    summary |= {"brier_ambiguity": 0.01, "nll_ambiguity": 0.02, "weights_offset": 0.001}
    summary |= {"headroom": 6.0, "jsd_most": 0.69, "jsd_T1": 0.04, "entropy_T1": 0.3}
    pair = dict.fromkeys(["disagreement", "q", "kappa", "double_fault", "correlation", "cka"], 0.5)
    label_map = {"teacher": "cnn", "accuracy": 0.8, "best_order": "bad good"}
    tables = {
        "summary": summary,
        "ceilings": {"split": "train", "n": 400, "kind": "teacher", "name": "cnn", "score": 0.8,
                     "accuracy": 0.8, "nll": 0.5, "ece": 0.1},
        "pairs": {"split": "train", "n": 400, "first": "cnn", "second": "bert"} | pair,
        "identification": {"split": "train", "T": "1", "teachers": 2, "accuracy": 0.6, "low": 0.55,
                           "high": 0.65, "chance": 0.5, "n": 400},
        "confidence": {"teacher": "cnn", "split": "train", "T": "1", "max_probability": 0.9,
                       "entropy": 0.2, "high": 0.4},
        "label_map": label_map | {"best_accuracy": 0.8, "in_order": True},
    }  # fmt: skip
    files = []
    for task, expected in (("movies", "helps"), ("mnli", "no difference")):
        (tmp_path / task).mkdir()
        for name, row in (tables | {"predictions": prediction | {"expected": expected}}).items():
            files.append(tmp_path / task / f"{name}.csv")
            rows = [{"task": task} | row]
            if name == "summary":
                others = {"train": (400, 0.05), "transfer": (0, 0.1)}
                rows += [
                    rows[0] | {"split": split, "labelled": labelled, "disagreement": differ}
                    for split, (labelled, differ) in others.items()
                ]
            pd.DataFrame(rows).to_csv(files[-1], index=False)
    run_script(
        "audit", templates=REPOSITORY / "report", tables=files, output=tmp_path / "audit.html"
    )
    page = Page(tmp_path / "audit.html")
    assert "differ on 25.0 % of the examples and are worth 1.50 teachers" in page.text
    # Where students learn from them, named with what they were trained on.
    assert "on train, whose rows they were trained on, they differ on 5.0 %" in page.text
    assert "on transfer texts, which they never saw, they differ on 10.0 %" in page.text
    assert "On train the numbers are of rows that the teachers were trained on." in page.text
    assert "Predicted to help: average." in page.text
    assert "Predicted to make no difference beyond 2 points: average." in page.text
    assert "0.156 points for a point (95 % interval 0.030 to 0.281)" in page.text
    assert "60.0" in page.text and "55.0 to 65.0" in page.text and "50.0" in page.text
    assert all(address[0] in "#d" for address in page.addresses)


def test_numbers_as_people_read_them():
    assert (points(-0.425), points(3.7e-15), points(math.nan)) == ("−0.42", "0.00", "–")
    assert interval(-1, 2.5) == "−1.00 to +2.50"
    assert interval(-math.inf, math.inf, 0) == "−∞ to +∞"
    assert (spread(0.5, math.nan, 1), spread(0.5, 0.012, 3)) == ("50.00 (1)", "50.00 ±1.20 (3)")
    assert (p_value(0.0001), p_value(1)) == ("<0.001", "1.000")
    assert [seeds_needed(n) for n in (1.0, 5.0, math.inf)] == ["1 seed", "5 seeds", "no number"]
    assert escaped("a_b & 5 % − 1") == r"a\_b \& 5 \% $-$ 1"


def test_provenance_counts_time_by_kind_and_hours_off_the_cpu(tmp_path):
    records = make_records(STUDY, lambda *axes: (0.5, 0.5))
    records[0] = records[0] | {"device": "NVIDIA H100", "seconds": 7200.0}
    found = provenance(records)
    assert found["gpu_hours"] == 2.0
    assert found["devices"] == {"NVIDIA H100": 1, "cpu": len(records) - 1}
    assert sum(found["runs"].values()) == len(records)
    assert found["seconds"]["student"] == 4.0 * found["runs"]["student"]
    assert found["tasks"]["movies"]["data"] == "data-movies"
    shared = [one for one in found["training"] if one["kind"] == "student"]
    assert [one["tasks"] for one in shared] == [STUDY["tasks"]]
    assert seconds_by_rule(tmp_path).empty
