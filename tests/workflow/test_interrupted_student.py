"""A bundle that SIGTERM stops in the middle of a distilled cell, and the same command again."""

import math
import os
import signal
import subprocess
import time

import pytest
import warm
from tiny_study import SUITE_FILE

from mtkd.config.load import load_suite
from mtkd.records.files import digest_text, read_json
from mtkd.records.logits import read_tensors
from mtkd.study.recipes import recipes
from mtkd.study.settings import canonical_json, student_settings

CELLS = [f"results/tiny/students/distilbert/reviews/cnn+bert/average/T{T}_a0.7/seed1" for T in "24"]
# A cell trains for so many seconds on whatever machine this is: long enough to be stopped.
LONG = 0.5


@pytest.fixture
def bundle(study):
    """Starts the training of two distilled cells, with state and results in a folder of its own."""
    suite = load_suite(study / SUITE_FILE)
    settings = student_settings(suite, "reviews", "distilbert")
    teachers = [f"results/tiny/teachers/reviews/{name}/seed1" for name in ("cnn", "bert")]

    def start(folder, epochs):
        training = {**settings["training"], "epochs": epochs}
        job = {"settings": {**settings, "training": training}, "code": {}}
        job["recipes"] = recipes(suite, ["average"])
        command = [warm.python(), "workflow/scripts/train_students.py"]
        command += ["--job", canonical_json(job)]
        command += ["--task", "results/tiny/tasks/reviews", "--state", f"{folder}/state"]
        command += ["--logits", *(f"{teacher}/logits/train.safetensors" for teacher in teachers)]
        # Every 60 ms.
        command += ["--save-minutes", "0.001"]
        command += ["--outputs", *(str(folder / predictions(cell)) for cell in CELLS)]
        return subprocess.Popen(
            command,
            cwd=study,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(study / "src")},
        )

    return start


def predictions(cell):
    return f"{cell}/predictions.safetensors"


def finished(process):
    """What a process that succeeds has said."""
    said = process.communicate()[1]
    assert process.returncode == 0, said
    return said


def numbers(folder):
    """Everything numeric in both cells' predictions, byte for byte."""
    tensors = [read_tensors(folder / predictions(cell))[0] for cell in CELLS]
    return [{name: array.tobytes() for name, array in cell.items()} for cell in tensors]


def test_a_distilled_cell_stopped_by_sigterm_goes_on_to_the_same_numbers(bundle, tmp_path):
    measured = 20
    finished(bundle(tmp_path / "measured", measured))
    took = read_json(tmp_path / "measured" / CELLS[1] / "run.json")["seconds"]
    epochs = math.ceil(measured * LONG / took)
    finished(bundle(tmp_path / "undisturbed", epochs))

    folder = tmp_path / "stopped"
    output = folder / predictions(CELLS[1])
    state = folder / "state/training" / f"{digest_text(str(output))}.safetensors"
    process = bundle(folder, epochs)
    while not state.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate()[1]
    assert process.returncode == 128 + signal.SIGTERM, said
    assert "SIGTERM: state of step" in said and "the same command goes on from there" in said
    assert not output.exists()

    said = finished(bundle(folder, epochs)).splitlines()
    progress = ("step ", "state of step ")
    first, second, third = [line for line in said if not line.startswith(progress)]
    assert first.startswith("cell 1/2") and first.endswith("restored")
    assert second.startswith("going on from the state of step ")
    assert third.startswith("cell 2/2") and "trained in" in third
    assert numbers(folder) == numbers(tmp_path / "undisturbed")
    assert not list(state.parent.iterdir()), "a state is removed at success"
