"""Trainings take the steps that they took: losses at full precision, kept in a fixture."""

import json

import numpy as np
import pytest
from trajectories import CELLS, ENGINES, FIXTURE, STEPS, here, losses

CASES = [(engine, cell) for engine in ENGINES for cell in CELLS]


@pytest.mark.parametrize(("engine", "cell"), CASES)
def test_every_step_has_the_loss_that_it_had(engine, cell):
    """Bit for bit on the fixture's processor and versions, elsewhere but for rounding.

    ``tests/trajectories.py`` writes the fixture anew, where a training is to change.
    """
    fixture = json.loads(FIXTURE.read_text(encoding="utf-8"))
    kept, found = fixture["losses"][engine][cell], losses(ENGINES[engine], cell)
    assert len(kept) == STEPS and len(set(kept)) == STEPS
    if fixture["made with"] == here():
        assert found == kept
    np.testing.assert_allclose(found, kept, rtol=1e-5)


@pytest.mark.parametrize(("engine", "cell"), CASES)
def test_a_training_that_goes_on_takes_the_same_steps(engine, cell):
    assert losses(ENGINES[engine], cell, stop=True) == losses(ENGINES[engine], cell)
