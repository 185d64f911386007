"""A study's tables of results as people read them: of all tasks, and of one."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mtkd.analysis.master import (
    MARK,
    Study,
    arm_name,
    arrow_text,
    improvement_text,
    mark_meaning,
    score_entry,
    unit_text,
)
from mtkd.metrics.names import declared, metric_label, metric_title, on_one_scale
from mtkd.report.shown import (
    MISSING,
    YES_OR_NO,
    Shown,
    caption,
    confidence_rows,
    frame,
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
)

Tables = Mapping[str, pd.DataFrame]

OUTCOMES = {True: "as predicted", False: "not as predicted"}


def study_tables(tables: Tables, study: Study) -> list[Shown]:
    """The tables over all tasks, in the report's order."""
    shown = [_master(tables, study), _several_teachers(tables, study), _gap(tables, study)]
    shown += [_over_tasks(tables, study), _profiles(tables, study), _ranking(tables, study)]
    return [*shown, _audit(tables, study), _flags(tables, study)]


def task_tables(tables: Tables, study: Study, task: str) -> list[Shown]:
    """One task's tables, in the report's order; those without rows are left out."""
    makers = [
        _claims,
        _skill,
        _grid,
        _quality,
        _reliability,
        _agreement,
        _failures,
        _confidence,
        _fidelity,
        _human,
        _nearness,
        _checks,
    ]
    of_task = {name: table[table.task == task] for name, table in tables.items() if "task" in table}
    shown = [make(of_task, study, task) for make in makers]
    return [table for table in shown if len(table.rows)]


def _master(tables: Tables, study: Study) -> Shown:
    master = tables["master"]
    titles = [name.removesuffix(" mean") for name in master.columns if name.endswith(" mean")]
    rows = [
        {"method": row["method"]} | {title: score_entry(row, title, study) for title in titles}
        for _, row in master.iterrows()
    ]
    shown = frame(rows, ["method", *titles])
    marked = shown.map(lambda entry: entry.endswith(MARK)).any(axis=None)
    what = f"mean ±sd over seeds (number of seeds), {unit_text(study)}{arrow_text(study)}"
    return Shown(
        "master",
        "Every method on every task",
        caption(what + (f"; {MARK}: {mark_meaning(study)}" if marked else ""), study),
        shown,
        ("method",),
        "AVG is the mean over tasks. Teachers and the reference were trained once: they have no "
        "sd, and their rows say nothing of other trainings. The constant answer is one class for "
        "every example, the one that answers train best" + _other_constants(study) + ".",
    )


def _other_constants(study: Study) -> str:
    """What notes add on the constant answer, and on AVG, where a metric is of another kind."""
    metrics = list(study["metrics"].values())
    text = ""
    if any(declared(name).takes == "probabilities" for name in metrics):
        text += "; under a metric of probabilities, the shares of the labels in train"
    if not on_one_scale(metrics):
        text += ". AVG is empty: the tasks' metrics are not on one scale"
    return text


def _several_teachers(tables: Tables, study: Study) -> Shown:
    claims = tables["claims"]
    rows = [
        {
            "task": row.task,
            "metric": row.metric,
            "several − one (points)": points(row.effect),
            "95 % interval": interval(row.low, row.high),
            "verdict": row.verdict,
            "least detectable (points)": number(row.minimum_detectable, 2),
            "seeds to decide": seeds_needed(row.seeds_needed),
        }
        for row in claims[claims.claim == "several teachers"].itertuples()
    ]
    columns = ["task", "metric", "several − one (points)", "95 % interval", "verdict"]
    return Shown(
        "several_teachers",
        "Several teachers against one",
        caption(
            "best of n arms of several teachers minus best of n arms of one teacher, n equal, "
            "chosen on selection by the other seeds" + improvement_text(study),
            study,
        ),
        frame(rows, [*columns, "least detectable (points)", "seeds to decide"]),
        ("task", "metric", "verdict"),
        "Least detectable: the smallest true difference that these seeds and examples would have "
        "shown with a probability of 0.8. Seeds to decide: with how many seeds a difference as "
        "large as the margin would be detectable.",
    )


def _gap(tables: Tables, study: Study) -> Shown:
    gaps = tables["gap"]
    best = {row.task: row.reference for row in gaps[gaps.against == "teacher"].itertuples()}
    heads = {task: f"{task} (best: {best[task]})" for task in study["tasks"] if task in best}
    rows = []
    by = ["strategy", "teachers", "against"]
    for (strategy, teachers, against), found in gaps.groupby(by, sort=False):
        row = {"arm": arm_name({"strategy": strategy, "teachers": teachers}, study)}
        row["gap to"] = {"teacher": "best teacher", "fused": "fused teacher"}[against]
        rows.append(row | {heads[one.task]: _gap_entry(one) for one in found.itertuples()})
    return Shown(
        "gap",
        "Gap closed",
        caption(
            "percent of the gap between the undistilled student and a teacher that each arm's "
            "students closed (95 % interval over seeds and examples); the teacher is the best on "
            "selection, or the fused one that the arm itself learns from" + improvement_text(study),
            study,
        ),
        frame(rows, ["arm", "gap to", *heads.values()]).fillna(MISSING),
        ("arm", "gap to"),
        "Above 100: better than that teacher; below 0: worse than without distillation. Where "
        "there is no gap, or the teacher is no better than a constant answer, the difference to "
        "the undistilled student in points is given instead. "
        "Intervals are wide where the gap itself is uncertain, and without end where its own "
        "uncertainty leaves no bound.",
    )


def _gap_entry(row) -> str:
    if not row.gap:
        return f"no gap ({points(100 * row.difference)} points)"
    value = points(100 * row.fraction, 0)
    return f"{value} ({interval(100 * row.low, 100 * row.high, 0)})"


def _over_tasks(tables: Tables, study: Study) -> Shown:
    first = study["metrics"][study["tasks"][0]]
    metrics, digits = set(study["metrics"].values()), declared(first).decimals
    unit = "%" if len(metrics) > 1 else declared(first).unit
    mean = f"interquartile mean ({unit})"
    rows = [
        {
            "arm": row.arm,
            mean: number(row.iqm, digits),
            "95 % interval": _range(row.iqm_low, row.iqm_high, digits),
            "P(better than none)": number(row.improves, 2),
            "its 95 % interval": _range(row.improves_low, row.improves_high, 2),
            "tasks dominated": MISSING
            if pd.isna(row.tasks_dominant)
            else f"{row.tasks_dominant:.0f} of {row.tasks}",
        }
        for row in tables["over_tasks"].itertuples()
    ]
    columns = ["arm", mean, "95 % interval", "P(better than none)"]
    return Shown(
        "over_tasks",
        "Arms over all tasks",
        caption("aggregates that one outlying task or seed does not decide", study),
        frame(rows, [*columns, "its 95 % interval", "tasks dominated"]),
        ("arm",),
        "The interquartile mean leaves out the best and the worst quarter of all runs. P(better "
        "than none): the probability that a run of the arm beats a run without distillation, "
        "averaged over tasks. Tasks dominated: where the arm's seeds almost stochastically "
        "dominate those without distillation. These intervals are over seeds alone: they say "
        "nothing of other examples.",
    )


def _profiles(tables: Tables, study: Study) -> Shown:
    table = tables["profiles"]
    whole = table[table.gain % 1 == 0]
    rows = [
        {"arm": arm} | {points(row.gain, 0): percent(row.share, 0) for row in of_arm.itertuples()}
        for arm, of_arm in whole.groupby("arm", sort=False)
    ]
    gains = [points(gain, 0) for gain in sorted(whole.gain.unique())]
    return Shown(
        "profiles",
        "How often a run gains how much",
        caption(
            "percent of all runs on all tasks that gain more than so many points over the mean of "
            "the undistilled student" + improvement_text(study),
            study,
        ),
        frame(rows, ["arm", *gains]),
        ("arm",),
        "At 0: the share of runs that are better than no distillation.",
    )


def _ranking(tables: Tables, study: Study) -> Shown:
    ranks = tables["ranking"]
    entries = ranks.assign(
        entry=[f"{r.rank:g} ({r.rank_low:g} to {r.rank_high:g})" for r in ranks.itertuples()]
    )
    wide = entries.pivot(index="arm", columns="task", values="entry")
    arms = list(dict.fromkeys(ranks.arm))
    columns = [task for task in [*study["tasks"], "all"] if task in wide]
    wide = wide.reindex(index=arms, columns=columns).fillna(MISSING).reset_index()
    return Shown(
        "ranking",
        "Ranks",
        caption("rank of each arm by its mean (best and worst rank in any one seed)", study),
        wide.rename(columns={"all": "all tasks"}).astype("str"),
        ("arm",),
        "1 is best. Of all tasks: the rank of the mean rank, with the best and the worst task.",
    )


def _audit(tables: Tables, study: Study) -> Shown:
    rows = [
        {
            "task": row.task,
            "arm": row.arm,
            "predicted gain (points)": points(row.predicted),
            "predicted interval": interval(row.predicted_low, row.predicted_high),
            "expected": row.expected,
            "measured (points)": points(row.measured),
            "95 % interval": interval(row.low, row.high),
            "verdict": row.verdict,
            "inside the prediction": YES_OR_NO[row.inside],
            "outcome": OUTCOMES.get(row.came_true, "cannot tell"),
        }
        for row in tables["audit_scored"].itertuples()
    ]
    columns = ["task", "arm", "predicted gain (points)", "predicted interval", "expected"]
    columns += ["measured (points)", "95 % interval", "verdict", "inside the prediction", "outcome"]
    return Shown(
        "audit_scored",
        "What the audit predicted and what came of it",
        caption(
            "gain of each arm of several teachers over the mean of the single-teacher arms, "
            "predicted on selection from the teachers' logits alone, and as measured"
            + improvement_text(study),
            study,
        ),
        frame(rows, columns),
        ("task", "arm", "expected", "verdict", "inside the prediction", "outcome"),
        f"Expected: whether the predicted gain lies beyond the margin of {study['margin']:g} "
        "points. Outcome: whether the verdict is the expected one; a prediction cannot be judged "
        "where the verdict is undecidable.",
    )


def _flags(tables: Tables, study: Study) -> Shown:
    columns = ["rule", "where", "what", "evidence"]
    rows = tables["flags"][columns].rename(columns={"evidence": "because"}).astype("str")
    return Shown(
        "flags",
        "What the rules of evidence object to",
        caption("objections to this study's own tables and claims", study),
        rows,
        tuple(rows.columns),
    )


def _claims(tables: Tables, study: Study, task: str) -> Shown:
    rows = [
        {
            "comparison": f"{row.a} − {row.b}",
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
    columns = ["comparison", "points", "95 % interval", "bootstrap interval", "p superior"]
    columns += ["p equivalent", "verdict", "least detectable", "seeds to decide"]
    return Shown(
        "claims",
        "Claims",
        caption("differences in points" + improvement_text(study, [task]), study, task),
        frame(rows, columns),
        ("comparison", "verdict"),
        "The 95 % interval is over seeds and examples together (crossed variance components) and "
        "of this comparison alone; p-values and verdicts are corrected for all claims of the task "
        "(Holm), so that an interval can leave out 0 and the verdict still be undecidable. The "
        "bootstrap interval stands beside as a check.",
    )


def _skill(tables: Tables, study: Study, task: str) -> Shown:
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
    return Shown(
        "skill",
        "Against one answer for every example",
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


def _grid(tables: Tables, study: Study, task: str) -> Shown:
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
    return Shown(
        "grid",
        "T and alpha",
        caption(
            f"each arm over T and alpha, mean ±sd (seeds), {unit_text(study, [task])}", study, task
        ),
        frame(rows, columns),
        ("arm", "chosen on selection"),
        "The choice sees the selection split alone; the numbers are of the report split.",
    )


def _quality(tables: Tables, study: Study, task: str) -> Shown:
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
    return Shown(
        "quality",
        "Quality and calibration",
        caption("teachers, fused teachers and students", study, task),
        split_column(frame(rows, [*columns, "ECE scaled (%)"]), quality.split),
        ("split", "model"),
        "NLL in nats per example; ECE: expected calibration error; scaled: after dividing the "
        "logits by the temperature fitted on selection. The oracle picks a right teacher whenever "
        "there is one: no choice of one teacher per example can do better.",
    )


def _reliability(tables: Tables, study: Study, task: str) -> Shown:
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
    return Shown(
        "reliability",
        "Reliability",
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


def _agreement(tables: Tables, study: Study, task: str) -> Shown:
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
    return Shown(
        "agreement",
        "Where teachers agree",
        caption("accuracy in percent by the agreement of the study's teachers", study, task),
        split_column(frame(rows, columns).fillna(""), pd.Series(splits)),
        ("split", "arm"),
        "All agree: one prediction. Full disagreement: as many predictions as teachers, possible "
        "only with as many classes. Partial: anything between.",
    )


def _failures(tables: Tables, study: Study, task: str) -> Shown:
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
    return Shown(
        "failures",
        "Failures",
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


def _confidence(tables: Tables, study: Study, task: str) -> Shown:
    confidence = tables["confidence"]
    # Train first: it is what students see.
    order = ["train", "selection", *study["report_splits"][task]]
    confidence = pd.concat([confidence[confidence.split == split] for split in order])
    return Shown(
        "confidence",
        "How sure the teachers are",
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


def _fidelity(tables: Tables, study: Study, task: str) -> Shown:
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
        rows.append(row)
    columns = list(dict.fromkeys(column for row in rows for column in row))
    return Shown(
        "fidelity",
        "How students follow their soft labels",
        caption("students against the soft labels that they learned from, at their T", study, task),
        frame(rows, columns).fillna(MISSING),
        ("arm",),
        "Agreement: the same most probable class. On train, over a sample of rows.",
    )


def _human(tables: Tables, study: Study, task: str) -> Shown:
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
    return Shown(
        "human",
        "Closeness to human raters",
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


def _nearness(tables: Tables, study: Study, task: str) -> Shown:
    nearness = tables["human_prediction"]
    rows = [
        {"arms": f"{row.arms}", "Spearman": number(row.spearman, 2), "p": p_value(row.p)}
        for row in nearness.itertuples()
    ]
    return Shown(
        "human_prediction",
        "Do soft labels nearer to people teach better?",
        caption(
            "KL of the soft labels, at the T that students learned from, from the raters' shares "
            "against students' scores",
            study,
            task,
        ),
        split_column(frame(rows, ["arms", "Spearman", "p"]), nearness.split),
        ("split",),
        "Over the distilled arms, by rank; below 0: nearer is better; p by permuting the arms.",
    )


def _checks(tables: Tables, study: Study, task: str) -> Shown:
    checks = tables["checks"]
    rows = [
        {
            "comparison": f"{row.a} − {row.b}",
            "accuracy (points)": points(row.difference),
            "McNemar p": p_value(row.mcnemar_p),
            "seeds p": p_value(row.seeds_p),
            "examples p": p_value(row.examples_p),
            "reversed": YES_OR_NO[row.reversed],
            "opposite sign in": row.opposite if isinstance(row.opposite, str) else "",
        }
        for row in checks.itertuples()
    ]
    columns = ["comparison", "accuracy (points)", "McNemar p", "seeds p", "examples p"]
    return Shown(
        "checks",
        "Second opinions",
        caption("tests that assume less than the claims do; none is corrected", study, task),
        split_column(frame(rows, [*columns, "reversed", "opposite sign in"]), checks.split),
        ("split", "comparison", "reversed", "opposite sign in"),
        "McNemar: median over seeds of the mid-p. Seeds and examples: p of flipping the signs of "
        "their differences; each sees one source of variance only. Reversed: the sign of the "
        "difference is the opposite in every region of the teachers' agreement.",
    )


def _range(low: float, high: float, digits: int) -> str:
    return MISSING if pd.isna(low) else f"{number(low, digits)} to {number(high, digits)}"
