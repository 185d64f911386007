"""The page of a generation study: what is said of several teachers, claim by claim, and ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from mtkd.analysis.conflict.arms import ConflictStudy
from mtkd.analysis.conflict.background import (
    CLAIMS,
    HARM,
    HYBRIDS,
    NOT_ASKED,
    PREDICTORS,
    STATEMENTS,
    rows_of,
)
from mtkd.analysis.conflict.decline import ALONE, INTERFERENCE, TOGETHER
from mtkd.analysis.conflict.hybrid_rates import HARMLESS
from mtkd.analysis.conflict.read import named
from mtkd.analysis.registration import changes
from mtkd.analysis.sentences import listed
from mtkd.analysis.statistics.paired import MINIMUM_SEEDS
from mtkd.figures.conflict_catalogue import CONFLICT_FIGURES
from mtkd.generation.hybrids import HYBRIDS as HYBRID_KINDS
from mtkd.generation.hybrids import KINDS
from mtkd.report.figures import ShownFigure
from mtkd.report.page import data_address
from mtkd.report.shown import MISSING, Shown, frame, interval, number, points
from mtkd.study.generation_words import ANY_MODE, GREEDY
from mtkd.study.view import seed_count

Tables = Mapping[str, pd.DataFrame]

# What is said of a response's kind beside it; hybrids are coloured too.
KIND_TEXTS = {
    "": "",
    "pure": "one teacher's style",
    "slip": "one teacher's style, something wrong",
    "mixed": "HYBRID, mixed: whole steps of two teachers",
    "cross": "HYBRID, cross: two teachers within a step",
    "broken": "broken: no teacher's style",
}


class Source(NamedTuple):
    """What is published, as reported by its authors in abstracts and excerpts; and ours beside."""

    source: str
    reported: str
    against: bool  # whether it speaks against the statement
    statement: str  # key of STATEMENTS


LITERATURE = (
    Source("Jin et al., arXiv:2602.01064", "accuracy falls from one to four teachers; routing is "
           "the most stable", False, "decline"),
    Source("PerSyn, arXiv:2510.10925", "routed traces are as good as baselines or better; quality "
           "counts more than learnability", False, "routing"),
    Source("Merge-of-Thought, arXiv:2509.08814", "merged branches are above the best single "
           "teacher and above the union of all traces", False, "merging"),
    Source("Small Models Struggle, arXiv:2502.12143", "a mix of long and short traces, one to "
           "four, helps small students", True, "decline"),
    Source("OpenThoughts, arXiv:2506.04178", "choosing traces by their answers gave no "
           "significant gain", True, "rejection"),
    Source("TESSY, arXiv:2604.14164", "traces in a foreign style cost three to ten points, in a "
           "consistent one they gain seven to eleven", False, "rewriting"),
    Source("Sun et al., Idiosyncrasies in Large Language Models", "of five models a classifier "
           "names 97 %, within a family 60 %", False, "classifier"),
    Source("MeCo, arXiv:2501.01956", "marking sources helps", False, "marks"),
    Source("arXiv:2504.17562", "marking sources hurts where the prompt cannot give the style away",
           True, "marks"),
    Source("Stechly et al., arXiv:2505.13775", "corrupted traces teach nearly as well", True,
           "thoughts"),
    Source("RFEval, arXiv:2602.17053", "accuracy does not show whether answers follow thoughts",
           False, "thoughts"),
    Source("MOPD, arXiv:2606.30406", "several teachers on the student's own samples are above "
           "their traces and above merging", False, "on-policy"),
)  # fmt: skip

NO_OWN_RESPONSES = (
    "Students that learn on their own samples (on-policy distillation), the strongest published "
    "rival: every arm here learns from traces that were written before."
)
NOT_MEASURED = (
    "The magnitude of these effects in models and on tasks of other kinds and sizes than these.",
    "Which token a user would choose: marked students are asked with each teacher's token, and "
    "their mean is what is compared; no choice is made on selection.",
)


class Answered(NamedTuple):
    """One statement with its verdict, the numbers behind it and the figure's name."""

    key: str
    statement: str
    verdict: str
    counts: str
    evidence: list[tuple[str, str]]  # verdict and sentence
    figure: str


class Shot(NamedTuple):
    """A response as the page shows it."""

    who: str
    response: str
    said: str
    hybrid: bool
    correct: bool


class Registered(NamedTuple):
    """A registration of a study: when, how many of its students there were, what it changed."""

    date: str
    students: int
    changes: list[str]
    predictions: int


class Example(NamedTuple):
    """Responses to one prompt."""

    teachers: str
    chosen: str
    where: str
    prompt: str
    shots: list[Shot]


def conflict_page(tables: Tables, study: ConflictStudy) -> dict:
    """What the page's template takes, but for figures."""
    answered = answered_statements(tables)
    return {
        "study": study,
        "seeds": f"{seed_count(len(study['seeds']), 'student ')} ({', '.join(study['seeds'])})",
        "answers": answers(tables, study),
        "asked": [one for one in answered if one.verdict != NOT_ASKED],
        "unasked": tables["answers"][tables["answers"].verdict == NOT_ASKED].to_dict("records"),
        "predictions": tables["predictions"].to_dict("records"),
        "counts": tables["predictions"].outcome.value_counts().to_dict(),
        "tables": shown_tables(tables, study),
        "literature": literature_table(tables["answers"]),
        "examples": examples(tables["shown"]),
        "absent": named(tables["absent"]),
        "not_measured": not_measured(study),
        "few_seeds": len(study["seeds"]) < MINIMUM_SEEDS,
    }


def registered(entries: Sequence[Mapping[str, Any]]) -> list[Registered]:
    """When a study's claims were registered, and what was changed in them since; the first first.

    ``entries`` are a study's lines of its suite's registrations.
    """
    before: list[Mapping[str, Any]] = [{"said": None}, *entries]
    return [
        Registered(
            one["date"],
            one["students_trained"],
            changes(earlier["said"], one["said"]) if earlier["said"] else [],
            len(one["said"]["predictions"]),
        )
        for earlier, one in zip(before, entries, strict=False)
    ]


def not_measured(study: ConflictStudy) -> list[str]:
    """What a study's arms leave open, beside the statements that none of them asks."""
    own = any(arm.get("own_responses") for arm in study["arms"])
    return [*([] if own else [NO_OWN_RESPONSES]), *NOT_MEASURED]


def answers(tables: Tables, study: ConflictStudy) -> list[str]:
    """The first paragraph: what became of every mixture, in words that ask for no statistics."""
    claims = tables["claims"]
    own = claims[(claims.claim == INTERFERENCE) & (claims.decode == GREEDY)]
    if own.empty:
        return []
    several = len(study["students"]) * len(study["tasks"]) > 1

    def of(row) -> str:
        where = f" ({row.student}, {row.task})" if several else ""
        return (
            f"{row.teachers}{where}, n={row.n:,}" if own.n.nunique() > 1 else row.teachers + where
        )

    worse = [f"{of(row)} (right {row.value_a:.0f} times in a hundred together, {row.value_b:.0f} "
             "alone)" for row in own[own.verdict == "worse"].itertuples()]  # fmt: skip
    parts = [f"loses with {listed(worse)}"] if worse else []
    for verdict, words in (
        ("better", "gains with {}"),
        ("equivalent", "neither loses nor gains what would count with {}"),
        ("undecidable", "may lose or not, this study cannot tell, with {}"),
        ("no skill", "has nothing to lose with {}"),
        ("no verdict", "has no verdict, which takes three seeds, with {}"),
    ):
        if names := [of(row) for row in own[own.verdict == verdict].itertuples()]:
            parts.append(words.format(listed(names)))
    said = [
        "Does a student that learns from several teachers answer fewer questions rightly than "
        f"students of each of them alone? It {'; it '.join(parts)}."
    ]
    harm = tables["harm"][tables["harm"].decode == GREEDY]
    if harmless := list(harm[harm.verdict == HARMLESS].teachers):
        said.append(
            f"With {listed(harmless)} the student does mix what its teachers do within one "
            "response, and loses nothing by it: a hybrid is not harm."
        )
    found = tables["answers"].set_index("key")
    for key, sentence in _PLAIN.items():
        if (verdict := found.verdict.get(key)) not in (None, NOT_ASKED):
            said.append(sentence + _WORDS[verdict] + ".")
    return said


_PLAIN = {
    "marks": "Does telling the student which teacher it hears help? ",
    "classifier": "Can one foresee a loss by whether a program can tell the teachers apart? ",
    "hidden": "By a style that only the question gives away? ",
    "thoughts": "Do thoughts of one teacher and answers of another make students that think "
    "rightly and answer wrongly? ",
}
_WORDS = {
    "holds": "Yes",
    "fails": "No",
    "holds for some, fails for others": "For some teachers, and not for others",
    "undecidable here": "This study cannot tell",
}


def answered_statements(tables: Tables) -> list[Answered]:
    """Every statement with what is behind its verdict."""
    found = []
    for row in tables["answers"].itertuples():
        one = STATEMENTS[row.key]
        evidence: list[tuple[str, str]] = []
        if one.table == CLAIMS:
            own = rows_of(one, tables["claims"])
            evidence = list(zip(own.verdict, own.sentence, strict=True))
        elif one.table in (HARM, HYBRIDS):
            evidence = [(_class(verdict), said) for verdict, said in
                        zip(tables["harm"].verdict, tables["harm"].said, strict=True)]  # fmt: skip
        elif one.table == PREDICTORS:
            own = tables["predictors"][tables["predictors"].measure == one.kind]
            evidence = [(_class(verdict), said) for verdict, said in
                        zip(own.verdict, own.sentence, strict=True)]  # fmt: skip
        counts = f"holds in {row.holds}, fails in {row.fails}, undecidable in {row.undecidable}"
        figure = one.figure if evidence else ""
        found.append(Answered(row.key, row.statement, row.verdict, counts, evidence, figure))
    return found


def _class(verdict: str) -> str:
    """Which of the verdicts' colours a sentence has."""
    good, bad = ("holds", HARMLESS, "neither"), ("fails",)
    return "better" if verdict in good else "worse" if verdict in bad else "undecidable"


def shown_tables(tables: Tables, study: ConflictStudy) -> dict[str, Shown]:
    """The page's tables by name; those without a row are left out."""
    shown = [
        _levels(tables["levels"]),
        _parts(tables["parts"]),
        _kinds(tables["hybrids"]),
        _modes(tables["modes"]),
        _remedies(tables["remedies"]),
        _shares(tables["shares"]),
        _thoughts(tables["thoughts"]),
        _pairs(tables["pairs"]),
        _teachers(tables["traces"]),
    ]
    where = f"{study['suite']}/{study['study']}"
    return {
        one.name: one._replace(caption=f"{where}: {one.caption}") for one in shown if len(one.rows)
    }


def literature_table(answers: pd.DataFrame) -> Shown:
    """Published results beside the same statement's verdict here."""
    found = answers.set_index("key")
    rows = [
        {
            "as reported by": one.source,
            "reported": one.reported + (" (speaks against)" if one.against else ""),
            "statement": found.statement[one.statement],
            "here": found.verdict[one.statement],
        }
        for one in LITERATURE
    ]
    columns = ["as reported by", "reported", "statement", "here"]
    return Shown(
        "literature",
        "What others report",
        "Signs as reported by the sources' authors, read in abstracts and excerpts; other models, "
        "data and sizes than here",
        frame(rows, columns),
        tuple(columns),
        "A result that speaks against a statement is an outcome like any other: where our verdict "
        "is the same, we repeat it; neither proves the other wrong.",
    )


def examples(shown: pd.DataFrame) -> list[Example]:
    """Responses to the same prompts side by side, hybrids marked."""
    found = []
    shown = shown.fillna({"kind": "", "response": ""})
    keys = ["task", "student", "teachers", "n", "seed", "chosen", "id", "prompt"]
    for key, rows in shown.groupby(keys, sort=False):
        task, student, teachers, n, seed, chosen, _, prompt = key
        shots = [
            Shot(row.who, row.response, KIND_TEXTS[row.kind], row.kind in HYBRID_KINDS,
                 bool(row.correct))
            for row in rows.itertuples()
        ]  # fmt: skip
        where = f"{task}, {student}, n={n:,}, seed {seed}"
        found.append(Example(teachers, chosen, where, prompt, shots))
    return found


def figures_of(files: Iterable[Path]) -> dict[str, ShownFigure]:
    """Drawn PNG files by the catalogue's names, with its words."""
    return {
        file.stem: ShownFigure(file.stem, file.stem, None, row.title, row.alt, data_address(file))
        for file in files
        for row in [CONFLICT_FIGURES[file.stem]]
    }


def _levels(levels: pd.DataFrame) -> Shown:
    what = {TOGETHER: "together", ALONE: "alone"}
    rows = [
        _where(row, "mixture")
        | {"student of": row.teachers, "control": what.get(row.what, "alone, same budget")}
        | {"traces": f"{row.traces:,}", "accuracy (%)": number(row.accuracy, 1)}
        | {"95 % interval": _range(row.accuracy_low, row.accuracy_high)}
        | {"sd over seeds": number(row.sd, 1), "right steps (%)": number(row.steps, 1)}
        | {"seeds": f"{row.seeds}"}
        for row in levels.itertuples()
    ]
    columns = [*_WHERE, "student of", "control", "traces", "accuracy (%)", "95 % interval"]
    return Shown(
        "levels", "Each student's accuracy", "accuracy on report prompts of every mixture and of "
        "its controls, each over all seeds of its own that finished",
        frame(rows, [*columns, "sd over seeds", "right steps (%)", "seeds"]),
        (*_WHERE, "student of", "control"),
    )  # fmt: skip


def _parts(parts: pd.DataFrame) -> Shown:
    rows = []
    for _, own in parts.groupby(["student", "task", "teachers", "n", "decode"], sort=False):
        row = _where(next(own.itertuples()), "teachers")
        for part in own.itertuples():
            ends = interval(part.points_low, part.points_high, 1)
            row[part.part] = f"{points(part.points, 1)} ({ends})"
        rows.append(row)
    columns = [*_WHERE, "decline", "dilution", "interference"]
    return Shown(
        "parts", "Decline and its parts", "points of accuracy with 95 % intervals over seeds and "
        "prompts; above 0 is a loss",
        frame(rows, columns).fillna(MISSING), _WHERE,
        "Decline = dilution + interference, on the seeds that all of these students finished. "
        "Below 0 is a gain: teachers can share skills.",
    )  # fmt: skip


def _kinds(hybrids: pd.DataFrame) -> Shown:
    rows = [
        _where(row, "teachers")
        | {"recipe": row.recipe, "mode": row.mode}
        | {kind: number(getattr(row, kind), 1) for kind in KINDS}
        | {"hybrids (%)": number(row.hybrid, 1)}
        | {"95 % interval": _range(row.hybrid_low, row.hybrid_high)}
        | {"memoryless (%)": number(row.memoryless, 1), "accuracy (%)": number(row.accuracy, 1)}
        | {"pure, whose (%)": row.styles if isinstance(row.styles, str) else MISSING}
        for row in hybrids[hybrids.teachers.str.contains("+", regex=False)].itertuples()
    ]
    columns = [*_WHERE, "recipe", "mode", *KINDS, "hybrids (%)", "95 % interval"]
    return Shown(
        "kinds", "Kinds of responses", "percent of responses to report prompts by kind, and "
        "accuracy beside them",
        frame(rows, [*columns, "memoryless (%)", "accuracy (%)", "pure, whose (%)"]),
        (*_WHERE, "recipe", "mode", "pure, whose (%)"),
        "Pure: one teacher's style, all right; slip: one style, something wrong; mixed: whole "
        "steps of two teachers; cross: two teachers within one step; broken: no teacher's. "
        "Memoryless: the hybrids of a student that draws a teacher anew at each step.",
    )  # fmt: skip


def _modes(modes: pd.DataFrame) -> Shown:
    rows = [
        _where(row, "teachers")
        | {"recipe": row.recipe, "token": "none" if row.mode == ANY_MODE else row.mode}
        | {"accuracy (%)": number(row.accuracy, 1)}
        | {"95 % interval": _range(row.accuracy_low, row.accuracy_high)}
        | {"in the token's style (%)": number(row.obeys, 1), "hybrids (%)": number(row.hybrid, 1)}
        for row in modes.itertuples()
    ]
    columns = [*_WHERE, "recipe", "token", "accuracy (%)", "95 % interval"]
    return Shown(
        "modes", "Tokens that name the teacher", "marked mixtures by the token that the student "
        "is given, and the same traces unmarked",
        frame(rows, [*columns, "in the token's style (%)", "hybrids (%)"]),
        (*_WHERE, "recipe", "token"),
    )  # fmt: skip


def _remedies(remedies: pd.DataFrame) -> Shown:
    rows = [
        _where(row, "teachers")
        | {"recipe": row.recipe, "what it does": row.kind, "against": row.against}
        | {"accuracy (%)": number(row.accuracy, 1), "counterpart (%)": number(row.counterpart, 1)}
        | {"gain (points)": points(row.gain, 1)}
        | {"95 % interval": interval(row.gain_low, row.gain_high, 1)}
        for row in remedies.itertuples()
    ]
    columns = [*_WHERE, "recipe", "what it does", "against", "accuracy (%)", "counterpart (%)"]
    return Shown(
        "remedies", "Remedies", "each remedy against the same teachers' students without it; "
        "marked students are asked with each right token",
        frame(rows, [*columns, "gain (points)", "95 % interval"]),
        (*_WHERE, "recipe", "what it does", "against"),
    )  # fmt: skip


def _shares(shares: pd.DataFrame) -> Shown:
    rows = [
        {"task": row.task, "student": row.student, "teachers": row.teachers, "n": f"{row.n:,}"}
        | {"recipe": row.recipe, "teacher": row.teacher, "traces (%)": number(row.rows, 1)}
        | {"least to most": _range(row.rows_low, row.rows_high)}
        | {"tokens (%)": number(row.tokens, 1), "loss (%)": number(row.loss_share, 1)}
        | {"nats a token": number(row.loss, 3)}
        for row in shares.itertuples()
    ]
    names = ("task", "student", "teachers", "n", "recipe", "teacher")
    columns = [*names, "traces (%)", "least to most", "tokens (%)", "loss (%)", "nats a token"]
    return Shown(
        "shares", "What each teacher had of its students", "each teacher's share of the traces "
        "that a student of several learnt, of their tokens, and of the finished student's loss on "
        "them; means over seeds",
        frame(rows, columns), names,
        "Least to most: of the traces, over seeds. A teacher that is small in one and great in "
        "another is one that the student heard little of, or could not learn.",
    )  # fmt: skip


def _thoughts(thoughts: pd.DataFrame) -> Shown:
    rows = []
    keys = ["student", "task", "teachers", "recipe", "n", "decode"]
    for _, own in thoughts.groupby(keys, sort=False):
        first = next(own.itertuples())
        row = _where(first, "teachers") | {"recipe": first.recipe}
        for one in own.itertuples():
            row[one.quantity] = f"{one.share:.1f} ({_range(one.share_low, one.share_high)})"
        rows.append(row)
    quantities = list(dict.fromkeys(thoughts.quantity))
    return Shown(
        "thoughts", "Do answers follow from thoughts?", "percent, with 95 % intervals over seeds "
        "and prompts",
        frame(rows, [*_WHERE, "recipe", *quantities]).fillna(MISSING), (*_WHERE, "recipe"),
        "Forced: a thought with one wrong step was given, and the answer is the student's.",
    )  # fmt: skip


def _pairs(pairs: pd.DataFrame) -> Shown:
    rows = [
        _where(row, "teachers")
        | {"named from the response": number(row.alone, 2)}
        | {"given the prompt": number(row.given_prompt, 2)}
        | {"hidden style": number(row.hidden_style, 2), "chance": number(row.chance, 2)}
        | {"interference (points)": points(row.interference, 1)}
        | {"95 % interval": interval(row.low, row.high, 1)}
        for row in pairs.itertuples()
    ]
    columns = [*_WHERE, "named from the response", "given the prompt", "hidden style", "chance"]
    return Shown(
        "pairs", "Pairs of teachers", "how well a classifier tells two teachers' traces apart, "
        "and what their student loses",
        frame(rows, [*columns, "interference (points)", "95 % interval"]), _WHERE,
    )  # fmt: skip


def _teachers(teachers: pd.DataFrame) -> Shown:
    rows = [
        {"task": row.task, "teacher": row.teacher, "traces": f"{row.traces:,}"}
        | {"characters a trace": number(row.characters, 1), "right (%)": number(row.correct, 1)}
        | {"answer follows (%)": number(row.consistent, 1)}
        | {"traces for a right one": number(row.per_correct, 2)}
        | {"for one that is right and follows": number(row.per_both, 2)}
        for row in teachers.itertuples()
    ]
    columns = ["task", "teacher", "traces", "characters a trace", "right (%)"]
    columns += ["answer follows (%)", "traces for a right one", "for one that is right and follows"]
    return Shown(
        "teachers", "Teachers' traces", "how long they are, how many are right, and what a filter "
        "costs: traces that have to be written for one that is accepted",
        frame(rows, columns), ("task", "teacher"),
    )  # fmt: skip


_WHERE = ("task", "student", "teachers", "n", "decoding")


def _where(row, teachers: str) -> dict[str, str]:
    """What a row is of."""
    of = (row.task, row.student, getattr(row, teachers), f"{row.n:,}", row.decode)
    return dict(zip(_WHERE, of, strict=True))


def _range(low: float, high: float) -> str:
    return MISSING if pd.isna(low) else f"{number(low, 1)} to {number(high, 1)}"
