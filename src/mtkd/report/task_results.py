"""One task's tables of results, as people read them."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mtkd.metrics.names import declared, metric_label, metric_title
from mtkd.report.shown import (
    IDENTIFIED,
    MISSING,
    YES_OR_NO,
    Shown,
    caption,
    confidence_rows,
    frame,
    identification_rows,
    interval,
    model_name,
    number,
    p_value,
    percent,
    points,
    score,
    seeds_needed,
    split_column,
    spread,
    titled,
)
from mtkd.study.view import StudyView, arm_name, improvement_text, over_draws, unit_text

Tables = Mapping[str, pd.DataFrame]


def task_tables(tables: Tables, study: StudyView, task: str) -> list[Shown]:
    """One task's tables, in the report's order; those without rows are left out."""
    makers = [
        _claims,
        _interaction,
        _skill,
        _grid,
        _quality,
        _reliability,
        _agreement,
        _disagreement,
        _ambiguity,
        _failures,
        _confidence,
        _identification,
        _fidelity,
        _human,
        _nearness,
        _checks,
    ]
    of_task = {name: table[table.task == task] for name, table in tables.items() if "task" in table}
    shown = [make(of_task, study, task) for make in makers]
    return [table for table in shown if len(table.rows)]


def draws_tables(tables: Tables, study: StudyView, name: str) -> list[Shown]:
    """The claims on several draws of one task together, by the name of all of them."""
    of_all = {"claims": tables["claims"][tables["claims"].task == name]}
    shown = [_claims(of_all, over_draws(study, name), name)]
    return [table for table in shown if len(table.rows)]


def _claims(tables: Tables, study: StudyView, task: str) -> Shown:
    rows = [
        {
            "comparison": f"{row.a} − {row.b}",
            "primary": YES_OR_NO[row.primary],
            "points": points(row.effect),
            "95 % interval": interval(row.low, row.high),
            "bootstrap interval": interval(row.bootstrap_low, row.bootstrap_high),
            "p superior": p_value(row.p_superiority),
            "p equivalent": p_value(row.p_equivalence),
            "verdict": row.verdict + (f" ({row.note})" if isinstance(row.note, str) else ""),
            "least detectable": number(row.minimum_detectable, 2),
            "seeds to decide": seeds_needed(row.seeds_needed),
        }
        for row in tables["claims"].itertuples()
    ]
    columns = ["comparison", "primary", "points", "95 % interval", "bootstrap interval"]
    columns += ["p superior", "p equivalent", "verdict", "least detectable", "seeds to decide"]
    return titled(
        "claims",
        caption("differences in points" + improvement_text(study, [task]), study, task),
        frame(rows, columns),
        ("comparison", "primary", "verdict"),
        "The 95 % interval is over seeds and examples together (crossed variance components) and "
        "of this comparison alone; p-values and verdicts are corrected for the task's primary "
        "claims, and for its others on their own (Holm), so that an interval can leave out 0 and "
        "the verdict still be undecidable. The bootstrap interval stands beside as a check.",
    )


def _interaction(tables: Tables, study: StudyView, task: str) -> Shown:
    # A study of one T has no such table.
    table = tables.get("interaction", pd.DataFrame())
    rows = [
        {
            "arm": row.a,
            f"over one teacher, T={row.T_low}": points(row.effect_low),
            f"over one teacher, T={row.T_high}": points(row.effect_high),
            "difference (points)": points(row.interaction),
            "95 % interval": interval(row.low, row.high),
            "verdict": row.verdict,
            "least detectable": number(row.minimum_detectable, 2),
        }
        for row in table.itertuples()
    ]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return titled(
        "interaction",
        caption(
            "what arms of several teachers add to the mean of the single-teacher arms at the "
            "lowest T less at the highest, each the mean over all alphas"
            + improvement_text(study, [task]),
            study,
            task,
        ),
        frame(rows, columns),
        ("arm", "verdict"),
        "The interval is over seeds and examples together; verdicts are corrected for this table's "
        "rows (Holm), with the margin of all claims. Nothing is chosen on selection here.",
    )


def _skill(tables: Tables, study: StudyView, task: str) -> Shown:
    skill = tables["skill"]
    given = ", ".join(map(str, skill.constant.unique()))
    metric = study["metrics"][task]
    constant = f"constant ({declared(metric).unit})"
    rows = [
        {
            "model": model_name(row.kind, row.name),
            metric_label(row.metric): score(row.value, row.metric),
            constant: score(row.constant_value, row.metric),
            "above it (points)": points(row.lead),
            "95 % interval": interval(row.low, row.high),
            "better": YES_OR_NO[row.skill],
        }
        for row in skill.itertuples(index=False)
    ]
    columns = ["model", metric_label(metric), constant, "above it (points)"]
    return titled(
        "skill",
        caption(
            f"teachers and students against the constant answer ({given}: it answers train best)"
            + improvement_text(study, [task]),
            study,
            task,
        ),
        split_column(frame(rows, [*columns, "95 % interval", "better"]), skill.split),
        ("split", "model", "better"),
        "The interval is over seeds and examples. Where neither side of a claim is better than the "
        "constant answer, its verdict is no skill.",
    )


def _grid(tables: Tables, study: StudyView, task: str) -> Shown:
    grid, metric = tables["grid"], study["metrics"][task]
    several = grid.groupby(["strategy", "teachers"])["T"].transform("size") > 1
    rows = [
        {
            "arm": arm_name({"strategy": row.strategy, "teachers": row.teachers}, study),
            "T": row.T,
            "alpha": row.alpha,
            metric_title(metric): spread(row.mean, row.sd, row.seeds, metric),
            "chosen on selection": "yes" if row.chosen else "",
        }
        for row in grid[several].itertuples()
    ]
    columns = ["arm", "T", "alpha", metric_title(metric), "chosen on selection"]
    return titled(
        "grid",
        caption(
            f"each arm over T and alpha, mean ±sd (seeds), {unit_text(study, [task])}", study, task
        ),
        frame(rows, columns),
        ("arm", "chosen on selection"),
        "The choice sees the selection split alone; the numbers are of the report split.",
    )


def _quality(tables: Tables, study: StudyView, task: str) -> Shown:
    quality, metric = tables["quality"], study["metrics"][task]
    of_metric = metric_label(metric)
    # Where the metric is accuracy, one column says both.
    also = [] if metric == "accuracy" else ["accuracy (%)"]
    rows = [
        {
            "model": model_name(row.kind, row.name),
            "accuracy (%)": percent(row.accuracy, 2),
            # Last, as it may be accuracy itself, with its spread.
            of_metric: spread(row.score, row.sd, row.seeds, metric),
            "NLL": number(row.nll),
            "Brier": number(row.brier),
            "ECE (%)": percent(row.ece),
            "temperature": number(row.temperature, 2),
            "NLL scaled": number(row.nll_scaled),
            "ECE scaled (%)": percent(row.ece_scaled),
        }
        for row in quality.itertuples(index=False)
    ]
    columns = ["model", of_metric, *also, "NLL", "Brier", "ECE (%)", "temperature", "NLL scaled"]
    return titled(
        "quality",
        caption("teachers, fused teachers and students", study, task),
        split_column(frame(rows, [*columns, "ECE scaled (%)"]), quality.split),
        ("split", "model"),
        "NLL in nats per example; ECE: expected calibration error; scaled: after dividing the "
        "logits by the temperature fitted on selection. The oracle picks a right teacher whenever "
        "there is one: no choice of one teacher per example can do better.",
    )


def _reliability(tables: Tables, study: StudyView, task: str) -> Shown:
    table = tables["reliability"].sort_values("low", kind="stable")
    bins = dict.fromkeys(zip(table.low, table.high, strict=True))
    heads = {low: f"{low:.2f} to {high:.2f}" for low, high in bins}
    rows, splits = [], []
    for (split, kind, name), curve in table.groupby(["split", "kind", "name"], sort=False):
        entries = {
            heads[row.low]: f"{percent(row.accuracy)} ({row.n})" for row in curve.itertuples()
        }
        rows.append({"model": model_name(kind, name)} | entries)
        splits.append(split)
    return titled(
        "reliability",
        caption(
            "accuracy in percent (predictions) by the largest probability at T=1, all seeds "
            "together",
            study,
            task,
        ),
        split_column(frame(rows, ["model", *heads.values()]).fillna(""), pd.Series(splits)),
        ("split", "model"),
        "Calibrated: as accurate as it is sure, so that every entry lies in its column's bounds.",
    )


def _agreement(tables: Tables, study: StudyView, task: str) -> Shown:
    table = tables["agreement"]
    rows, splits = [], []
    for (split, arm), of_arm in table.groupby(["split", "arm"], sort=False):
        entries = {
            f"{row.region} ({percent(row.share)} %, n={row.n:,})": spread(
                row.accuracy, row.sd, row.seeds
            )
            for row in of_arm[of_arm.n > 0].itertuples()
        }
        rows.append({"arm": arm} | entries)
        splits.append(split)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return titled(
        "agreement",
        caption("accuracy in percent by the agreement of the study's teachers", study, task),
        split_column(frame(rows, columns).fillna(""), pd.Series(splits)),
        ("split", "arm"),
        "All agree: one prediction. Full disagreement: as many predictions as teachers, possible "
        "only with as many classes. Partial: anything between.",
    )


def _disagreement(tables: Tables, study: StudyView, task: str) -> Shown:
    return titled(
        "disagreement",
        caption(
            "accuracy in percent (95 % interval) of teachers, the surest of them, fused teachers "
            "and students, on the same examples, by the agreement of the study's teachers",
            study,
            task,
        ),
        _who_by(
            tables["disagreement"],
            lambda row: f"{row.region} ({percent(row.share)} %, n={row.n:,})",
            lambda row: percent(row.accuracy) + _within(row),
        ),
        ("split", "model"),
        "Surest teacher: for each example the one with the largest probability at T=1. A student "
        "of several teachers is worth its teachers' price where they disagree: elsewhere one of "
        "them says the same. The interval is over seeds and the region's examples.",
    )


def _ambiguity(tables: Tables, study: StudyView, task: str) -> Shown:
    return titled(
        "ambiguity",
        caption(
            "errors in percent (95 % interval; share of all errors of that model) by how much "
            "raters disagree: parts of the examples by the entropy of their shares, in nats",
            study,
            task,
        ),
        _who_by(
            tables["ambiguity"],
            lambda row: f"{row.entropy_low:.2f} to {row.entropy_high:.2f} (n={row.n:,})",
            lambda row: percent(row.error) + _within(row, f"; {percent(row.share_of_errors, 0)} %"),
        ),
        ("split", "model"),
        "One rater: how often the answer of a rater drawn at random is not the label; errors up to "
        "that are people's own. Parts are equal in number, but for examples of the same entropy.",
    )


def _who_by(table: pd.DataFrame, column, entry) -> pd.DataFrame:
    """A row for each model, a column for each group of examples."""
    rows, splits = [], []
    for (split, kind, name), of_model in table.groupby(["split", "kind", "name"], sort=False):
        entries = {column(row): entry(row) for row in of_model.itertuples()}
        rows.append({"model": model_name(kind, name)} | entries)
        splits.append(split)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return split_column(frame(rows, columns).fillna(""), pd.Series(splits))


def _within(row, also: str = "") -> str:
    """An interval in percent behind its value; of one example there is none."""
    if pd.isna(row.low):
        return f" ({also.removeprefix('; ')})" if also else ""
    return f" ({percent(row.low)} to {percent(row.high)}{also})"


def _failures(tables: Tables, study: StudyView, task: str) -> Shown:
    table = tables["failures"]
    table = table[table.partition.astype(bool)]
    rows, splits = [], []
    for (split, arm), of_arm in table.groupby(["split", "arm"], sort=False):
        entries = {
            f"{row.category} (n={row.n:,})": f"{percent(row.rate)} ({row.errors:.0f})"
            for row in of_arm[of_arm.n > 0].itertuples()
        }
        rows.append({"arm": arm} | entries)
        splits.append(split)
    meanings = dict(zip(table.category, table.meaning, strict=True))
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return titled(
        "failures",
        caption(
            "errors per 100 examples of a kind (errors, mean over seeds), by what the teachers did",
            study,
            task,
        ),
        split_column(frame(rows, columns).fillna(""), pd.Series(splits)),
        ("split", "arm"),
        "; ".join(f"{category}: {meaning}" for category, meaning in meanings.items())
        + ". Kinds without an example are left out.",
    )


def _confidence(tables: Tables, study: StudyView, task: str) -> Shown:
    confidence = tables["confidence"]
    # Train first: it is what students see.
    order = ["train", "transfer", "selection", *study["report_splits"][task]]
    confidence = pd.concat([confidence[confidence.split == split] for split in order])
    return titled(
        "confidence",
        caption(
            "means over examples of the teachers' soft labels at T=1 and at each T that students "
            "were trained with",
            study,
            task,
            list(confidence.split.unique()),
        ),
        confidence_rows(confidence),
        ("teacher", "split"),
        "Students see the labels of train. Labels that are nearly certain say little more than the "
        "hard labels.",
    )


def _identification(tables: Tables, study: StudyView, task: str) -> Shown:
    table = tables["identification"]
    return titled(
        "identification",
        caption(
            "how often a soft label tells which of the study's teachers it is from",
            study,
            task,
            list(table.split.unique()),
        ),
        identification_rows(table),
        ("split",),
        IDENTIFIED,
    )


def _fidelity(tables: Tables, study: StudyView, task: str) -> Shown:
    table = tables["fidelity"]
    rows = []
    for arm, of_arm in table.groupby("arm", sort=False):
        row = {"arm": arm}
        for found in of_arm.itertuples():
            row["T"] = found.T
            row[f"agreement, {found.split} (%)"] = spread(
                found.agreement, found.sd_agreement, found.seeds
            )
            row[f"KL, {found.split} (nats)"] = number(found.kl, 4)
            row[f"its 95 % interval, {found.split}"] = (
                MISSING
                if pd.isna(found.kl_low)
                else f"{number(found.kl_low, 4)} to {number(found.kl_high, 4)}"
            )
        rows.append(row)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return titled(
        "fidelity",
        caption("students against the soft labels that they learned from, at their T", study, task),
        frame(rows, columns).fillna(MISSING),
        ("arm",),
        "Agreement: the same most probable class. On train, and on transfer texts, whose soft "
        "labels students learned, over a sample of rows: what is missing there is capacity or "
        "training, not generalisation. Intervals are over seeds and examples.",
    )


def _human(tables: Tables, study: StudyView, task: str) -> Shown:
    human = tables["human"]
    rows = [
        {
            "model": model_name(row.kind, row.name),
            "T": row.T,
            "KL (nats)": number(row.kl),
            "total variation": number(row.total_variation),
            "JSD (nats)": number(row.jsd),
            "Pearson": number(row.pearson, 2),
            "Spearman": number(row.spearman, 2),
        }
        for row in human.itertuples(index=False)
    ]
    columns = ["model", "T", "KL (nats)", "total variation", "JSD (nats)", "Pearson", "Spearman"]
    return titled(
        "human",
        caption(
            "models' probabilities at T=1, and the soft labels that students learned from at their "
            "T, against the shares of raters that chose each class",
            study,
            task,
        ),
        split_column(frame(rows, columns), human.split),
        ("split", "model"),
        "Smaller divergences are closer. Pearson and Spearman correlate the entropies: whether "
        "model and people are unsure of the same examples.",
    )


def _nearness(tables: Tables, study: StudyView, task: str) -> Shown:
    nearness = tables["human_prediction"]
    rows = [
        {
            "arms": f"{row.arms}",
            "Spearman": number(row.spearman, 2),
            "descriptive p": p_value(row.descriptive_p),
        }
        for row in nearness.itertuples()
    ]
    return titled(
        "human_prediction",
        caption(
            "KL of the soft labels, at the T that students learned from, from the raters' shares "
            "against students' scores",
            study,
            task,
        ),
        split_column(frame(rows, ["arms", "Spearman", "descriptive p"]), nearness.split),
        ("split",),
        "Over the distilled arms, by rank; below 0: nearer is better. The p is by permuting "
        "the arms, which share teachers, seeds and examples: it describes, and tests nothing.",
    )


def _checks(tables: Tables, study: StudyView, task: str) -> Shown:
    checks = tables["checks"]
    rows = [
        {
            "comparison": f"{row.a} − {row.b}",
            "accuracy (points)": points(row.difference),
            "McNemar p": p_value(row.mcnemar_p),
            "seeds p": p_value(row.seeds_p),
            "examples p": p_value(row.examples_p),
        }
        for row in checks.itertuples()
    ]
    columns = ["comparison", "accuracy (points)", "McNemar p", "seeds p", "examples p"]
    return titled(
        "checks",
        caption("tests that assume less than the claims do; none is corrected", study, task),
        split_column(frame(rows, columns), checks.split),
        ("split", "comparison"),
        "McNemar: median over seeds of the mid-p. Seeds and examples: p of flipping the signs of "
        "their differences; each sees one source of variance only, and takes its units for "
        "independent: they describe, and no verdict hangs on them.",
    )
