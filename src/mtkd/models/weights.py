"""Reading the weights in a model folder: what can go wrong is one line, whatever is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError

from mtkd.errors import InputError
from mtkd.models.files import check_folder


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Loading a model from ``folder``, within.

    Raises InputError where config or safetensors weights are missing, or loading fails.
    """
    check_folder(folder)
    if not (folder / "config.json").is_file():
        raise InputError(f"no config.json in model folder {folder}")
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"no *.safetensors weights in model folder {folder}; other formats are not read, "
            "so fetch a revision that has them"
        )
    try:
        yield
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        RuntimeError,
        StrictDataclassError,
        SafetensorError,
    ) as error:
        raise InputError(f"unreadable model in {folder}: {' '.join(str(error).split())}") from error
