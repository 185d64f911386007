"""Small valid suites of every shape, drawn by hypothesis; no shape is likelier than it is odd."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from hypothesis import strategies as st

from mtkd.config.schema import POOLS, SINGLE, STRATEGIES
from mtkd.config.values import RESERVED_NAMES, canonical_number

# A few letters, so that names are each other's beginnings and differ in case or a dot alone.
NAMES = st.from_regex(r"[aB1][aB1._-]{0,3}", fullmatch=True).filter(
    lambda name: name not in {*RESERVED_NAMES, *STRATEGIES}
)
NUMBERS = [1, 2.0, 0.5, "4", "1e1", ".25", 1e-3, "2e-5"]
EPOCHS, RATES = st.sampled_from([1, 2, "1e1"]), st.sampled_from([1e-3, "1e-3", "2e-5"])
RESOURCES = {
    "runtime": st.sampled_from([5, "2h", "1:30:00", "1-12", "30:00"]),
    "mem_mb": st.sampled_from([400, "2000", "1G", "1.5 GB"]),
    "gpu": st.integers(0, 1),
    "threads": st.integers(1, 2),
}


def names(fewest: int, most: int) -> st.SearchStrategy[list[str]]:
    return st.lists(NAMES, min_size=fewest, max_size=most, unique=True)


def axis(values: list) -> st.SearchStrategy[list]:
    """One to three of some numbers, none of them twice in another spelling."""
    return st.lists(st.sampled_from(values), min_size=1, max_size=3, unique_by=canonical_number)


REFERENCES = st.dictionaries(
    st.sampled_from(["tfidf", "mean", "both"]),
    st.sampled_from(
        [
            {"kind": "words"},
            *({"kind": "vectors", "vectors": of} for of in ("a.st", ["a.st", "b.st"])),
        ]
    ),
    min_size=1,
)


@st.composite
def tasks(draw) -> dict[str, Any]:
    few = st.lists(st.text(min_size=1, max_size=3), min_size=2, max_size=3, unique=True)
    labels = draw(few | st.just([f"label {number}" for number in range(40)]))
    known = ["accuracy", "macro_f1", "balanced_accuracy"] + ["f1"] * (len(labels) == 2)
    splits = {"train": "train.CSV"}
    reports = draw(st.sampled_from([["report"], ["report_a", "report_b"]]))
    splits |= {split: f"{split}.csv" for split in reports}
    task = {
        "text": draw(st.sampled_from([["text"], ["text", "other text"]])),
        "labels": labels,
        "metrics": draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True)),
        "max_length": draw(st.integers(4, 64)),
    }
    if draw(st.booleans()):
        return task | {"splits": splits | {"selection": "selection.jsonl"}}
    return task | {"splits": splits, "selection": {"fraction": draw(st.sampled_from([0.1, ".5"]))}}


@st.composite
def learners(draw, of_tasks: list[str]) -> dict[str, Any]:
    learner = {
        "model": {
            "architecture": "text-cnn",
            "config": {"embedding_size": 4, "filters": 4, "dropout": "1e-1"},
            "tokenizer": {"kind": draw(st.sampled_from(["word", "bpe", "wordpiece"]))},
        },
        "training": {"epochs": draw(EPOCHS), "learning_rate": draw(RATES)},
    }
    if draw(st.booleans()):
        learner["per_task"] = {draw(st.sampled_from(of_tasks)): {"epochs": draw(EPOCHS)}}
    return learner | {"resources": draw(st.fixed_dictionaries({}, optional=RESOURCES))}


@st.composite
def recipes(draw) -> dict[str, Any]:
    """One of the suite's own, of one teacher or of several, and sometimes a control."""
    fused = [name for name in STRATEGIES if name != "none"]
    one, several = (
        st.just({"fusion": SINGLE}),
        st.fixed_dictionaries({"fusion": st.sampled_from(fused)}),
    )
    pool = st.fixed_dictionaries({"operator": st.sampled_from(POOLS)})
    control = st.fixed_dictionaries({}, optional={"control": st.booleans()})
    return draw(one | several | pool) | draw(control)


@st.composite
def studies(draw, suite: dict[str, Any]) -> dict[str, Any]:
    # Some by a seed of their own, beside the same teacher without one or in its place.
    teachers = [
        name
        for teacher in suite["teachers"]
        for name in draw(st.sampled_from([[teacher], [teacher, f"{teacher}@5"], [f"{teacher}@12"]]))
    ]
    groups = [
        list(group) for n in range(2, len(teachers) + 1) for group in combinations(teachers, n)
    ]
    fusions = [name for name, (fewest, _) in STRATEGIES.items() if fewest > 1]
    single = [name for name, own in suite["strategies"].items() if own.get("fusion") == SINGLE]
    several = [name for name in suite["strategies"] if name not in single]
    arms = [{"strategy": "none"}]
    arms += [
        {"strategy": strategy, "teachers": [teacher]}
        for teacher in teachers
        for strategy in [SINGLE, *single]
    ]
    arms += [
        {"strategy": strategy, "teachers": group}
        for group in groups
        for strategy in [*fusions, *several]
    ]
    students = list(suite["students"])
    one, some = (
        st.sampled_from(students),
        st.lists(st.sampled_from(students), min_size=1, unique=True),
    )
    return {
        **draw(st.fixed_dictionaries({"student": one}) | st.fixed_dictionaries({"students": some})),
        "tasks": draw(st.lists(st.sampled_from(list(suite["tasks"])), min_size=1, unique=True)),
        "arms": draw(st.lists(st.sampled_from(arms), min_size=1, max_size=5, unique_by=str)),
        "T": draw(axis(NUMBERS)),
        "alpha": draw(axis([number for number in NUMBERS if float(number) <= 1])),
        "seeds": draw(axis([0, 1, "2", 1e3, 4_000_000_000])),
    }


@st.composite
def suites(draw) -> dict[str, Any]:
    """The content of a suite's file."""
    of_tasks, teachers, students, own = draw(
        st.tuples(names(1, 2), names(0, 3), names(1, 2), names(0, 2))
    )
    suite = {
        "suite": draw(NAMES),
        "tasks": {name: draw(tasks()) for name in of_tasks},
        "teachers": {name: draw(learners(of_tasks)) for name in teachers},
        "students": {name: draw(learners(of_tasks)) for name in students},
        "strategies": {name: draw(recipes()) for name in own if name not in teachers},
        **draw(st.fixed_dictionaries({}, optional={"references": REFERENCES})),
        "teacher_seed": draw(st.sampled_from(["paired", 0, "7"])),
        "margin": draw(st.sampled_from([0.5, "2e-1"])),
        "figures": {"dpi": 50},
    }
    for teacher in suite["teachers"].values():
        teacher["keep"] = draw(st.sampled_from(["best", "last"]))
    for student in suite["students"].values():
        if draw(st.booleans()):
            student["per_strategy"] = {"none": {"epochs": draw(EPOCHS)}}
    if draw(st.booleans()):
        of = draw(st.sampled_from(of_tasks))
        suite["tasks"][f"{of}-v"] = {"of": of, "labelled": "all", "draw": draw(st.integers(1, 3))}
    suite["studies"] = {name: draw(studies(suite)) for name in draw(names(1, 2))}
    bundles = st.lists(st.sampled_from(["arm", "T", "alpha", "seed"]), unique=True)
    return suite | {"bundle": draw(st.just("cell") | bundles)}
