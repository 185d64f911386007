"""Whether a thought tells its teacher: by itself, given the prompt, and from its first characters.

The answer is left out: right teachers share it, and with the sums it tells the order of the columns
by arithmetic. A linear classifier of text cannot look into the prompt; for it each digit becomes a
character that stands for the first place at which the prompt has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from mtkd.errors import InputError
from mtkd.generation.hybrids import memoryless
from mtkd.generation.styles import untwinned
from mtkd.generation.thoughts import split

FOLDS = 5
# Prompts that are looked at: more would cost seconds and tell little.
MOST = 500
# A step's first operand, a sign, and the second: where paths part, if they do at all.
FIRST = 3
LONGEST_NGRAM = 4
# Stands at both ends of a thought, so that n-grams tell where it begins.
EDGE = "\n"
# Unicode's characters for private use: this for a digit that the prompt has not, then its places.
PRIVATE = 0xE000


class _Traces(NamedTuple):
    """R thoughts, their prompts and teachers; how many prompts; rows to learn from and to name."""

    thoughts: list[str]
    prompts: list[str]
    teachers: np.ndarray
    different: int
    folds: list[tuple[np.ndarray, np.ndarray]]


def identification(
    prompts: Sequence[str], responses: Sequence[str], teachers: Sequence[str], seed: int
) -> dict[str, float] | None:
    """How often a thought tells which teacher wrote it; R prompts, responses and teachers' names.

    Balanced accuracies, out of fold: ``alone``, from the thought, and ``given_prompt``, with its
    digits as places in the prompt; ``chance``; ``prompts``, how many were looked at, ``MOST`` at
    most. Logistic regression on character n-grams of 1 to 4, over ``FOLDS`` folds between which
    prompts and their twins are apart. Teachers who write alike on the same prompts are at chance to
    the digit. None with fewer than two teachers or than two prompts of each a fold.
    """
    if (traces := _traces(prompts, responses, teachers, seed)) is None:
        return None
    return {
        "alone": _accuracy(traces.thoughts, traces),
        "given_prompt": _accuracy(_as_places(traces), traces),
        "chance": 1 / len(set(traces.teachers)),
        "prompts": traces.different,
    }


def hidden_style(
    prompts: Sequence[str], responses: Sequence[str], teachers: Sequence[str], seed: int
) -> float | None:
    """How much of the teacher shows at the fork to one who knows the prompt, and else not.

    The accuracy from the first 3 characters, digits as places in the prompt, less that from the
    first character alone as it is written; both as in ``identification``, and None as there.
    """
    if (traces := _traces(prompts, responses, teachers, seed)) is None:
        return None
    known = _accuracy([text[:FIRST] for text in _as_places(traces)], traces)
    return known - _accuracy([text[:1] for text in traces.thoughts], traces)


def _traces(
    prompts: Sequence[str], responses: Sequence[str], teachers: Sequence[str], seed: int
) -> _Traces | None:
    """What is looked at: the traces of at most ``MOST`` prompts, evenly spread."""
    rows = list(zip(prompts, responses, teachers, strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(map(_untwinned, prompts)))}
    some = set(np.linspace(0, len(numbers) - 1, min(MOST, len(numbers))).astype(int).tolist())
    rows = [row for row in rows if numbers[_untwinned(row[0])] in some]
    answered = Counter(name for name, _ in {(name, _untwinned(prompt)) for prompt, _, name in rows})
    if len(answered) < 2 or min(answered.values()) < 2 * FOLDS:
        return None
    names = np.array([name for _, _, name in rows])
    groups = np.array([numbers[_untwinned(prompt)] for prompt, _, _ in rows])
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return _Traces(
        [_thought(prompt, response) for prompt, response, _ in rows],
        [prompt for prompt, _, _ in rows],
        names,
        len(some),
        list(folds.split(names, names, groups)),
    )


def _untwinned(prompt: str) -> str:
    try:
        return untwinned(prompt)
    except InputError:
        # A prompt of another kind of task has no twin.
        return prompt


def _thought(prompt: str, response: str) -> str:
    """What stands before the answer; the whole text where a task's texts have no such place."""
    try:
        untwinned(prompt)
    except InputError:
        return response
    return split(response)[0]


def _as_places(traces: _Traces) -> list[str]:
    """The thoughts with digits as places among the digits of their prompts."""
    found = []
    for thought, prompt in zip(traces.thoughts, traces.prompts, strict=True):
        written = "".join(character for character in prompt if character in "0123456789")
        table = {digit: PRIVATE + 1 + written.find(digit) for digit in "0123456789"}
        found.append(thought.translate(str.maketrans(table)))
    return found


def _accuracy(texts: Sequence[str], traces: _Traces) -> float:
    words = TfidfVectorizer(
        analyzer="char", ngram_range=(1, LONGEST_NGRAM), lowercase=False, sublinear_tf=True
    )
    # How common n-grams are is taken of all folds at once, since it knows no teachers.
    weights = words.fit_transform([EDGE + text + EDGE for text in texts])
    classifier = LogisticRegression(C=10, max_iter=300, class_weight="balanced")
    named = cross_val_predict(classifier, weights, traces.teachers, cv=traces.folds)
    return float(balanced_accuracy_score(traces.teachers, named))


def identify_set(
    traces: Mapping[str, pd.DataFrame], styles: Mapping[str, str | None], prompts: Sequence[str]
) -> dict[str, float | None]:
    """All that foretells what a student of some teachers will do, from their ``traces`` by name.

    ``identification`` and ``hidden_style`` (None where too few prompts are known), and the hybrids
    of a student that draws one of them anew at each step of ``prompts``, None where a style is not
    known.
    """
    texts = [prompt for rows in traces.values() for prompt in rows["prompt"]]
    responses = [response for rows in traces.values() for response in rows["response"]]
    whose = [name for name, rows in traces.items() for _ in range(len(rows))]
    told = identification(texts, responses, whose, 0) or {}
    known = [styles[name] for name in traces if styles.get(name)]
    all_known = len(known) == len(traces)
    return {
        "alone": told.get("alone"),
        "given_prompt": told.get("given_prompt"),
        "hidden_style": hidden_style(texts, responses, whose, 0),
        "chance": 1 / len(traces),
        "memoryless": memoryless(prompts, known, [1.0] * len(known)) if all_known else None,
    }
