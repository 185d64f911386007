"""What a word is to tokenizers of kind "word" and to tables of word vectors."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

# Words as in GloVe's tables (Penn Treebank): "doesn't" is "does n't", "film's" is "film 's". Runs
# of punctuation stay whole, since ":)" and "!!!" are words of their own in tweets and reviews, as
# are the emoticons that have a letter or a digit (":D", ":-P", "<3").
_EMOTICONS = r"(?<!\w)[:;=]-?[dop3](?!\w)|<3(?!\w)"
# In the syntax that Python and the library of tokenizers share; of normalised text.
WORDS = rf"{_EMOTICONS}|\w+(?=n't\b)|n't\b|'\w+|\w+|[^\w\s]+?(?={_EMOTICONS})|[^\w\s]+"


def words_of(texts: Iterable[str]) -> list[list[str]]:
    """The words of each text, in order, as a tokenizer of kind "word" parts and spells them."""
    return [re.findall(WORDS, _normalised(text)) for text in texts]


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFC", text).replace("’", "'").lower()
