"""Each claim of the framework (arXiv:2601.09165) on one task: holds, fails or undecidable here.

A claim about every input holds by a proof and fails by a counterexample, whatever this task's
teachers do; a claim about quantities holds or fails where its whole interval does. All else is
undecidable here. The axioms themselves: results/operators/certificates.csv.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import log_softmax
from scipy.stats import binomtest

from mtkd.analysis.statistics.paired import CONFIDENCE, MINIMUM_SEEDS, crossed_difference
from mtkd.framework.bias import AS_THEY_ARE
from mtkd.framework.objectives import least_gaps
from mtkd.framework.pooling import MEMBERS, POOLS
from mtkd.fusion.operators import OPERATORS

COLUMNS = ["task", "claim", "where", "verdict", "evidence", "quantity", "value", "low", "high"]
HOLDS, FAILS, UNDECIDABLE = "holds", "fails", "undecidable here"
# Exponents and ratios of variances within so much of each other count as equal.
MARGIN = 0.05
# What exact statements are off by in floating point.
ROUNDING = 1e-9
# A dissenting teacher's weight at which no median of two, three or four teachers is a tie.
PROBED = 0.4
INTERVAL = "interval"
# What mtkd.framework.students decides, in studies whose arms are pooling operators.
OF_STUDENTS = (
    "a student learns the attenuated mass",
    "a student keeps to the bound, on average",
    "a student beats its average teacher",
    "data-driven weights help",
    "more diverse teachers, more gain",
)
SOME_BIAS = "the pool attenuates a bias that some teachers have"
SHARED_BIAS = "the pool attenuates a bias that all teachers share"
UNTRAINED = "no student is trained here"


def claims_table(
    task: str,
    logits: np.ndarray,
    labels: np.ndarray,
    tables: dict[str, pd.DataFrame],
    certificates: pd.DataFrame,
    clusters: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rows of COLUMNS from a task's tables: ``variance``, ``scaling``, ``objectives``, and the
    rest.

    Teachers' logits [K, R, N, C]; the first teacher seed stands for a teacher. ``certificates`` is
    the operators' table.
    """
    first = logits[:, 0].astype(np.float64)
    rows = [
        *_variance_rows(tables["variance"], logits.shape[1]),
        *_scaling_rows(tables["scaling"]),
        *_objective_rows(tables["objectives"]),
        *_jensen_rows(first),
        *_log_loss_rows(first, labels, certificates, clusters),
        *_attenuation_rows(tables["attenuation"], len(labels), certificates),
        *_bias_rows(tables["bias"]),
    ]
    rows += [claim_row(claim, "trained students", UNDECIDABLE, UNTRAINED) for claim in OF_STUDENTS]
    return pd.DataFrame([{"task": task} | row for row in rows], columns=COLUMNS)


def claim_row(
    claim: str, where: str, verdict: str, evidence: str, quantity: str = "", *values: float
) -> dict[str, Any]:
    """A row of COLUMNS but the task. ``values``: value, low, high, as many as there are."""
    return {
        "claim": claim, "where": where, "verdict": verdict, "evidence": evidence,
        "quantity": quantity, **dict(zip(("value", "low", "high"), values, strict=False)),
    }  # fmt: skip


def _proof(paragraph: str) -> str:
    return f"proof: docs/operators.md, {paragraph}"


def near(low: float, high: float, target: float) -> str:
    """Whether an interval lies within MARGIN of a value, or beyond it altogether."""
    if target - MARGIN <= low and high <= target + MARGIN:
        return HOLDS
    return FAILS if low > target + MARGIN or high < target - MARGIN else UNDECIDABLE


def below(low: float, high: float, bound: float) -> str:
    """Whether an interval lies below a bound, or above it altogether."""
    return HOLDS if high < bound else FAILS if low > bound else UNDECIDABLE


def certified(
    certificates: pd.DataFrame, operator: str, axiom: str, reading: str
) -> tuple[str, str]:
    """Verdict and evidence on a statement about every input."""
    keys = ["operator", "axiom", "reading"]
    row = certificates.set_index(keys).loc[(operator, axiom, reading)]
    if row.verdict == "violated":
        return FAILS, f"counterexample: {row.counterexample}"
    if row.basis == "proved":
        return HOLDS, f"proof: {row.reference}"
    return UNDECIDABLE, f"no violation in {row.tries} inputs"


def _variance_rows(variance: pd.DataFrame, seeds: int) -> list[dict]:
    claim, quantity = "Var(q) = Σ w²σ²", "Var(q) / Σ w²σ²"
    alone = variance[(variance.source == "simulation") & (variance.operator == "linear-pool")]
    alone = alone[(alone.quantity == "probability") & (alone.members == alone.members.max())]
    rows = []
    for row in alone.itertuples():
        interval = (row.ratio, row.ratio_low, row.ratio_high)
        where = (
            f"linear-pool, {row.members} simulated members, {row.weights} weights, ρ={row.rho:g}"
        )
        verdict, evidence = near(*interval[1:], 1), INTERVAL
        if row.rho == 0:
            verdict, evidence = HOLDS, _proof("E1")
        rows.append(claim_row(claim, where, verdict, evidence, quantity, *interval))
    for source, what in (("errors", "teachers' errors"), ("teacher seeds", "teacher seeds")):
        here = variance[variance.source == source]
        # Few teacher seeds say hardly more of others than one does.
        decided = source == "errors" or seeds >= MINIMUM_SEEDS
        evidence = INTERVAL if decided else f"{seeds} teacher seed(s), {MINIMUM_SEEDS} needed"
        if here.empty:
            rows.append(claim_row(claim, f"linear-pool, {what}", UNDECIDABLE, evidence))
        for row in here[here.operator == "linear-pool"].itertuples():
            interval = (row.ratio, row.ratio_low, row.ratio_high)
            verdict = near(*interval[1:], 1) if decided else UNDECIDABLE
            rows.append(
                claim_row(
                    claim,
                    f"linear-pool, {what}, {row.weights} weights",
                    verdict,
                    evidence,
                    quantity,
                    *interval,
                )
            )
        for row in here.itertuples():
            interval = (row.reduction, row.reduction_low, row.reduction_high)
            verdict = below(*interval[1:], 1) if decided else UNDECIDABLE
            proved = row.operator == "linear-pool"
            rows.append(
                claim_row(
                    "Var(q) <= Σ wσ²",
                    f"{row.operator}, {what}, {row.weights} weights",
                    HOLDS if proved else verdict,
                    _proof("E1") if proved else evidence,
                    "Var(q) / Σ wσ²",
                    *interval,
                )
            )
    return rows


def _scaling_rows(scaling: pd.DataFrame) -> list[dict]:
    """Open question 1, over MEMBERS; for large K every smooth operator varies as 1 / K."""
    exact = {("linear-pool", "probability"): "E1", ("log-linear-pool", "log-odds"): "E2"}
    rows = []
    for row in scaling[scaling.rho == 0].itertuples():
        paragraph = exact.get((row.operator, row.quantity))
        rows.append(
            claim_row(
                f"variance falls as 1/K, K from {MEMBERS[0]} to {MEMBERS[-1]}, ρ=0",
                f"{row.operator}, {row.quantity}, simulated",
                HOLDS if paragraph else near(row.low, row.high, -1),
                _proof(paragraph) if paragraph else INTERVAL,
                "exponent in K",
                row.exponent,
                row.low,
                row.high,
            )
        )
    return rows


def _objective_rows(objectives: pd.DataFrame) -> list[dict]:
    alike, last = objectives[objectives.case == "one T"], objectives.step.max()
    gaps, gradients = alike.gap_error.max(), alike.gradient_difference.max()
    where, e3 = "linear-pool, one T for the student", _proof("E3")
    rows = [
        claim_row(
            "the Jensen gap is the teachers' JSD, whatever the student",
            where, HOLDS, e3, "most |gap - JSD|, nats", gaps,
        ),
        claim_row(
            "the mixture objective has other gradients", where, FAILS, e3,
            "most |difference|", gradients,
        ),
        claim_row(
            "the mixture objective converges faster", where, FAILS, e3,
            "most distance of the two students on their paths", alike.apart_most.max(),
        ),
    ]  # fmt: skip
    for case in dict.fromkeys(objectives.case):
        end = objectives[(objectives.case == case) & (objectives.step == last)].iloc[0]
        same = end.apart_most < ROUNDING
        rows.append(
            claim_row(
                "both objectives lead to one student",
                case,
                HOLDS if same else FAILS,
                e3 if same else "counterexample: this task's teachers",
                f"mean total variation after {last} steps",
                end.apart,
            )
        )
    return rows


def _jensen_rows(logits: np.ndarray) -> list[dict]:
    weights = np.full(len(logits), 1 / len(logits))
    rows = []
    for operator in POOLS:
        least = least_gaps(logits, weights, operator)
        linear = operator == "linear-pool"
        rows.append(
            claim_row(
                "KL(q ‖ s) <= Σ w KL(p ‖ s) for every student s",
                operator,
                HOLDS if linear else FAILS,
                _proof("E3" if linear else "E4"),
                "least gap over some students, nats",
                least.min(),
            )
        )
    return rows


def _log_loss_rows(
    logits: np.ndarray,
    labels: np.ndarray,
    certificates: pd.DataFrame,
    clusters: np.ndarray | None,
) -> list[dict]:
    log_p, rows_of = log_softmax(logits, axis=-1), np.arange(len(labels))
    weights, rows = np.full(len(logits), 1 / len(logits)), []
    for operator in POOLS:
        with np.errstate(divide="ignore"):
            log_q = np.log(OPERATORS[operator](log_p, weights))
        excess = weights @ log_p[:, rows_of, labels] - log_q[rows_of, labels]
        mean = crossed_difference(excess[None], clusters=clusters)
        rows.append(
            claim_row(
                "the pool's log-loss <= the teachers' mean",
                operator,
                *certified(certificates, operator, "log-loss", "strong"),
                "mean excess on selection, nats",
                mean.estimate,
                mean.low,
                mean.high,
            )
        )
    return rows


def _attenuation_rows(attenuation: pd.DataFrame, n: int, certificates: pd.DataFrame) -> list[dict]:
    rows = []
    for (scenario, operator), here in attenuation.groupby(["scenario", "operator"], sort=False):
        probed = here[here.weight == PROBED].iloc[0]
        over = binomtest(round(probed.share_over * n), n).proportion_ci(CONFIDENCE, "wilson")
        rows.append(
            claim_row(
                "q(i) <= (1-w) max p(i) + w p_k(i)",
                f"{operator}, teachers {scenario}",
                *certified(certificates, operator, "attenuation", "strong"),
                f"share of examples above the bound at w={PROBED}",
                probed.share_over,
                over.low,
                over.high,
            )
        )
    for operator in dict.fromkeys(attenuation.operator):
        here = attenuation[attenuation.operator == operator]
        rises = here.groupby("scenario").mass.apply(lambda mass: mass.diff().max())
        rows.append(
            claim_row(
                "raising w takes no q(i) farther from p_k(i)",
                operator,
                *certified(certificates, operator, "weight monotonicity", "strong"),
                "largest rise of the mean mass between two weights",
                rises.max(),
            )
        )
    return rows


def _bias_rows(bias: pd.DataFrame) -> list[dict]:
    """Whether pooling takes away from a bias that some teachers have, and one that all share."""
    rows = []
    for row in bias.to_dict("records"):
        shared = row["biased"] == row["members"]
        verdict, evidence = below(row["low"], row["high"], 0), INTERVAL
        if row["operator"] == "linear-pool":
            verdict, evidence = FAILS if shared else HOLDS, _proof("E5")
        of = f"{row['biased']} of {row['members']} teachers"
        where = f"planted at {of}"
        if row["scenario"] == AS_THEY_ARE:
            where = f"class {row['class']} as they are, {of} biased alike"
        rows.append(
            claim_row(
                SHARED_BIAS if shared else SOME_BIAS,
                f"{row['operator']}, {where}",
                verdict,
                evidence,
                "the pool's bias less the teachers', in probability",
                row["excess"],
                row["low"],
                row["high"],
            )
        )
    return rows
