"""A teacher that is a file: what is read, what is refused, what its gaps do to students."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from mtkd.config.load import validate_suite
from mtkd.distillation.objective import taught_rows
from mtkd.errors import InputError
from mtkd.fusion.targets import answered_rows, check_answers, fuse_teachers
from mtkd.records.logits import Logits, write_logits
from mtkd.records.teachers import TeacherLogits, Teachers, read_teachers
from mtkd.tasks.answers import given_logits, smoothed
from mtkd.tasks.corpus import Split
from mtkd.tasks.label_map import check_label_map
from mtkd.tasks.neighbours import alone_lines, neighbour_logits, word_features

LABELS = ["bad", "good"]


def splits():
    """Two labelled and two transfer rows of train, one of selection, two of report."""

    def made(name, labels):
        ids = np.array([f"{name}{row}" for row in range(len(labels))])
        return Split(ids, [f"text of {one}" for one in ids], None, np.array(labels))

    report = made("r", [0, 0])._replace(labels=None)
    return {"train": made("t", [0, 1, -1, -1]), "selection": made("s", [1]), "report": report}


def rows(**columns):
    """A file's columns: every id of the task, with columns of its numbers."""
    ids = ["t0", "t1", "t2", "t3", "s0", "r0", "r1"]
    return {"id": ids, **{name: list(values) for name, values in columns.items()}}


FULL = rows(bad=[0.9, 0.2, 0.5, 0.5, 0.1, 0.7, 1.0], good=[0.1, 0.8, 0.5, 0.5, 0.9, 0.3, 0.0])


def written(folder, columns, name="a.jsonl"):
    path = folder / name
    table = pd.DataFrame(columns)
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        lines = (
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        )
        path.write_text("".join(json.dumps(row) + "\n" for row in lines))
    return path


def given(path, kind="probabilities", order=None, **source):
    settings = {kind: {"file": str(path), **source}, "text": ["review"]}
    if order:
        settings["label_order"] = order
    return given_logits(settings, LABELS, splits())


def without(columns, *ids):
    keep = [row for row, name in enumerate(columns["id"]) if name not in ids]
    return {name: [values[row] for row in keep] for name, values in columns.items()}


def spoilt(row, **values):
    table = {name: list(column) for name, column in FULL.items()}
    for name, value in values.items():
        table[name][row] = value
    return table


LISTS = rows(answer=[list(pair) for pair in zip(FULL["bad"], FULL["good"], strict=True)])
READ = {
    "parquet": (FULL, "a.parquet", {}),
    "csv": (FULL, "a.csv", {}),
    "jsonl": (FULL, "a.jsonl", {}),
    "columns in another order": ({k: FULL[k] for k in ("good", "id", "bad")}, "a.csv", {}),
    "other names": (
        {"key": FULL["id"], "p0": FULL["bad"], "p1": FULL["good"]},
        "a.parquet",
        {"id": "key", "columns": ["p0", "p1"]},
    ),
    "lists": (LISTS, "a.parquet", {"column": "answer"}),
    "lists in a CSV": (LISTS, "a.csv", {"column": "answer"}),
    "lists in an order of their own": (
        rows(answer=[list(pair) for pair in zip(FULL["good"], FULL["bad"], strict=True)]),
        "a.jsonl",
        {"column": "answer", "order": ["good", "bad"]},
    ),
    "votes": (
        rows(**{k: [10 * v for v in FULL[k]] for k in LABELS}), "a.csv", {"counts": True}
    ),
    "texts and other words beside": (
        {**FULL, "model": ["x"] * 7, "review": [f"text  of {one}" for one in FULL["id"]]},
        "a.csv",
        {},
    ),
    "ids of other tasks": (
        {k: [*v, "other" if k == "id" else 0.5] for k, v in FULL.items()}, "a.jsonl", {}
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", READ)
def test_what_is_read(tmp_path, what):
    columns, name, options = READ[what]
    found = given(written(tmp_path, columns, name), **options)
    p = softmax(np.concatenate([found.logits[k] for k in ("train", "selection", "report")]), axis=1)
    np.testing.assert_allclose(p[:, 1], [*FULL["good"][:-1], 1e-4], atol=1e-9)
    assert all(has.all() for has in found.answered.values())
    assert found.account["raised"] == 1 and found.account["missing"] == {}
    assert found.account["unused"] == (what == "ids of other tasks")


def test_hard_labels_and_logits(tmp_path):
    named = rows(answer=["bad", "good", "good", "bad", "good", "bad", "bad"])
    for columns in (named, rows(answer=[0, 1, 1, 0, 1, 0, 0])):
        found = given(written(tmp_path, columns), column="answer", smoothing=0.01)
        np.testing.assert_allclose(softmax(found.logits["selection"]), [[0.01, 0.99]])
    told = rows(bad=[-3.5] * 7, good=[2.0] * 7)
    np.testing.assert_array_equal(given(written(tmp_path, told), "logits").logits["report"][0],
                                  [-3.5, 2])  # fmt: skip


@pytest.mark.parametrize(
    "columns, source",
    [(FULL, {}), (LISTS, {"column": "answer"}), (rows(bad=[0] * 7, good=[1] * 7), {}),
     (spoilt(2, bad=None, good=None), {"missing": "skip"}), (spoilt(2, bad=0.5005), {})],
)  # fmt: skip
def test_probabilities_are_no_logits(tmp_path, columns, source):
    with pytest.raises(InputError, match="a.jsonl: no number is below 0 .* under 'probabilities'"):
        given(written(tmp_path, columns), "logits", **source)


def test_logits_that_look_like_probabilities_in_some_rows_are_read(tmp_path):
    found = given(written(tmp_path, spoilt(2, bad=2.5)), "logits")
    np.testing.assert_array_equal(found.logits["train"][0], [0.9, 0.1])


def test_a_file_for_each_split(tmp_path):
    parts = {"train": ["t0", "t1"], "transfer": ["t2", "t3"], "selection": ["s0"]}
    files = {}
    for part, ids in {**parts, "report": ["r0", "r1"]}.items():
        others = [one for one in FULL["id"] if one not in ids]
        files[part] = str(written(tmp_path, without(FULL, *others), f"{part}.csv"))
    source = {"probabilities": {"files": files}, "text": ["review"]}
    assert given_logits(source, LABELS, splits()).account["missing"] == {}
    del files["transfer"]
    with pytest.raises(InputError, match="no file: no answer for 2 of 2 rows of transfer: 't2', "):
        given_logits(source, LABELS, splits())


REFUSED = {
    "no id column": ({"key": FULL["id"], **{k: FULL[k] for k in LABELS}}, {}, "no column 'id'"),
    "an id twice": (spoilt(1, id="t0"), {}, "id 't0' occurs more than once"),
    "an id that is missing": (spoilt(1, id=None), {}, "line 2 has no id"),
    "a label without a column": (
        {k: FULL[k] for k in ("id", "bad")}, {}, "no column of label good; its columns are id, bad"
    ),
    "a column of no label": ({**FULL, "mixed": FULL["bad"]}, {}, "'mixed' holds numbers and is no"),
    "not a sum of 1": (spoilt(2, bad=0.6), {}, r"line 3 \(id 't2'\): 0.6, 0.5 does not sum to 1"),
    "votes that are not said to be": (rows(bad=[3] * 7, good=[2] * 7), {}, "'counts: true'"),
    "a negative": (spoilt(2, bad=-0.1), {}, r"-0.1, 0.5 is below 0.*'logits'"),
    "NaN": (spoilt(2, bad=float("nan")), {}, r"'bad' has nan in line 3 \(id 't2'\)"),
    "infinity": (spoilt(0, good=float("inf")), {}, "'good' has inf in line 1"),
    "a word": (spoilt(0, good="often"), {}, "'good' has 'often' in line 1"),
    "half an answer": (spoilt(0, good=None), {}, "'good' has nothing in line 1"),
    "no votes": (rows(bad=[0] * 7, good=[0] * 7), {"counts": True}, "is no vote for any label"),
    "a list of another length": (
        rows(answer=[[0.5, 0.3, 0.2]] * 7), {"column": "answer"}, "3 numbers in line 1"
    ),
    "an unknown label": (rows(answer=["fine"] * 7), {"column": "answer"}, "label 'fine' is not in"),
    "a number of 400 digits": (spoilt(0, good=10**400), {}, "'good' has 1000+ in line 1 .id 't0'"),
    "such a number in a list": (
        rows(answer=[[10**400, 0]] * 7), {"column": "answer"}, "'answer' has 1000+ in line 1"
    ),
    "such a number as a label": (
        rows(answer=[10**400] * 7), {"column": "answer"}, "'answer' holds a number that is too"
    ),
    "votes without a sum": (
        rows(bad=[1e308] * 7, good=[1e308] * 7), {"counts": True}, "has no finite sum"
    ),
    "an order of other labels": (
        LISTS, {"column": "answer", "order": ["up", "down"]}, "does not hold the task's labels"
    ),
    "another task's": (spoilt(0, id="x") | {"id": list("abcdefg")}, {}, "is it of another task"),
    "other texts": (
        {**FULL, "text": ["another"] * 7}, {}, "id 't0' is 'another', and in the task 'text of t0'"
    ),
    "a row less": (without(FULL, "t1"), {}, "no answer for 1 of 2 rows of train: 't1'; add"),
    "rows of several splits less": (
        without(FULL, "t3", "r0"), {}, "1 of 2 rows of transfer: 't3' .and of 1 more splits"
    ),
    "no labelled row": (
        without(FULL, "t0", "t1"), {"missing": "skip"}, "any of the labelled rows of train"
    ),
    "no row of report": (
        without(FULL, "r0", "r1"), {"missing": "skip"}, "any of the rows of report"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_in_one_line(tmp_path, what):
    columns, options, message = REFUSED[what]
    with pytest.raises(InputError, match=message) as error:
        given(written(tmp_path, columns), **options)
    assert "\n" not in str(error.value) and "a.jsonl" in str(error.value)


def test_lists_in_a_csv_that_are_no_numbers_are_refused(tmp_path):
    for said in (f"[{10**400}, 0]", "[" * 100_000):
        with pytest.raises(InputError, match="a.csv: "):
            given(written(tmp_path, rows(answer=[said] * 7), "a.csv"), column="answer")


def test_an_id_of_two_splits_is_refused(tmp_path):
    both = splits()
    both["report"] = both["report"]._replace(ids=np.array(["t0", "r1"]))
    source = {"probabilities": {"file": str(written(tmp_path, FULL))}, "text": ["review"]}
    with pytest.raises(InputError, match="'t0' is one of train and of report; give 'files'"):
        given_logits(source, LABELS, both)


def test_columns_whose_names_are_exchanged_are_refused():
    logits, gold = np.tile([[2.0, -2.0], [-2.0, 2.0]], (30, 1)), np.tile([1, 0], 30)
    with pytest.raises(InputError, match="rename them"):
        check_label_map(logits, gold, LABELS, "llm", "rename them")


def test_rows_without_an_answer_are_skipped_and_counted(tmp_path):
    table = without(FULL, "t1", "r0")
    table["bad"][1] = table["good"][1] = None  # t2 is blank
    found = given(written(tmp_path, table), missing="skip")
    assert found.answered["train"].tolist() == [True, False, False, True]
    assert found.answered["report"].tolist() == [False, True]
    assert found.account["missing"] == {"train": 1, "transfer": 1, "report": 1}
    # In place of an answer stand the labels' shares in train.
    np.testing.assert_allclose(softmax(found.logits["report"][0]), [0.5, 0.5])


def test_smoothing_raises_what_is_below_and_scales_the_rest():
    p, raised = smoothed(np.array([[0.0, 0.2, 0.8], [0.3, 0.3, 0.4], [1.0, 0.0, 0.0]]), 0.01)
    assert raised == 3
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(p[0], [0.01, 0.198, 0.792])
    np.testing.assert_allclose(p[1:], [[0.3, 0.3, 0.4], [0.98, 0.01, 0.01]])


AXES = {"teachers": "a+b", "strategy": "x", "seed": "1", "T": "1"}
OWN = np.array([[[1, 0], [0, 1], [2, 0], [3, 0]], [[0, 3], [0, 5], [0, 2], [0, 1]]], np.float32)


def teachers(*answered):
    runs = {
        (name, "1"): TeacherLogits(f"{name}/seed1", OWN[k], 0.5 + k / 4, "m", "d", LABELS, has)
        for k, (name, has) in enumerate(zip("ab", answered, strict=True))
    }
    return Teachers(runs, "1")


GAPS = teachers(np.array([1, 0, 1, 0], bool), np.array([1, 1, 0, 0], bool))


@pytest.mark.parametrize("fusion", ["average", "weighted", "best-per-sample", "gating"])
def test_a_row_is_fused_from_those_that_answered_it(fusion):
    gates = {("a+b", "1"): np.array([[0.3, 0.7]] * 4)}
    fused = fuse_teachers(AXES, {"fusion": fusion}, GAPS, gates)
    whole = fuse_teachers(AXES, {"fusion": fusion}, teachers(None, None), gates)
    np.testing.assert_array_equal(fused[0], whole[0])
    np.testing.assert_allclose(fused[1], OWN[1, 1], rtol=1e-6)
    np.testing.assert_allclose(fused[2], OWN[0, 2], rtol=1e-6)
    found = answered_rows(AXES, {"fusion": fusion}, GAPS)
    assert found.tolist() == [True, True, True, False]
    assert answered_rows(AXES, {"fusion": fusion}, teachers(None, None)) is None


def test_a_row_that_only_a_teacher_of_weight_0_answered_is_answered_by_none():
    # Scores of 0.5 and 0: b has no weight, and row 1 is b's alone.
    runs = {key: one._replace(score=one.score * (key[0] == "a")) for key, one in
            GAPS.by_run.items()}  # fmt: skip
    scored = Teachers(runs, "1")
    fused = fuse_teachers(AXES, {"fusion": "weighted"}, scored, {})
    np.testing.assert_array_equal(fused, OWN[0])
    found = answered_rows(AXES, {"fusion": "weighted"}, scored)
    assert found.tolist() == [True, False, True, False]
    # A gate that hears b nowhere but in row 0, and a where it has no answer.
    gates = {("a+b", "1"): np.array([[0, 1], [1, 0], [0.5, 0.5], [1, 0]], np.float32)}
    fused = fuse_teachers(AXES, {"fusion": "gating"}, GAPS, gates)
    np.testing.assert_allclose(fused, [OWN[1, 0], OWN[0, 1], OWN[0, 2], OWN[0, 3]])
    found = answered_rows(AXES, {"fusion": "gating"}, GAPS, gates)
    assert found.tolist() == [True, False, True, False]


def test_an_operator_weighs_those_that_answered_and_hears_no_teacher_without_weight():
    pool = {"operator": "linear-pool", "weights": {"a": 0.25, "b": 0.75}}
    fused = fuse_teachers(AXES, {"fusion": pool}, GAPS, {})
    np.testing.assert_allclose(softmax(fused[1]), softmax(OWN[1, 1]), rtol=1e-5)
    alone = {"fusion": {**pool, "weights": {"a": 1, "b": 0}}}
    assert answered_rows(AXES, alone, GAPS).tolist() == [True, False, True, False]
    assert np.isfinite(fuse_teachers(AXES, alone, GAPS, {})).all()


def test_a_loss_that_reads_each_teacher_wants_every_answer():
    recipe = {"fusion": "average", "loss": "mine"}
    check_answers(AXES, recipe, GAPS, np.array([0]))
    check_answers(AXES, recipe, teachers(None, None), None)
    with pytest.raises(InputError, match="b/seed1 has no answer to 1 rows of train"):
        check_answers(AXES, recipe, GAPS, np.array([0, 2]))


def test_rows_that_no_teacher_answered_are_learnt_by_their_gold_label_or_not_at_all():
    from mtkd.distillation.objective import distillation

    torch = pytest.importorskip("torch")
    labels, answered = np.array([0, 1, -1, -1]), np.array([True, False, True, False])
    recipe = {"fusion": "average", "loss": "hinton", "options": {}}
    rows_of = taught_rows(recipe, labels, None, answered)
    assert rows_of.tolist() == [0, 1, 2]
    assert taught_rows(recipe, labels, None, np.array([True, False, True, True])) is None
    assert taught_rows({**recipe, "rows": "labelled"}, labels, None, answered).tolist() == [0, 1]
    logits = torch.tensor([[0.3, 1.0], [2.0, -1.0], [0.5, 0.1]])
    value = distillation(recipe, 2.0, 0.7, torch.from_numpy(labels), OWN[0], OWN, 0, 1,
                         learnt=rows_of, answered=answered).value  # fmt: skip
    soft = softmax(OWN[0] / 2, axis=1)
    log_p = np.log(softmax(logits.numpy(), axis=1))
    log_q = np.log(softmax(logits.numpy() / 2, axis=1))
    kl = 4 * (soft[:3] * (np.log(soft[:3]) - log_q)).sum(axis=1)
    wanted = [0.7 * kl[0] - 0.3 * log_p[0, 0], -log_p[1, 1], kl[2]]
    got = value(logits, None, torch.tensor([0, 1, 2]), 0.0)
    np.testing.assert_allclose(float(got), np.mean(wanted), rtol=1e-5)


def test_answers_are_in_the_file_of_logits_and_in_its_digest(tmp_path):
    record = {"labels": LABELS, "teacher": "llm", "seed": "1", "selection": 0.5,
              "digests": {"model": "m"}}  # fmt: skip
    ids = np.array(["x", "y"])
    found = {}
    for name, has in {"all": None, "some": np.array([True, False])}.items():
        path = tmp_path / f"{name}.safetensors"
        write_logits(path, {"train": Logits(ids, OWN[0, :2], has)}, record)
        read = read_teachers([path], "train", ids[::-1], LABELS, "1")
        found[name] = read.of("llm", "1")
        assert read.answered_by_all(["llm"], ["1"], 2).tolist() == [name == "all", True]
    assert found["all"].answered is None and found["some"].answered.tolist() == [False, True]
    assert found["all"].digest != found["some"].digest


def test_a_row_is_never_its_own_neighbour_nor_one_of_its_group():
    texts = ["good film", "good film", "good plot", "dull plot", "dull cast", "unheard words"]
    train = Split(np.array(list("abcdef")), texts, None, np.array([1, 0, 1, 0, 0, -1]))
    other = Split(np.array(["g"]), ["good film"], None, None)
    both = {"train": train, "report": other}
    # The first two are of one group: of equal texts.
    groups = np.array([0, 0, 1, 2, 3, 4])
    found = neighbour_logits(1, 2, both, word_features(both), groups)
    p = np.exp(found.logits["train"])
    np.testing.assert_allclose(p.sum(axis=1), 1)
    prior = np.array([3, 2]) / 5
    # "good film" asks "good plot", which asks "good film" of either label, "dull plot" "dull cast".
    np.testing.assert_allclose(p[0], (np.array([0, 1]) + prior) / 2)
    np.testing.assert_allclose(p[1], p[0])
    np.testing.assert_allclose(p[4], (np.array([1, 0]) + prior) / 2)
    np.testing.assert_allclose(p[5], prior)
    assert np.exp(found.logits["report"]).shape == (1, 2)
    assert found.account["alone"] == {"train": 1}
    (line,) = alone_lines(found.account)
    assert line.startswith("1 of 6 rows of train share nothing with another labelled text")


@pytest.mark.parametrize("texts", [["a b", "c"], ["好", "坏"], ["🙂", "🙁 !"], ["I", "7"]])
def test_texts_without_a_word_have_no_neighbours_by_words(texts):
    train = Split(np.array(["a", "b"]), texts, None, np.array([0, 1]))
    with pytest.raises(InputError, match="no text of train has a word, .* word 'vectors'"):
        word_features({"train": train})
    # One that has none among others is counted.
    found = word_features({"train": train._replace(text_a=["good film", texts[1]])})
    alone = neighbour_logits(1, 2, {"train": train}, found, np.array([0, 1])).account["alone"]
    assert alone == {"train": 2}


SUITE = {
    "suite": "s",
    "tasks": {
        "all": None,
        "film": {
            "splits": {"train": "film/train.csv", "report": "film/report.csv"},
            "text": ["text"],
            "labels": LABELS,
            "metrics": ["accuracy"],
            "selection": {"fraction": 0.2},
        },
        "few": {"of": "film", "labelled": 50, "transfer": "rest"},
    },
    "teachers": {},
    "students": {
        "s": {"model": {"architecture": "word-average", "tokenizer": {"kind": "word"}}}
    },
    "studies": {
        "main": {"student": "s", "tasks": [], "arms": [], "T": [1], "alpha": [1], "seeds": [1]}
    },
}  # fmt: skip


def suite_of(model, task="film", arm=None, strategies=None, **teacher):
    content = json.loads(json.dumps(SUITE))
    del content["tasks"]["all"]
    content["teachers"] = {"llm": {"model": model, **teacher}}
    study = content["studies"]["main"]
    study["tasks"] = [task]
    study["arms"] = [arm or {"strategy": "single", "teachers": ["llm"]}]
    if strategies:
        content["strategies"] = strategies
    return content


FILE = {"probabilities": {"file": "a.csv"}}
OUT = {"crossfit": {"fusion": "single", "crossfit": 2}}
SUITES = {
    "training": (suite_of(FILE, training={"epochs": 3}), "'training' is for a teacher that is"),
    "resources": (suite_of(FILE, resources={"gpu": 1}), "'resources' is for a teacher that is"),
    "keep": (suite_of(FILE, keep="last"), "'keep' is for a teacher that is trained"),
    "two sources": (suite_of({**FILE, "neighbours": {}}), "give exactly one of 'hub'"),
    "two files": (suite_of({"logits": {"file": "a.csv", "files": {"train": "b.csv"}}}), "not both"),
    "another format": (suite_of({"logits": {"file": "a.npz"}}), "'a.npz' is no .parquet, .csv or"),
    "a brace": (suite_of({"logits": {"file": "{x}.csv"}}), "has a brace"),
    "a misspelled key": (suite_of({"probabilities": {"fiel": "a.csv"}}), "did you mean 'file'"),
    "smoothing of logits": (
        suite_of({"logits": {"file": "a.csv", "smoothing": 0.1}}), "smoothing: unknown key"
    ),
    "an unknown split": (suite_of({"logits": {"files": {"test": "a.csv"}}}), "files.test: there"),
    "an unknown task": (
        suite_of({"logits": {"per_task": {"fim": {"file": "a.csv"}}}}), "unknown task 'fim'"
    ),
    "an unknown key of a task": (
        suite_of({"logits": {"per_task": {"film": {"path": "a.csv"}}}}), "per_task.film.path"
    ),
    "no file of a task": (
        suite_of({"logits": {"per_task": {"few": {"file": "a.csv"}}}}), "no file of train for task"
    ),
    "no file of a split": (
        suite_of({"logits": {"files": {"train": "a.csv", "selection": "a.csv"}}}), "of report for"
    ),
    "transfer text of nobody": (
        suite_of({"logits": {"files": dict.fromkeys(("train", "selection", "report"), "a.csv")}},
                 task="few"),
        "has transfer text, and 'files' names none",
    ),
    "labels that are held back": (
        suite_of({"probabilities": {"file": "./film/train.csv"}}, task="few"), "would tell them"
    ),
    "columns of other labels": (
        suite_of({"logits": {"file": "a.csv", "columns": ["x", "y", "z"]}}), "3 for the 2 labels"
    ),
    "seeds": (
        suite_of(FILE, arm={"strategy": "single", "teachers": ["llm@2"]}), "has no seeds; name it"
    ),
    "folds": (
        suite_of(FILE, arm={"strategy": "crossfit", "teachers": ["llm"]}, strategies=OUT),
        "its answers are the same whatever is left out",
    ),
    "an order without a list": (suite_of(FILE, label_order=LABELS), "'label_order' is for a list"),
}  # fmt: skip


@pytest.mark.parametrize("what", SUITES)
def test_what_a_suite_may_not_say(what):
    content, message = SUITES[what]
    with pytest.raises(InputError, match=message):
        validate_suite(content, "s.yaml")


@pytest.mark.parametrize("spelt", ["absolute", "link", "hard link", "folder", "no file"])
def test_labels_that_are_held_back_are_found_however_their_table_is_spelt(
    tmp_path, monkeypatch, spelt
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "film").mkdir()
    (tmp_path / "films").symlink_to("film")
    table, path = tmp_path / "film/train.csv", "films/train.csv"
    if spelt != "no file":
        table.write_text("id,text,label\n")
    if spelt == "absolute":
        path = str(table)
    elif spelt == "link":
        (tmp_path / (path := "llm.csv")).symlink_to(table)
    elif spelt == "hard link":
        (tmp_path / (path := "llm.csv")).hardlink_to(table)
    with pytest.raises(InputError, match="is a table of task 'few' itself"):
        validate_suite(suite_of({"probabilities": {"file": path}}, task="few"), "s.yaml")
    (tmp_path / "mine.csv").write_text("id,bad,good\n")
    validate_suite(suite_of({"probabilities": {"file": "mine.csv"}}, task="few"), "s.yaml")


def test_a_student_is_no_file():
    content = suite_of(FILE)
    content["students"]["s"] = {"model": FILE}
    with pytest.raises(InputError, match="students.s.model.probabilities: unknown key"):
        validate_suite(content, "s.yaml")


def test_what_differs_by_task_holds_for_its_variants():
    model = {"probabilities": {"counts": True, "per_task": {"film": {"file": "film.csv"}}}}
    suite = validate_suite(suite_of(model, task="few"), "s.yaml")
    found = suite.teachers["llm"].model.answers.of_task("few", "film")
    assert (found.file, found.counts) == ("film.csv", True)
