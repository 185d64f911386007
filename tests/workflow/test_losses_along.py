"""A loss of a contributor's own that looks inside its teachers, from its file to a trained cell."""

from __future__ import annotations

import json
import shutil

import yaml
from tiny_study import SUITE_FILE, change_suite, snakemake

LOSS = '''"""The student's first state is a map of its teacher's."""

import torch

from mtkd.distillation.losses.base import Batch, Sizes

NEEDS = ("states", "along", "gold")


def parameters(sizes: Sizes) -> torch.nn.Module:
    return torch.nn.Linear(sizes.hidden, 16)


def loss(batch: Batch) -> torch.Tensor:
    (teacher,) = batch.teachers_inside
    mapped = batch.parameters(batch.inside.states[-1][:, 0])
    return (mapped - teacher.states[-1][:, 0]).pow(2).mean(-1)
'''
CELL = "results/tiny/students/distilbert/reviews/bert/inside/T4_a0.7/seed1"


def test_a_loss_that_reads_its_teachers_states_is_a_file_and_a_line(study):
    (study / "src/mtkd/distillation/losses/inside.py").write_text(LOSS)
    change_suite(study, "strategies", {"inside": {"fusion": "single", "loss": "inside"}})
    suite = yaml.safe_load((study / SUITE_FILE).read_text())
    arm = {"strategy": "inside", "teachers": ["bert"]}
    suite["studies"]["main"]["arms"].append(arm)
    (study / SUITE_FILE).write_text(yaml.safe_dump(suite, sort_keys=False))
    target = f"{CELL}/predictions.safetensors"
    result = snakemake(study, target)
    assert result.returncode == 0, result.stdout
    # Nothing but its own bundle was trained.
    assert (
        result.stdout.count("rule train_students:") == 1
        and "rule train_teacher" not in result.stdout
    )
    record = json.loads((study / CELL / "run.json").read_text())
    assert record["status"] == "finished" and record["recipe"]["loss"] == "inside"
    # A teacher that is not the one of its logits is found out.
    (study / "results/tiny/teachers/reviews/bert/seed1/model/config.json").write_text("{}")
    shutil.rmtree(study / CELL)
    shutil.rmtree(study / "results/tiny/state/cells")
    result = snakemake(study, target, "--rerun-triggers", "params")
    assert result.returncode == 1
    assert "not the model that computed the logits of bert/seed1" in result.stdout
