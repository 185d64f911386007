"""What a strategy is: a recipe of fusion, loss and options, with a digest of each part's code.

The strategies there are have recipes like a suite's own. A cell's digest holds its own recipe, so a
new part, or an edit of one that others use, retrains nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from mtkd.config.losses import declared_losses, loss_file
from mtkd.config.schema import POOLS, UNDISTILLED, Strategy, Suite
from mtkd.study.code import file_digest, function_digest, part_digest

# What trains a cell (mtkd.distillation.engines) is settled here, when the graph is built: engines
# may round differently, so a cell's digest has to know its own.
ENGINE = "single"


def recipe(suite: Suite, strategy: str, student: str | None = None) -> dict[str, Any]:
    """A strategy's recipe, JSON-ready.

    ``fusion`` is the name of a strategy over logits, a pooling operator's definition, or None
    without distillation; ``loss`` and its ``options`` say what of the fused logits is learnt;
    ``code`` has the digests of both, ``engine`` is what trains its cells. Where they are not as
    ever: ``alpha_unlabelled``, the loss' share on rows without gold, ``labels``, ``rows`` and
    ``confidence``, what it makes of soft labels and of which rows, ``crossfit``, of how many folds
    the logits are that labelled rows are taught, ``gold``, whose gold labels it sees, and
    ``training``, what a ``student`` trains otherwise with it.
    """
    overrides = suite.students[student].per_strategy.get(strategy) if student else None
    other = {"engine": ENGINE, **({"training": overrides} if overrides else {})}
    own = suite.strategies.get(strategy)
    if strategy == UNDISTILLED or (own and own.fusion == UNDISTILLED):
        other |= {"gold": own.gold} if own and own.gold != "labelled" else {}
        return {"fusion": None, "loss": None, "options": {}, "code": {}, **other}
    own = own or Strategy(fusion=strategy)
    fusion: str | dict[str, Any]
    if own.fusion and own.fusion not in POOLS:
        fusion = own.fusion
        digest = _part("mtkd.fusion.strategies", "STRATEGIES", fusion)
    else:
        fusion = own.model_dump(
            mode="json", exclude_defaults=True, include={"operator", "weights", "T"}
        )
        fusion = {**fusion, "operator": own.operator or own.fusion}
        digest = function_digest(fusion["operator"]).get("code")
        digest = digest or _part("mtkd.fusion.operators", "OPERATORS", fusion["operator"])
    plain = {"alpha_unlabelled", "labels", "rows", "confidence", "crossfit"}
    return {
        **other,
        **own.model_dump(mode="json", exclude_defaults=True, include=plain),
        "fusion": fusion,
        "loss": own.loss,
        "options": {**declared_losses()[own.loss].options, **own.options},
        "code": {"fusion": digest, "loss": _file(own.loss)},
    }


def recipes(
    suite: Suite, strategies: Iterable[str], student: str | None = None
) -> dict[str, dict[str, Any]]:
    """The recipes of some strategies, by name."""
    return {name: recipe(suite, name, student) for name in strategies}


def fusions(suite: Suite, strategies: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Of the recipes of some strategies what makes their soft labels."""
    return {
        name: {
            "fusion": one["fusion"],
            "code": one["code"].get("fusion"),
            **{key: one[key] for key in ("crossfit",) if key in one},
        }
        for name, one in recipes(suite, strategies).items()
    }


def runs_along(recipe: Mapping[str, Any]) -> bool:
    """Whether a recipe's loss looks inside its teachers, which are then run along."""
    return recipe["loss"] is not None and "along" in declared_losses()[recipe["loss"]].needs


@cache
def _part(module: str, catalogue: str, name: str) -> str:
    return part_digest(module, catalogue, name)


@cache
def _file(loss: str) -> str:
    return file_digest(loss_file(loss))
