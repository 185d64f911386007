"""The suite file: what is accepted, how values are spelled, what each mistake is answered."""

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny_suites import keys_of

from mtkd.config.load import load_suite, validate_suite
from mtkd.config.schema import POOLS, STRATEGIES, Resources, Suite, Training, greatest_requests
from mtkd.config.values import canonical_number
from mtkd.errors import InputError
from mtkd.fusion.strategies import STRATEGIES as FUSIONS

ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"
EMBEDDED = yaml.safe_load(FIRST.read_text())
TEACHER = EMBEDDED["teachers"]["bert"]
# Arms of teachers that are out of order, the same one twice, without a seed, unknown.
PINNED = [
    [{"strategy": "average", "teachers": teachers}]
    for teachers in (
        ["bert@2", "bert@1"],
        ["bert", "bert@1"],
        ["bert@x", "bert"],
        ["brt@1", "bert"],
    )
]
FEW = {"of": "movies", "labelled": 300}
SURE_OF_NONE = {"fusion": "average", "confidence": 0.9, "rows": "labelled"}


def change(path: str, value):
    """A copy of the embedded suite with one value changed, or removed when it is None."""
    content = copy.deepcopy(EMBEDDED)
    *parents, last = path.split(".")
    place = content
    for key in parents:
        place = place.setdefault(key, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return content


@pytest.mark.parametrize("name", ["embedded", "glue"])
def test_vendored_suites_are_valid_and_pinned(name):
    suite = load_suite(ROOT / f"config/{name}.yaml")
    assert suite.suite == name
    assert suite.unpinned() == []


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        (".5", "0.5"),
        ("0.50", "0.5"),
        (6.0, "6"),
        (6, "6"),
        ("2e-5", "0.00002"),
        (100, "100"),
        (0, "0"),
    ],
)
def test_numbers_have_one_spelling(given, spelled):
    assert canonical_number(given) == spelled


@pytest.mark.parametrize("given", [True, None, "six", float("nan"), "inf", [6]])
def test_what_is_no_number_is_refused(given):
    with pytest.raises(ValueError):
        canonical_number(given)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("studies.main.temperature", [4], ["studies.main.temperature", "unknown key"]),
        ("studies.main.alphas", [0.5], ["studies.main.alphas", "did you mean 'alpha'"]),
        ("students.distilbert.training.learning_rat", 1, ["did you mean 'learning_rate'"]),
        (
            "studies.main.arms",
            [{"strategy": "single", "teachers": ["textcn"]}],
            ["unknown teacher 'textcn'", "did you mean 'textcnn'"],
        ),
        (
            "studies.main.arms",
            [{"strategy": "avarage", "teachers": ["textcnn", "bilstm"]}],
            ["studies.main.arms", "unknown strategy 'avarage'", "did you mean 'average'"],
        ),
        (
            "studies.main.arms",
            [{"strategy": "linear-pol", "teachers": ["textcnn", "bilstm"]}],
            ["unknown strategy 'linear-pol'", "did you mean 'linear-pool'"],
        ),
        ("strategies.average", {"operator": "median"}, ["strategies.average", "this name already"]),
        ("strategies.own", {"operator": "medain"}, ["strategies.own", "unknown operator 'medain'"]),
        ("strategies.own", {"operator": "own.py"}, ["'file.py:function' or 'module:function'"]),
        ("strategies.own", {"operator": "a b.py:f; rm"}, ["unknown operator 'a b.py:f; rm'"]),
        ("strategies.own", {"operator": "random-teacher"}, ["draws anew at every step"]),
        ("strategies.a/b", {"operator": "median"}, ["strategies", "'a/b'"]),
        ("strategies.own", {"operator": "median", "wieghts": {}}, ["did you mean 'weights'"]),
        (
            "strategies.own",
            {"operator": "median", "weights": {"bert": 0.5, "bilstm": 0.6}},
            ["strategies.own", "weights sum to 1.1, not to 1"],
        ),
        ("strategies.own", {"operator": "median", "T": {"bert": 0}}, ["temperature 0"]),
        ("studies.main.arms", [{"strategy": "average", "teachers": ["textcnn"]}], ["at least 2"]),
        (
            "studies.main.arms",
            [{"strategy": "average", "teachers": ["bilstm", "textcnn"]}],
            ["order of 'teachers'"],
        ),
        ("studies.main.alpha", [1.5], ["studies.main.alpha.0", "alpha 1.5 is impossible"]),
        ("studies.main.alpha", [0], ["alpha 0 is impossible", "none"]),
        ("studies.main.T", [0], ["studies.main.T.0", "temperature 0 is impossible"]),
        ("studies.main.T", [4, 4.0], ["studies.main.T", "'4' is listed twice"]),
        ("studies.main.seeds", [1, 1], ["studies.main.seeds", "listed twice"]),
        ("studies.main.seeds", [1.5], ["seed 1.5 is impossible"]),
        ("studies.main.seeds", [], ["studies.main.seeds", "empty"]),
        ("studies.main.tasks", ["movie"], ["unknown task 'movie'", "did you mean 'movies'"]),
        ("study", "mian", ["unknown study 'mian'", "did you mean 'main'"]),
        ("suite", "../escape", ["suite", "'../escape'", "names become paths"]),
        (
            "tasks.a/b",
            {"splits": {}, "text": ["t"], "labels": ["x", "y"], "metrics": ["accuracy"]},
            ["tasks", "'a/b'"],
        ),
        ("tasks.movies.labels", ["negative", "negative"], ["listed twice"]),
        (
            "tasks.movies.human",
            ["human_negative", "human_neutral", "human_positive"],
            ["tasks.movies", "'human' names 3 columns for 2 labels"],
        ),
        ("tasks.movies.human", ["human_negative"], ["tasks.movies.human"]),
        ("tasks.movies.human", ["h", "h"], ["tasks.movies.human", "'h' is listed twice"]),
        ("margin", 0, ["margin"]),
        (
            "teachers.bert.resources",
            {"runtime_per_task": {"movie": 5}},
            ["teachers.bert.resources.runtime_per_task.movie", "did you mean 'movies'"],
        ),
        (
            "teachers.bert.resources",
            {"gpu": 2},
            ["teachers.bert.resources.gpu", "others would idle"],
        ),
        ("students.distilbert.resources", {"gpu": 8}, ["resources.gpu", "computes on one GPU"]),
        ("interruptions", -1, ["interruptions"]),
        ("tasks.movies.metrics", ["acuracy"], ["unknown metric 'acuracy'"]),
        ("tasks.movies.selection", None, ["tasks.movies", "selection"]),
        ("tasks.movies.splits", {"train": "x.csv"}, ["report"]),
        ("tasks.movies.splits", {"train": "x.tsv", "report": "y.csv"}, ["x.tsv", ".parquet"]),
        (
            "tasks.movies.splits",
            {"train": "data {x}.csv", "report": "y.csv"},
            ["tasks.movies.splits.train: 'data {x}.csv' has a brace"],
        ),
        (
            "students.distilbert.model",
            {"folder": "models/{a"},
            ["students.distilbert.model.folder: 'models/{a' has a brace"],
        ),
        (
            "teachers.bert.model.vectors",
            "a}.safetensors",
            ["teachers.bert.model.vectors: 'a}.safetensors' has a brace"],
        ),
        (
            "teachers.bert.model.vectors",
            ["a.safetensors", "b}.safetensors"],
            ["teachers.bert.model.vectors: 'b}.safetensors' has a brace"],
        ),
        ("teachers.bert.model.vectors", 3, ["teachers.bert.model.vectors: a text is wanted"]),
        ("teachers.bert.model.vectors", [], ["teachers.bert.model.vectors: List should have"]),
        ("teachers.bert.model.vectors", ["a", 3], ["teachers.bert.model.vectors.1: a text is"]),
        ("references", {}, ["references: Dictionary should have at least 1"]),
        (
            "references",
            {"a": {"kind": "words", "vectors": "v"}},
            ["references.a: 'vectors' belongs"],
        ),
        ("references", {"a": {"kind": "vectors"}}, ["references.a: 'vectors' belongs"]),
        ("references", {"constant": {"kind": "words"}}, ["references.constant: the best constant"]),
        (
            "references",
            {"a": {"kind": "vectors", "vectors": ["v", "{v"]}},
            ["references.a.vectors: '{v' has a brace"],
        ),
        ("teachers.best-per-sample", TEACHER, ["teachers.best-per-sample: a strategy has this"]),
        ("teachers.median", TEACHER, ["teachers.median: a strategy has this name; rename"]),
        ("strategies.bert", {"operator": "median"}, ["teachers.bert: a strategy has this name"]),
        ("tasks.movies.text", None, ["tasks.movies.text", "missing"]),
        ("students.distilbert.model.folder", "somewhere", ["exactly one of"]),
        ("students.distilbert.model.layers", 2, ["'layers' belongs with 'hub' or 'folder'"]),
        (
            "teachers.cut",
            {"model": {"folder": "f", "layers": 2}, "training": {"epochs": 0}},
            ["a ready-made classifier", "needs all of its layers"],
        ),
        (
            "teachers.cut",
            {"model": {"folder": "f", "layers": 2}, "per_task": {"movies": {"epochs": 0}}},
            ["a ready-made classifier", "needs all of its layers"],
        ),
        ("students.distilbert.per_task", {"moves": {}}, ["unknown task 'moves'"]),
        ("students.distilbert.per_task", {"movies": {"epoch": 2}}, ["movies.epoch", "'epochs'"]),
        ("students.distilbert.per_strategy", {"non": {}}, ["unknown strategy 'non'", "'none'"]),
        ("students.distilbert.per_strategy", {"none": {"epoch": 2}}, ["none.epoch", "'epochs'"]),
        ("students.distilbert.per_strategy", {"none": {"epochs": 0}}, ["none.epochs", "trained"]),
        ("teachers.bert.keep", "first", ["teachers.bert.keep", "'best' or 'last'"]),
        ("studies.main.students", ["distilbert"], ["studies.main", "not both"]),
        ("studies.main.alpha", 0.5, ["studies.main.alpha: a list is wanted, such as [0.5]"]),
        (
            "bundle",
            "seeds",
            ["bundle: a list is wanted, such as [seeds], or: Input should be 'cell"],
        ),
        ("teachers.bert.model", "bert", ["teachers.bert.model: keys with values are wanted, not"]),
        (
            "studies.main.arms",
            [{"strategy": "single", "teachers": ["bert"]}] * 2,
            ["arms: {'strategy': 'single', 'teachers': ['bert']} is listed twice"],
        ),
        ("studies.main.student", "distlbert", ["unknown student", "did you mean 'distilbert'"]),
        ("tasks.v", {"of": "movie"}, ["tasks.v.of: unknown task 'movie'; did you mean 'movies'"]),
        ("tasks.v", {"of": "movies", "text": ["t"]}, ["tasks.v.text: a variant shares its task's"]),
        (
            "tasks.v",
            {"of": "movies", "labelled": "most"},
            ["tasks.v.labelled", "'most' is neither"],
        ),
        (
            "tasks.v",
            {"of": "movies", "labelled": 0},
            ["tasks.v.labelled", "0 is neither 'all' nor"],
        ),
        (
            "tasks.v",
            {"of": "movies", "transfer": "rest"},
            ["'rest' is the train rows that are not"],
        ),
        ("tasks.v", {**FEW, "transfer": "the rest"}, ["tasks.v.transfer.0"]),
        ("tasks.v", {**FEW, "transfer": [{"rest": True, "file": "a.csv"}]}, ["exactly one of"]),
        ("tasks.v", {**FEW, "transfer": [{"file": "a.txt"}]}, ["0.file: 'a.txt' is no .parquet"]),
        ("tasks.v", {**FEW, "transfer": [{"task": "moovies"}]}, ["did you mean 'movies'"]),
        ("tasks.v", {**FEW, "transfer": [{"task": "movies"}]}, ["its own rows are 'rest'"]),
        ("tasks.v", {**FEW, "transfer": [{"task": "more-positive"}]}, ["one of them has pairs"]),
        ("tasks.v", {**FEW, "transfer": [{"file": "a.csv", "text": ["a", "b"]}]}, ["2 columns"]),
        ("tasks.v", {**FEW, "transfer": [{"rest": True, "text": ["a"]}]}, ["'text' names columns"]),
        ("tasks.v", {**FEW, "transfer": [{"rest": True, "rows": 0}]}, ["transfer.0.rows"]),
        ("tasks.v", {**FEW, "transfer": {"augment": {"mask": 2}}}, ["transfer.0.augment.mask"]),
        ("strategies.s", {"fusion": "none"}, ["is a control; give 'control: true'"]),
        ("strategies.s", {"fusion": "none", "loss": "hinton"}, ["there are no soft labels"]),
        ("strategies.s", {"fusion": "average", "gold": "all"}, ["'gold' is for a student without"]),
        ("tasks.movies.draw", 2, ["tasks.movies", "'draw': for a variant of a task"]),
        ("tasks.movies.gate_rows", 2, ["tasks.movies", "'gate_rows': for a variant"]),
        ("strategies.s", {"fusion": "average", "labels": "firm"}, ["strategies.s.labels"]),
        ("strategies.s", {"fusion": "average", "confidence": 1}, ["strategies.s.confidence"]),
        ("strategies.s", {"fusion": "average", "crossfit": 1}, ["strategies.s.crossfit", "2"]),
        ("strategies.s", {"fusion": "average", "crossfit": 2.5}, ["strategies.s.crossfit"]),
        ("strategies.s", {"fusion": "none", "control": True, "crossfit": 5}, ["'crossfit': there"]),
        ("strategies.s", SURE_OF_NONE, ["strategies.s: 'confidence' is for rows without"]),
        ("studies.main.arms", PINNED[0], ["'bert@2+bert@1' must name its teachers", "in their"]),
        ("studies.main.arms", PINNED[1], ["'bert+bert@1' has teacher 'bert' of seed 1 twice"]),
        ("studies.main.arms", PINNED[2], ["'bert@x': behind the @ stands a seed"]),
        ("studies.main.arms", PINNED[3], ["unknown teacher 'brt'", "did you mean 'bert'"]),
        ("studies.main.student", ["distilbert"], ["studies.main", "several are 'students'"]),
        ("tasks.v", {"of": ["movies"]}, ["tasks.v.of: unknown task ['movies']"]),
        ("tasks.v", {"of": "v"}, ["tasks.v.of: v is a variant itself"]),
    ],
)
def test_a_mistake_is_answered_in_one_line_with_file_and_key(path, value, words):
    with pytest.raises(InputError) as caught:
        validate_suite(change(path, value), "my.yaml")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("my.yaml: ")
    for word in words:
        assert word in message


def test_a_teacher_is_not_fused_with_itself_where_seeds_are_paired():
    """The student of seed 2 would have one teacher twice; those of other seeds would not."""
    content = change("teacher_seed", "paired")
    arms = [{"strategy": "average", "teachers": ["bert", "bert@2"]}]
    content["studies"] = {"main": content["studies"]["main"] | {"arms": arms, "seeds": [1, 2]}}
    with pytest.raises(InputError, match="'bert\\+bert@2' has teacher 'bert' of seed 2 twice"):
        validate_suite(content, "my.yaml")
    content["studies"]["main"]["seeds"] = [1, 3]
    assert validate_suite(content, "my.yaml")


def test_a_broken_file_is_one_line(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("suite: [unclosed\n")
    with pytest.raises(InputError, match="broken.yaml"):
        load_suite(path)
    with pytest.raises(InputError, match="absent.yaml"):
        load_suite(tmp_path / "absent.yaml")


def test_yaml_spells_small_numbers_as_text():
    assert Training.model_validate({"learning_rate": "2e-5"}).learning_rate == 2e-5


def test_every_strategy_of_the_config_is_fused_or_needs_no_fusion():
    assert set(STRATEGIES) == {"none", *FUSIONS, *POOLS}


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"weights": {"textcnn": 0.5, "bert": 0.5}}, ["has weights of textcnn, bert, the arm has"]),
        ({"T": {"bert": 2}}, ["strategies.own.T", "unknown teacher 'bert'"]),
    ],
)
def test_what_a_strategy_says_of_teachers_is_about_its_arms(own, words):
    suite = change("strategies.own", {"operator": "median", **own})
    arms = [{"strategy": "own", "teachers": ["textcnn", "bilstm"]}]
    suite["studies"]["main"]["arms"] = arms
    with pytest.raises(InputError) as caught:
        validate_suite(suite, "my.yaml")
    assert all(word in str(caught.value) for word in words)


def test_validation_imports_no_heavy_library():
    code = (
        "import sys; from mtkd.config.load import load_suite; import mtkd.study.settings, "
        "mtkd.study.grid, mtkd.study.code; load_suite(sys.argv[1]);"
        "print([m for m in ('torch', 'numpy', 'pandas', 'transformers') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(ROOT / "config/glue.yaml")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_key_is_documented():
    text = (ROOT / "config/README.md").read_text()
    missing = sorted({key for key in keys_of(Suite) if f"`{key}`" not in text})
    assert missing == []


def test_a_job_on_logits_asks_for_the_most_of_its_teachers():
    small, large = Resources(threads=2, runtime=90), Resources(gpu=1, mem_mb=9000)
    asked = greatest_requests([small, large], runtime=7)
    assert (asked.threads, asked.gpu, asked.mem_mb, asked.runtime) == (2, 1, 9000, 7)
