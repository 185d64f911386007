"""The files a model is made from: digests of their content, without loading any of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtkd.errors import InputError
from mtkd.records.files import digest_folder, read_json


def settled_folder(hub: str | None, folder: str | None, fetched: Path | None) -> Path | None:
    """Where a model lies: its folder, or that of its download, whose record is ``fetched``.

    None for one from scratch. Raises InputError where there is no download, or it is gone.
    """
    if not hub:
        return Path(folder) if folder else None
    if fetched is None:
        raise InputError(f"model {hub}: not fetched; run rule fetch_model first")
    found = Path(read_json(fetched)["folder"])
    if not found.is_dir():
        raise InputError(
            f"model {hub}: {found} is gone from the hub cache, or hidden from this machine; delete "
            f"{fetched} and run again, HF_HUB_CACHE being where jobs can read"
        )
    return found


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
