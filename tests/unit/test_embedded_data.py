"""The vendored corpus: shape of every file, no leakage between splits, soft labels that add up."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from mtkd.errors import InputError
from mtkd.models.tokenizers import train_tokenizer
from mtkd.models.words import words_of

DATA = Path(__file__).parents[2] / "data"
SINGLE_TASKS = ("movies", "tweets", "products", "news")
SOURCES = {"products": "review", "news": "article"}
THREE_WAY = ["id", "text", "label", "human_negative", "human_neutral", "human_positive"]
COLUMNS = {
    "movies": ["id", "text", "label", "human_negative", "human_positive"],
    "tweets": THREE_WAY,
    "products": [*THREE_WAY, "review"],
    "news": ["id", "text", "label", "human_negative", "human_positive", "article"],
    "more-positive": ["id", "text_a", "text_b", "label", "human_first", "human_second"],
}
LABEL_COUNTS = {
    "movies/train": {"negative": 3800, "positive": 3741},
    "movies/report": {"negative": 1260, "positive": 1240},
    "tweets/train": {"negative": 711, "neutral": 603, "positive": 1601},
    "tweets/report": {"negative": 275, "neutral": 234, "positive": 621},
    "products/train": {"negative": 841, "neutral": 536, "positive": 1246},
    "products/report": {"negative": 373, "neutral": 226, "positive": 466},
    "news/train": {"negative": 1145, "positive": 777},
    "news/report": {"negative": 516, "positive": 310},
    "more-positive/train": {"first": 2669, "second": 2731},
    "more-positive/selection": {"first": 368, "second": 382},
    "more-positive/report": {"first": 627, "second": 573},
}


def load_script(name: str):
    spec = importlib.util.spec_from_file_location(name, DATA / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The scripts import each other, as scripts of one folder do.
sys.path.append(str(DATA))
extract = load_script("extract_vader")
prune = load_script("prune_glove")
valences = load_script("extract_valences")


def path_of(name: str) -> Path:
    return DATA / f"{name}.csv"


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(path_of(name), keep_default_na=False) for name in LABEL_COUNTS}


def humans(table: pd.DataFrame) -> pd.DataFrame:
    return table.filter(like="human_").rename(columns=lambda name: name.removeprefix("human_"))


def snippets_of_pairs(pairs: pd.DataFrame) -> pd.Series:
    numbers = pairs["id"].str.removeprefix("movies-").str.split("-").explode()
    return "movies-" + numbers


@pytest.mark.parametrize("name", LABEL_COUNTS)
def test_columns_labels_and_sizes(tables, name):
    table = tables[name]
    assert list(table.columns) == COLUMNS[name.split("/")[0]]
    assert table["label"].value_counts().to_dict() == LABEL_COUNTS[name]
    assert table["id"].is_unique


@pytest.mark.parametrize("name", LABEL_COUNTS)
def test_files_are_plain_utf8_with_unix_line_ends(name):
    content = path_of(name).read_bytes()
    content.decode("utf-8")
    assert not content.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in content
    assert content.endswith(b"\n")


@pytest.mark.parametrize("name", LABEL_COUNTS)
def test_texts_are_clean_and_not_empty(tables, name):
    for column in tables[name].filter(like="text"):
        texts = tables[name][column]
        assert (texts != "").all()
        assert (texts == texts.map(extract.clean)).all()


@pytest.mark.parametrize("task", SINGLE_TASKS)
def test_no_normalised_text_occurs_twice_in_a_task(tables, task):
    texts = pd.concat([tables[f"{task}/train"]["text"], tables[f"{task}/report"]["text"]])
    assert texts.map(extract.normalised).is_unique


@pytest.mark.parametrize("name", LABEL_COUNTS)
def test_rows_are_shuffled(tables, name):
    """In the archive, the movies are sorted by label and so are long runs of the tweets."""
    labels = tables[name]["label"]
    expected = (labels.value_counts(normalize=True) ** 2).sum()
    repeats = (labels == labels.shift()).iloc[1:].mean()
    assert abs(repeats - expected) < 4 * np.sqrt(0.25 / len(labels))


def test_labels_have_the_same_proportions_in_report_as_in_train(tables):
    for task, tolerance in {
        "movies": 0.001,
        "tweets": 0.001,
        "products": 0.04,
        "news": 0.04,
    }.items():
        shares = [
            tables[f"{task}/{split}"]["label"].value_counts(normalize=True)
            for split in ("train", "report")
        ]
        assert (shares[0] - shares[1]).abs().max() < tolerance


@pytest.mark.parametrize("task", SOURCES)
def test_no_source_is_in_both_splits(tables, task):
    source, train, report = SOURCES[task], tables[f"{task}/train"], tables[f"{task}/report"]
    assert not set(train[source]) & set(report[source])
    for table in (train, report):
        prefixes = f"{task}-" + table[source].astype(str) + "_"
        assert all(
            key.startswith(prefix) for key, prefix in zip(table["id"], prefixes, strict=True)
        )


@pytest.mark.parametrize("split", ["train", "selection", "report"])
def test_pairs_come_from_one_movies_split_with_opposite_polarity(tables, split):
    pairs = tables[f"more-positive/{split}"]
    movies = tables["movies/report" if split == "report" else "movies/train"].set_index("id")
    keys = snippets_of_pairs(pairs).to_numpy().reshape(-1, 2)
    first, second = movies.loc[keys[:, 0]], movies.loc[keys[:, 1]]
    assert (first["text"].to_numpy() == pairs["text_a"].to_numpy()).all()
    assert (second["text"].to_numpy() == pairs["text_b"].to_numpy()).all()
    assert (first["label"].to_numpy() != second["label"].to_numpy()).all()
    higher = np.where(first["label"] == "positive", "first", "second")
    assert (higher == pairs["label"].to_numpy()).all()


def test_pairs_of_different_splits_share_no_snippet(tables):
    used = {
        split: set(snippets_of_pairs(tables[f"more-positive/{split}"]))
        for split in ("train", "selection", "report")
    }
    assert not used["train"] & used["selection"]
    assert not (used["train"] | used["selection"]) & used["report"]


@pytest.mark.parametrize(("split", "uses"), [("train", 6), ("selection", 3), ("report", 3)])
def test_snippets_are_used_equally_often_and_no_pair_repeats(tables, split, uses):
    pairs = tables[f"more-positive/{split}"]
    assert set(snippets_of_pairs(pairs).value_counts()) == {uses}
    assert pairs["id"].str.split("-").map(lambda parts: frozenset(parts[1:])).is_unique


@pytest.mark.parametrize("name", LABEL_COUNTS)
def test_human_shares_sum_to_one(tables, name):
    shares = humans(tables[name])
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    assert (shares.sum(axis=1) - 1).abs().max() < 2e-6  # three values rounded to six decimals


@pytest.mark.parametrize("task", SINGLE_TASKS)
@pytest.mark.parametrize("split", ["train", "report"])
def test_human_shares_allow_the_label(tables, task, split):
    """A mean above 0.5 needs 4·P(above) − P(below) > 0.5, as ratings end at ±4 and start at ±1."""
    table = tables[f"{task}/{split}"]
    shares, labels = humans(table), table["label"]
    highest_mean = 4 * shares["positive"] - shares["negative"]
    lowest_mean = shares["positive"] - 4 * shares["negative"]
    assert (highest_mean[labels == "positive"] > 0.5).all()
    assert (lowest_mean[labels == "negative"] < -0.5).all()
    neutral = labels == "neutral"
    assert (highest_mean[neutral] >= -0.5).all()
    assert (lowest_mean[neutral] <= 0.5).all()


def test_labels_usually_agree_with_the_largest_human_share(tables):
    least = {"movies": 0.99, "news": 0.97, "tweets": 0.9, "products": 0.9, "more-positive": 0.99}
    for name, table in tables.items():
        agreement = (humans(table).idxmax(axis=1) == table["label"]).mean()
        assert agreement > least[name.split("/")[0]], name


def words_of_table(name: str) -> list[str]:
    return (DATA / name / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]


def test_readme_gives_the_measured_counts(tables):
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    for name, table in tables.items():
        counts = ", ".join(f"{label} {n:,}" for label, n in LABEL_COUNTS[name].items())
        assert f"| `{name}.csv` | {len(table):,} | {counts} |" in readme
    vectors = load_file(DATA / "glove/glove.6B.50d.safetensors")["vectors"]
    assert f"{len(vectors):,} vectors" in readme
    assert f"a table of {len(words_of_table('valences')):,} words and emoticons" in readme
    added = set(words_of_table("valences")) - set(words_of_table("glove"))
    assert f"{len(added)} of them are not in GloVe" in readme


def test_glove_table_matches_its_vocabulary():
    vectors = load_file(DATA / "glove/glove.6B.50d.safetensors")["vectors"]
    *words, after_last_line = (
        (DATA / "glove/vocabulary.txt").read_text(encoding="utf-8").split("\n")
    )
    assert after_last_line == ""
    assert vectors.shape == (len(words), 50)
    assert vectors.dtype == np.float16
    assert np.isfinite(vectors).all()
    assert len(set(words)) == len(words)
    # The published vector of "the" begins so, hence rows and words are aligned at the start.
    np.testing.assert_allclose(
        vectors[words.index("the")][:3], [0.418, 0.24968, -0.41242], atol=1e-3
    )

    def similarity(a: str, b: str) -> float:
        u, v = (vectors[words.index(word)].astype(np.float64) for word in (a, b))
        return u @ v / np.linalg.norm(u) / np.linalg.norm(v)

    # Rare words are far down the table: a shift by one row anywhere would break this.
    assert similarity("boring", "dull") > similarity("boring", "camera") + 0.2


@pytest.fixture(scope="module")
def used() -> set[str]:
    return prune.training_words(sorted(DATA.glob("*/train.csv")))


def test_words_of_tables_are_those_that_tokenizers_make_of_training_texts(used):
    glove, rated = set(words_of_table("glove")), set(words_of_table("valences"))
    assert glove | rated <= used
    assert len(glove) > 0.9 * len(used)
    # Split otherwise, as BERT does, all of these would be without a vector.
    assert {"n't", "'s", "...", "!!", ":)", ":-)"} <= glove
    assert {";-)", ":-d", "<3", "lmao"} <= rated - glove


def test_words_are_those_of_a_tokenizer(tables):
    """Two implementations of one pattern, on the texts with most emoticons and slang."""
    backend = train_tokenizer("word", [], 0, 8, vocabulary=["a"]).backend_tokenizer
    normalize, split = backend.normalizer.normalize_str, backend.pre_tokenizer.pre_tokenize_str
    for name in ("tweets/report", "news/report"):
        texts = tables[name]["text"].tolist()
        expected = [[word for word, _ in split(normalize(text))] for text in texts]
        assert words_of(texts) == expected


def test_valences_are_the_two_halves_of_a_rating():
    words = words_of_table("valences")
    vectors = load_file(DATA / "valences/vader.2d.safetensors")["vectors"]
    assert words == sorted(set(words))
    assert vectors.shape == (len(words), 2)
    assert vectors.dtype == np.float16
    # Half of at most 4; one side is zero, the other is not: the lexicon has no word rated 0.
    assert (vectors >= 0).all() and (vectors <= 2).all()
    assert ((vectors > 0).sum(axis=1) == 1).all()
    np.testing.assert_array_equal(valences.valence_vectors([3, -1.5]), [[1.5, 0], [0, 0.75]])
    great, awful = (vectors[words.index(word)] for word in ("great", "awful"))
    np.testing.assert_allclose([great, awful], [[3.1 / 2, 0], [0, 2.0 / 2]], atol=1e-3)


def test_licences_are_present():
    assert "The MIT License (MIT)" in (DATA / "LICENSE.vader").read_text(encoding="utf-8")
    glove = (DATA / "glove/LICENSE").read_text(encoding="utf-8")
    assert "Public Domain Dedication and License" in glove


@pytest.mark.parametrize("read", [extract.read_archive, prune.read_wheel, valences.read_lexicon])
def test_another_file_is_refused_in_one_line(read, tmp_path):
    other = tmp_path / "other.zip"
    other.write_bytes(b"not the one")
    for path, expected in [(other, "sha256 is"), (tmp_path / "absent.zip", "cannot read")]:
        with pytest.raises(InputError, match=expected) as error:
            read(path)
        assert "\n" not in str(error.value)


def snippet(*ratings: int) -> object:
    return extract.Snippet("tweets-1", "a text", ratings)


@pytest.mark.parametrize(
    ("ratings", "label"),
    [
        ((1, 0), "neutral"),
        ((-1, 0), "neutral"),
        ((1, 1, 0), "positive"),
        ((-1, -1, 0), "negative"),
        ((4, -1, -1, -1, -1), "neutral"),
    ],
)
def test_label_is_neutral_up_to_half_a_point(ratings, label):
    assert extract.three_way_label(snippet(*ratings)) == label


def test_soft_labels_of_a_known_case():
    ratings = (-2, -1, 0, 3)
    assert extract.rating_shares(ratings) == (0.5, 0.25, 0.25)
    row = extract.binary_row(snippet(*ratings))
    assert (row["human_negative"], row["human_positive"]) == ("0.625", "0.375")
    # Of the four pairs of raters, 2 > 1 and 2 > -1 win, 1 = 1 ties, 1 > -1 wins.
    assert extract.preference((2, 1), (1, -1)) == 3.5 / 4


ratings_lists = st.lists(st.integers(-4, 4), min_size=1, max_size=8)


@given(ratings_lists, ratings_lists)
def test_preference_is_complementary(first, second):
    total = extract.preference(first, second) + extract.preference(second, first)
    assert total == pytest.approx(1)


def test_clean_and_normalised():
    assert extract.clean(" I &lt;3\u00a0 it &amp;#38; you ") == "I <3 it & you"
    assert extract.normalised("SAD!! Upset…") == extract.normalised("sad. upset")
    assert re.fullmatch(r"[0-9a-f]{64}", extract.hashed("order", "tweets-1"))


def test_texts_and_ratings_are_joined_by_id():
    texts = [["1_1", "0", "good"], ["1_2", "0", "bad"]]
    ratings = [["1_2", "-1", "0", "[-1]"], ["1_1", "2", "0", "[2, 2]"]]
    first, second = extract.parse_snippets("products", texts, ratings)
    assert (first.id, first.mean) == ("products-1_1", 2.0)
    assert (second.id, second.mean) == ("products-1_2", -1.0)


def test_the_snippet_behind_the_byte_order_mark_is_kept(tables):
    ids = pd.concat([tables["products/train"]["id"], tables["products/report"]["id"]])
    assert "products-1_1" in set(ids)
