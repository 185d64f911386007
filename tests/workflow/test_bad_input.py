"""Bad input through the scripts themselves: one line that names it, and nothing else is lost."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from small_inputs import run_script, run_snakemake, sentence, write_model, write_suite

from mtkd.analysis.master import master_table
from mtkd.analysis.tables import read_table
from mtkd.config.load import validate_suite
from mtkd.records.files import read_json
from mtkd.records.logits import Logits, read_tensors, write_logits, write_tensors
from mtkd.study.recipes import recipes
from mtkd.study.settings import score_settings, table_settings, task_settings
from mtkd.tasks.corpus import read_labels

LABELS = ["bad", "good"]
SUITE = {
    "suite": "unit",
    "tasks": {
        "reviews": {
            "splits": {"train": "train.csv", "report": "report.csv"},
            "text": ["text"],
            "id": "id",
            "labels": LABELS,
            "metrics": ["accuracy"],
            "selection": {"fraction": 0.3},
            "max_length": 16,
        }
    },
    "teachers": {},
    "students": {
        "cnn": {
            "model": {
                "architecture": "text-cnn",
                "config": {"embedding_size": 4, "filters": 4},
                "tokenizer": {"kind": "word"},
            },
            "training": {"epochs": 2, "batch_size": 8, "learning_rate": 1.0e-3},
        }
    },
    "studies": {
        "main": {
            "student": "cnn",
            "tasks": ["reviews"],
            "arms": [{"strategy": "none"}],
            "T": [2],
            "alpha": [0.5],
            "seeds": [1, 2],
        }
    },
}
CHECKED_SUITE = validate_suite(SUITE, "unit")
STUDENT = SUITE["students"]["cnn"]
EXPLODING = {**STUDENT["training"], "learning_rate": 1.0e30}
CELL = "results/unit/students/cnn/reviews/{}/T{}_a{}/seed{}"


def table(rows, seed=0):
    rng = random.Random(seed)
    moods = [row % 2 for row in range(rows)]
    return pd.DataFrame(
        {
            "id": [f"r{seed}-{row}" for row in range(rows)],
            "text": [sentence(2 * mood, rng) for mood in moods],
            "label": [LABELS[mood] for mood in moods],
        }
    )


def prepare(folder, train, report):
    """Run prepare_task on two tables; the task lies in ``folder/reviews``."""
    train.to_csv(folder / "train.csv", index=False)
    report.to_csv(folder / "report.csv", index=False)
    return run_script(
        "prepare_task.py",
        job={"settings": task_settings(CHECKED_SUITE, "reviews")},
        name="reviews",
        tables=[f"train={folder}/train.csv", f"report={folder}/report.csv"],
        output=folder / "reviews",
    )


def content(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(result, *words):
    """The script ended with its one line, which holds all these words."""
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")] == [last]
    assert [word for word in words if word not in last] == [], last


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    result = prepare(folder, table(48), table(20, seed=1))
    assert result.returncode == 0, result.stderr
    return folder / "reviews"


class TestTables:
    @pytest.mark.parametrize(
        ("split", "spoil", "words"),
        [
            ("train", lambda t: t.drop(columns="text"), ["no column 'text'", "id, label"]),
            ("report", lambda t: t.drop(columns="label"), ["no column 'label'", "id, text"]),
            ("train", lambda t: t[:0], ["is empty"]),
            ("report", lambda t: t[:0], ["is empty"]),
            ("train", lambda t: t.assign(label="fine"), ["label 'fine'", "bad, good"]),
            ("report", lambda t: t.assign(label=2), ["label 2", "bad, good"]),
            ("train", lambda t: t.assign(id="r7"), ["id 'r7' occurs more than once"]),
            ("report", lambda t: t.assign(text=""), ["example 'r1-0' has no text"]),
        ],
        ids=[
            "missing text column",
            "missing label column",
            "empty train",
            "empty report",
            "unknown label",
            "unknown label index",
            "duplicate ids",
            "missing text",
        ],
    )
    def test_a_bad_table_is_refused_and_the_task_kept(self, task, tmp_path, split, spoil, words):
        shutil.copytree(task, tmp_path / "reviews")
        before = content(tmp_path / "reviews")
        tables = {"train": table(48), "report": table(20, seed=1)}
        tables[split] = spoil(tables[split])
        result = prepare(tmp_path, **tables)
        file = f"{split}={tmp_path}/{split}.csv"
        refused(result, "task reviews", file, f"split '{split}'", *words)
        assert content(tmp_path / "reviews") == before

    def test_a_missing_file_is_named(self, tmp_path):
        result = run_script(
            "prepare_task.py",
            job={"settings": task_settings(CHECKED_SUITE, "reviews")},
            name="reviews",
            tables=[f"train={tmp_path}/absent.csv", f"report={tmp_path}/absent.csv"],
            output=tmp_path / "reviews",
        )
        refused(result, "task reviews", f"{tmp_path}/absent.csv: cannot be read")
        assert not (tmp_path / "reviews").exists()


class TestTeachers:
    def train(self, task, folder, model, training, metric="accuracy", **more):
        """Run train_teacher where a trained teacher lies already; returns the result."""
        (folder / "model").mkdir(exist_ok=True)
        (folder / "model" / "config.json").write_text("{}")
        (folder / "metrics.json").write_text("{}")
        settings = {"model": model, "training": training, "max_length": 16, "metric": metric}
        return run_script(
            "train_teacher.py",
            job={"settings": settings, "code": {}},
            task=task,
            teacher="cnn",
            seed=1,
            state=folder / "state",
            model=folder / "model",
            metrics=folder / "metrics.json",
            **more,
        )

    def assert_earlier_teacher_kept(self, folder):
        assert [path.name for path in (folder / "model").iterdir()] == ["config.json"]
        assert (folder / "metrics.json").read_text() == "{}"

    def test_a_folder_without_tokenizer_is_refused(self, task, tmp_path):
        source = tmp_path / "bert"
        write_model(source, "bert")
        for name in ("vocab.txt", "tokenizer_config.json"):
            (source / name).unlink()
        result = self.train(task, tmp_path, {"folder": str(source)}, {"epochs": 1})
        refused(result, f"no tokenizer in {source}", "save the model's tokenizer")
        self.assert_earlier_teacher_kept(tmp_path)

    def test_a_job_that_asked_for_a_gpu_does_not_train_without_one(self, task, tmp_path):
        result = self.train(task, tmp_path, STUDENT["model"], {"epochs": 1}, gpu=1)
        refused(result, "no usable GPU: torch", "allow_cpu=true")
        self.assert_earlier_teacher_kept(tmp_path)

    def test_a_metric_without_a_value_is_refused_before_anything_is_trained(self, task, tmp_path):
        shutil.copytree(task, tmp_path / "reviews")
        path = tmp_path / "reviews/selection.parquet"
        selection = pd.read_parquet(path)
        selection[selection.label == 0].to_parquet(path)
        result = self.train(
            tmp_path / "reviews", tmp_path, STUDENT["model"], {"epochs": 1}, "auroc"
        )
        refused(result, "metric 'auroc' has no value on these", "use another metric, or a split")
        self.assert_earlier_teacher_kept(tmp_path)

    def test_a_diverging_teacher_is_refused(self, task, tmp_path):
        result = self.train(task, tmp_path, STUDENT["model"], EXPLODING)
        words = [
            "teacher cnn diverged: loss is",
            "at step",
            "(on cpu, float32); lower its learning_rate",
        ]
        refused(result, *words)
        self.assert_earlier_teacher_kept(tmp_path)

        # A retry is told the same at once: there is nothing to train on. Other settings are tried.
        bare = tmp_path / "reviews"
        bare.mkdir()
        shutil.copy(task / "task.json", bare)
        again = self.train(bare, tmp_path, STUDENT["model"], EXPLODING)
        assert again.stderr.splitlines()[-1] == result.stderr.splitlines()[-1]
        refused(again, *words)
        other = {**EXPLODING, "learning_rate": 1.0e-3}
        assert "train.parquet" in self.train(bare, tmp_path, STUDENT["model"], other).stderr
        assert self.train(task, tmp_path, STUDENT["model"], other).returncode == 0


def logits_file(path, task, split="train", labels=LABELS, spoil=lambda ids, logits: (ids, logits)):
    """Write a teacher's logits of a split, spoilt on the way."""
    ids, gold = read_labels(task / f"{split}.parquet")
    logits = np.eye(2, dtype=np.float32)[gold]
    record = {
        "labels": labels,
        "teacher": "cnn",
        "seed": "1",
        "selection": 0.75,
        "digests": {"model": "m"},
    }
    write_logits(path, {split: Logits(*spoil(ids, logits))}, record)
    return path


def with_nan(ids, logits):
    logits[3, 1] = np.nan
    return ids, logits


SPOILT = {
    "label order": ({"labels": LABELS[::-1]}, ["label order ['good', 'bad']", "['bad', 'good']"]),
    "fewer examples": ({"spoil": lambda i, z: (i[1:], z[1:])}, ["examples are not the task's"]),
    "other examples": (
        {"spoil": lambda i, z: (np.char.add(i, "x"), z)},
        ["examples are not the task's", "rerun teacher_logits"],
    ),
    "more classes": ({"spoil": lambda i, z: (i, z[:, [0, 1, 1]])}, ["3 logits a row for 2 labels"]),
    "NaN": ({"spoil": with_nan}, ["split train", "logits of r0-", "not finite"]),
}


class TestLogits:
    @pytest.mark.parametrize("fault", SPOILT)
    def test_students_refuse_them(self, task, tmp_path, fault):
        changes, words = SPOILT[fault]
        path = logits_file(tmp_path / "train.safetensors", task, **changes)
        output = tmp_path / CELL.format("cnn/single", 2, 0.5, 1) / "predictions.safetensors"
        output.parent.mkdir(parents=True)
        output.write_text("an earlier cell")
        result = train_students(task, tmp_path, STUDENT["training"], output, logits=path)
        refused(result, str(path), *words)
        assert output.read_text() == "an earlier cell"

    def test_a_torn_file_is_refused(self, task, tmp_path):
        path = logits_file(tmp_path / "train.safetensors", task)
        path.write_bytes(path.read_bytes()[:-100])
        output = tmp_path / CELL.format("cnn/single", 2, 0.5, 1) / "predictions.safetensors"
        result = train_students(task, tmp_path, STUDENT["training"], output, logits=path)
        refused(result, str(path), "not a whole record", "delete and rebuild")

    def test_scoring_refuses_nan(self, task, tmp_path):
        spoil = SPOILT["NaN"][0]
        path = logits_file(tmp_path / "predictions.safetensors", task, "selection", **spoil)
        (tmp_path / "eval.json").write_text("{}")
        result = score(task, path, tmp_path / "eval.json")
        refused(result, str(path), "split selection", "not finite")
        assert (tmp_path / "eval.json").read_text() == "{}"

    def test_the_gate_refuses_another_label_order(self, task, tmp_path):
        changes, words = SPOILT["label order"]
        path = logits_file(tmp_path / "selection.safetensors", task, "selection", **changes)
        result = fit_gate(task, path, tmp_path / "absent.safetensors")
        refused(result, str(path), *words)

    def test_the_gate_refuses_features_that_do_not_vary(self, task, tmp_path):
        selection = logits_file(tmp_path / "selection.safetensors", task, "selection")
        record = {"student": "gpt", "task": "reviews", "seed": "2", "status": "finished"}
        record["digests"] = {"data": read_json(task / "task.json")["digest"], "cell": "c"}
        rows = len(read_labels(task / "selection.parquet")[0])
        features = {"selection": np.full((rows, 4), 0.5, dtype=np.float16)}
        write_tensors(tmp_path / "features.safetensors", features, record)
        result = fit_gate(task, selection, tmp_path / "features.safetensors")
        refused(result, "features of student gpt, seed 2, on reviews are the same", "gating arms")
        assert not (tmp_path / "weights.safetensors").exists()

    def test_the_gate_is_fitted_on_rows_that_all_teachers_answer(self, task, tmp_path):
        """What stands in place of answers changes no weight; too few answers are a line."""
        rng = np.random.default_rng(0)
        ids, gold = read_labels(task / "selection.parquet")
        states = rng.normal(size=(len(ids), 4)).astype(np.float16)
        record = {"student": "gpt", "task": "reviews", "seed": "2", "status": "finished"}
        record["digests"] = {"data": read_json(task / "task.json")["digest"], "cell": "c"}
        write_tensors(tmp_path / "features.safetensors", {"selection": states}, record)
        own = rng.normal(size=(2, len(ids), 2)) + 3 * np.eye(2)[gold] * [[[0.2]], [[1]]]

        def weights(gaps, instead, lacking=4):
            known = np.arange(len(ids)) < len(ids) - lacking
            paths = [tmp_path / f"{name}.safetensors" for name in ("cnn", "llm")]
            for path, logits in zip(paths, own, strict=True):
                has = known if gaps and path.stem == "llm" else None
                told = logits if has is None else np.where(known[:, None], logits, instead)
                about = {"labels": LABELS, "teacher": path.stem, "seed": "1", "selection": 0.5,
                         "digests": {"model": path.stem}}  # fmt: skip
                write_logits(path, {"selection": Logits(ids, told, has)}, about)
            result = fit_gate(task, paths, tmp_path / "features.safetensors", "cnn+llm")
            if result.returncode:
                return result
            return read_tensors(tmp_path / "weights.safetensors")[0]["selection"]

        first = weights(True, [0, 0])
        np.testing.assert_array_equal(first, weights(True, [-9, 9]))
        assert (first != weights(False, None)).any()
        refused(
            weights(True, [0, 0], len(ids) - 2),
            "2 selection rows are too few",
            "all of cnn+llm answer",
        )


def fit_gate(task, logits, features, teachers="cnn"):
    return run_script(
        "fit_gate.py",
        job={"code": {}},
        task=task,
        teachers=teachers,
        logits=logits,
        features=features,
        outputs=features.with_name("weights.safetensors"),
    )


def train_students(task, folder, training, output, **more):
    settings = {"model": STUDENT["model"], "training": training, "max_length": 16}
    found = recipes(CHECKED_SUITE, ["none", "single"])
    return run_script(
        "train_students.py",
        job={"settings": settings, "code": {}, "recipes": found},
        task=task,
        state=folder / "state",
        outputs=output,
        **more,
    )


def score(task, predictions, output):
    return run_script(
        "score.py",
        job={"settings": score_settings(CHECKED_SUITE, "reviews")},
        predictions=predictions,
        selection=task / "selection.parquet",
        report_labels=task / "report_labels.parquet",
        outputs=output,
    )


@pytest.fixture(scope="module")
def evals(task, tmp_path_factory):
    """Scored records: the reference's, of seed 1 that finished, of seed 2 that diverged; and one
    of the constant answer."""
    folder = tmp_path_factory.mktemp("students")
    reference = folder / "reference" / "predictions.safetensors"
    results = [
        run_script(
            "fit_reference.py",
            job={"settings": {"tfidf": {"kind": "words"}}, "code": {}},
            task=task,
            outputs=reference,
        )
    ]
    outputs = [reference]
    for seed, training in ((1, STUDENT["training"]), (2, EXPLODING)):
        output = folder / CELL.format("none/none", "NA", "NA", seed) / "predictions.safetensors"
        results.append(train_students(task, folder, training, output))
        outputs.append(output)
    records = [output.with_name("eval.json") for output in outputs]
    results += [score(task, *paths) for paths in zip(outputs, records, strict=True)]
    constant = folder / "constant.json"
    results.append(
        run_script(
            "score_constant.py",
            job={"settings": score_settings(CHECKED_SUITE, "reviews"), "code": {}},
            train=task / "train.parquet",
            selection=task / "selection.parquet",
            report_labels=task / "report_labels.parquet",
            output=constant,
        )
    )
    assert [result.returncode for result in results] == [0] * 7, results
    return [*records, constant]


class TestDivergingStudents:
    def study(self, seeds):
        suite = {**SUITE, "studies": {"main": {**SUITE["studies"]["main"], "seeds": seeds}}}
        return table_settings(validate_suite(suite, "unit"), suite["studies"]["main"]["student"])

    def master(self, tables):
        return master_table(read_table(tables / "runs.csv"), self.study([1, 2])).set_index("method")

    def make_tables(self, evals, folder, seeds):
        (folder / "evals.txt").write_text("".join(f"{path}\n" for path in evals))
        result = run_script(
            "make_tables.py",
            job={"settings": self.study(seeds)},
            evals=folder / "evals.txt",
            output=folder / "tables",
        )
        assert result.returncode == 0, result.stderr
        return folder / "tables"

    def test_the_cell_is_recorded_as_diverged(self, evals):
        record = read_json(evals[2])
        assert record["status"] == "diverged"
        assert record["reason"].startswith("loss is ")
        assert f"at step {record['step']} of" in record["reason"]
        assert record["scores"] == {}
        assert read_json(evals[2].with_name("run.json"))["status"] == "diverged"
        assert read_json(evals[1])["status"] == "finished"

    def test_tables_are_made_and_list_it(self, evals, tmp_path):
        tables = self.make_tables(evals, tmp_path, [1, 2])
        failed = pd.read_csv(tables / "failed.csv", dtype=str, keep_default_na=False)
        assert failed[["strategy", "seed"]].to_numpy().tolist() == [["none", "2"]]
        assert failed.reason[0].startswith("loss is ")
        master = self.master(tables)
        assert master.loc["Student: no distillation", "reviews (accuracy) seeds"] == 1
        assert master.loc["Student: no distillation", "reviews (accuracy) mean"] > 0

    def test_tables_are_made_when_every_student_diverged(self, evals, tmp_path):
        tables = self.make_tables([evals[0], *evals[2:]], tmp_path, [2])
        master = self.master(tables)
        assert master.loc["Student: no distillation", "reviews (accuracy) seeds"] == 0
        assert master.loc["Reference: TF-IDF", "reviews (accuracy) mean"] > 0
        assert master.loc["Reference: constant", "reviews (accuracy) mean"] == 50
        assert len(pd.read_csv(tables / "failed.csv")) == 1


class TestThroughSnakemake:
    def test_an_unknown_strategy_is_one_line_before_anything_runs(self, tmp_path):
        suite = yaml.safe_load(yaml.safe_dump(SUITE))
        suite["studies"]["main"]["arms"] = [{"strategy": "avrage", "teachers": []}]
        path = write_suite(tmp_path / "suite.yaml", suite)
        result = run_snakemake(tmp_path, "--configfile", path, "-c1", "-n")
        assert result.returncode == 1
        assert "Traceback" not in result.stdout
        (line,) = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
        assert f"{path}: studies.main.arms.0: unknown strategy 'avrage'" in line
        assert "did you mean 'average'?" in line

    def test_a_suite_without_its_name_is_not_the_embedded_one(self, tmp_path):
        suite = {key: value for key, value in SUITE.items() if key != "suite"}
        path = write_suite(tmp_path / "suite.yaml", suite)
        result = run_snakemake(tmp_path, "--configfile", path, "-c1", "-n")
        assert result.returncode == 1
        assert f"error: {path}: suite: this key is missing" in result.stdout

    def test_the_line_reaches_the_terminal_and_a_rerun_mends_it(self, tmp_path):
        path = write_suite(tmp_path / "suite.yaml", SUITE)
        table(48).drop(columns="text").to_csv(tmp_path / "train.csv", index=False)
        table(20, seed=1).to_csv(tmp_path / "report.csv", index=False)
        target = "results/unit/tasks/reviews/task.json"
        # Under --quiet rules Snakemake would leave out the failed job and with it the line.
        arguments = (target, "--configfile", path, "-c1")
        result = run_snakemake(tmp_path, *arguments)
        assert result.returncode == 1
        assert "Traceback" not in result.stdout
        assert "error: task reviews (train=train.csv, report=report.csv)" in result.stdout
        assert "split 'train': no column 'text'; its columns are id, label" in result.stdout
        assert not (tmp_path / target).exists()

        table(48).to_csv(tmp_path / "train.csv", index=False)
        result = run_snakemake(tmp_path, *arguments)
        assert result.returncode == 0, result.stdout
        assert read_json(tmp_path / target)["labels"] == LABELS
