"""Trainings take the steps that they took: losses at full precision, kept in a fixture."""

import json

import numpy as np
import pytest
import torch
from trajectories import CELLS, ENGINES, FIXTURE, STEPS, here, losses

CASES = [(engine, cell) for engine in ENGINES for cell in CELLS]
# By kind of device: what rounding may change elsewhere. A GPU computes in bfloat16.
DEVICES = {"cpu": 1e-5, "cuda": 2e-2}
ON_EACH = pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
        ),
    ],
)


@ON_EACH
@pytest.mark.parametrize(("engine", "cell"), CASES)
def test_every_step_has_the_loss_that_it_had(engine, cell, device):
    """Bit for bit on the fixture's device and versions, elsewhere but for rounding.

    ``tests/trajectories.py`` writes the fixture anew, where a training is to change.
    """
    fixture = json.loads(FIXTURE.read_text(encoding="utf-8"))[device]
    kept, found = fixture["losses"][engine][cell], losses(ENGINES[engine], cell, device=device)
    assert len(kept) == STEPS and len(set(kept)) == STEPS
    if fixture["made with"] == here(device):
        assert found == kept
    np.testing.assert_allclose(found, kept, rtol=DEVICES[device])


@ON_EACH
@pytest.mark.parametrize(("engine", "cell"), CASES)
def test_a_training_that_goes_on_takes_the_same_steps(engine, cell, device):
    once = losses(ENGINES[engine], cell, device=device)
    assert losses(ENGINES[engine], cell, stop=True, device=device) == once
