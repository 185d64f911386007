"""Whether a file is as long as its format says, and what a tensors' header holds; nothing more."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

# How a whole file of a kind ends, white space aside.
ENDS = {
    ".parquet": b"PAR1",
    ".png": b"IEND\xaeB`\x82",
    ".pdf": b"%%EOF",
    ".html": b"</html>",
}
# More than any of these ends.
TAIL = 64
# Bytes of a safetensors header's length, and the longest that the format allows.
LENGTH, LONGEST = 8, 100_000_000


def is_torn(path: Path) -> bool:
    """Whether a file is empty, or cut off by what its format says of its end."""
    try:
        size = os.path.getsize(path)
        if path.suffix == ".safetensors":
            start, header = _header(path)
            ends = [one["data_offsets"][1] for key, one in header.items() if key != "__metadata__"]
            return start + max(ends, default=0) > size
        if path.suffix == ".json":
            json.loads(path.read_bytes())
        if path.suffix in ENDS:
            with open(path, "rb") as file:
                file.seek(max(size - TAIL, 0))
                return not file.read().rstrip().endswith(ENDS[path.suffix])
        return size == 0
    except (OSError, ValueError, LookupError, TypeError):
        return True


def header_record(path: Path) -> dict[str, Any]:
    """The run's record in a tensors' header (``mtkd.records.logits``); empty where none is read."""
    try:
        record = json.loads(_header(path)[1]["__metadata__"]["record"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}
    return record if isinstance(record, dict) else {}


def _header(path: Path) -> tuple[int, dict[str, Any]]:
    """Where a file's tensors begin, and its header. Raises OSError, ValueError."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        if length > LONGEST:
            raise ValueError("no safetensors file")
        return LENGTH + length, json.loads(file.read(length))
