"""A job of a base and its specialists: what an interruption leaves, and what is not made twice."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from toy_specialists import write_task

from mtkd.distillation.group import Machine
from mtkd.records.files import read_json
from mtkd.records.logits import read_logits
from mtkd.specialists import teachers
from mtkd.specialists.teachers import Specialists, train_specialists

TRAINING = {"epochs": 1, "batch_size": 4}
SETTINGS = {
    "model": {"architecture": "word-average", "tokenizer": {"kind": "word"}},
    "training": TRAINING,
    "specialists": TRAINING,
    "max_length": 8,
}


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """Three of as many rows, in the folder where jobs run."""
    monkeypatch.chdir(tmp_path)
    labels = {"films": [0, 1, 1, 0], "goods": [0, 0, 1, 0], "news": [1, 1, 0, 0]}
    return [
        write_task(Path("tasks") / name, ["-", "+"], train=train, report=[0, 1])
        for name, train in labels.items()
    ]


@pytest.fixture
def trainings(monkeypatch):
    """The number of rows that each training had; ``stops`` are those that a kill comes in."""
    done, real = [], teachers.train

    def train(*args, **options):
        done.append(len(options["rows"]))
        if len(done) in stops:
            raise KeyboardInterrupt
        return real(*args, **options)

    stops = set()
    monkeypatch.setattr(teachers, "train", train)
    return done, stops


def run(tasks, folder, own=False, base="shared", state=None):
    starts = [folder / "base" / str(place) for place in range(len(tasks) if own else 1)]
    outputs = [folder / task.name for task in tasks]
    job = {"settings": SETTINGS, "code": {}}
    group = Specialists(
        job, base, 1, tasks, tasks, None, state or Path(f"state_{folder}"), starts, outputs
    )
    train_specialists(group, Machine(1, 0, False, 0))
    return outputs


@pytest.mark.parametrize("own", [False, True])
def test_an_interruption_in_the_last_specialist_trains_no_other_again(tasks, trainings, own):
    whole = run(tasks, Path("whole"), own)
    done, stops = trainings
    first = len(done)
    assert first == (6 if own else 4)
    stops.add(2 * first)
    with pytest.raises(KeyboardInterrupt):
        run(tasks, Path("cut"), own)
    # Snakemake deletes a failed job's outputs.
    shutil.rmtree("cut")
    done.clear()
    stops.clear()
    again = run(tasks, Path("cut"), own)
    assert done == [4]
    for one, other in zip(whole, again, strict=True):
        assert read_json(one / "run.json")["digests"] == read_json(other / "run.json")["digests"]
        said, record = read_logits(other / "predictions.safetensors")
        assert np.array_equal(read_logits(one / "predictions.safetensors")[0]["report"].logits,
                              said["report"].logits)  # fmt: skip
        assert record["history"] and record["cpu_seconds"] > 0 and record["tokens"] > 0
        names = {path.name for path in (other / "model").iterdir()}
        assert names == {path.name for path in (one / "model").iterdir()}
        assert {"config.json", "model.safetensors"} <= names and "training.json" not in names
    assert not list(Path("state_cut/models").iterdir())


def test_tasks_of_as_many_rows_have_specialists_of_their_own(tasks):
    found = [read_json(one / "run.json")["digests"]["model"] for one in run(tasks, Path("whole"))]
    assert len(set(found)) == 3


def test_a_job_leaves_what_another_base_of_the_same_settings_has_kept(tasks, trainings):
    done, stops = trainings
    stops.add(4)
    with pytest.raises(KeyboardInterrupt):
        run(tasks, Path("cut"), state=Path("state"))
    run(tasks, Path("other"), base="twin", state=Path("state"))
    done.clear()
    run(tasks, Path("cut"), state=Path("state"))
    assert done == [4]
