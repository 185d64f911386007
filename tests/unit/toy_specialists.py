"""Tasks of a few texts, as a study of specialists reads them: folders, and the domains they are."""

from pathlib import Path

import pandas as pd

from mtkd.records.files import write_json
from mtkd.specialists.domains import Domains, read_domains
from mtkd.tasks.prepare import write_splits

WORDS = ("bad", "good", "neither")


def split(labels):
    """Rows with these labels, numbered, of which the word that says it is the text's last."""
    ids = [str(row) for row in range(len(labels))]
    texts = [f"text {row} is {WORDS[label]}" for row, label in enumerate(labels)]
    return pd.DataFrame({"id": ids, "text_a": texts, "label": labels})


def write_task(folder: Path, labels: list[str], **splits: list[int]) -> Path:
    """A task with these labels of each split's rows; of selection those of train."""
    frames = {name: split(given) for name, given in splits.items()}
    frames.setdefault("selection", frames["train"])
    write_splits(folder, frames)
    sizes = {name: len(frame) for name, frame in frames.items()}
    write_json(
        folder / "task.json", {"labels": labels, "rows": sizes, "digest": f"{folder.name} {splits}"}
    )
    return folder


def two_domains(folder: Path) -> Domains:
    """Films of two labels and 2 texts of report, goods of three and 4."""
    films = write_task(folder / "films", ["-", "+"], train=[0, 1, 1, 0], report=[0, 1])
    goods = write_task(
        folder / "goods", ["-", "+", "0"], train=[0, 1, 2, 0, 1, 2, 2, 1], report=[1, 0, 2, 2]
    )
    return read_domains([films, goods])
