"""A teacher's answers from a file: read, checked against the task, as logits by example id.

The file has a row for each id, and for each label a number: a probability, a count of votes, or a
logit, in a column of the label's name or in a list; or the name of the label that was answered.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from mtkd.config.answers import Answers, Probabilities
from mtkd.errors import InputError
from mtkd.tasks.corpus import Split
from mtkd.tasks.labels import is_missing, label_indices, possible_texts
from mtkd.tasks.spelling import listed, nfc, quoted
from mtkd.tasks.tables import Table, column_names, kind_of, read_table

# How far a row's probabilities may be from a sum of 1, as they are rounded.
TOLERANCE = 1e-3
# Ids that a message names.
NAMED = 3


class ReadAnswers(NamedTuple):
    """M rows of a file: their ids, the numbers [M, C] in the task's order of labels.

    ``texts``: the texts [M] beside them, by column of a split, where the file has them.
    """

    path: Path
    row_of: dict[str, int]
    numbers: np.ndarray
    texts: dict[str, list[Any]]


class Given(NamedTuple):
    """A teacher's logits on every split, and what became of the file's rows.

    ``logits`` [N, C] and whether a row has an answer [N], by split. ``account``, JSON-ready:
    ``rows`` and ``missing`` by part (train, transfer, selection, report splits), ``unused`` ids of
    the files that are none of the task's, ``raised``, how many zeros were.
    """

    logits: dict[str, np.ndarray]
    answered: dict[str, np.ndarray]
    account: dict[str, Any]


def answers_of(settings: Mapping[str, Any]) -> tuple[str, Answers]:
    """Whether a teacher's files hold "probabilities" or "logits", and what its settings say."""
    if "probabilities" in settings:
        return "probabilities", Probabilities.model_validate(settings["probabilities"])
    return "logits", Answers.model_validate(settings["logits"])


def given_logits(
    settings: Mapping[str, Any], labels: Sequence[str], splits: Mapping[str, Split]
) -> Given:
    """What a teacher's files say of every split of a task.

    ``settings`` are those of ``mtkd.study.settings.given_settings``. A row without an answer has,
    in place of one, the logarithms of the labels' shares in train. Raises InputError for a file
    that is none of the task's, and for rows without an answer unless they are to be skipped.
    """
    kind, source = answers_of(settings)
    read: dict[str, ReadAnswers] = {}
    logits, answered = {}, {}
    account: dict[str, Any] = {"rows": {}, "missing": {}, "unused": 0, "raised": 0}
    texts = _texts_of(splits, settings["text"])
    train = splits["train"].labels
    shares = np.bincount(train[train >= 0], minlength=len(labels))
    prior = np.log(np.maximum(shares, 0.5) / np.maximum(shares, 0.5).sum())
    used: dict[str, str] = {}
    lacking: list[str] = []
    for split, rows_of in splits.items():
        found = np.tile(prior, (len(rows_of.ids), 1))
        known = np.zeros(len(rows_of.ids), bool)
        for part, rows in _parts(split, rows_of).items():
            path = source.path_of(part)
            if path and path not in read:
                order = settings.get("label_order") or list(labels)
                read[path] = read_answers(Path(path), source, kind, order, labels, texts)
            places = np.array(
                [read[path].row_of.get(name, -1) if path else -1 for name in rows_of.ids[rows]],
                dtype=int,
            )
            has = places >= 0
            if path:
                _check_once(rows_of.ids[rows][has], part, path, used)
                _check_texts(read[path], places[has], rows_of, rows[has], texts)
                numbers = read[path].numbers[places[has]]
                if kind == "probabilities":
                    numbers, raised = smoothed(numbers, source.smoothing)
                    account["raised"] += raised
                    numbers = np.log(numbers)
                found[rows[has]], known[rows[has]] = numbers, True
            account["rows"][part] = len(rows)
            if not has.all():
                account["missing"][part] = int((~has).sum())
                lacking.append(_lacking(rows_of.ids[rows], has, part, path))
        logits[split], answered[split] = found, known
    _check_some(read, splits, answered)
    if lacking and source.missing != "skip":
        more = f" (and of {len(lacking) - 1} more splits)" if len(lacking) > 1 else ""
        raise InputError(f"{lacking[0]}{more}; add them, or give 'missing: skip'")
    ids = {name for split in splits.values() for name in split.ids.tolist()}
    account["unused"] = sum(len(one.row_of.keys() - ids) for one in read.values())
    return Given(logits, answered, account)


def read_answers(
    path: Path,
    source: Answers,
    kind: str,
    order: Sequence[str],
    labels: Sequence[str],
    texts: Mapping[str, Sequence[str]] | None = None,
) -> ReadAnswers:
    """Read and check one file of answers; rows that are blank throughout are no answers.

    ``source`` are its settings (``mtkd.config.answers``), ``kind`` "probabilities" or "logits",
    ``order`` the labels of a list's numbers, ``texts`` the columns that may hold the texts of
    examples. Raises InputError, naming the file and the row, for what are no such numbers.
    """
    try:
        names = column_names(path)
        if not names:
            read_table(path, [source.id])
            raise InputError("the file is empty")
        columns = _label_columns(source, labels, names)
        have = {nfc(name) for name in names}
        beside = [one for one in texts or {} if nfc(one) in have and one not in columns]
        others = _others(source, names, columns, texts or {})
        answers = None
        if path.suffix.lower() == ".csv" and source.column:
            answers = (source.column, possible_texts(labels))
        wanted = list(dict.fromkeys([source.id, *columns, *beside, *others]))
        table = read_table(path, wanted, answers)
        _refuse_unknown(table, others, labels)
        row_of = _rows_by_id(table, source.id)
        if source.column:
            numbers = _of_column(table, source.column, kind, order, labels, row_of)
        else:
            numbers = _of_columns(table, columns, row_of)
        blank = np.isnan(numbers).all(axis=1)
        row_of = {name: row for name, row in row_of.items() if not blank[row]}
        counts = isinstance(source, Probabilities) and source.counts
        numbers = _checked(numbers, blank, table, kind, counts, row_of)
    except InputError as error:
        said = str(error)
        raise InputError(said if said.startswith(str(path)) else f"{path}: {said}") from None
    return ReadAnswers(path, row_of, numbers, {one: table.columns[one] for one in beside})


def smoothed(probabilities: np.ndarray, least: float) -> tuple[np.ndarray, int]:
    """Probabilities [N, C] with none below ``least``, of sum 1; and how many were raised to it.

    What is raised is exactly ``least`` afterwards; the rest of a row is scaled.
    """
    p = np.array(probabilities, dtype=float)
    low = p < least
    raised = int(low.sum())
    # Scaling can bring others below: at most once for each label.
    while low.any():
        rest = np.where(low, 0, p)
        scale = (1 - least * low.sum(axis=1)) / rest.sum(axis=1)
        p = np.where(low, least, p * scale[:, None])
        new = (p < least) & ~low
        if not new.any():
            break
        low |= new
    return p, raised


def account_lines(account: Mapping[str, Any], least: float) -> list[str]:
    """What is to be known of a teacher's answers, a line each: rows without one, zeros raised."""
    lines = [
        f"{missing:,} of {account['rows'][part]:,} rows of {part} have no answer"
        for part, missing in account["missing"].items()
    ]
    if account["raised"]:
        lines.append(f"{account['raised']:,} probabilities below {least:g} count as {least:g}")
    if account["unused"]:
        lines.append(f"{account['unused']:,} of its ids are none of the task's")
    return lines


def _parts(split: str, rows: Split) -> dict[str, np.ndarray]:
    """The rows of a split by part: of train those with a label, and as transfer those without."""
    if split != "train":
        return {split: np.arange(len(rows.ids))}
    parts = {"train": np.flatnonzero(rows.labels >= 0), "transfer": np.flatnonzero(rows.labels < 0)}
    return {name: found for name, found in parts.items() if len(found)}


def _texts_of(splits: Mapping[str, Split], names: Sequence[str]) -> dict[str, str]:
    """Columns that may hold an example's texts, and which of its texts each does."""
    own = dict(zip(names, ("text_a", "text_b"), strict=False))
    pair = splits["train"].text_b is not None
    return own | ({"text_a": "text_a", "text_b": "text_b"} if pair else {"text": "text_a"})


def _label_columns(source: Answers, labels: Sequence[str], names: Sequence[str]) -> list[str]:
    """The columns of the labels' numbers, in the task's order; the one ``column``, where it is."""
    if source.column:
        return [source.column]
    columns = list(source.columns or labels)
    have = {nfc(name) for name in names}
    if lacking := [name for name in columns if nfc(name) not in have]:
        raise InputError(
            f"no column of label{'s' * (len(lacking) > 1)} {listed(lacking, names)}; its columns "
            f"are {listed(names, lacking)}; rename them, or give 'columns' in the order of the "
            "task's labels, or 'column' where one holds lists or labels' names"
        )
    return columns


def _others(
    source: Answers, names: Sequence[str], columns: Sequence[str], texts: Mapping
) -> list[str]:
    """Columns that would be labels' if they held numbers; none where labels' columns are named."""
    if source.column or source.columns:
        return []
    told = {nfc(name) for name in (source.id, *columns, *texts)}
    return [name for name in names if nfc(name) not in told]


def _refuse_unknown(table: Table, others: Sequence[str], labels: Sequence[str]) -> None:
    for name in others:
        told = [value for value in table.columns[name] if not is_missing(value)]
        if told and all(_number(value) is not None for value in told):
            raise InputError(
                f"column {quoted(name, labels)} holds numbers and is no label of the task "
                f"({listed(labels, [name])}); leave it out, or name the labels' own in 'columns'"
            )


def _rows_by_id(table: Table, column: str) -> dict[str, int]:
    first: dict[str, int] = {}
    for row, value in enumerate(table.columns[column]):
        if is_missing(value) or isinstance(value, list | dict | bytes):
            raise InputError(f"{table.place(row)} has no id in column {quoted(column)}")
        if first.setdefault(str(value), row) != row:
            raise InputError(
                f"id {quoted(str(value))} occurs more than once "
                f"({table.place(first[str(value)])} and {table.place(row)}); give each one answer, "
                "or count repeated ones first (mtkd labels-from)"
            )
    return first


def _of_columns(table: Table, columns: Sequence[str], row_of: Mapping[str, int]) -> np.ndarray:
    """Numbers [M, C] of a column for each label; NaN throughout in a row that is blank."""
    numbers = np.full((len(table.places), len(columns)), np.nan)
    for name, row in row_of.items():
        values = [table.columns[column][row] for column in columns]
        if all(value is None or value == "" for value in values):
            continue
        numbers[row] = [
            _told(value, f"column {quoted(column)}", table, row, name)
            for value, column in zip(values, columns, strict=True)
        ]
    return numbers


def _of_column(
    table: Table,
    column: str,
    kind: str,
    order: Sequence[str],
    labels: Sequence[str],
    row_of: Mapping[str, int],
) -> np.ndarray:
    """Numbers [M, C] of one column, of lists in ``order`` or of labels' names."""
    values = [_as_list(value) for value in table.columns[column]]
    if not any(isinstance(value, list) for value in values):
        if kind == "logits":
            raise InputError(
                f"column {quoted(column)} holds no lists of logits; labels' names are "
                "'probabilities'"
            )
        try:
            found = label_indices(values, labels, table.place, typed=table.typed)
        except OverflowError:
            raise InputError(
                f"column {quoted(column)} holds a number that is too large for a label's"
            ) from None
        return np.where(found[:, None] >= 0, np.eye(len(labels))[found], np.nan)
    if sorted(order) != sorted(labels):
        raise InputError(
            f"label_order {list(order)} does not hold the task's labels {list(labels)}"
        )
    numbers = np.full((len(values), len(labels)), np.nan)
    places = [list(order).index(label) for label in labels]
    for name, row in row_of.items():
        value = values[row]
        if value is None or value == "":
            continue
        if not isinstance(value, list) or len(value) != len(labels):
            said = f"{len(value)} numbers" if isinstance(value, list) else kind_of(value)
            raise InputError(
                f"column {quoted(column)} holds {said} in {table.place(row)} (id {quoted(name)}); "
                f"the task has {len(labels)} labels, {listed(labels)}"
            )
        told = [_told(one, f"column {quoted(column)}", table, row, name) for one in value]
        numbers[row] = [told[place] for place in places]
    return numbers


def _as_list(value: Any) -> Any:
    """A list; of a CSV's text that is one in JSON, what it says."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _told(value: Any, where: str, table: Table, row: int, name: str) -> float:
    number = _number(value)
    if number is None or not math.isfinite(number):
        said = quoted(value) if isinstance(value, str) else f"{value!s:.40}"
        said = "nothing" if value is None or value == "" else said
        raise InputError(
            f"{where} has {said} in {table.place(row)} (id {quoted(name)}), which is no finite "
            "number; a row without an answer is left out, or blank in all of them"
        )
    return number


def _checked(
    numbers: np.ndarray,
    blank: np.ndarray,
    table: Table,
    kind: str,
    counts: bool,
    row_of: Mapping[str, int],
) -> np.ndarray:
    """Logits as they are; probabilities of sum exactly 1, votes as their shares."""
    if kind == "logits":
        told = numbers[~blank]
        if len(told) and (told >= 0).all() and (np.abs(told.sum(axis=1) - 1) <= TOLERANCE).all():
            raise InputError(
                "no number is below 0 and every row sums to 1: they are probabilities, not logits; "
                "name the file under 'probabilities'"
            )
        return numbers
    negative = (numbers < 0).any(axis=1)
    if negative.any():
        hint = "; logits, and logarithms of probabilities, are 'logits'"
        raise InputError(_first(negative, numbers, table, row_of, "is below 0") + hint)
    with np.errstate(over="ignore"):
        total = numbers.sum(axis=1)
    if counts:
        if (endless := np.isinf(total)).any():
            raise InputError(_first(endless, numbers, table, row_of, "has no finite sum"))
        if (none := (total == 0) & ~blank).any():
            raise InputError(_first(none, numbers, table, row_of, "is no vote for any label"))
    elif (off := (np.abs(total - 1) > TOLERANCE) & ~blank).any():
        whole = np.array_equal(numbers[~blank], np.floor(numbers[~blank]))
        hint = "; votes are normalised with 'counts: true'" if whole else ""
        what = f"does not sum to 1 within {TOLERANCE:g}"
        raise InputError(_first(off, numbers, table, row_of, what) + hint)
    return numbers / np.where(blank, 1, total)[:, None]


def _first(
    bad: np.ndarray, numbers: np.ndarray, table: Table, row_of: Mapping[str, int], what: str
) -> str:
    row = int(np.flatnonzero(bad)[0])
    name = next(name for name, place in row_of.items() if place == row)
    more = f", and {int(bad.sum()) - 1} rows more" if bad.sum() > 1 else ""
    values = ", ".join(f"{value:g}" for value in numbers[row])
    return f"{table.place(row)} (id {quoted(name)}): {values} {what}{more}"


def _check_once(ids: Sequence[str], part: str, path: str, used: dict[str, str]) -> None:
    """An id that two splits have is answered once in a file, and whose it is nobody knows."""
    for name in map(str, ids):
        key = f"{path}\0{name}"
        if (other := used.setdefault(key, part)) != part:
            raise InputError(
                f"{path}: id {quoted(name)} is one of {other} and of {part}; give 'files', one for "
                "each split"
            )


def _check_texts(
    answers: ReadAnswers,
    places: np.ndarray,
    split: Split,
    rows: np.ndarray,
    texts: Mapping[str, str],
) -> None:
    """Raises InputError where the texts beside answers are not those of the examples."""
    for column, values in answers.texts.items():
        own = getattr(split, texts[column])
        for place, row in zip(places, rows, strict=True):
            said = values[place]
            if isinstance(said, str) and nfc(" ".join(said.split())) != nfc(
                " ".join(own[row].split())
            ):
                raise InputError(
                    f"{answers.path}: in column {quoted(column)} id "
                    f"{quoted(str(split.ids[row]))} is {said[:40]!r}, and in the task "
                    f"{own[row][:40]!r}: its ids are of other "
                    "texts; make the file again from those of the task (mtkd texts)"
                )


def _check_some(
    read: Mapping[str, ReadAnswers], splits: Mapping[str, Split], answered: Mapping[str, np.ndarray]
) -> None:
    """Raises InputError for files that say nothing of a split that must be known."""
    path, first = next(iter(read.items()))
    if not any(has.any() for has in answered.values()):
        theirs, ours = next(iter(first.row_of), "none at all"), str(splits["train"].ids[0])
        raise InputError(
            f"{path}: none of its ids is one of the task's: it has {quoted(theirs)}, the task "
            f"{quoted(ours)}; is it of another task?"
        )
    for name, has in answered.items():
        wanted = splits[name].labels >= 0 if name == "train" else np.ones(len(has), bool)
        if not has[wanted].any():
            rows = "labelled rows of train" if name == "train" else f"rows of {name}"
            raise InputError(f"{', '.join(read)}: no answer for any of the {rows}")


def _lacking(ids: np.ndarray, has: np.ndarray, part: str, path: str | None) -> str:
    """Which rows of a part have no answer: the first, and how many."""
    lacking = ids[~has]
    named = ", ".join(map(quoted, lacking[:NAMED].tolist()))
    more = f" and {len(lacking) - NAMED:,} more" if len(lacking) > NAMED else ""
    where = f"{path}: " if path else "no file: "
    return f"{where}no answer for {len(lacking):,} of {len(ids):,} rows of {part}: {named}{more}"
