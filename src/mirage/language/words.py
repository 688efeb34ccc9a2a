"""Words as the words channel sees them: lower case, without stop words, stemmed."""

from __future__ import annotations

import re
from functools import lru_cache

import qdrant_edge as edge

# What people add to say that they want a picture; a figure's words need not hold these to answer.
FILLERS = frozenset(
    "image images picture pictures photo photograph scan scans slice slices section sections view views level levels "
    "show shows showing seen find example examples case patient figure plane cut near through cm mm".split()
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


@lru_cache(maxsize=1)
def _stemmer() -> edge.Bm25:
    return edge.Bm25(edge.Bm25Config(language="english", tokenizer=edge.TokenizerType.Word, ascii_folding=True))


@lru_cache(maxsize=50_000)
def stem(word: str) -> int | None:
    """One word's stem as a number; None for a stop word."""
    found = _stemmer().embed_query(word).indices
    return int(found[0]) if found else None


def stems(text: str) -> frozenset[int]:
    """The stems of a text's words."""
    return frozenset(int(index) for index in _stemmer().embed_query(text).indices)


def words(text: str) -> dict[int, str]:
    """Stem to the first word that has it, in order, stop words and `FILLERS` left out."""
    found: dict[int, str] = {}
    for word in _WORD.findall(text):
        if word.lower() in FILLERS:
            continue
        number = stem(word)
        if number is not None:
            found.setdefault(number, word)
    return found
