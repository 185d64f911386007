"""The catalogues of figures and tables, and what is drawn again of what is kept."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_figures import STUDY, scores
from test_tables import make_records

from mtkd.analysis.catalogue import TABLES, tables_by, tables_shown
from mtkd.analysis.ranking import ranking_table
from mtkd.analysis.tables import runs_table, write_tables
from mtkd.figures import draw
from mtkd.figures.catalogue import FIGURES, TASK, drawn, drawn_as, figures_of
from mtkd.records.files import write_text
from mtkd.study.facts import FACTS

ROOT = Path(__file__).parents[2]
RULES = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("rules/**/*.smk"))


@pytest.mark.parametrize("name", FIGURES)
def test_every_row_of_figures_can_be_drawn(name):
    row = FIGURES[name]
    module, function = row.drawing.split(":")
    taken = list(inspect.signature(getattr(importlib.import_module(module), function)).parameters)
    if row.folder != "operators":
        assert taken == ["tables", "study", *(["task"] if TASK in name else [])]
    assert set(row.needs) <= set(FACTS) and len(row.alt) > 40 and row.title
    for table in row.tables:
        assert set(TABLES[table].needs) <= set(row.needs)
        # Its file is in the folder that the figure's rule looks in.
        of_experiment = TABLES[table].rule == "fusion_experiments"
        assert of_experiment == (row.folder == "fusion") == table.startswith(f"{TASK}/")


def test_every_row_of_tables_has_its_rule():
    for name, row in TABLES.items():
        assert f"rule {row.rule}:" in RULES, name
        assert set(row.needs) <= set(FACTS)
        assert name in tables_by(row.rule)


def test_catalogues_import_nothing_heavy():
    code = "import sys, mtkd.figures.catalogue, mtkd.analysis.catalogue; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "matplotlib", "pydantic"} & set(said.stdout.split())


@pytest.mark.parametrize(
    ("facts", "lacking"),
    [
        (FACTS, set()),
        (
            ("teachers", "grid", "pools", "budgets", "costs"),
            {"human_soft_labels", "errors_by_ambiguity"},
        ),
        (("teachers", "raters", "pools", "budgets", "costs"), {"t_alpha_heatmap/{task}"}),
        (("teachers", "raters", "grid", "budgets", "costs"), {"attenuation_students"}),
        (("teachers", "raters", "grid", "pools", "costs"), {"labels"}),
        (("teachers", "raters", "grid", "pools", "budgets"), {"costs"}),
        # The undistilled student alone.
        (("raters",), set(figures_of("figures", FACTS)) - {"master_comparison"}),
    ],
)
def test_a_study_has_the_figures_that_it_can_have(facts, lacking):
    assert set(figures_of("figures", FACTS)) - set(figures_of("figures", facts)) == lacking


def test_a_study_shows_the_tables_that_it_can_have():
    of_pools = set(tables_shown(FACTS)) - set(tables_shown(["teachers", "costs"]))
    assert of_pools == {"framework", "diversity_gain", "interaction"}
    assert "interaction" not in tables_shown(["teachers", "grid", "raters", "pools"])
    assert not any(TASK in name for name in tables_shown(FACTS))


def test_a_file_is_known_by_its_path_whatever_tasks_are_called():
    tasks = ["claims", "t_alpha_heatmap", "figures", "mnli"]
    for figure in drawn(list(FIGURES), tasks):
        png = Path(f"results/s/studies/m/{figure.row.folder}/{figure.path}.png")
        assert drawn_as(png, tasks) == figure
    with pytest.raises(KeyError, match=r"other\.png"):
        drawn_as(Path("results/figures/other.png"), tasks)


NAMES = ("ranking", "performance_profiles", "t_alpha_heatmap/{task}")
PATHS = ["ranking", "performance_profiles", "t_alpha_heatmap/movies", "t_alpha_heatmap/mnli"]


def job(**changes):
    text = {"settings": {"study": STUDY, "dpi": 40}, "code": {"code": "1"}}
    return json.loads(json.dumps(text | {"figures": dict.fromkeys(NAMES, "1")} | changes))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A few tables, with figures of them that are drawn as texts, and kept."""
    for name in ("runs", "ranking", "profiles"):
        write_text(tmp_path / f"tables/{name}.csv", f"{name}\n")

    def text(figure, settings, files, stem):
        for kind in ("png", "pdf"):
            write_text(Path(f"{stem}.{kind}"), f"{kind} of {figure.path}: {files[0].read_text()}")

    monkeypatch.setattr(draw, "_draw", text)
    assert drawn_again(tmp_path) == PATHS
    return tmp_path


def drawn_again(folder, **changes) -> list[str]:
    """The figures that are drawn by a job whose outputs are gone, as Snakemake has it."""
    shutil.rmtree(folder / "figures", ignore_errors=True)
    kept = folder / "state/figures"
    new = draw.draw_figures(job(**changes), folder / "tables", folder / "figures", kept)
    assert set(content(folder)) == {f"{path}.{kind}" for path in PATHS for kind in ("png", "pdf")}
    return new


def content(folder):
    figures = folder / "figures"
    return {str(path.relative_to(figures)): path.read_bytes() for path in figures.rglob("*.p*")}


def test_what_is_kept_is_not_drawn_again(folder, monkeypatch):
    before = content(folder)
    monkeypatch.setattr(draw, "_draw", None)
    assert drawn_again(folder) == []
    assert content(folder) == before


def test_a_kept_figure_is_the_drawing_itself(tmp_path):
    runs = runs_table(make_records(STUDY, scores))
    write_tables(tmp_path / "tables", {"ranking": ranking_table(runs, STUDY)})
    one = job(figures={"ranking": "1"})
    for again in (["ranking"], []):
        new = draw.draw_figures(one, tmp_path / "tables", tmp_path / "figures", tmp_path / "state")
        assert new == again
        written = content(tmp_path)
        assert sorted(written) == ["ranking.pdf", "ranking.png"]
        assert written["ranking.png"].startswith(b"\x89PNG")
        shutil.rmtree(tmp_path / "figures")
    for place in (tmp_path / "state").iterdir():
        assert {name: (place / name).read_bytes() for name in written} == written


def append(name):
    return lambda folder: (folder / f"tables/{name}.csv").open("a").write("\n")


def damage(folder):
    """The kept ranking, of which another file is a hard link."""
    for place in folder.glob("state/figures/*/ranking.png"):
        whole = place.read_bytes()
        place.unlink()
        place.write_bytes(whole[:-1])


@pytest.mark.parametrize(
    ("change", "changes", "again"),
    [
        # The code behind one drawing, and behind the drawing of all.
        (None, {"figures": dict.fromkeys(NAMES, "1") | {"ranking": "2"}}, PATHS[:1]),
        (None, {"code": {"code": "2"}}, PATHS),
        (None, {"settings": {"study": STUDY, "dpi": 50}}, PATHS),
        (append("profiles"), {}, PATHS[1:2]),
        (append("runs"), {}, PATHS[2:]),
        (damage, {}, PATHS[:1]),
        (lambda folder: shutil.rmtree(folder / "state"), {}, PATHS),
    ],
)
def test_what_changed_is_drawn_alone(folder, change, changes, again, capsys):
    if change:
        change(folder)
    assert drawn_again(folder, **changes) == again
    assert ("damaged" in capsys.readouterr().err) == (change is damage)
    assert drawn_again(folder, **changes) == []


def test_an_edit_of_a_drawing_is_in_its_own_digest_alone(tmp_path, monkeypatch):
    from mtkd.study import code

    package = shutil.copytree(ROOT / "src/mtkd", tmp_path / "mtkd")
    monkeypatch.setattr(code, "PACKAGE_ROOT", package)

    def changed_by(*edits):
        """The figures whose digests some edits change, each of a text in a file, to another."""
        for file, old, new in edits:
            path = package / f"figures/{file}.py"
            text = path.read_text(encoding="utf-8")
            assert old in text
            path.write_text(text.replace(old, new, 1), encoding="utf-8")
        for kept in (code.read_source, code._module, code._targets):
            kept.cache_clear()
        before = dict(known)
        known.update((name, code.definition_digest(FIGURES[name].drawing)) for name in names)
        return {name for name in names if before.get(name) != known[name]}

    names, known = {"claims", "teacher_student_gap", "t_alpha_heatmap/{task}"}, {}
    assert changed_by() == names
    own = ("gap", "FRAME = (-100.0,", "FRAME = (-150.0,")
    assert changed_by(own, ("claims", '"""', '"""Words: ')) == {"teacher_student_gap"}
    assert changed_by(("style", "WIDTH = 7.0", "WIDTH = 7.5")) == names
    # How metrics are shown.
    assert changed_by(("../metrics/names", 'TIMES_100 = "%"', 'TIMES_100 = "per cent"')) == names


def test_no_rule_names_a_figure_or_a_list_of_tables_of_its_own():
    """What a catalogue has is read there: a new row needs no edit of a rule."""
    for name in FIGURES:
        if FIGURES[name].folder != "operators":
            assert not re.search(rf'/{re.escape(name)}\.png|"{re.escape(name)}",$', RULES, re.M)
