"""Routers of specialists: what each does with what they say, and what it learns from."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from mtkd.errors import InputError
from mtkd.specialists.routing import (
    ROUTERS,
    by_size,
    fit_router,
    held_out_weights,
    mixture,
    route,
    routed,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 40, 4)).astype(np.float32)
DOMAINS = np.arange(40) % 3
WORDS = [("film plot actor", 0), ("lol rt day", 1), ("battery screen price", 2)]
TEXTS = [f"{words} {number % 7}" for number in range(20) for words, _ in WORDS]
OF_TEXTS = np.array([domain for _ in range(20) for _, domain in WORDS])


def test_a_perfect_router_is_the_oracle():
    perfect = np.eye(3)[DOMAINS]
    oracle = routed("oracle", LOGITS, DOMAINS, perfect)
    assert np.array_equal(routed("hard-router", LOGITS, DOMAINS, perfect), oracle)
    soft = routed("soft-router", LOGITS, DOMAINS, perfect)
    np.testing.assert_allclose(softmax(soft, -1), softmax(oracle, -1), rtol=1e-5)
    for row in range(40):
        assert np.array_equal(oracle[row], LOGITS[DOMAINS[row], row])


@pytest.mark.parametrize("one", range(3))
def test_a_constant_router_is_that_specialist(one):
    constant = np.tile(np.eye(3)[one], (40, 1))
    assert np.array_equal(routed("hard-router", LOGITS, DOMAINS, constant), LOGITS[one])
    soft = routed("soft-router", LOGITS, DOMAINS, constant)
    np.testing.assert_allclose(softmax(soft, -1), softmax(LOGITS[one], -1), rtol=1e-5)


def test_a_wrong_router_never_asks_the_right_specialist():
    marked = np.zeros((3, 40, 3), dtype=np.float32)
    for specialist in range(3):
        marked[specialist, :, specialist] = 1
    said = routed("wrong", marked, DOMAINS, np.eye(3)[DOMAINS]).argmax(axis=1)
    assert (said != DOMAINS).all() and set(said) == {0, 1, 2}


def test_a_mixture_by_a_slow_reference():
    weights = RNG.dirichlet(np.ones(3), size=40)
    mixed = softmax(mixture(LOGITS, weights), -1)
    for row in range(40):
        wanted = sum(weights[row, k] * softmax(LOGITS[k, row].astype(float)) for k in range(3))
        np.testing.assert_allclose(mixed[row], wanted, rtol=1e-5)
    ensemble = softmax(routed("ensemble", LOGITS, DOMAINS, weights), -1)
    np.testing.assert_allclose(ensemble, softmax(LOGITS.astype(float), -1).mean(0), rtol=1e-5)


def test_specialists_that_are_one_need_no_router():
    logits = np.stack([LOGITS[0]] * 3)
    weights = RNG.dirichlet(np.ones(3), size=40)
    for name in ROUTERS:
        said = softmax(routed(name, logits, DOMAINS, weights), -1)
        np.testing.assert_allclose(said, softmax(LOGITS[0], -1), rtol=1e-5)


def test_a_router_learns_domains_by_their_words():
    weights = route(fit_router(TEXTS, OF_TEXTS), ["the plot of a film", "screen and price"])
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert weights.argmax(axis=1).tolist() == [0, 2]


def test_held_out_weights_do_not_know_their_own_text():
    # Texts without a word in common: who has not seen one cannot tell its domain.
    texts, domains = [f"word{number}" for number in range(40)], np.arange(40) % 2
    known = route(fit_router(texts, domains), texts)
    held = held_out_weights(texts, domains, 0)
    assert (known.argmax(axis=1) == domains).all()
    assert known[np.arange(40), domains].min() > 0.7 and abs(held - 0.5).max() < 0.1
    np.testing.assert_allclose(held.sum(axis=1), 1)


def test_more_texts_are_fitted_less_surely_and_generalise_better():
    found = by_size(TEXTS, OF_TEXTS, ["actor", "rt", "battery"], np.arange(3), 0)
    assert [one.texts for one in found] == [30, 60]
    assert found[-1].fitted == found[-1].held_out == 1


def test_one_domain_needs_no_router():
    with pytest.raises(InputError, match="one; give several tasks"):
        fit_router(["a", "b"], np.zeros(2, int))
