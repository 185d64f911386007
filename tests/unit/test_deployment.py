"""Students taken away: their folders, choice, statement, card, and trainings done again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import warm
from huggingface_hub import ModelCard
from test_tables import make_record, make_study

from mtkd.analysis.loss_statement import (
    AGREEMENT,
    CALIBRATION,
    INHERITED,
    TEACHERS,
    UNDISTILLED,
    WORST,
    Answers,
    loss_statement,
    scores_table,
)
from mtkd.analysis.measures.calibration import ece, ece_parts
from mtkd.analysis.selection import students_to_take
from mtkd.analysis.tables import runs_table
from mtkd.deployment.card import student_card
from mtkd.deployment.facts import read_facts, student_facts
from mtkd.deployment.folder import (
    answers,
    load_student,
    mean_distance,
    probabilities,
    write_student,
)
from mtkd.deployment.labelling import label_file
from mtkd.deployment.statement import read_cell_answers, read_rows, read_sources
from mtkd.deployment.weights import TOLERANCE, compared, refuse_diverged
from mtkd.errors import InputError
from mtkd.models.build import build_model, load_pretrained, save_model
from mtkd.models.tokenizers import load_tokenizer, train_tokenizer
from mtkd.records.kept import copy_files
from mtkd.records.logits import Logits, write_logits
from mtkd.study.arms import described
from mtkd.tasks.corpus import TaskInfo

sys.path.append(str(Path(__file__).parents[1] / "workflow"))
from small_inputs import corpus, write_model

LABELS = ["bad", "good"]
MAX_LENGTH = 16
DIMENSIONS = {
    "distilbert": {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2},
    "bert": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    },
    "word-average": {"embedding_size": 8, "hidden_size": 8},
}
# Of a fresh model all answers are much alike.
POSITIONS = {"max_position_embeddings": 20, "initializer_range": 0.5}
# A type, where it is from, and how many texts it reads.
STUDENTS = {
    "distilbert": ("distilbert", "scratch", 1),
    "bert of pairs": ("bert", "scratch", 2),
    "word-average": ("word-average", "scratch", 1),
    "bert of the hub": ("bert", "hub", 1),
    "roberta of the hub, of pairs": ("roberta", "hub", 2),
    "deberta of the hub, of pairs": ("deberta", "hub", 2),
}
TEXTS = corpus()[:40]
PAIRS = [TEXTS[:20], TEXTS[20:]]
RECORD = {
    "task": "reviews",
    "student": "small",
    "teachers": "cnn+bert",
    "strategy": "average",
    "T": "4",
    "alpha": "0.7",
    "seed": "1",
    "labels": LABELS,
    "digests": {"cell": "c" * 16, "data": "d" * 16, "teachers": {"cnn/seed1": "e" * 16}},
    "training": {"epochs": 2},
    "device": "cpu",
    "precision": "float32",
    "processor": "one",
    "versions": {"torch": "2", "transformers": "5"},
    "status": "finished",
    "weights": {"trained": "once"},
}


def texts_of(columns: int) -> list[list[str]]:
    return PAIRS if columns == 2 else [PAIRS[0]]


def trained(folder: Path, kind: str, origin: str) -> Path:
    """A model's folder as a training leaves it."""
    if origin == "hub":
        write_model(folder / "hub", kind)
        tokenizer = load_tokenizer(folder / "hub", MAX_LENGTH)
        model = load_pretrained(folder / "hub", LABELS, seed=1)
        tokenizer.backend_tokenizer.enable_truncation(MAX_LENGTH)
    else:
        tokenizers = {"word-average": "word", "distilbert": "wordpiece", "bert": "bpe"}
        tokenizer = train_tokenizer(tokenizers[kind], corpus(), 400, MAX_LENGTH)
        positions = POSITIONS if kind != "word-average" else {}
        model = build_model(kind, {**DIMENSIONS[kind], **positions}, LABELS, tokenizer, 1)
    save_model(model, tokenizer, folder / "trained")
    return folder / "trained"


@pytest.fixture(scope="module")
def students(tmp_path_factory):
    """By its name each student's folder, and the logits that its model had before it was saved."""
    found = {}
    for name, (kind, origin, columns) in STUDENTS.items():
        folder = tmp_path_factory.mktemp("student")
        source = trained(folder, kind, origin)
        text = ["text"] if columns == 1 else ["left", "right"]
        out = folder / "model"
        out.mkdir()
        write_student(out, source, student_facts(RECORD, text, MAX_LENGTH))
        tokenizer = load_tokenizer(source, MAX_LENGTH)
        model = load_pretrained(source, LABELS, seed=0, trained=True)
        batch = tokenizer(
            *texts_of(columns), truncation=True, padding=True, return_tensors="pt",
            return_token_type_ids=kind == "bert",
        )  # fmt: skip
        # Pairs are cut, or the test would say nothing of it.
        if columns == 2:
            assert batch["input_ids"].shape[1] == MAX_LENGTH
        found[name] = out, model(**batch).logits.detach().numpy()
    return found


@pytest.mark.parametrize("name", STUDENTS)
def test_a_folder_answers_as_its_model_did(students, name):
    folder, expected = students[name]
    loaded = load_student(folder)
    assert loaded.labels == LABELS
    found = answers(loaded, texts_of(len(loaded.text)))
    assert np.ptp(found[:, 0]) > 1e-3
    assert np.abs(found - expected).max() < 1e-5


ALONE = """
import json, sys
sys.modules["mtkd"] = None  # whoever imports it is told that there is none
from transformers import pipeline
found = {}
for name, (folder, texts) in json.load(sys.stdin).items():
    classify = pipeline("text-classification", folder)
    found[name] = classify(texts, truncation=True, top_k=None)
print(json.dumps(found))
"""


def test_hub_architectures_need_no_mtkd(students, tmp_path):
    asked = {}
    for name, (folder, _) in students.items():
        if name != "word-average":
            texts = texts_of(STUDENTS[name][2])
            pairs = [{"text": a, "text_pair": b} for a, b in zip(*PAIRS, strict=True)]
            asked[name] = str(folder), texts[0] if len(texts) == 1 else pairs
    (tmp_path / "alone.py").write_text(ALONE)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [warm.python(), str(tmp_path / "alone.py")],
        input=json.dumps(asked), capture_output=True, text=True, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for name, of_texts in json.loads(done.stdout).items():
        shares = [{one["label"]: one["score"] for one in each} for each in of_texts]
        found = np.array([[each[label] for label in LABELS] for each in shares])
        assert np.abs(found - probabilities(students[name][1])).max() < 1e-5, name


def snippet(card: str) -> str:
    return card.split("```python\n")[1].split("```")[0]


@pytest.mark.parametrize("name", ["distilbert", "word-average", "bert of pairs"])
def test_what_a_card_says_to_run_runs(students, name, tmp_path):
    folder, _ = students[name]
    text = card_of(folder)
    assert ("import mtkd.models.build" in text) == (name == "word-average")
    code = snippet(text).replace("path/to/this/folder", str(folder))
    # The last line is shown as an interpreter would show it.
    *lines, last = code.strip().splitlines()
    found = {}
    exec("\n".join([*lines, f"found = {last}"]), found)
    (first,) = found["found"]
    assert sorted(one["label"] for one in first) == LABELS
    assert sum(one["score"] for one in first) == pytest.approx(1)


def settings_of(folder: Path) -> dict:
    facts = read_facts(folder)
    return {
        "suite": "tiny",
        "task": "reviews",
        "metrics": ["accuracy", "log_loss"],
        "report_splits": ["report"],
        "text": facts["text"],
        "max_length": MAX_LENGTH,
        "model": {"architecture": json.loads((folder / "config.json").read_text())["model_type"]},
    }


def toy_answers(seed: int = 0, teachers: bool = True) -> Answers:
    """Random answers on selection and report, of three classes."""
    rng = np.random.default_rng(seed)
    labels = {"selection": rng.integers(3, size=60), "report": rng.integers(3, size=80)}

    def drawn(skill):
        noise = {split: rng.normal(size=(len(gold), 3)) for split, gold in labels.items()}
        return {split: noise[split] + skill * np.eye(3)[labels[split]] for split in labels}

    return Answers(labels, drawn(1), drawn(1.2) if teachers else None, drawn(0.5), {})


ROWS = {"train": 9, "transfer": 1463, "report": 80}


def card_of(
    folder: Path,
    record: dict = RECORD,
    sources: dict | None = None,
    unanswered: dict | None = None,
) -> str:
    settings, found = settings_of(folder), toy_answers()
    scores = scores_table(found.student, found.labels, settings["metrics"], {})
    statement = loss_statement(found, ["a", "b", "c"])
    return student_card(
        record, settings, folder, scores, statement, ROWS, sources or {}, unanswered or {}
    )


def test_a_card_says_what_the_student_is_worth(students, tmp_path):
    folder, _ = students["distilbert"]
    text, found = card_of(folder), toy_answers()
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    data = ModelCard.load(tmp_path / "README.md").data
    results = {(one.dataset_split, one.metric_type): one for one in data.eval_results}
    right = (found.student["report"].argmax(1) == found.labels["report"]).mean()
    accuracy = results["report", "accuracy"]
    assert accuracy.metric_value == pytest.approx(right)
    assert accuracy.metric_args["low"] < right < accuracy.metric_args["high"]
    assert set(results) == {(s, m) for s in found.labels for m in ("accuracy", "log_loss")}
    for said in (
        "results/tiny/students/small/reviews/cnn+bert/average/T4_a0.7/seed1",
        "cnn, bert", "average", "`" + "d" * 16 + "`", "80", "must not be used for", "`bad`, `good`",
        "calibration error", "errors inherited", "worst class", "agreement with its teachers",
    ):  # fmt: skip
        assert said in text, said


def test_a_card_claims_no_more_of_rows_and_teachers_than_is_so(students):
    keys = ["cnn/seed1", "llm/seed1", "people/seed1", "near/seed1"]
    record = {**RECORD, "digests": {**RECORD["digests"], "teachers": dict.fromkeys(keys, "e" * 16)}}
    sources = {"llm/seed1": "logits", "people/seed1": "probabilities", "near/seed1": "neighbours"}
    text = card_of(students["distilbert"][0], record, sources)
    for said in (
        "cnn/seed1 `eeeeeeeeeeeeeeee` (its model), llm/seed1 `eeeeeeeeeeeeeeee` (a file's answers)",
        "people/seed1 `eeeeeeeeeeeeeeee` (a file's answers)",
        "near/seed1 `eeeeeeeeeeeeeeee` (near texts' labels)",
        "| train 9, transfer (texts without a label) 1,463, report 80 |",
        # The table of scores has selection, too.
        "every number above is of that task's own splits",
    ):
        assert said in text, said
    alone = {**RECORD, "digests": {**RECORD["digests"], "teachers": {}}}
    assert "| digests of its teachers | none |" in card_of(students["distilbert"][0], alone)


def test_rows_and_sources_are_read_from_what_is_there(tmp_path):
    labels = {"train": [0, 1, -1, -1, -1], "full": [0, 1]}
    for name, of_train in labels.items():
        (tmp_path / name).mkdir()
        frame = pd.DataFrame({"id": [f"{n}" for n in range(len(of_train))], "label": of_train})
        frame.to_parquet(tmp_path / name / "train.parquet")
    info = TaskInfo(LABELS, {"train": 5, "selection": 3, "report": 4}, "d")
    found = read_rows(tmp_path / "train", info)
    assert list(found.items()) == [("train", 2), ("transfer", 3), ("selection", 3), ("report", 4)]
    assert "transfer" not in read_rows(tmp_path / "full", info._replace(rows={"train": 2}))
    paths = []
    for name, source in {"cnn": {}, "llm": {"source": "logits"}}.items():
        paths.append(tmp_path / f"{name}.safetensors")
        write_logits(paths[-1], HERE, {"teacher": name, "seed": "2", **source})
    assert read_sources(paths) == {"llm/seed2": "logits"}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"trained": "once"}, "whose predictions the study scored"),
        ({"trained": "again", "equal": True, "distance": 0.0}, "bit for bit"),
        ({"trained": "again", "equal": False, "distance": 0.0123}, "0.012 from the record's"),
    ],
)
def test_a_card_says_where_the_weights_are_from(students, told, said):
    assert said in card_of(students["distilbert"][0], {**RECORD, "weights": told})


# --- The loss statement


def test_parts_of_the_calibration_error_are_its_parts():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        logits, labels = rng.normal(size=(50, 3)) * seed, rng.integers(3, size=50)
        assert ece_parts(logits, labels).mean() == pytest.approx(ece(logits, labels))


def test_the_four_numbers_are_what_they_say():
    found = toy_answers()
    table = loss_statement(found, ["a", "b", "c"]).set_index("measure")
    gold, student = found.labels["report"], found.student["report"].argmax(1)
    taught, alone = found.teachers["report"].argmax(1), found.undistilled["report"].argmax(1)

    def row(measure):
        values = table.loc[measure]
        assert values.low < values.difference < values.high
        return values.value, values.reference, values.against

    calibration = [ece(one["report"], gold) for one in (found.student, found.teachers)]
    assert row(CALIBRATION) == (*map(pytest.approx, calibration), TEACHERS)
    agreement = [(one == taught).mean() for one in (student, alone)]
    assert row(AGREEMENT) == (*map(pytest.approx, agreement), UNDISTILLED)
    inherited = [((taught != gold) & (one == taught)).mean() for one in (student, alone)]
    assert row(INHERITED) == (*map(pytest.approx, inherited), UNDISTILLED)
    # The worst class is found on selection, and measured on report.
    of = found.labels["selection"]
    right = [one["selection"].argmax(1) == of for one in (found.student, found.teachers)]
    lost = [(right[0][of == c].mean() - right[1][of == c].mean()) for c in range(3)]
    worst = int(np.argmin(lost))
    assert table.loc[WORST, "of"] == "abc"[worst] and table.loc[WORST, "n"] == (gold == worst).sum()
    recall = [(one[gold == worst] == worst).mean() for one in (student, taught)]
    assert row(WORST) == (*map(pytest.approx, recall), TEACHERS)


def test_a_student_without_teachers_has_what_applies():
    table = loss_statement(toy_answers(teachers=False), ["a", "b", "c"]).set_index("measure")
    assert table.loc[[AGREEMENT, INHERITED], "value"].isna().all()
    own = table.loc[[CALIBRATION, WORST]]
    assert own.difference.isna().all() and (own.low <= own.value).all()
    assert (own.low >= 0).all() and (own.high <= 1).all()


def test_without_an_undistilled_student_there_is_no_difference():
    table = loss_statement(toy_answers()._replace(undistilled=None), ["a", "b", "c"])
    own = table.set_index("measure").loc[[AGREEMENT, INHERITED]]
    assert own.difference.isna().all() and own.value.notna().all() and (own.low < own.value).all()


def test_intervals_count_clusters_and_a_class_that_report_lacks_has_no_recall():
    found = toy_answers()
    clusters = {split: np.arange(len(gold))[:, None] // 8 for split, gold in found.labels.items()}
    wide = loss_statement(found._replace(clusters=clusters), ["a", "b", "c"])
    plain = loss_statement(found, ["a", "b", "c"])
    assert (wide.difference == plain.difference).all() and (wide.low != plain.low).all()
    labels = {**found.labels, "report": np.zeros(80, dtype=int)}
    for worst in range(3):
        student = {split: np.eye(3)[(labels[split] == worst) * 1] for split in labels}
        table = loss_statement(found._replace(labels=labels, student=student), ["a", "b", "c"])
        row = table.set_index("measure").loc[WORST]
        assert row.n == (80 if row.of == "a" else 0) and pd.isna(row.value) == (row.of != "a")


def test_rows_that_no_teacher_answered_count_for_nothing():
    """Whatever stands there: the four numbers are those of the other rows alone."""
    for seed in range(5):
        found, rng = toy_answers(seed), np.random.default_rng(seed)
        answered = {"selection": rng.random(60) < 0.6, "report": rng.random(80) < 0.7}
        clusters = {s: rng.integers(9, size=(len(gold), 1)) for s, gold in found.labels.items()}
        found = found._replace(clusters=clusters)

        def only(model, answered=answered):
            return {split: values[answered[split]] for split, values in model.items()}

        known = Answers(*map(only, found[:5]))
        prior = {s: np.where(answered[s][:, None], found.teachers[s], [5, 0, 0]) for s in answered}
        table = loss_statement(found._replace(teachers=prior, answered=answered), ["a", "b", "c"])
        pd.testing.assert_frame_equal(table, loss_statement(known, ["a", "b", "c"]))
        assert table.n[0] == answered["report"].sum() < 80


def test_teachers_that_answered_nothing_have_no_statement():
    found, nothing = toy_answers(), {"report": np.zeros(80, bool)}
    table = loss_statement(found._replace(answered=nothing), ["a", "b", "c"])
    assert table.value.isna().all() and (table.n == 0).all()
    # On selection: then the worst class is that of the student's least recall.
    nothing = {"selection": np.zeros(60, bool)}
    row = loss_statement(found._replace(answered=nothing), ["a", "b", "c"]).iloc[-1]
    alone = loss_statement(found._replace(teachers=None), ["a", "b", "c"]).iloc[-1]
    assert row.of == alone.of and row.value == alone.value and row.against == TEACHERS


def test_a_card_says_how_many_rows_no_teacher_answered(students):
    folder, said = students["distilbert"][0], "Rows that no teacher answered"
    text = card_of(folder, unanswered={"report": 12})
    assert f"{said} are left out of all four: 12 of 80 on report." in text
    assert said not in card_of(folder)


@pytest.mark.parametrize("lacking", [[], ["r1"]])
def test_which_rows_were_answered_is_read_with_the_answers(lacking, tmp_path):
    """Of two teachers, one of whom answers all but a row, and the other not that one either."""
    ids = {"selection": ["s0", "s1"], "report": ["r0", "r1", "r2"]}
    (tmp_path / "task").mkdir()
    frames = {split: pd.DataFrame({"id": own, "label": 0}) for split, own in ids.items()}
    frames["selection"].to_parquet(tmp_path / "task/selection.parquet")
    frames["report"].assign(split="report").to_parquet(tmp_path / "task/report_labels.parquet")
    info = TaskInfo(LABELS, {"train": 4, "selection": 2, "report": 3}, "d" * 16)
    rng = np.random.default_rng(0)
    paths = {}
    for name, more in {"student": [], "cnn": [], "bert": ["r0"]}.items():
        without = [*lacking, *more]
        splits = {
            split: Logits(
                np.array(own), rng.normal(size=(len(own), 2)).astype(np.float32),
                None if name == "student" else ~np.isin(own, without),
            )
            for split, own in ids.items()
        }  # fmt: skip
        record = {**RECORD, "teacher": name, "selection": 0.5}
        record["digests"] = {"data": "d" * 16, "model": "m" * 16}
        for part in ids if name != "student" else ["predictions"]:
            paths[name, part] = tmp_path / name / f"{part}.safetensors"
            kept = {part: splits[part]} if part in splits else splits
            write_logits(paths[name, part], kept, record)
    recipe = {"fusion": "average", "loss": "kl"}
    logits = [path for (name, _), path in paths.items() if name != "student"]
    found, _ = read_cell_answers(
        paths["student", "predictions"], [], logits, [], recipe, "paired", tmp_path / "task", info
    )
    wanted = {"report": [True, False, True]} if lacking else {}
    assert {split: some.tolist() for split, some in found.answered.items()} == wanted


# --- The choice


def choice(values: dict, metric: str = "accuracy", families: dict | None = None):
    """Which student is chosen, of selection scores by (strategy, T, seed)."""
    study = make_study(metrics={"movies": metric})
    records = [
        make_record(study, "movies", {"selection": value, "report": 1 - value}, strategy=strategy,
                    teachers="none" if strategy == "none" else "cnn", T=T, seed=seed)
        for (strategy, T, seed), value in values.items()
    ]  # fmt: skip
    names = dict.fromkeys(s for s, _, _ in values)
    arms = [described(s, "cnn" if s != "none" else "none") for s in names]
    arms = [{**arm, **(families or {}).get(arm["strategy"], {})} for arm in arms]
    table = students_to_take(runs_table(records), arms)
    (row,) = table[table.chosen].itertuples()
    assert len(table) == len(records)
    return row.strategy, row.T, row.seed


CHOICES = {
    "the best arm and its best seed": (
        {("none", "NA", "1"): 0.6, ("single", "4", "1"): 0.7, ("single", "4", "2"): 0.8},
        ("single", "4", "2"),
    ),
    "the mean over seeds counts, not the best seed": (
        {("single", "2", "1"): 0.9, ("single", "2", "2"): 0.1,
         ("single", "4", "1"): 0.6, ("single", "4", "2"): 0.5},
        ("single", "4", "1"),
    ),
    "the undistilled student, where it is best": (
        {("none", "NA", "1"): 0.8, ("single", "4", "1"): 0.7}, ("none", "NA", "1"),
    ),
    "on ties the first arm and the first seed": (
        {("none", "NA", "1"): 0.7, ("none", "NA", "2"): 0.7, ("single", "4", "1"): 0.7,
         ("single", "4", "2"): 0.7},
        ("none", "NA", "1"),
    ),
    "one that lost a seed stands back": (
        {("none", "NA", "1"): 0.5, ("none", "NA", "2"): 0.5, ("single", "4", "1"): 0.9},
        ("none", "NA", "1"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHOICES)
def test_selection_chooses(what):
    values, chosen = CHOICES[what]
    assert choice(values) == chosen


def test_a_control_is_never_chosen_and_less_can_be_better():
    values = {("none", "NA", "1"): 0.6, ("single", "4", "1"): 0.7, ("average", "4", "1"): 0.9}
    control = {"average": {"family": "control"}}
    assert choice(values, families=control) == ("single", "4", "1")
    assert choice(values, metric="brier") == ("none", "NA", "1")


# --- Trainings done again


def predictions(*logits) -> dict[str, Logits]:
    return {"selection": Logits(np.array(["a", "b"]), np.array(logits, dtype=np.float32))}


HERE = predictions([0.0, 1.0], [2.0, 0.0])
NEAR = predictions([0.0, 1.01], [2.0, 0.0])
FAR = predictions([1.0, 0.0], [2.0, 0.0])
ELSEWHERE = {**RECORD, "processor": "another"}
OTHER_TORCH = {**RECORD, "versions": {"torch": "3", "transformers": "5"}}


@pytest.mark.parametrize("again", [RECORD, ELSEWHERE])
def test_equal_predictions_are_the_record_wherever_they_were_made(again):
    assert compared(HERE, RECORD, HERE, again, "cell")["equal"]


@pytest.mark.parametrize("again", [ELSEWHERE, OTHER_TORCH, {**RECORD, "device": "GPU"}])
def test_elsewhere_near_predictions_will_do(again):
    told = compared(HERE, RECORD, NEAR, again, "cell")
    assert not told["equal"] and 0 < told["distance"] < TOLERANCE


@pytest.mark.parametrize(
    ("found", "again", "message"),
    [
        (NEAR, RECORD, "trained again on the same kind of machine"),
        (FAR, RECORD, "trained again on the same kind of machine"),
        (FAR, ELSEWHERE, "trained again on another kind of machine"),
        ({}, {**RECORD, "status": "diverged", "step": 3, "reason": "NaN"}, "diverged at step 3"),
    ],
)
def test_a_training_that_does_not_give_the_record_is_refused(found, again, message):
    with pytest.raises(InputError, match=message) as error:
        compared(HERE, RECORD, found, again, "a/cell")
    assert "a/cell" in str(error.value) and "\n" not in str(error.value)


def test_a_cell_that_diverged_has_no_model():
    record = {**RECORD, "status": "diverged", "step": None, "reason": "no gate"}
    with pytest.raises(InputError, match=r"its training diverged \(no gate\)"):
        refuse_diverged(record, Path("cell"))
    assert mean_distance(HERE["selection"].logits, FAR["selection"].logits) == pytest.approx(
        (1 / (1 + np.exp(-1)) - 1 / (1 + np.exp(1))) / 2
    )


# --- Wrong folders


def spoil(name):
    def change(folder):
        (folder / name).unlink()

    return change


def facts(**own):
    def change(folder):
        path = folder / "student.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **own}))

    return change


WRONG = {
    "no weights": (spoil("model.safetensors"), r"no \*.safetensors weights in model folder"),
    "no tokenizer": (spoil("tokenizer.json"), "no tokenizer in"),
    "no configuration": (spoil("config.json"), "no config.json in model folder"),
    "no facts": (spoil("student.json"), "no student.json, so this is no student"),
    "facts of another schema": (facts(schema=2), "not of schema 1"),
    "labels of another task": (facts(labels=["x", "y", "z"]), "has shape"),
    "labels in another order": (facts(labels=LABELS[::-1]), "in the order bad, good"),
    "torn weights": (
        lambda folder: (folder / "model.safetensors").write_bytes(b"12345678{"),
        "unreadable model",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_folder_that_is_no_student_is_refused_in_one_line(students, what, tmp_path):
    change, message = WRONG[what]
    source = tmp_path / "source"
    source.mkdir()
    for path in students["distilbert"][0].iterdir():
        (source / path.name).write_bytes(path.read_bytes())
    change(source)
    (tmp_path / "a.csv").write_text("text\na\n")
    with pytest.raises(InputError, match=message) as error:
        label_file(source, str(tmp_path / "a.csv"), tmp_path / "out.csv")
    assert "\n" not in str(error.value) and not (tmp_path / "out.csv").exists()


def test_a_folder_that_is_not_there_says_how_it_is_made(tmp_path):
    cell = tmp_path / "results/tiny/students/s/reviews/none/none/TNA_aNA/seed1"
    with pytest.raises(InputError, match=r"no such model folder: .*; make one: snakemake"):
        read_facts(cell / "model")
    cell.mkdir(parents=True)
    with pytest.raises(InputError, match=rf"make one: snakemake -c2 -- {cell}/model"):
        read_facts(cell)
    with pytest.raises(InputError, match="no such model folder: nowhere$"):
        read_facts(Path("nowhere"))


# --- Labelling


def test_a_file_is_labelled_in_its_order(students, tmp_path, capsys):
    folder, expected = students["bert of pairs"]
    rows = pd.DataFrame({"left": PAIRS[0], "n": range(20), "right": PAIRS[1]})
    rows.loc[3, "right"] = ""
    rows.to_csv(tmp_path / "a.csv", index=False)
    rows.to_parquet(tmp_path / "a.parquet")
    rows.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    readers = {"csv": pd.read_csv, "parquet": pd.read_parquet}
    readers["jsonl"] = lambda path: pd.read_json(path, lines=True)
    for kind, read in readers.items():
        out = tmp_path / f"labelled.{kind}"
        label_file(folder, str(tmp_path / f"a.{kind}"), out)
        found, good = read(out), np.arange(20) != 3
        assert found.n.tolist() == list(range(20)) and found.left.tolist() == PAIRS[0]
        shares = found[["probability_bad", "probability_good"]].to_numpy(dtype=float)
        assert np.abs(shares - probabilities(expected))[good].max() < 1e-5
        wanted = [LABELS[k] for k in expected.argmax(1)]
        assert [a for a, g in zip(found.predicted_label, good, strict=True) if g] == [
            a for a, g in zip(wanted, good, strict=True) if g
        ]
        assert np.isnan(shares[3]).all() and found.reason[3] == "no text in column 'right'"
        said = capsys.readouterr().err
        assert ": no text in column 'right'" in said and "19 of 20 rows labelled; 1 without" in said


# An output, and what is said of it before a model is loaded.
OUTPUTS = {
    "below a file": ("a.csv/out.csv", "cannot be written (Not a directory)"),
    "in a folder that takes none": ("/proc/x/out.csv", "cannot be written"),
    "of too long a name": (f"{'x' * 250}.csv", "cannot be written (File name too long)"),
    "a folder": ("folder.csv", "it is a folder"),
    "of no format": ("out.txt", "not a .csv, .jsonl or .parquet file"),
    "no regular file": ("fifo.csv", "it is no regular file"),
    "the source": ("a.csv", "this is what it is made from"),
    "the source by another name": ("folder.csv/../link.csv", "this is what it is made from"),
}


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """A folder to write to, in which no model is loaded."""
    (tmp_path / "a.csv").write_text("text\na\n")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to("a.csv")
    os.mkfifo(tmp_path / "fifo.csv")
    monkeypatch.setattr("mtkd.deployment.folder.load_student", lambda _: pytest.fail("loaded"))
    return tmp_path


@pytest.mark.parametrize("what", OUTPUTS)
def test_an_output_that_cannot_be_is_said_in_one_line_before_the_work(what, students, outputs):
    name, message = OUTPUTS[what]
    before = sorted(outputs.iterdir())
    with pytest.raises(InputError) as error:
        label_file(students["distilbert"][0], str(outputs / "a.csv"), outputs / name)
    assert message in str(error.value) and "\n" not in str(error.value)
    assert sorted(outputs.iterdir()) == before and (outputs / "a.csv").read_text() == "text\na\n"


@pytest.mark.parametrize("options", [["a.csv"], ["-"], ["-", "--output", "a.csv"]])
def test_what_is_read_is_never_what_is_written(options, students, outputs):
    """Neither appended to on stdout, nor replaced where it is read on stdin."""
    command = [warm.python(), "-m", "mtkd", "predict", "--model", students["distilbert"][0]]
    with open(outputs / "a.csv") as stdin, open(outputs / "a.csv", "a") as stdout:
        done = subprocess.run(
            [*command, *options], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, cwd=outputs
        )
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
    assert (outputs / "a.csv").read_text() == "text\na\n"


def test_a_full_stdout_is_one_line_and_a_closed_one_is_none(students, tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("text\na\n")

    def label_to(stdout):
        monkeypatch.setattr(sys, "stdout", stdout)
        label_file(students["distilbert"][0], str(tmp_path / "a.csv"), Path("-"))
        sys.stdout.flush()

    with (
        open("/dev/full", "w") as full,
        pytest.raises(InputError, match=r"^stdout: cannot be written \(No space left on device\)$"),
    ):
        label_to(full)
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as closed:
        label_to(closed)
    assert not (tmp_path / "-").exists()


def test_values_that_a_format_cannot_hold_are_one_line(students, tmp_path):
    latin = pa.array([b"caf\xe9"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": ["a"], "n": latin}), tmp_path / "a.parquet")
    source = str(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"out.parquet: cannot be written as .parquet") as error:
        label_file(students["distilbert"][0], source, tmp_path / "out.parquet")
    assert "\n" not in str(error.value) and not (tmp_path / "out.parquet").exists()


def test_files_of_a_folder_are_copied_without_hidden_ones(tmp_path):
    for name in (".snakemake_timestamp", "a.json", "model.safetensors", "left.out"):
        (tmp_path / name).write_text(name)
    (tmp_path / "copy").mkdir()
    copy_files(tmp_path, tmp_path / "copy", leave=["left.out"])
    assert sorted(p.name for p in (tmp_path / "copy").iterdir()) == ["a.json", "model.safetensors"]
    # Edited in the copy, a small file stays as it was in the original.
    assert not (tmp_path / "copy/a.json").samefile(tmp_path / "a.json")
    assert (tmp_path / "copy/model.safetensors").samefile(tmp_path / "model.safetensors")
