"""A model of the hub: configuration, tokenizer, and weights in a format that holds no code."""

from __future__ import annotations

from fnmatch import fnmatch

from mtkd.errors import InputError
from mtkd.hub.files import fetch_files, list_repository

WANTED = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")


def fetch_model(name: str, revision: str) -> dict[str, str]:
    """Have a model in the shared cache; returns its name, its commit and the folder it lies in.

    Raises InputError, for an adapter and for a model without safetensors weights before anything
    is downloaded.
    """
    repository = list_repository("model", name, revision)
    if "adapter_config.json" in repository.files:
        raise InputError(
            f"model {name}: commit {repository.commit} is an adapter, which alone is no model: "
            "merge it into its base (merge_and_unload in peft) and use the saved folder"
        )
    # Folders hold the same weights for other frameworks.
    top = [path for path in repository.files if "/" not in path]
    paths = [path for path in top if any(fnmatch(path, wanted) for wanted in WANTED)]
    if not any(path.endswith(".safetensors") for path in paths):
        raise InputError(
            f"model {name}: commit {repository.commit} has no safetensors weights, and no other "
            "format is read; put a commit that has them into 'revision' (often one of refs/pr/*)"
        )
    folder = fetch_files(repository, paths)
    return {"name": name, "commit": repository.commit, "folder": str(folder)}
