"""A suite's file as it is written: what no longer shows once YAML has made values of it.

A key given twice keeps its last value only, and by YAML's rules of 2005 ``2:00:00`` is 7200 (base
60) and ``010`` is 8 (base 8). Snakemake has read the file by then, so it is read once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from mtkd.errors import InputError

# YAML's plain types alone, by libyaml where PyYAML has it: every job of a run reads the file again.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_MERGE = "tag:yaml.org,2002:merge"


def read_text(path: Path) -> str:
    """The text of a suite's file. Raises InputError where it cannot be read or is not in UTF-8."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not in UTF-8 (byte {error.start}); save it in that encoding"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error})") from None


def refuse_surprises(path: Path) -> None:
    """Refuse a file with a key given twice or a number in base 60 or 8, with lines and remedy.

    Raises InputError for these, and for a file that cannot be read.
    """
    # Tabs, which JSON may have anywhere, stand between words alone.
    text = read_text(path).replace("\t", " ")
    try:
        root = yaml.compose(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    for fault in _faults(root, (), set()) if root else ():
        raise InputError(f"{path}: {fault}")


def _faults(node: yaml.Node, place: tuple[str, ...], seen: set[int]) -> Iterator[str]:
    """What is wrong in a node and below it; what several aliases share is looked at once."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        yield from _other_bases(node, place)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _faults(item, (*place, str(number)), seen)
    else:
        yield from _repeated_keys(node, place)
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            yield from _faults(key, (*place, name), seen)
            # What is merged in stands beside the other keys.
            yield from _faults(value, place if key.tag == _MERGE else (*place, name), seen)


def _repeated_keys(node: yaml.MappingNode, place: tuple[str, ...]) -> Iterator[str]:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        # Several `<<` are several mappings to merge.
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        written, line = (key.tag, key.value), key.start_mark.line + 1
        if written in lines:
            yield (
                f"{'.'.join((*place, key.value))}: given twice, in line {lines[written]} and again "
                f"in line {line}, and YAML keeps the last alone; remove one"
            )
        lines[written] = line


def _other_bases(node: yaml.ScalarNode, place: tuple[str, ...]) -> Iterator[str]:
    # Plain ones have no style; one in quotes, whatever its tag, was meant as it is.
    if node.style or node.tag not in _NUMBERS:
        return
    digits = node.value.replace("_", "").lstrip("+-")
    quoted = f"'{node.value}' in quotes"
    if ":" in digits:
        base, remedy = 60, f"{quoted}, as a duration or a text, or a plain number"
    elif digits.isdecimal() and digits.startswith("0") and int(digits, 8) != int(digits):
        base, remedy = 8, f"{int(digits)}, or {quoted} for a text"
    else:
        return
    yield (
        f"{'.'.join(place)}: line {node.start_mark.line + 1}: YAML reads {node.value} as "
        f"{yaml.load(node.value, Loader=LOADER)}, in base {base}; write {remedy}"
    )
