"""Jobs of a run whose suite or code is edited under it."""

import shutil
from pathlib import Path

import pytest
import yaml

from mtkd.config.load import validate_suite
from mtkd.errors import InputError, run
from mtkd.study import code, started

ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"
SCRIPTS = ("prepare_task.py", "score.py", "certify_operators.py", "draw_figures.py")
POOLS = "def sharp(log_p, weights):\n    return log_p\n"


def suite(**changes):
    content = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    content["strategies"]["sharp"] = {"operator": "my_pools.py:sharp"}
    for key, value in changes.items():
        *parents, last = key.split("__")
        place = content
        for parent in parents:
            place = place[parent]
        place[last] = value
    return validate_suite(content, "embedded")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A copy of the project, and the record of a run that began in it."""
    root = tmp_path_factory.mktemp("project").resolve()
    for part in ("Snakefile", "rules", "src/mtkd", *(f"workflow/scripts/{s}" for s in SCRIPTS)):
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy2)(ROOT / part, root / part)
    (root / "my_pools.py").write_text(POOLS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(started, "ROOT", root)
        patch.setattr(code, "PACKAGE_ROOT", root / "src/mtkd")
        # Put back what it is set to here.
        patch.setenv(started.RECORD, "")
        started.record_run(root / "state/runs", suite())
        yield root


@pytest.fixture
def edit(running):
    """Change a file for one test; what a job's own process would read is read anew."""
    before = {}

    def change(name, text):
        before[name] = (running / name).read_text(encoding="utf-8")
        (running / name).write_text(text(before[name]), encoding="utf-8")
        for kept in (code.read_source, code._module, code._fingerprint):
            kept.cache_clear()

    yield change
    for name, text in before.items():
        (running / name).write_text(text, encoding="utf-8")


def stopped(check, *arguments):
    """The line that ends a job, or None."""
    try:
        check(*arguments)
    except InputError as error:
        assert "\n" not in str(error) and "put it back" in str(error)
        return str(error)
    return None


def code_added(text):
    return f"{text}\nADDED = 1\n"


def words_changed(text):
    text = text.replace('"""', '"""Newly said: ', 1) if text.startswith('"""') else text
    return f"# Newly said.\n{text}\n\n# And more.\n"


def otherwise_imported(text):
    assert "import pandas as pd\n" in text
    return text.replace("import pandas as pd\n", "import polars as pd\n")


def half_an_edit(text):
    return f"{text}\ndef (\n"


@pytest.mark.parametrize(
    ("name", "change", "stops"),
    [
        ("workflow/scripts/score.py", words_changed, []),
        ("workflow/scripts/score.py", code_added, ["score.py"]),
        ("workflow/scripts/score.py", half_an_edit, ["score.py"]),
        ("src/mtkd/tasks/corpus.py", words_changed, []),
        ("src/mtkd/tasks/corpus.py", code_added, ["prepare_task.py", "score.py"]),
        ("src/mtkd/tasks/corpus.py", otherwise_imported, ["prepare_task.py", "score.py"]),
        # What no digest of numbers holds moves files about all the same.
        ("src/mtkd/records/runs.py", code_added, ["score.py"]),
        # Loaded by name.
        ("src/mtkd/metrics/modules/f1/f1.py", code_added, ["score.py"]),
        ("my_pools.py", code_added, ["certify_operators.py"]),
        ("my_pools.py", words_changed, []),
        ("src/mtkd/figures/gap.py", code_added, ["draw_figures.py"]),
        ("src/mtkd/figures/catalogue.py", code_added, ["draw_figures.py", started.GRAPH]),
        ("src/mtkd/analysis/catalogue.py", code_added, [started.GRAPH]),
        ("rules/scores.smk", words_changed, []),
        ("rules/scores.smk", code_added, [started.GRAPH]),
        ("rules/hooks/start.smk", code_added, [started.GRAPH]),
        ("src/mtkd/study/grid.py", code_added, ["draw_figures.py", started.GRAPH]),
    ],
)
def test_jobs_stop_whose_code_has_changed_and_no_others(edit, name, change, stops):
    edit(name, change)
    found = {script: stopped(started.check_script, script) for script in SCRIPTS}
    found[started.GRAPH] = stopped(started.check_graph, suite())
    assert [part for part, line in found.items() if line] == stops
    assert all(f"({name})" in line for line in found.values() if line)


def another_argument(text):
    assert "def check_defined(" in text
    return text.replace("def check_defined(", "def check_defined(another, ")


def test_a_file_is_not_named_for_what_it_imports(edit):
    edit("src/mtkd/metrics/scores.py", words_changed)
    edit("src/mtkd/metrics/by_example.py", another_argument)
    assert "(src/mtkd/metrics/by_example.py)" in stopped(started.check_script, "score.py")


def test_a_file_that_is_gone_is_named(running, edit):
    edit("src/mtkd/tasks/corpus.py", str)
    (running / "src/mtkd/tasks/corpus.py").unlink()
    assert "(src/mtkd/tasks/corpus.py)" in stopped(started.check_script, "score.py")


def test_a_script_is_checked_before_it_does_anything(edit, monkeypatch):
    edit("workflow/scripts/score.py", code_added)
    monkeypatch.setattr("sys.argv", ["somewhere/score.py"])
    with pytest.raises(SystemExit, match="error: code has changed since this run began"):
        run(lambda: pytest.fail("it began"))
    # By hand, it belongs to no run; nor does a job whose run has ended.
    for record in ("", "none/such.json"):
        monkeypatch.setenv(started.RECORD, record)
        assert run(lambda: None) is None


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("teachers__bert__resources", {"mem_mb": 9000}, False),
        ("students__distilbert__resources", {"runtime": 9}, False),
        ("save_minutes", 3, False),
        ("allow_cpu", True, False),
        ("studies__grid__T", [2], False),
        ("strategies__sharp__weights", {"textcnn": 1, "bert": 0}, False),
        ("teachers__bert__training__epochs", 9, True),
        ("students__distilbert__training__epochs", 9, True),
        ("tasks__tweets__max_length", 9, True),
        ("studies__main__T", [2], True),
        ("bundle", "cell", True),
        ("margin", 0.1, True),
    ],
)
def test_what_the_chosen_study_computes_is_not_to_be_edited(running, key, value, named):
    line = stopped(started.check_graph, suite(**{key: value}))
    if named:
        said = f"the suite has changed since this run began ({key.replace('__', '.')}), and"
        assert line.startswith(said)
    else:
        assert line is None


def test_two_heads_of_a_folder_have_their_own_records(running, monkeypatch):
    monkeypatch.setenv(started.RECORD, "")
    other = started.record_run(running / "state/runs", suite(margin=0.1))
    assert len(list((running / "state/runs").iterdir())) == 2
    assert stopped(started.check_graph, suite(margin=0.1)) is None
    assert "(margin)" in stopped(started.check_graph, suite())
    other.unlink()
