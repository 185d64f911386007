"""Bundles, run for real: how cells fold into jobs changes no number and trains no cell twice."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from tiny_study import assert_nothing_left, command, planned, snakemake

from mtkd.records.logits import read_logits, read_tensors

STUDENTS = "results/tiny/students/distilbert/reviews"
BERT = f"{STUDENTS}/bert/single"
GATING = f"{STUDENTS}/cnn+bert/gating"
GRID = [f"T{T}_a{alpha}/seed{seed}" for T in "248" for alpha in ("0.5", "0.7") for seed in "12"]


def numbers(study, cell):
    """Everything numeric in a cell's predictions, byte for byte."""
    tensors, _ = read_tensors(study / cell / "predictions.safetensors")
    return {name: array.tobytes() for name, array in tensors.items()}


def run(study, *arguments):
    """The cells that a call has trained and those that it has restored, by their logs."""
    shutil.rmtree(study / "logs", ignore_errors=True)
    result = snakemake(study, *arguments)
    assert result.returncode == 0, result.stdout
    return reported(study, "trained"), reported(study, "restored")


def reported(study, verb):
    logs = [path.read_text() for path in (study / "logs/tiny").rglob("train_*/**/*.log")]
    return sorted(re.findall(rf"^cell \S+  (\S+)  {verb}", "\n".join(logs), flags=re.MULTILINE))


@pytest.mark.parametrize("bundle", ["cell", "[T]"])
def test_refolding_trains_nothing(study, bundle):
    jobs = planned(study, "--config", f"bundle={bundle}")
    assert "train_teacher" not in jobs and "train_undistilled" not in jobs
    # The gating arm's jobs declare the gates of their bundle's seeds: they run, to restore their
    # cells (next test). A scoring job declares the predictions of its whole bundle.
    assert jobs["train_students"] == jobs["fit_gate"] == 2
    assert jobs["score_students"] == 6 * 2


def test_refolding_restores_the_cells_of_the_gating_arm(study):
    cells = [f"{GATING}/T4_a0.7/seed{seed}" for seed in "12"]
    before = [numbers(study, cell) for cell in cells]
    targets = [f"{cell}/predictions.safetensors" for cell in cells]
    for there_and_back in (["--config", "bundle=cell"], []):
        assert run(study, *targets, *there_and_back) == ([], cells)
    assert [numbers(study, cell) for cell in cells] == before


def test_one_job_for_all_arms_restores_every_cell(study):
    target = f"{BERT}/T4_a0.7/seed1/eval.json"
    trained, restored = run(study, target, "--config", "bundle=[arm, T, alpha, seed]")
    assert trained == []
    assert len(restored) == 6 * 2


def test_a_cell_alone_has_the_numbers_it_has_in_a_bundle(study):
    cell = f"{BERT}/T4_a0.7/seed2"
    before = numbers(study, cell)
    shutil.rmtree(study / "results/tiny/state")
    shutil.rmtree(study / STUDENTS)
    target = f"{cell}/predictions.safetensors"
    assert run(study, target, "--config", "bundle=cell") == ([cell], [])
    assert_nothing_left(snakemake, study, target, "--config", "bundle=cell")
    assert numbers(study, cell) == before


def test_an_interrupted_extension_of_the_grid_trains_no_cell_twice(study):
    done = [f"{BERT}/T4_a0.7/seed{seed}" for seed in "12"]
    before = [numbers(study, cell) for cell in done]
    wanted = sorted(f"{BERT}/{cell}" for cell in GRID)
    extend = [f"{wanted[0]}/eval.json", "--config", "study=grid"]

    shutil.rmtree(study / "logs")
    with subprocess.Popen(
        command(*extend),
        cwd=study,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A test run in the background ignores SIGINT, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        deadline = time.monotonic() + 600
        while not reported(study, "trained"):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: Snakemake and its job
    assert process.returncode != 0
    trained_before = reported(study, "trained")
    assert trained_before  # on a busy machine perhaps all of them; they must be restored then too

    trained, restored = run(study, *extend)
    assert set(trained_before) | set(done) <= set(restored)
    assert sorted(trained + restored) == wanted
    assert_nothing_left(snakemake, study, *extend)
    assert [numbers(study, cell) for cell in done] == before
    for cell in wanted:
        _, record = read_logits(study / cell / "predictions.safetensors")
        assert cell.endswith("/T{T}_a{alpha}/seed{seed}".format(**record))
        assert (study / cell / "eval.json").is_file()
    assert len({str(numbers(study, cell)) for cell in wanted}) == len(wanted)
