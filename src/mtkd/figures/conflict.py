"""Figures of generation studies: what mixtures lose, hybrids, what foretells a loss, tokens."""

from __future__ import annotations

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mtkd.analysis.conflict.arms import ConflictStudy
from mtkd.analysis.conflict.decline import DECLINE, DILUTION, INTERFERENCE, PARTS
from mtkd.analysis.conflict.modes import NONE, RIGHT
from mtkd.analysis.conflict.predictors import ALONE, GIVEN, HIDDEN, NAMES
from mtkd.config.generation import PLAIN
from mtkd.figures.style import (
    BASELINE_LINE,
    CONSTANT_LINE,
    RC,
    VERDICT_COLOURS,
    legend_below,
    new_figure,
    note,
    sketch,
)
from mtkd.generation.hybrids import BROKEN, CROSS, MIXED, PURE, SLIP
from mtkd.study.generation_words import ANY_MODE, GREEDY
from mtkd.study.view import seed_count

Tables = dict[str, pd.DataFrame]

PART_COLOURS = {DILUTION: "#E69F00", INTERFERENCE: "#D55E00", DECLINE: "#3B3B3B"}
# From one style's own to what is nobody's; hatched too, since colour alone tells not everyone.
KIND_COLOURS = {PURE: "#0072B2", SLIP: "#56B4E9", MIXED: "#CC79A7", CROSS: "#882255",
                BROKEN: "#A0A0A0"}  # fmt: skip
KIND_HATCHES = {PURE: "", SLIP: "//", MIXED: "..", CROSS: "xx", BROKEN: "--"}
KIND_MEANING = {
    PURE: "pure: one teacher's style, all right",
    SLIP: "slip: one style, something wrong",
    MIXED: "mixed: whole steps of two teachers",
    CROSS: "cross: two teachers within a step",
    BROKEN: "broken: no teacher's",
}
TOKEN_MARKERS = {RIGHT: "o", "unseen": "X", NONE: "s"}
TOKEN_COLOURS = {RIGHT: "#009E73", "unseen": "#882255", NONE: "#4D4D4D"}
TOKEN_MEANING = {RIGHT: "a teacher's token", "unseen": "a token of no teacher", NONE: "no token"}


@rc_context(RC)
def decline_figure(tables: Tables, study: ConflictStudy) -> Figure:
    """A panel for each decoding: every mixture's dilution and interference, stacked to decline."""
    parts = tables["parts"]
    names = _rows(parts, "teachers")
    decodes = list(dict.fromkeys(parts.decode))
    figure = new_figure(
        1.75 + max(len(names), 1) * 0.42,
        f"{study['suite']}/{study['study']}: what a student of several teachers loses",
        "Points of accuracy on report prompts. Decline: students of each teacher alone on K times "
        "the traces, less the student of all K together. It is dilution (the same students on K "
        "times the traces, less on as many as each gave) and interference (these, less all "
        "together), as bars end to end; points: the parts and their sum with 95 % intervals over "
        f"seeds and prompts; right of 0 is a loss; shaded: the margin of ±{study['margin']:g}; "
        f"{_seeds(study)}.",
    )
    axes = figure.subplots(1, max(len(decodes), 1), sharey=True, squeeze=False)[0]
    for axis, decode in zip(axes, decodes, strict=False):
        _margin(axis, study)
        for y, keys in enumerate(names):
            own = _of(parts[parts.decode == decode], keys).set_index("part")
            _stack(axis, y, own)
        axis.set_title(_decoding(decode), loc="left")
        axis.set_xlabel("lost accuracy (points)")
    _label_rows(axes[0], [_name(keys, study) for keys in names])
    handles = [sketch(name, color=PART_COLOURS[name], marker="o", markersize=4) for name in PARTS]
    legend_below(figure, handles)
    return figure


@rc_context(RC)
def hybrids_figure(tables: Tables, study: ConflictStudy) -> Figure:
    """A row for each arm of several teachers: shares of each kind of response, and accuracy."""
    hybrids = tables["hybrids"]
    hybrids = hybrids[(hybrids["mode"] == ANY_MODE) & (hybrids.decode == GREEDY)]
    hybrids = hybrids[hybrids.teachers.str.contains("+", regex=False)]
    names = _rows(hybrids, "teachers", "recipe")
    figure = new_figure(
        2.1 + max(len(names), 1) * 0.3,
        f"{study['suite']}/{study['study']}: what kinds of responses students give",
        "Percent of greedy responses to report prompts of students of several teachers that were "
        "given no token, by kind. Dashed: the share of hybrids (mixed and cross) of a memoryless "
        "student, which draws a teacher anew at each step; right: accuracy with its 95 % interval "
        f"over seeds and prompts. A hybrid can be right; {_seeds(study)}.",
    )
    axis, right = figure.subplots(1, 2, sharey=True, width_ratios=[2.2, 1])
    for y, keys in enumerate(names):
        row = _of(hybrids, keys).iloc[0]
        start = 0.0
        for kind in (MIXED, CROSS, BROKEN, SLIP, PURE):
            axis.barh(y, row[kind], left=start, height=0.62, color=KIND_COLOURS[kind],
                      hatch=KIND_HATCHES[kind], edgecolor="white", linewidth=0.4)  # fmt: skip
            start += row[kind]
        if pd.notna(row.memoryless):
            axis.plot(
                [row.memoryless] * 2, [y - 0.42, y + 0.42], **CONSTANT_LINE | {"linewidth": 1.6}
            )
        _point(right, y, row.accuracy, row.accuracy_low, row.accuracy_high, "#3B3B3B")
    axis.set_xlim(0, 100)
    axis.set_xlabel("responses (%); hybrids from the left")
    right.set_xlim(-4, 104)
    right.set_xlabel("accuracy (%)")
    _label_rows(axis, [_name(keys, study) for keys in names])
    handles = [
        Patch(
            facecolor=KIND_COLOURS[kind],
            hatch=KIND_HATCHES[kind],
            edgecolor="white",
            linewidth=0.4,
            label=KIND_MEANING[kind],
        )
        for kind in (MIXED, CROSS, BROKEN, SLIP, PURE)
    ]
    legend_below(figure, [*handles, sketch("memoryless student's hybrids", **CONSTANT_LINE)], 3)
    return figure


@rc_context(RC)
def predictors_figure(tables: Tables, study: ConflictStudy) -> Figure:
    """A panel for each measure of two teachers: it against the pair's interference."""
    pairs = tables["pairs"][tables["pairs"].decode == GREEDY].reset_index(drop=True)
    named = "; ".join(
        f"{number}: {_name(keys, study)}" for number, keys in enumerate(pairs.to_dict("records"), 1)
    )
    figure = new_figure(
        3.4 + 0.14 * (len(named) // 118),
        f"{study['suite']}/{study['study']}: does telling teachers apart foretell interference?",
        f"Each point a pair of teachers ({named or 'none'}): how well a "
        "classifier names the teacher of a trace, from the response alone or given its prompt, and "
        "hidden style, what the first characters say given the prompt less what the first one says "
        "by itself; against interference, with its 95 % interval over seeds and prompts, greedy; "
        f"colour: its verdict; dotted: chance; {_seeds(study)}.",
    )
    axes = figure.subplots(1, 3, sharey=True)
    for axis, measure in zip(axes, (ALONE, GIVEN, HIDDEN), strict=True):
        axis.axhspan(-study["margin"], study["margin"], color="0.92", zorder=0, linewidth=0)
        axis.axhline(0, **BASELINE_LINE)
        chance = 0.0 if measure == HIDDEN else pairs.chance.max() if len(pairs) else 0.5
        axis.axvline(chance, color="0.5", linewidth=0.8, linestyle=":")
        for row in pairs[pairs[measure].notna()].itertuples():
            x, colour = getattr(row, measure), VERDICT_COLOURS[row.verdict]
            axis.plot([x, x], [row.low, row.high], color=colour, linewidth=1.2)
            axis.plot(x, row.interference, marker="o", color=colour, markersize=9)
            axis.text(x, row.interference, str(row.Index + 1), color="white", fontsize=7,
                      ha="center", va="center_baseline")  # fmt: skip
        axis.set_xlim(*((-0.15, 1.05) if measure == HIDDEN else (chance - 0.1, 1.05)))
        axis.set_xlabel(_wrapped(NAMES[measure]))
        if pairs.empty:
            note(axis, 0.5, 0, "no pairs")
    axes[0].set_ylabel("interference (points)")
    verdicts = [name for name in VERDICT_COLOURS if name in set(pairs.verdict)]
    handles = [sketch(f"interference: {_interference(name)}", color=VERDICT_COLOURS[name],
                      marker="o", markersize=4) for name in verdicts]  # fmt: skip
    legend_below(figure, handles)
    return figure


@rc_context(RC)
def modes_figure(tables: Tables, study: ConflictStudy) -> Figure:
    """A row for each marked arm, and the plain mixture beside it: accuracy under each token."""
    modes = tables["modes"]
    names = _rows(modes, "teachers", "recipe")
    decodes = list(dict.fromkeys(modes.decode))
    figure = new_figure(
        1.7 + max(len(names), 1) * 0.38,
        f"{study['suite']}/{study['study']}: what a token that names the teacher is worth",
        "Accuracy on report prompts of mixtures whose traces carry a token of their teacher "
        "(marked), by the token that the student is given, and of the same traces without tokens; "
        "points with 95 % intervals over seeds and prompts, a teacher's own token once for each "
        f"teacher; {_seeds(study)}.",
    )
    axes = figure.subplots(1, max(len(decodes), 1), sharey=True, squeeze=False)[0]
    for axis, decode in zip(axes, decodes, strict=False):
        for y, keys in enumerate(names):
            own = _of(modes[modes.decode == decode], keys)
            for place, row in enumerate(own.itertuples()):
                at = y + 0.16 * (place - (len(own) - 1) / 2)
                _point(axis, at, row.accuracy, row.accuracy_low, row.accuracy_high,
                       TOKEN_COLOURS[row.token], TOKEN_MARKERS[row.token])  # fmt: skip
        axis.set_title(_decoding(decode), loc="left")
        axis.set_xlabel("accuracy (%)")
        axis.set_xlim(-4, 104)
    _label_rows(axes[0], [_name(keys, study) for keys in names])
    handles = [sketch(TOKEN_MEANING[token], color=TOKEN_COLOURS[token], linestyle="",
                      marker=TOKEN_MARKERS[token], markersize=4)
               for token in TOKEN_MARKERS]  # fmt: skip
    legend_below(figure, handles)
    return figure


def _stack(axis: Axes, y: int, parts: pd.DataFrame) -> None:
    """Dilution and interference end to end; points with intervals, each on a line of its own."""
    start = 0.0
    if DILUTION in parts.index:
        for part in (DILUTION, INTERFERENCE):
            size = parts.points[part]
            axis.barh(y, size, left=start, height=0.66, color=PART_COLOURS[part], alpha=0.25,
                      linewidth=0, zorder=1)  # fmt: skip
            start += size
    for offset, part in ((-0.22, DILUTION), (0.0, INTERFERENCE), (0.22, DECLINE)):
        if part in parts.index:
            row = parts.loc[part]
            _point(axis, y + offset, row.points, row.points_low, row.points_high,
                   PART_COLOURS[part])  # fmt: skip


def _point(
    axis: Axes, y: float, value: float, low: float, high: float, colour: str, marker: str = "o"
) -> None:
    axis.plot([low, high], [y, y], color=colour, linewidth=1.3, solid_capstyle="butt", zorder=3)
    axis.plot(value, y, marker=marker, color=colour, markersize=4, zorder=3)


def _margin(axis: Axes, study: ConflictStudy) -> None:
    axis.axvspan(-study["margin"], study["margin"], color="0.92", zorder=0, linewidth=0)
    axis.axvline(0, **BASELINE_LINE)


def _rows(table: pd.DataFrame, *keys: str) -> list[dict]:
    """What has a row: student and task, these keys and n, in the order of the table."""
    columns = ["student", "task", *keys, "n"]
    return table[columns].drop_duplicates().to_dict("records")


def _of(table: pd.DataFrame, keys: dict) -> pd.DataFrame:
    for key, value in keys.items():
        table = table[table[key] == value]
    return table


def _name(keys: dict, study: ConflictStudy) -> str:
    """A row's name; what all rows share goes without saying."""
    said = [keys["teachers"]]
    if keys.get("recipe", PLAIN) != PLAIN:
        said.append(keys["recipe"])
    if len(study["students"]) > 1:
        said.append(keys["student"])
    if len(study["tasks"]) > 1:
        said.append(keys["task"])
    return ", ".join([*said, f"n={keys['n']:,}"])


def _label_rows(axis: Axes, names: list[str]) -> None:
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(max(len(names), 1) - 0.45, -0.55)
    axis.tick_params(axis="y", length=0)
    if not names:
        note(axis, 0.5, 0, "no runs")


def _decoding(decode: str) -> str:
    return "greedy" if decode == GREEDY else f"sampled at T={decode.removeprefix('T')}"


def _interference(verdict: str) -> str:
    return {"worse": "above 0", "better": "below 0"}.get(verdict, verdict)


def _seeds(study: ConflictStudy) -> str:
    return f"{seed_count(len(study['seeds']), 'student ')} ({', '.join(study['seeds'])})"


def _wrapped(name: str) -> str:
    return name.replace(" from ", "\nfrom ").replace(" given ", "\ngiven ")
