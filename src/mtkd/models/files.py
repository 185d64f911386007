"""A model folder's files as people have them: what is no model is said before loading is tried."""

from __future__ import annotations

import json
from pathlib import Path

from mtkd.errors import InputError
from mtkd.records.pointers import refuse_pointer


def check_folder(folder: Path) -> None:
    """Refuse a folder that does not hold a model's own files.

    Raises InputError: the folder is missing, one of its files is a git-lfs pointer, it holds an
    adapter, or the label names in ``config.json`` are no mapping.
    """
    if not folder.is_dir():
        raise InputError(f"no such model folder: {folder}")
    for path in sorted(folder.iterdir()):
        refuse_pointer(path)
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        base = json_content(adapter).get("base_model_name_or_path") or "its base model"
        raise InputError(
            f"model folder {folder} holds an adapter of {base}, which alone is no model: merge it "
            "into its base (merge_and_unload in peft) and save the result"
        )
    config = folder / "config.json"
    names = json_content(config).get("id2label", {}) if config.is_file() else {}
    if not isinstance(names, dict) or not all(key.isdigit() for key in names):
        raise InputError(
            f'{config}: "id2label" is no mapping of indices to names; write it as '
            '{"0": "...", "1": "..."}'
        )


def json_content(path: Path) -> dict:
    """The object in a JSON file; none where it cannot be read, which loading it says better."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
