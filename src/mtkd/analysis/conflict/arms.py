"""The arms of a generation study: which cells it has, and which are an arm's controls.

S(K, m) is the accuracy of a student of K teachers and m traces in all. What is fixed is n, the
traces and steps that each teacher gives, so that a mixture of K teachers is S(K, K n); its
controls are each teacher's plain student on n traces, S(1, n), and on K n, S(1, K n).
"""

from __future__ import annotations

from typing import Any, NamedTuple, NotRequired, TypedDict

from mtkd.config.generation import PLAIN
from mtkd.errors import InputError
from mtkd.study.generation_words import MIXTURE, REMEDIES, ROLES


class ArmSettings(TypedDict):
    """One arm of a study's settings; ``n`` is traces of each teacher."""

    teachers: str  # joined by +
    recipe: str
    n: int
    role: str  # ROLES
    kind: NotRequired[str]  # of a remedy, REMEDIES
    # The recipe that a remedy is compared with, PLAIN without it; None: the suite has none that
    # differs in the remedy alone, and nothing is claimed.
    against: NotRequired[str | None]
    # Strategies that differ in one thing alone: what answers at once, without thinking beside it;
    # what goes on from itself in place of its teachers; the cold start of what goes on from itself.
    alone: NotRequired[str]
    itself: NotRequired[str]
    start: NotRequired[str]
    into: NotRequired[str]  # of what is rewritten: the teacher in whose way
    control: NotRequired[bool]  # of a remedy: it is there for others to be compared with
    ratio: NotRequired[list[float]]  # the teachers' shares of the traces where they are not equal
    own_responses: NotRequired[bool]  # of a remedy: its students learn on what they write


class ConflictStudy(TypedDict):
    """A generation study as its tables know it."""

    suite: str
    study: str
    students: list[str]
    tasks: list[str]
    arms: list[ArmSettings]
    seeds: list[str]
    margin: float  # points
    teachers: dict[str, dict[str, str]]  # by name; ``style`` where its style is known
    predictions: list[dict[str, Any]]


class Arm(NamedTuple):
    """What students of different seeds have in common."""

    student: str
    task: str
    teachers: str
    recipe: str
    n: int

    @property
    def names(self) -> list[str]:
        return self.teachers.split("+")

    def __str__(self) -> str:
        return f"{self.student} on {self.task}, {self.teachers}, {self.recipe}, n={self.n}"


def singles(arm: Arm) -> list[Arm]:
    """The plain students of each of an arm's teachers alone, on as many traces of it."""
    return [arm._replace(teachers=name, recipe=PLAIN) for name in arm.names]


def budgets(arm: Arm) -> list[Arm]:
    """The same on as many traces, and steps, as all of the arm's teachers give together."""
    return [one._replace(n=len(arm.names) * arm.n) for one in singles(arm)]


def arms_of(study: ConflictStudy, *roles: str) -> list[tuple[Arm, ArmSettings]]:
    """The study's arms of some roles, on each of its tasks by each of its students."""
    return [
        (Arm(student, task, arm["teachers"], arm["recipe"], int(arm["n"])), arm)
        for student in study["students"]
        for task in study["tasks"]
        for arm in study["arms"]
        if arm["role"] in roles
    ]


def expected_arms(study: ConflictStudy) -> list[Arm]:
    """Every arm of a study, with the controls that mixtures have by themselves."""
    found = [arm for arm, _ in arms_of(study, *ROLES)]
    for mixture, _ in arms_of(study, MIXTURE):
        found += singles(mixture) + budgets(mixture)
    return list(dict.fromkeys(found))


def check_study(study: ConflictStudy) -> None:
    """Refuse arms that tables could not place. Raises InputError."""
    for arm in study["arms"]:
        where = f"study {study['study']!r}, arm {arm['teachers']!r} {arm['recipe']!r}"
        if arm["role"] not in ROLES:
            raise InputError(f"{where}: role {arm['role']!r} is none of {', '.join(ROLES)}")
        if arm.get("kind", REMEDIES[0]) not in REMEDIES:
            raise InputError(f"{where}: kind {arm['kind']!r} is none of {', '.join(REMEDIES)}")
        if arm["role"] == MIXTURE and ("+" not in arm["teachers"] or arm["recipe"] != PLAIN):
            raise InputError(
                f"{where}: a mixture is of several teachers' traces as they are, recipe {PLAIN!r}; "
                f"others are remedies"
            )
    if not study["margin"] > 0:
        raise InputError(f"study {study['study']!r}: margin {study['margin']} is not above 0")


def counterpart(arm: Arm, settings: ArmSettings) -> Arm | None:
    """What a remedy is compared with: the same teachers on as many traces, by default as they are.

    A routed mixture names its random control, which has its shares of teachers, and a marked one
    that is learnt otherwise than plain traces are names the same without tokens. None where nothing
    differs in the remedy alone.
    """
    recipe = settings.get("against", PLAIN)
    return None if recipe is None else arm._replace(recipe=recipe)


def same_teachers(one: str, other: str) -> bool:
    """Whether two labels name the same teachers, in whatever order."""
    return set(one.split("+")) == set(other.split("+"))
