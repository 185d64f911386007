"""The files a model is made from: digests of their content, without loading any of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtkd.records.files import digest_folder, read_json


def source_digests(model: dict[str, Any], fetched: Path | None) -> dict[str, str | None]:
    """Digests of a configured model's folder and word vectors, and the commit of a download."""
    return {
        "folder": digest_folder(Path(model["folder"])) if "folder" in model else None,
        "vectors": digest_folder(Path(model["vectors"]).parent) if "vectors" in model else None,
        "commit": read_json(fetched)["commit"] if fetched else None,
    }
