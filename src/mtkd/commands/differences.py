"""How two JSON values differ, key by key, and how a value is shown in a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# Stands for a key that one of two values lacks.
ABSENT = object()
# Letters of a value that are shown.
WIDTH = 100


class Difference(NamedTuple):
    """A key (``settings.training.epochs``) and its two values, of which one can be ABSENT."""

    key: str
    old: Any
    new: Any

    def __str__(self):
        return f"{self.key}: {' -> '.join(side_by_side(self.old, self.new))}"


def differences(old: Any, new: Any, key: str = "") -> Iterator[Difference]:
    """Where two JSON values differ, as deep as both are mappings, or lists of one length."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            inner = f"{key}.{name}" if key else name
            yield from differences(old.get(name, ABSENT), new.get(name, ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True)):
            yield from differences(*pair, f"{key}[{number}]")
    elif isinstance(old, list) and isinstance(new, list):
        only = [one for one in old if one not in new], [one for one in new if one not in old]
        if any(only) and max(len(json.dumps(value)) for value in (old, new)) > WIDTH:
            yield Difference(f"{key}, in one alone", *only)
        else:
            yield Difference(key, old, new)
    elif type(old) is not type(new) or old != new:
        yield Difference(key, old, new)


def leaves(value: Any, key: str = "") -> dict[str, Any]:
    """A JSON value's plain values by key; lists count as plain, and so do empty mappings."""
    if not isinstance(value, Mapping) or not value:
        return {key: value}
    found = {}
    for name, inner in value.items():
        found |= leaves(inner, f"{key}.{name}" if key else name)
    return found


def side_by_side(*values: Any) -> list[str]:
    """Two values as people read them; texts in quotes where the other is none."""
    texts = [isinstance(value, str) for value in values if value is not ABSENT]
    return [shown(value, quoted=any(texts) and not all(texts)) for value in values]


def shown(value: Any, quoted: bool = False) -> str:
    """A JSON value in a line, cut where it is long."""
    if value is ABSENT:
        return "not set"
    plain = isinstance(value, str) and value and not quoted
    text = " ".join((value if plain else json.dumps(value, ensure_ascii=False)).split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 4]} ..."
