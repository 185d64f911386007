"""A split of a hub dataset as one parquet file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasets import disable_progress_bars, load_dataset_builder
from datasets.exceptions import DatasetsError
from huggingface_hub.errors import HTTPError

from mtkd.errors import InputError
from mtkd.hub.files import fetch_files, list_repository, one_line_errors, patiently
from mtkd.records.files import publish

# What says which files make up which split, and what their columns are.
CARDS = ("README.md", ".huggingface.yaml", "dataset_infos.json")

disable_progress_bars()


def fetch_split(hub: dict[str, Any], split: str, output: Path) -> dict[str, str | None]:
    """Publish a split at ``output``; returns the dataset's name, subset, split and commit.

    ``hub`` is the dataset's name and optionally its subset and revision. Raises InputError.
    """
    name, subset = hub["name"], hub.get("subset")
    repository = list_repository("dataset", name, hub.get("revision", ""))
    commit = repository.commit
    fetch_files(repository, [path for path in CARDS if path in repository.files])
    output.parent.mkdir(parents=True, exist_ok=True)
    # The library's prepared copies go with this job: shared ones are checked by nobody.
    with (
        tempfile.TemporaryDirectory(dir=output.parent, prefix=".prepared-") as prepared,
        one_line_errors("dataset", name, commit),
        _one_line_refusals(name),
    ):
        builder = patiently(
            lambda: load_dataset_builder(
                f"hf://datasets/{name}", subset, revision=commit, cache_dir=prepared
            )
        )
        splits = builder.config.data_files
        if split not in splits:
            raise InputError(
                f"dataset {name}: no split {split!r}; its splits are {', '.join(splits)}"
            )
        root = f"hf://datasets/{name}@{commit}/"
        urls = [url for files in splits.values() for url in files]
        outside = [url for url in urls if url.removeprefix(root) not in repository.files]
        if outside:
            raise InputError(
                f"dataset {name}: {outside[0]} is no file of its commit {commit}; save the splits "
                "as local files instead"
            )
        fetch_files(repository, [url.removeprefix(root) for url in urls])
        patiently(builder.download_and_prepare)
        table = builder.as_dataset(split=split)
        publish(output, lambda temporary: table.to_parquet(str(temporary)))
    return {"name": name, "subset": subset, "split": split, "commit": commit}


@contextmanager
def _one_line_refusals(name: str) -> Iterator[None]:
    """What the datasets library refuses, in one line; what the hub refuses has its own."""
    try:
        yield
    except HTTPError:
        raise
    except (DatasetsError, ValueError, RuntimeError, OSError) as error:
        raise InputError(f"dataset {name}: {' '.join(str(error).split())}") from None
