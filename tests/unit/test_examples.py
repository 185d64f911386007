"""Examples of a task: collected from a study's files, aligned or refused, written and read back."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from test_tables import ARMS, make_study, student
from toy_examples import make_examples

from mtkd.analysis.collect import collect_examples
from mtkd.analysis.tables import runs_table
from mtkd.config.schema import Strategy
from mtkd.errors import InputError
from mtkd.records.examples import read_examples, write_examples
from mtkd.records.logits import Logits, write_logits, write_tensors
from mtkd.study.arms import described
from mtkd.study.paths import CELL
from mtkd.tasks.corpus import read_info
from mtkd.tasks.prepare import Prepared, write_task

STUDY = make_study(
    tasks=["movies"],
    arms=[*ARMS, described("gating", "cnn+bert")],
    T=["2", "4"],
)
LABELS = ["bad", "good"]
SIZES = {"train": 12, "selection": 5, "report": 6}
TRAIN_SAMPLE = [1, 4, 11]


def ids_of(split: str) -> np.ndarray:
    # Backwards, so that sorting them would show.
    return np.array([f"{split}-{SIZES[split] - i:02d}" for i in range(SIZES[split])])


def logits_of(number: float, split: str, rows=None) -> np.ndarray:
    """Logits that say which model they are of and which row: [N, 2]."""
    place = np.arange(SIZES[split]) if rows is None else np.array(rows)
    return np.stack([np.full(len(place), number), place], axis=1).astype(np.float32)


def shuffled(split: str, logits: np.ndarray, ids: np.ndarray) -> Logits:
    order = np.random.default_rng(len(ids)).permutation(len(ids))
    return Logits(ids[order], logits[order])


RECIPES = {
    name: {"fusion": None if name == "none" else name}
    for name in ("none", "single", "average", "gating")
}


class Files:
    """A study's files: task, logits, gates, predictions; the runs table that belongs to them."""

    def __init__(self, folder, study=STUDY, diverged=()):
        self.folder, self.study = folder, study
        frames = {
            split: pd.DataFrame(
                {
                    "id": ids_of(split),
                    "text_a": "words",
                    "label": np.arange(size) % 2,
                    "human_0": 0.25,
                    "human_1": 0.75,
                }
            )
            for split, size in SIZES.items()
        }
        prepared = Prepared(frames, pd.DataFrame(), {})
        write_task(folder, {"labels": LABELS, "text": ["text"]}, prepared)
        self.info = read_info(folder)
        self.logits = [
            self.write_teacher(name, seed, split)
            for name in ("cnn", "bert")
            for seed in study["teacher_seeds"]
            for split in SIZES
        ]
        self.gates = [self.write_gate(seed, "finished") for seed in study["seeds"]]
        records, self.predictions = [], []
        self.numbers = {}
        for arm in study["arms"]:
            for T in ["NA"] if arm["strategy"] == "none" else study["T"]:
                for seed in study["seeds"]:
                    axes = {"task": "movies", **arm, "T": T, "seed": seed}
                    axes |= {"alpha": "NA" if T == "NA" else "0.7", "student": "small"}
                    self.numbers[arm["strategy"], arm["teachers"], T, seed] = len(self.predictions)
                    lost = (arm["strategy"], T, seed) in diverged
                    status = "diverged" if lost else "finished"
                    self.predictions.append(
                        self.write_cell(axes, len(self.predictions), status=status)
                    )
                    # The greater T is the better on selection.
                    value = {"selection": 0.9 if T == "4" else 0.8, "report": 0.7}
                    record = student(
                        study, "movies", arm["strategy"], arm["teachers"], seed, value, T
                    )
                    records.append(record | {"status": status, "reason": "nan", "step": 3})
        self.runs = runs_table(records)

    def write_teacher(self, name, seed, split, **changes):
        path = self.folder / f"teachers/{name}/seed{seed}/logits/{split}.safetensors"
        number = {"cnn": 10, "bert": 20}[name] * (1 + 10 * int(seed))
        record = {"labels": LABELS, "teacher": name, "seed": seed, "selection": 0.8}
        record |= {"digests": {"model": "m"}} | changes
        own = shuffled(split, logits_of(number, split), ids_of(split))
        write_logits(path, {split: own}, record)
        return path

    def write_out_of_fold(self, name, seed, folds):
        """Negative logits, which no others are, that tell the number of folds."""
        path = self.folder / f"teachers/{name}/seed{seed}/logits/train_oof{folds}.safetensors"
        number = {"cnn": 10, "bert": 20}[name] * (1 + 10 * int(seed)) * -folds
        record = {"labels": LABELS, "teacher": name, "seed": seed, "selection": 0.8}
        record |= {"digests": {"model": "m"}, "folds": folds}
        own = shuffled("train", logits_of(number, "train"), ids_of("train"))
        write_logits(path, {"train": own}, record)
        return path

    def write_gate(self, seed, status, **changes):
        path = self.folder / f"gates/seed{seed}/weights.safetensors"
        share = int(seed) / 4
        weights = {s: np.tile([share, 1 - share], (n, 1)) for s, n in SIZES.items()}
        record = {"teachers": "cnn+bert", "seed": seed, "status": status}
        write_tensors(path, weights, record | {"digests": {"data": self.info.digest}} | changes)
        return path

    def write_cell(self, axes, number, sample=TRAIN_SAMPLE, **changes):
        folder = CELL.format(suite="toy", **axes)
        path = self.folder / folder / "predictions.safetensors"
        record = {"labels": LABELS, "status": "finished", "digests": {"data": self.info.digest}}
        record |= changes
        splits = {s: shuffled(s, logits_of(number, s), ids_of(s)) for s in ("selection", "report")}
        splits["train"] = Logits(ids_of("train")[sample], logits_of(number, "train", sample))
        write_logits(path, splits if record["status"] == "finished" else {}, record)
        return path

    def collect(self, recipes=RECIPES):
        return collect_examples(
            self.study, "movies", ["f1", "accuracy"], self.runs, self.folder, self.info,
            self.predictions, self.logits, self.gates, recipes,
        )  # fmt: skip


def test_everything_is_collected_in_the_order_of_the_task(tmp_path):
    files = Files(tmp_path)
    examples = files.collect()
    assert examples.record["task"] == "movies" and examples.record["lost"] == []
    assert [arm["name"] for arm in examples.record["arms"]] == [
        "no distillation", "cnn", "bert", "average", "learned gating",
    ]  # fmt: skip
    assert [arm["T"] for arm in examples.record["arms"]] == ["NA", "4", "4", "4", "4"]
    assert examples.sample.tolist() == TRAIN_SAMPLE
    for split, size in SIZES.items():
        assert examples.labels[split].tolist() == (np.arange(size) % 2).tolist()
        assert np.array_equal(examples.human[split], np.tile([0.25, 0.75], (size, 1)))
        cnn, bert = logits_of(110, split), logits_of(220, split)
        assert np.array_equal(examples.teachers[split], np.stack([cnn, bert])[:, None])
        rows = TRAIN_SAMPLE if split == "train" else None
        for place, arm in enumerate(files.study["arms"]):
            T = "NA" if arm["strategy"] == "none" else "4"
            wanted = [
                logits_of(files.numbers[arm["strategy"], arm["teachers"], T, seed], split, rows)
                for seed in ("1", "2")
            ]
            assert np.array_equal(examples.students[split][place], np.stack(wanted))
        fused = [None, 110, 220, 165, (0.25 * 110 + 0.75 * 220, (110 + 220) / 2)]
        for own, numbers in zip(examples.fused[split], fused, strict=True):
            if numbers is None:
                assert own is None
                continue
            wanted = np.stack([logits_of(n, split, rows) for n in np.atleast_1d(numbers)])
            np.testing.assert_allclose(own, wanted, rtol=1e-6)


def test_paired_teachers_give_each_seed_soft_labels_of_its_own(tmp_path):
    study = STUDY | {"teacher_seed": "paired", "teacher_seeds": ["1", "2"]}
    examples = Files(tmp_path, study).collect()
    assert examples.teachers["report"][:, :, 0, 0].tolist() == [[110, 210], [220, 420]]
    of_single = examples.fused["report"][1]
    assert of_single[:, 0, 0].tolist() == [110, 210]
    assert examples.fused["train"][3][:, 0, 0].tolist() == [165, 315]


def test_an_arm_of_hard_labels_has_these_and_not_its_teachers_shares(tmp_path):
    own = Strategy(fusion="average", labels="hard")
    arms = [*ARMS, described("hardened", "cnn+bert", own)]
    files = Files(tmp_path, STUDY | {"arms": arms, "T": ["400"]})
    recipes = RECIPES | {"hardened": {"fusion": "average", "labels": "hard"}}
    examples = files.collect(recipes)
    for split in SIZES:
        # The first class is the likelier one by far, and at this T by little.
        assert examples.soft[split][3].max() < 0.7
        assert set(examples.soft[split][-1][0, :, 0]) == {1.0}
        assert np.array_equal(examples.fused[split][-1], examples.fused[split][3])
    assert examples.record["arms"][-1].items() >= {"labels": "hard", "T": "400"}.items()


def test_an_arm_that_is_taught_out_of_fold_has_such_soft_labels_on_train_alone(tmp_path):
    own = Strategy(fusion="average", crossfit=5)
    arms = [*ARMS, described("apart", "cnn+bert", own)]
    files = Files(tmp_path, STUDY | {"arms": arms})
    recipes = RECIPES | {"apart": {"fusion": "average", "crossfit": 5}}
    with pytest.raises(InputError, match=r"no out-of-fold logits \(5 folds\) of teacher 'cnn'"):
        files.collect(recipes)
    for name, seed in itertools.product(("cnn", "bert"), STUDY["teacher_seeds"]):
        files.logits.append(files.write_out_of_fold(name, seed, 5))
        files.logits.append(files.write_out_of_fold(name, seed, 2))
    examples = files.collect(recipes)
    assert set(examples.fused["train"][-1][0, :, 0]) == {-165 * 5}
    assert set(examples.fused["train"][3][0, :, 0]) == {165}
    for split in ("selection", "report"):
        assert np.array_equal(examples.fused[split][-1], examples.fused[split][3])
    assert np.array_equal(
        examples.soft["train"][-1][0],
        softmax(logits_of(-165 * 5, "train", TRAIN_SAMPLE).astype(float) / 4, axis=-1).astype("f4"),
    )
    # What is said of teachers on train stays in-sample.
    assert set(examples.teachers["train"][0, 0, :, 0]) == {110}


def test_a_diverged_seed_is_absent_and_the_others_keep_their_soft_labels(tmp_path):
    gone = [("none", "NA", "1"), *(("gating", T, "1") for T in STUDY["T"])]
    files = Files(tmp_path, diverged=gone)
    files.gates[0] = files.write_gate("1", "diverged")
    examples = files.collect()
    seeds = {arm["name"]: arm["seeds"] for arm in examples.record["arms"]}
    assert seeds["no distillation"] == seeds["learned gating"] == ["2"]
    assert seeds["average"] == ["1", "2"]
    assert examples.students["report"][0].shape == (1, 6, 2)
    np.testing.assert_allclose(examples.fused["report"][4], logits_of(165, "report")[None])


def test_a_chosen_t_that_lost_a_seed_stands_back(tmp_path):
    examples = Files(tmp_path, diverged=[("average", "4", "2")]).collect()
    average = examples.record["arms"][3]
    assert (average["T"], average["seeds"]) == ("2", ["1", "2"])


def test_an_arm_that_lost_every_seed_is_named(tmp_path):
    gone = [("average", T, seed) for T in STUDY["T"] for seed in "12"]
    examples = Files(tmp_path, diverged=gone).collect()
    assert [arm["name"] for arm in examples.record["lost"]] == ["average"]
    assert len(examples.record["arms"]) == len(examples.students["report"]) == 4


def test_without_any_student_the_teachers_are_collected(tmp_path):
    study = STUDY | {"seeds": ["1"]}
    gone = [(arm["strategy"], T, "1") for arm in study["arms"] for T in ("NA", *STUDY["T"])]
    examples = Files(tmp_path, study, diverged=gone).collect()
    assert examples.record["arms"] == [] and examples.students["report"] == []
    assert [model.kind for model in examples.models("report")] == ["teacher", "teacher"]
    write_examples(tmp_path / "e.safetensors", examples)
    assert read_examples(tmp_path / "e.safetensors").students["report"] == []


def remove_a_cell(files):
    del files.predictions[-1]


def other_data(files):
    files.write_cell(cell_axes(), 3, digests={"data": "old"})


def other_label_order(files):
    files.write_cell(cell_axes(), 3, labels=LABELS[::-1])


def other_train_examples(files):
    files.write_cell(cell_axes(), 3, sample=[0, 4, 11])


def unknown_train_examples(files):
    ids = np.array([f"zz-{i}" for i in range(3)])
    for path in files.predictions:
        splits = {s: Logits(ids_of(s), logits_of(1, s)) for s in ("selection", "report")}
        splits["train"] = Logits(ids, logits_of(1, "train", TRAIN_SAMPLE))
        record = {"labels": LABELS, "status": "finished", "digests": {"data": files.info.digest}}
        write_logits(path, splits, record)


def no_train_examples(files):
    splits = {s: Logits(ids_of(s), logits_of(1, s)) for s in ("selection", "report")}
    record = {"labels": LABELS, "status": "finished", "digests": {"data": files.info.digest}}
    write_logits(files.predictions[0], splits, record)


def teacher_of_other_labels(files):
    files.write_teacher("cnn", "1", "report", labels=LABELS[::-1])


def gate_of_other_data(files):
    files.write_gate("1", "finished", digests={"data": "old"})


def scores_of_diverged_cells(files):
    for seed in "12":
        files.write_cell(cell_axes(seed), 3, status="diverged")


def cell_axes(seed="2"):
    axes = {"student": "small", "task": "movies", "teachers": "cnn", "strategy": "single"}
    return axes | {"T": "4", "alpha": "0.7", "seed": seed}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (remove_a_cell, "no predictions of the chosen cell task=movies teachers=cnn.bert"),
        (other_data, "predictions of other data; rerun train_students"),
        (other_label_order, "its label order"),
        (other_train_examples, "its 3 examples are not"),
        (unknown_train_examples, "'zz-0', which is no train example"),
        (no_train_examples, "no predictions on train; rerun train_students"),
        (teacher_of_other_labels, "its label order"),
        (gate_of_other_data, "a gate of other data"),
        (scores_of_diverged_cells, "and yet it has scores; rerun make_tables"),
    ],
)
def test_what_does_not_belong_together_is_refused_in_one_line(tmp_path, spoil, words):
    files = Files(tmp_path)
    spoil(files)
    with pytest.raises(InputError, match=words) as refused:
        files.collect()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("task", ["movies", "mnli"])
@pytest.mark.parametrize("raters", [False, True])
def test_examples_survive_their_file(tmp_path, task, raters):
    examples = make_examples(STUDY | make_study(arms=STUDY["arms"]), task, raters=raters)
    write_examples(tmp_path / "e.safetensors", examples)
    again = read_examples(tmp_path / "e.safetensors")
    assert again.record == json.loads(json.dumps(examples.record))
    assert np.array_equal(again.sample, examples.sample)
    for name in ("labels", "human", "teachers"):
        first, second = getattr(examples, name), getattr(again, name)
        assert first.keys() == second.keys() and bool(first) == (raters or name != "human")
        assert all(np.array_equal(first[split], second[split]) for split in first)
    for name in ("students", "fused"):
        first, second = getattr(examples, name), getattr(again, name)
        assert first.keys() == second.keys()
        for split in first:
            for one, other in zip(first[split], second[split], strict=True):
                assert np.array_equal(one, other) if one is not None else other is None


def test_a_torn_file_is_named(tmp_path):
    path = tmp_path / "e.safetensors"
    write_examples(path, make_examples(STUDY))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="e.safetensors: not a whole record"):
        read_examples(path)


def test_models_are_teachers_then_fusions_then_students():
    found = [(m.kind, m.name) for m in make_examples(STUDY).models("report")]
    students = ["no distillation", "cnn", "bert", "average", "learned gating"]
    assert found == [
        ("teacher", "cnn"), ("teacher", "bert"), ("fused", "average"),
        ("fused", "learned gating"), *(("student", name) for name in students),
    ]  # fmt: skip


def test_a_study_without_teachers_is_collected_and_kept(tmp_path):
    files = Files(tmp_path, STUDY | {"arms": ARMS[:1]})
    files.logits, files.gates = [], []
    path = tmp_path / "movies.safetensors"
    write_examples(path, files.collect())
    examples = read_examples(path)
    assert examples.record["teachers"] == [] and examples.soft["train"] == [None]
    for split, size in SIZES.items():
        assert examples.teachers[split].shape == (0, 1, size, 2)
    assert [model.kind for model in examples.models("report")] == ["student"]


def test_a_report_split_of_one_example_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(SIZES, "report", 1)
    with pytest.raises(InputError, match="task movies: split 'report' has one example"):
        Files(tmp_path).collect()
