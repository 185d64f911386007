"""Extract the embedded tasks from the VADER corpus (Hutto & Gilbert, ICWSM 2014, MIT).

Labels and human soft labels come from the individual ratings. The result is a function of the
archive and of ``SEED`` alone: order and splits follow SHA-256 hashes, not a random generator, so
they do not depend on the version of Python or of any library.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import html
import io
import json
import re
import tarfile
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from mtkd.errors import InputError, run

ARCHIVE_SHA256 = "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a"
LICENCE_MEMBER = "vaderSentiment-0.5/LICENSE.txt"
CORPUS_MEMBER = "vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz"
CORPUS_FILES = {
    "movies": "movieReviewSnippets",
    "tweets": "tweets",
    "products": "amazonReviewSnippets",
    "news": "nytEditorialSnippets",
}

SEED = 2014
NEUTRAL_BAND = 0.5  # mean ratings within ±0.5, bounds included, are neutral
REPORT_ROWS = {"movies": 2500, "tweets": 1130, "products": 1030, "news": 820}
# Pairs are of short snippets: a small student on a CPU must be able to read two at once.
PAIR_WORDS = 14
# Pairs per split of more-positive = snippets of each polarity × times each snippet is used.
PAIR_SNIPPETS = {"train": 900, "selection": 250, "report": 400}
SNIPPET_USES = {"train": 6, "selection": 3, "report": 3}


class Snippet(NamedTuple):
    """One rated text: id ``<task>-<id in the archive>``, ratings from -4 to 4, one per rater."""

    id: str
    text: str
    ratings: tuple[int, ...]

    @property
    def mean(self) -> float:
        return sum(self.ratings) / len(self.ratings)


Row = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--archive", type=Path, required=True, help="source archive (zip) of vaderSentiment 0.5"
    )
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent, help="folder of the task folders"
    )
    arguments = parser.parse_args()
    corpora, licence = read_archive(arguments.archive)
    for name, rows in build_files(corpora).items():
        write_csv(arguments.output / name, rows)
        print(
            f"{name}: {len(rows)} rows, {dict(sorted(Counter(r['label'] for r in rows).items()))}"
        )
    (arguments.output / "LICENSE.vader").write_text(licence, encoding="utf-8", newline="\n")


def read_archive(path: Path) -> tuple[dict[str, list[Snippet]], str]:
    """Return the snippets of each corpus, in the archive's order, and the licence text.

    Raises InputError when the archive is missing or is not the one the project was built from.
    """
    with zipfile.ZipFile(io.BytesIO(read_verified(path))) as archive:
        licence = archive.read(LICENCE_MEMBER).decode("utf-8").replace("\r\n", "\n")
        inner = archive.read(CORPUS_MEMBER)
    with tarfile.open(fileobj=io.BytesIO(inner), mode="r:gz") as tar:

        def table(name: str) -> list[list[str]]:
            lines = tar.extractfile(f"hutto_ICWSM_2014/{name}.txt").read().decode("utf-8-sig")
            return [line.split("\t") for line in lines.splitlines()]

        corpora = {
            task: parse_snippets(
                task, table(f"{stem}_GroundTruth"), table(f"{stem}_anonDataRatings")
            )
            for task, stem in CORPUS_FILES.items()
        }
    return corpora, licence


def read_verified(path: Path) -> bytes:
    """Return the archive's content.

    Raises InputError when it is missing or is not the one the project was built from.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the archive ({error.strerror})") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != ARCHIVE_SHA256:
        raise InputError(
            f"{path}: sha256 is {digest}, expected {ARCHIVE_SHA256}; "
            "use the source archive (zip) of vaderSentiment 0.5"
        )
    return content


def parse_snippets(
    task: str, texts: Sequence[Sequence[str]], ratings: Sequence[Sequence[str]]
) -> list[Snippet]:
    """Join texts (id, published mean, text) and ratings (id, mean, deviation, list) by id."""
    ratings_of = {row[0]: tuple(json.loads(row[3])) for row in ratings}
    return [Snippet(f"{task}-{key}", clean(text), ratings_of[key]) for key, _, text in texts]


def clean(text: str) -> str:
    """Undo the archive's HTML escapes (``&lt;3`` is a heart) and collapse white space."""
    # Twice, because eight texts are escaped twice (``&amp;#38;``).
    return " ".join(html.unescape(html.unescape(text)).split())


def normalised(text: str) -> str:
    """Return the words of a text, case and punctuation removed: equal texts are duplicates."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def deduplicate(snippets: Iterable[Snippet]) -> list[Snippet]:
    """Keep the first snippet of each normalised text."""
    first: dict[str, Snippet] = {}
    for snippet in snippets:
        first.setdefault(normalised(snippet.text), snippet)
    return list(first.values())


def hashed(purpose: str, name: str) -> str:
    """Return the hash that decides order (or, by parity, a coin toss) for ``name``."""
    return hashlib.sha256(f"{SEED}/{purpose}/{name}".encode()).hexdigest()


def shuffled(snippets: Iterable[Snippet], purpose: str) -> list[Snippet]:
    return sorted(snippets, key=lambda snippet: hashed(purpose, snippet.id))


def three_way_label(snippet: Snippet) -> str:
    if snippet.mean > NEUTRAL_BAND:
        return "positive"
    return "negative" if snippet.mean < -NEUTRAL_BAND else "neutral"


def rating_shares(ratings: Sequence[int]) -> tuple[float, float, float]:
    """Return the shares of raters below, at and above zero."""
    n = len(ratings)
    signs = Counter((rating > 0) - (rating < 0) for rating in ratings)
    return signs[-1] / n, signs[0] / n, signs[1] / n


def preference(first: Sequence[int], second: Sequence[int]) -> float:
    """Return P(first > second) + P(first = second) / 2 over all pairs of raters."""
    points = sum((a > b) + (a == b) / 2 for a in first for b in second)
    return points / (len(first) * len(second))


def split_stratified(
    snippets: Sequence[Snippet], report_rows: int, label_of: Callable[[Snippet], str]
) -> dict[str, list[Snippet]]:
    """Split into train and report, each label in the same proportion, order kept."""
    taken: set[str] = set()
    for label in sorted({label_of(snippet) for snippet in snippets}):
        members = [snippet.id for snippet in snippets if label_of(snippet) == label]
        taken.update(members[: round(len(members) * report_rows / len(snippets))])
    return partition(snippets, lambda snippet: snippet.id in taken)


def source_of(snippet: Snippet) -> str:
    """Return the document of a snippet: ``products-12_3`` is the third of review 12."""
    return snippet.id.split("-")[1].split("_")[0]


def split_by_source(
    snippets: Sequence[Snippet], report_rows: int, purpose: str
) -> dict[str, list[Snippet]]:
    """Split into train and report by whole documents, stratified by their commonest label."""
    members: dict[str, list[Snippet]] = {}
    for snippet in snippets:
        members.setdefault(source_of(snippet), []).append(snippet)
    strata: dict[str, list[str]] = {}
    for source in sorted(members, key=lambda source: hashed(purpose, source)):
        labels = Counter(three_way_label(snippet) for snippet in members[source])
        strata.setdefault(max(sorted(labels), key=labels.__getitem__), []).append(source)
    taken: set[str] = set()
    for sources in strata.values():
        available = sum(len(members[source]) for source in sources)
        missing = round(available * report_rows / len(snippets))
        for source in sources:
            if missing <= 0:
                break
            taken.add(source)
            missing -= len(members[source])
    return partition(snippets, lambda snippet: source_of(snippet) in taken)


def partition(
    snippets: Iterable[Snippet], in_report: Callable[[Snippet], bool]
) -> dict[str, list[Snippet]]:
    splits: dict[str, list[Snippet]] = {"train": [], "report": []}
    for snippet in snippets:
        splits["report" if in_report(snippet) else "train"].append(snippet)
    return splits


def draw_pairs(snippets: Sequence[Snippet], split: str) -> tuple[list[Row], list[Snippet]]:
    """Pair positive with negative snippets, each used ``SNIPPET_USES`` times, no pair twice.

    Returns the rows and the snippets left over, which another split may use. Opposite polarity
    implies a difference of means above 1 (one mean > 0.5, the other < -0.5).
    """
    purpose, per_polarity = f"pairs-{split}", PAIR_SNIPPETS[split]
    order = shuffled(snippets, purpose)
    positives = [snippet for snippet in order if three_way_label(snippet) == "positive"]
    negatives = [snippet for snippet in order if three_way_label(snippet) == "negative"]
    if min(len(positives), len(negatives)) < per_polarity:
        raise InputError(f"{purpose}: fewer than {per_polarity} snippets of one polarity")
    rows = [
        pair_row(positives[i], negatives[(i + shift) % per_polarity])
        for shift in range(SNIPPET_USES[split])
        for i in range(per_polarity)
    ]
    rows.sort(key=lambda row: hashed(purpose, row["id"]))
    return rows, positives[per_polarity:] + negatives[per_polarity:]


def pair_row(positive: Snippet, negative: Snippet) -> Row:
    """Return the pair in random order: a toss by hash says which snippet comes first."""
    positive_first = int(hashed("toss", positive.id + negative.id), 16) % 2 == 0
    first, second = (positive, negative) if positive_first else (negative, positive)
    human_first = preference(first.ratings, second.ratings)
    return {
        "id": f"{first.id}-{second.id.removeprefix('movies-')}",
        "text_a": first.text,
        "text_b": second.text,
        "label": "first" if positive_first else "second",
        "human_first": share(human_first),
        "human_second": share(1 - human_first),
    }


def share(value: float) -> str:
    return str(round(value, 6))


def binary_row(snippet: Snippet) -> Row:
    below, zero, above = rating_shares(snippet.ratings)
    return {
        "id": snippet.id,
        "text": snippet.text,
        "label": three_way_label(snippet),
        "human_negative": share(below + zero / 2),
        "human_positive": share(above + zero / 2),
    }


def three_way_row(snippet: Snippet) -> Row:
    below, zero, above = rating_shares(snippet.ratings)
    return {
        "id": snippet.id,
        "text": snippet.text,
        "label": three_way_label(snippet),
        "human_negative": share(below),
        "human_neutral": share(zero),
        "human_positive": share(above),
    }


def review_row(snippet: Snippet) -> Row:
    return three_way_row(snippet) | {"review": source_of(snippet)}


def article_row(snippet: Snippet) -> Row:
    return binary_row(snippet) | {"article": source_of(snippet)}


def polar(snippets: Iterable[Snippet]) -> list[Snippet]:
    """Return the snippets that are positive or negative, order kept."""
    return [snippet for snippet in snippets if three_way_label(snippet) != "neutral"]


def build_files(corpora: dict[str, list[Snippet]]) -> dict[str, list[Row]]:
    """Return the rows of every file, keyed by the file's path below the output folder."""
    unique = {task: shuffled(deduplicate(snippets), task) for task, snippets in corpora.items()}
    movies = split_stratified(polar(unique["movies"]), REPORT_ROWS["movies"], three_way_label)
    tweets = split_stratified(unique["tweets"], REPORT_ROWS["tweets"], three_way_label)
    products = split_by_source(unique["products"], REPORT_ROWS["products"], "review")
    news = split_by_source(polar(unique["news"]), REPORT_ROWS["news"], "article")
    files = {}
    for split in ("train", "report"):
        files[f"movies/{split}.csv"] = [binary_row(snippet) for snippet in movies[split]]
        files[f"tweets/{split}.csv"] = [three_way_row(snippet) for snippet in tweets[split]]
        files[f"products/{split}.csv"] = [review_row(snippet) for snippet in products[split]]
        files[f"news/{split}.csv"] = [article_row(snippet) for snippet in news[split]]
    short = {
        split: [snippet for snippet in snippets if len(snippet.text.split()) <= PAIR_WORDS]
        for split, snippets in movies.items()
    }
    files["more-positive/train.csv"], unused = draw_pairs(short["train"], "train")
    files["more-positive/selection.csv"], _ = draw_pairs(unused, "selection")
    files["more-positive/report.csv"], _ = draw_pairs(short["report"], "report")
    return files


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    run(main)
