"""Names of columns and labels: compared in one Unicode form, shown so that look-alikes differ."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def nfc(text: str) -> str:
    """The form in which names are compared: an accent and its letter are one character."""
    return unicodedata.normalize("NFC", text)


def shown(name: str, beside: Iterable[str] = ()) -> str:
    """A name as a message shows it: in code points where it would look like nothing or another.

    So are names with spaces at an end or invisible characters, and those that look like one of
    ``beside`` but are written in another script's letters.
    """
    name = nfc(name)
    plain = name.isprintable() and name.strip() == name != ""
    return name if plain and not any(_alike(name, nfc(other)) for other in beside) else ascii(name)


def quoted(name: str, beside: Iterable[str] = ()) -> str:
    """``shown`` in quotation marks."""
    text = shown(name, beside)
    return repr(text) if text == nfc(name) else text


def listed(names: Iterable[str], beside: Iterable[str] = ()) -> str:
    """Names as a message lists them: the first twenty, each cut at forty characters."""
    names, beside = list(names), list(beside)
    texts = [shown(name[:40] + "…" if len(name) > 40 else name, beside) for name in names[:20]]
    return ", ".join(texts + ["…"] * (len(names) > 20))


def _alike(one: str, other: str) -> bool:
    """Whether two names differ only in letters of different scripts, as Latin a and Cyrillic а."""
    if one == other:
        return False
    if unicodedata.normalize("NFKC", one) == unicodedata.normalize("NFKC", other):
        return True
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(a == b or _script(a) != _script(b) for a, b in pairs)


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0] if letter.isalpha() else ""
