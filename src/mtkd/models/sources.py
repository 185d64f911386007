"""The files a model is made from: digests of their content, without loading any of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtkd.records.files import digest_folder, read_json


def source_digests(model: dict[str, Any], fetched: Path | None) -> dict[str, Any]:
    """Digests of a configured model's folder and word vectors, and the commit of a download.

    Several tables of word vectors have a digest each.
    """
    vectors = model.get("vectors")
    return {
        "folder": digest_folder(Path(model["folder"])) if "folder" in model else None,
        "vectors": [digest_folder(Path(path).parent) for path in vectors]
        if isinstance(vectors, list)
        else vectors and digest_folder(Path(vectors).parent),
        "commit": read_json(fetched)["commit"] if fetched else None,
    }
