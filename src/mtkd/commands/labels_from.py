"""A language model's answers as a teacher's file: token log-probabilities, or repeated answers.

Both are JSONL with an ``id`` a line. ``logprobs`` holds the log-probabilities of the first token of
the answer, as a mapping of tokens, as a list (``[{"token": ..., "logprob": ...}]``), or as APIs
reply: an entry for each position, with the ``top_logprobs`` of its alternatives. ``answer`` is one
sampled answer, ``answers`` several of them.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mtkd.errors import InputError
from mtkd.tasks.labels import is_missing
from mtkd.tasks.spelling import listed, nfc, quoted
from mtkd.tasks.tables import Table, column_names, kind_of, read_table

# Log-probabilities are rounded, too.
ROUNDING = 1e-3
# Its probability is 0 in double precision.
LEAST = -1e4
# Things of a kind that a line names.
NAMED = 5


class Converted(NamedTuple):
    """Numbers by id and label, what should be known of them, and whether they are votes."""

    rows: dict[str, list[float]]
    said: list[str]
    counts: bool


def label_words(labels: Sequence[str], given: Sequence[str]) -> dict[str, int]:
    """Which label each word stands for, as words are compared (``plain``).

    A label's own name does, unless ``given`` names others, each ``LABEL=WORD,WORD``. Raises
    InputError for a label that is none, and for a word of two labels.
    """
    words = {label: [label] for label in labels}
    own: dict[str, list[str]] = {}
    for one in given:
        label, mark, rest = one.partition("=")
        if not mark or not rest.strip():
            raise InputError(f"--words {one}: write LABEL=WORD,WORD")
        if label not in words:
            raise InputError(f"--words {one}: {quoted(label, labels)} is none of {listed(labels)}")
        own.setdefault(label, []).extend(rest.split(","))
    words |= own
    found: dict[str, int] = {}
    for index, label in enumerate(labels):
        for word in words[label]:
            key = plain(word)
            if not key:
                raise InputError(f"label {quoted(label)}: {word!r} has no letter; give --words")
            if found.setdefault(key, index) != index:
                raise InputError(
                    f"{quoted(word)} would be {quoted(labels[found[key]])} and {quoted(label)}; "
                    "give them words of their own with --words"
                )
    return found


def plain(text: str) -> str:
    """A word as words are compared: without case, and without spaces and signs at its ends."""
    text = nfc(text).casefold().replace("▁", " ").replace("Ġ".casefold(), " ")
    beside = [not (sign.isspace() or unicodedata.category(sign)[0] in "PSZC") for sign in text]
    if not any(beside):
        return "".join(text.split())
    return text[beside.index(True) : len(beside) - beside[::-1].index(True)]


def from_logprobs(path: Path, words: Mapping[str, int], labels: int) -> Converted:
    """Probabilities of labels, from the log-probabilities of their words.

    Probabilities of one label's words add up, other tokens are left out, and each row is scaled to
    1; rows in which no label's word occurs are left out. Of several positions of a reply the first
    is read that has a label's word among its tokens. Raises InputError, naming the line.
    """
    table = _read(path, ["logprobs"])
    rows: dict[str, list[float]] = {}
    none, later, alone, masses, others = [], [], [], [], Counter()
    for row, name in _ids(path, table):
        if name in rows or name in none:
            raise InputError(
                f"{path}: id {quoted(name)} occurs again in {table.place(row)}; sampled answers "
                "are counted with `mtkd labels-from answers`"
            )
        shares, total = [0.0] * labels, 0.0
        positions = _positions(table.columns["logprobs"][row], f"{path}: {table.place(row)}")
        place, tokens = next(
            (
                (place, tokens)
                for place, tokens in enumerate(positions)
                if any(plain(token) in words for token, _ in tokens)
            ),
            (0, positions[0] if positions else []),
        )
        for token, value in tokens:
            p = _probability(value, token, path, table.place(row))
            total += p
            label = words.get(plain(token))
            if label is None:
                others[token] += 1
            else:
                shares[label] += p
        if total > 1 + ROUNDING:
            raise InputError(
                f"{path}: {table.place(row)}: its tokens' probabilities sum to {total:.3f}; give "
                "those of one position, the first of the answer"
            )
        if mass := sum(shares):
            rows[name] = [share / mass for share in shares]
            masses.append(mass)
            later += [name] * (place > 0)
            alone += [name] * (len(tokens) == 1 and mass < 1 - ROUNDING)
        else:
            none.append(name)
    if not rows:
        raise InputError(f"{path}: no token is a label's word{_such(others)}; give them by --words")
    mean, least = sum(masses) / len(masses), min(masses)
    said = [
        f"labels' words have {mean:.1%} of the probability on average, {least:.1%} in the row of "
        "the least"
    ]
    if later:
        said.append(
            f"{len(later):,} rows have a label's word behind the first token only, and are read "
            f"there: {_named(later)}"
        )
    if alone:
        said.append(
            f"{len(alone):,} rows have one token and no alternative, so their labels are hard; "
            f"ask for top_logprobs: {_named(alone)}"
        )
    if none:
        said.append(f"{len(none):,} rows without any label's word are left out: {_named(none)}")
    return Converted(rows, said, counts=False)


def from_answers(path: Path, words: Mapping[str, int], labels: int) -> Converted:
    """Votes for labels, counted over repeated answers; whatever is no label's word is none.

    So is null, as a refusal is returned. Raises InputError, naming the line.
    """
    columns = [name for name in ("answer", "answers") if name in _names(path)]
    if len(columns) != 1:
        raise InputError(f"{path}: give each line an 'answer', or a list of 'answers'")
    table = _read(path, columns)
    votes: dict[str, list[float]] = {}
    unclear: Counter[str] = Counter()
    absent = 0
    for row, name in _ids(path, table):
        own = votes.setdefault(name, [0.0] * labels)
        value = table.columns[columns[0]][row]
        for answer in value if isinstance(value, list) else [value]:
            if not isinstance(answer, str) and is_missing(answer):
                absent += 1
                continue
            if not isinstance(answer, str):
                raise InputError(
                    f"{path}: {table.place(row)} has {kind_of(answer)} as an answer, not text"
                )
            label = words.get(plain(answer))
            if label is None:
                unclear[answer] += 1
            else:
                own[label] += 1
    rows = {name: own for name, own in votes.items() if sum(own)}
    if not rows:
        less = f", and {absent:,} are null" if absent else ""
        raise InputError(f"{path}: no answer is a label's word{_such(unclear)}{less}; give --words")
    number = [sum(own) for own in rows.values()]
    fewest, most = int(min(number)), int(max(number))
    said = [f"{fewest if fewest == most else f'{fewest} to {most}'} votes a row"]
    if unclear:
        said.append(f"{unclear.total():,} answers are no label's word and no vote{_such(unclear)}")
    if absent:
        said.append(f"{absent:,} answers are null and no vote")
    if none := [name for name in votes if name not in rows]:
        said.append(f"{len(none):,} rows without a vote are left out: {_named(none)}")
    return Converted(rows, said, counts=True)


def compared_with(rows: Mapping[str, Any], ids: Sequence[str], task: str) -> list[str]:
    """What to know of the ids of answers beside those of a task.

    Raises InputError where they have none in common.
    """
    own = set(ids)
    if own.isdisjoint(rows):
        raise InputError(
            f"none of the ids is one of task {task}: {quoted(next(iter(rows)))} in the answers, "
            f"{quoted(next(iter(ids)))} in the task"
        )
    lacking = [name for name in ids if name not in rows]
    strange = [name for name in rows if name not in own]
    said = [f"{len(ids) - len(lacking):,} of the {len(ids):,} rows of task {task} have an answer"]
    said += [f"without one: {_named(lacking)}"] if lacking else []
    said += [f"of no row of it: {len(strange):,}, {_named(strange)}"] if strange else []
    return said


def write_answers(path: Path, rows: Mapping[str, list[float]], labels: Sequence[str]) -> None:
    """Publish a teacher's file: an id, and a column for each label. Raises InputError."""
    import pandas as pd

    from mtkd.records.files import publish

    columns = {label: [own[k] for own in rows.values()] for k, label in enumerate(labels)}
    if "id" in columns:
        raise InputError("a label is called 'id', as the column of ids; rename it")
    table = pd.DataFrame({"id": list(rows), **columns})
    writers = {
        ".parquet": lambda to: table.to_parquet(to, index=False),
        ".csv": lambda to: table.to_csv(to, index=False),
        ".jsonl": lambda to: table.to_json(to, orient="records", lines=True, force_ascii=False),
    }
    if path.suffix.lower() not in writers:
        raise InputError(f"{path}: not a .parquet, .csv or .jsonl file")
    publish(path, writers[path.suffix.lower()])


def _names(path: Path) -> list[str]:
    if path.suffix.lower() != ".jsonl":
        raise InputError(f"{path}: not a .jsonl file; write one JSON object a line")
    return column_names(path)


def _read(path: Path, columns: Sequence[str]) -> Table:
    _names(path)
    try:
        return read_table(path, ["id", *columns])
    except InputError as error:
        said = str(error)
        raise InputError(said if said.startswith(str(path)) else f"{path}: {said}") from None


def _ids(path: Path, table: Table) -> Iterator[tuple[int, str]]:
    for row, value in enumerate(table.columns["id"]):
        if is_missing(value) or isinstance(value, list | dict):
            raise InputError(f"{path}: {table.place(row)} has no id")
        yield row, str(value)


def _positions(value: Any, place: str) -> list[list[tuple[str, Any]]]:
    """For each position of an answer that was given, its tokens and their log-probabilities.

    There is none where the reply is null, as that of a refusal is.
    """
    where = f"{place}: 'logprobs' is {kind_of(value)}"
    if is_missing(value):
        return []
    if isinstance(value, Mapping):
        if isinstance(value.get("content", ""), list | None):
            return [_position(one, where) for one in value["content"] or []]
        if isinstance(value.get("tokens"), list):
            return _of_completion(value, where)
        return [list(value.items())]
    entries = value if isinstance(value, list) else [value]
    if any(isinstance(one, Mapping) and "top_logprobs" in one for one in entries):
        return [_position(one, where) for one in entries]
    return [[_token(one, where) for one in entries]]


def _position(entry: Any, where: str) -> list[tuple[str, Any]]:
    """The tokens of one position: those of its ``top_logprobs``, and its own where it is none."""
    own, top = _token(entry, where), entry.get("top_logprobs") or []
    if isinstance(top, Mapping):
        tokens = list(top.items())
    else:
        tokens = [_token(one, where) for one in (top if isinstance(top, list) else [top])]
    return tokens if own[0] in dict(tokens) else [own, *tokens]


def _of_completion(value: Mapping, where: str) -> list[list[tuple[str, Any]]]:
    """Positions of an older reply: a list each of tokens, log-probabilities, alternatives."""
    tokens, own = value["tokens"], value.get("token_logprobs")
    top = value.get("top_logprobs") or [None] * len(tokens)
    if not all(isinstance(one, list) and len(one) == len(tokens) for one in (own, top)):
        raise InputError(
            f"{where}, whose 'tokens', 'token_logprobs' and 'top_logprobs' are not lists of the "
            "same length"
        )
    keys = ("token", "logprob", "top_logprobs")
    entries = [dict(zip(keys, one, strict=True)) for one in zip(tokens, own, top, strict=True)]
    return [_position(one, where) for one in entries]


def _token(entry: Any, where: str) -> tuple[str, Any]:
    if not isinstance(entry, Mapping) or not {"token", "logprob"} <= entry.keys():
        raise InputError(
            f"{where}, not a mapping of tokens to log-probabilities, nor a list of "
            '{"token": ..., "logprob": ...}'
        )
    return str(entry["token"]), entry["logprob"]


def _probability(value: Any, token: str, path: Path, place: str) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # A comparison, unlike math.isnan and math.exp, takes integers of any size.
    if not number or value != value or value > ROUNDING:
        raise InputError(
            f"{path}: {place}: token {token!r} has {value!r:.40}, which is no logarithm of a "
            "probability; such are at most 0"
        )
    return math.exp(max(min(value, 0.0), LEAST))


def _such(counted: Counter[str]) -> str:
    """The commonest of some texts, in brackets."""
    common = [f"{text[:40]!r} {number:,} times" for text, number in counted.most_common(NAMED)]
    return f" ({', '.join(common)})" if common else ""


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(map(quoted, names[:NAMED])) + more
