"""Extract the valences of words (VADER lexicon, MIT) that the embedded tasks' training texts use.

A table of word vectors like GloVe's, of two columns: how positive and how negative people rated a
word, -4 to 4, each half of that to be of the size of GloVe's numbers.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
from extract_vader import read_verified
from prune_glove import training_words
from safetensors.numpy import save_file

from mtkd.errors import run

LEXICON_MEMBER = "vaderSentiment-0.5/vaderSentiment/vader_sentiment_lexicon.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--archive", type=Path, required=True, help="source archive (zip) of vaderSentiment 0.5"
    )
    parser.add_argument(
        "--data", type=Path, default=Path(__file__).parent, help="folder of the task folders"
    )
    arguments = parser.parse_args()
    means = read_lexicon(arguments.archive)
    words = sorted(means.keys() & training_words(sorted(arguments.data.glob("*/train.csv"))))
    target = arguments.data / "valences"
    target.mkdir(exist_ok=True)
    vectors = valence_vectors([means[word] for word in words]).astype(np.float16)
    save_file({"vectors": vectors}, target / "vader.2d.safetensors")
    vocabulary = "".join(f"{word}\n" for word in words)
    (target / "vocabulary.txt").write_text(vocabulary, encoding="utf-8", newline="\n")
    print(f"valences: {len(words)} of {len(means)} rated words occur in training texts")


def read_lexicon(path: Path) -> dict[str, float]:
    """Return the mean rating (-4 to 4) of each lower-cased word or emoticon of the lexicon.

    Entries that differ in case alone count as one word, by the mean of their ratings. Raises
    InputError when the archive is missing or is not the one the project was built from.
    """
    with zipfile.ZipFile(io.BytesIO(read_verified(path))) as archive:
        lines = archive.read(LEXICON_MEMBER).decode("latin-1").splitlines()
    ratings: dict[str, list[float]] = {}
    for word, rating, *_ in (line.split("\t") for line in lines if line):
        ratings.setdefault(word.lower(), []).append(float(rating))
    return {word: sum(values) / len(values) for word, values in ratings.items()}


def valence_vectors(means: list[float]) -> np.ndarray:
    """Return [V, 2]: half of what is positive in each mean rating, and half of what is negative."""
    values = np.array(means)[:, None]
    return np.hstack([values.clip(min=0), (-values).clip(min=0)]) / 2


if __name__ == "__main__":
    run(main)
