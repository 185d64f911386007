"""A split of a hub dataset as one parquet file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from datasets import SplitDict, disable_progress_bars, load_dataset_builder
from datasets.data_files import DataFilesDict
from datasets.exceptions import DatasetsError
from huggingface_hub.errors import HTTPError

from mtkd.errors import InputError
from mtkd.hub.files import (
    Repository,
    check_path,
    fetch_files,
    list_repository,
    one_line_errors,
    patiently,
)
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
    snapshot = fetch_files(repository, [path for path in CARDS if path in repository.files])
    output.parent.mkdir(parents=True, exist_ok=True)
    # The library's prepared copies go with this job: shared ones are checked by nobody.
    with (
        tempfile.TemporaryDirectory(dir=output.parent, prefix=".prepared-") as prepared,
        one_line_errors("dataset", name, commit),
        _one_line_refusals(name),
    ):
        # Resolved, as the library names the files that it finds there.
        tree = Path(prepared, "tree", name.split("/")[-1]).resolve()
        _link_tree(repository, snapshot, tree)
        try:
            builder = load_dataset_builder(str(tree), subset, cache_dir=prepared)
        except BadZipFile:
            # Archives tell their format from within.
            zips = [path for path in repository.files if path.endswith(".zip")]
            _link(fetch_files(repository, zips), tree, zips)
            builder = load_dataset_builder(str(tree), subset, cache_dir=prepared)
        splits = builder.config.data_files
        if split not in splits:
            raise InputError(
                f"dataset {name}: no split {split!r}; its splits are {', '.join(splits)}"
            )
        # All splits' files, so that the cache is full after any of their jobs; of the splits
        # themselves, this one alone is prepared.
        paths = [file.removeprefix(f"{tree}/") for files in splits.values() for file in files]
        outside = [path for path in paths if path not in repository.files]
        if outside:
            raise InputError(
                f"dataset {name}: {outside[0]} is no file of its commit {commit}; save the splits "
                "as local files instead"
            )
        _link(fetch_files(repository, paths), tree, paths)
        builder.config.data_files = DataFilesDict({split: splits[split]})
        if builder.info.splits and split in builder.info.splits:
            builder.info.splits = SplitDict({split: builder.info.splits[split]})
        patiently(builder.download_and_prepare)
        table = builder.as_dataset(split=split)
        publish(output, lambda temporary: table.to_parquet(str(temporary)))
    return {"name": name, "subset": subset, "split": split, "commit": commit}


def _link_tree(repository: Repository, snapshot: Path, tree: Path) -> None:
    """Lay out a commit's files by their names, by which the library finds those of each split.

    Those that are in the cache are linked, the others are empty.
    """
    for path in repository.files:
        check_path(repository, path)
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).touch()
    _link(snapshot, tree, [path for path in CARDS if path in repository.files])


def _link(snapshot: Path, tree: Path, paths: list[str]) -> None:
    for path in paths:
        (tree / path).unlink()
        (tree / path).symlink_to(snapshot / path)


@contextmanager
def _one_line_refusals(name: str) -> Iterator[None]:
    """What the datasets library refuses, in one line; what the hub refuses has its own."""
    try:
        yield
    except HTTPError:
        raise
    except (DatasetsError, ValueError, RuntimeError, OSError) as error:
        raise InputError(f"dataset {name}: {' '.join(str(error).split())}") from None
